#include "firth/doors/btrdb/facts.h"

#include <algorithm>
#include <array>

#include "firth/common/text.h"
#include "firth/doors/btrdb/errors.h"

namespace firth::doors::btrdb {
namespace {

constexpr size_t kCharactersMax = 255;
constexpr std::array<const char*, 4> kTagKeys = {"name", "unit", "ingress", "distiller"};

/// The number of characters of UTF-8 text; nullopt for what is not, or holds NUL.
std::optional<size_t> Characters(const std::string& text) {
  if (!IsUtf8(text) || text.find('\0') != std::string::npos) return std::nullopt;
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::optional<Refusal> CheckText(const std::string& text) {
  const auto characters = Characters(text);
  if (characters.has_value() && *characters <= kCharactersMax) return std::nullopt;
  return Refusal{kBadText, "a value is UTF-8 text of at most 255 characters, without NUL"};
}

/// A path has no empty segments, a collection may: `a//b`, `a/`. They are written `_x_`, and a
/// literal
/// `_x` is `_x5F_x` as everywhere.
constexpr std::string_view kEmptySegment = "_x_";
constexpr std::string_view kMark = "_x";
constexpr std::string_view kEscapedMark = "_x5F_x";

std::string ReplaceAll(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string SegmentOf(std::string text) {
  return text.empty() ? std::string(kEmptySegment)
                      : ReplaceAll(std::move(text), kMark, kEscapedMark);
}

std::string TextOf(const std::string& segment) {
  return segment == kEmptySegment ? "" : ReplaceAll(segment, kEscapedMark, kMark);
}

}  // namespace

std::optional<Refusal> ReadId(const std::string& uuid, table::SeriesId* id) {
  if (uuid.size() != 16) {
    return Refusal{kWrongArguments, "a uuid has 16 bytes, not " + std::to_string(uuid.size())};
  }
  *id = table::SeriesId::From(uuid);
  return std::nullopt;
}

std::optional<Refusal> ReadCollection(const std::string& text, Path* path) {
  const auto characters = Characters(text);
  if (!characters.has_value() || *characters == 0 || *characters > kCharactersMax) {
    return Refusal{kBadCollection,
                   "a collection is UTF-8 text of 1 to 255 characters, without NUL"};
  }
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find('/', begin), text.size());
    path->segments.push_back(SegmentOf(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return std::nullopt;
}

std::string CollectionText(const Path& path) {
  std::string text;
  for (size_t i = 0; i < path.segments.size(); ++i) {
    if (i > 0) text += '/';
    text += TextOf(path.segments[i]);
  }
  return text;
}

std::optional<Refusal> CheckTagKey(const std::string& key) {
  if (std::find(kTagKeys.begin(), kTagKeys.end(), key) != kTagKeys.end()) return std::nullopt;
  return Refusal{kBadKey, "a tag is one of name, unit, ingress, distiller"};
}

std::optional<Refusal> ReadTags(const google::protobuf::RepeatedPtrField<v5api::KeyOptValue>& pairs,
                                std::map<std::string, std::string>* tags) {
  for (const auto& pair : pairs) {
    if (auto refused = CheckTagKey(pair.key())) return refused;
    if (auto refused = CheckText(pair.val().value())) return refused;
    (*tags)[pair.key()] = pair.val().value();
  }
  return std::nullopt;
}

std::optional<Refusal> ReadAnnotations(
    const google::protobuf::RepeatedPtrField<v5api::KeyOptValue>& pairs,
    std::map<std::string, std::optional<std::string>>* annotations) {
  for (const auto& pair : pairs) {
    if (pair.key().empty() || CheckText(pair.key()).has_value()) {
      return Refusal{kBadKey, "an annotation's key is UTF-8 text of 1 to 255 characters"};
    }
    if (!pair.has_val()) {
      (*annotations)[pair.key()] = std::nullopt;
      continue;
    }
    if (auto refused = CheckText(pair.val().value())) return refused;
    (*annotations)[pair.key()] = pair.val().value();
  }
  return std::nullopt;
}

std::map<std::string, std::string> EmptyTags() {
  std::map<std::string, std::string> tags;
  for (const char* key : kTagKeys) tags[key];
  return tags;
}

void WriteDescriptor(const table::SeriesInfo& series, v5api::StreamDescriptor* out) {
  out->set_uuid(std::string(series.id.view()));
  out->set_collection(CollectionText(series.collection));
  for (const char* key : kTagKeys) {
    auto* pair = out->add_tags();
    pair->set_key(key);
    const auto found = series.tags.find(key);
    pair->mutable_val()->set_value(found == series.tags.end() ? "" : found->second);
  }
  for (const auto& [key, value] : series.annotations) {
    auto* pair = out->add_annotations();
    pair->set_key(key);
    if (value.has_value()) pair->mutable_val()->set_value(*value);
  }
  out->set_propertyversion(series.property_version);
}

}  // namespace firth::doors::btrdb
