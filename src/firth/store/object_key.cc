#include "firth/store/object_key.h"

#include "firth/common/text.h"

namespace firth::store {
namespace {

constexpr size_t kPieceBytes = 200;
constexpr char kEscape = '%';

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/// The encoded name that the pieces of `path` make up.
std::string JoinPieces(std::string_view path) {
  std::string name;
  for (size_t i = 0; i < path.size(); ++i) {
    const bool at_joint = path[i] == kKeyFolderSuffix && i + 1 < path.size() && path[i + 1] == '/';
    if (at_joint) {
      ++i;
    } else {
      name.push_back(path[i]);
    }
  }
  return name;
}

std::optional<std::string> Decode(std::string_view name) {
  std::string key;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != kEscape) {
      key.push_back(name[i]);
      continue;
    }
    const auto byte = FromHex(name.substr(i + 1, 2));
    if (!byte.ok() || byte->size() != 1) return std::nullopt;
    key += *byte;
    i += 2;
  }
  return key;
}

}  // namespace

Status CheckObjectKey(std::string_view key) {
  if (!key.empty() && key.size() <= kObjectKeyBytesMax && IsUtf8(key)) return Status::OK();
  return Error(Code::kInvalidArgument, Reason::kInvalidName,
               "the key of an object must be UTF-8 of 1 to 1024 bytes; this one has " +
                   std::to_string(key.size()) + (IsUtf8(key) ? "" : " and is not UTF-8"));
}

std::string ObjectPath(std::string_view key) {
  std::string path;
  size_t piece_bytes = 0;
  const auto push = [&](char c) {
    if (piece_bytes == kPieceBytes) {
      path.push_back(kKeyFolderSuffix);
      path.push_back('/');
      piece_bytes = 0;
    }
    path.push_back(c);
    ++piece_bytes;
  };
  for (size_t i = 0; i < key.size(); ++i) {
    if (IsPlain(key[i])) {
      push(key[i]);
    } else {
      push(kEscape);
      for (const char digit : ToHex(key.substr(i, 1))) push(digit);
    }
  }
  return path;
}

std::optional<std::string> ObjectKeyOf(std::string_view path) {
  auto key = Decode(JoinPieces(path));
  // Only what ObjectPath would write: anything else that lies in the folder is not an object.
  if (!key.has_value() || !CheckObjectKey(*key).ok() || ObjectPath(*key) != path)
    return std::nullopt;
  return key;
}

}  // namespace firth::store
