#include "firth/common/path.h"

#include <algorithm>

#include "firth/common/text.h"

namespace firth {
namespace {

constexpr size_t kSegmentsMax = 256;
constexpr size_t kPathBytesMax = 2048;
constexpr char kHex[] = "0123456789ABCDEF";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void AppendEscape(std::string* out, unsigned char byte) {
  *out += "_x";
  out->push_back(kHex[byte >> 4]);
  out->push_back(kHex[byte & 15]);
  out->push_back('_');
}

std::string Escape(std::string_view segment, bool (*allowed)(unsigned char), char joiner) {
  std::string out;
  for (size_t i = 0; i < segment.size(); ++i) {
    const auto byte = static_cast<unsigned char>(segment[i]);
    const bool literal_escape = byte == '_' && i + 1 < segment.size() && segment[i + 1] == 'x';
    if (literal_escape || !allowed(byte) || (joiner != 0 && segment[i] == joiner)) {
      AppendEscape(&out, byte);
    } else {
      out.push_back(segment[i]);
    }
  }
  return out;
}

Result<std::string> Unescape(std::string_view name) {
  std::string out;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '_' || i + 1 >= name.size() || name[i + 1] != 'x') {
      out.push_back(name[i]);
      continue;
    }
    const int high = i + 4 < name.size() ? HexValue(name[i + 2]) : -1;
    const int low = i + 4 < name.size() ? HexValue(name[i + 3]) : -1;
    if (high < 0 || low < 0 || name[i + 4] != '_') {
      return Error(Code::kInvalidArgument, Reason::kInvalidName,
                   "the name '" + std::string(name.substr(0, 64)) +
                       "' holds '_x' that is not an escape of the form _xHH_");
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 4;
  }
  return out;
}

/// Where `joiner` stands in `name` as itself, not inside an escape; npos if it does not.
size_t FindJoiner(std::string_view name, std::string_view joiner) {
  for (size_t i = 0; i < name.size();) {
    if (name.substr(i, joiner.size()) == joiner) return i;
    i += name.substr(i, 2) == "_x" ? 5 : 1;
  }
  return std::string_view::npos;
}

bool AllowedInPathText(unsigned char byte) {
  return byte >= 0x20 && byte != 0x7f && byte != '/';
}

Status CheckSegment(std::string_view segment) {
  if (segment.empty()) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName, "a path has an empty segment");
  }
  if (!IsUtf8(segment)) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName, "a path must be UTF-8 text");
  }
  return Status::OK();
}

}  // namespace

Path Path::Parent() const {
  Path parent = *this;
  if (!parent.segments.empty()) parent.segments.pop_back();
  return parent;
}

Path Path::Child(std::string name) const {
  Path child = *this;
  child.segments.push_back(std::move(name));
  return child;
}

bool Path::Covers(const Path& other) const {
  return segments.size() <= other.segments.size() &&
         std::equal(segments.begin(), segments.end(), other.segments.begin());
}

std::string Path::ToString() const {
  std::string out;
  for (const auto& segment : segments) {
    if (!out.empty()) out.push_back('/');
    out += Escape(segment, AllowedInPathText, 0);
  }
  return out;
}

Result<Path> Path::Parse(std::string_view text) {
  if (text.size() > kPathBytesMax) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 "a path has at most " + std::to_string(kPathBytesMax) + " bytes");
  }
  Path path;
  while (!text.empty()) {
    const size_t end = std::min(text.find('/'), text.size());
    ARROW_ASSIGN_OR_RAISE(std::string segment, Unescape(text.substr(0, end)));
    ARROW_RETURN_NOT_OK(CheckSegment(segment));
    path.segments.push_back(std::move(segment));
    if (end < text.size() && end + 1 == text.size()) return CheckSegment("");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (path.segments.size() > kSegmentsMax) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 "a path has at most " + std::to_string(kSegmentsMax) + " segments");
  }
  return path;
}

std::string EscapeSegment(std::string_view segment, const NameRules& rules) {
  if (segment.empty()) return "_";
  if (segment == "_") return "_x5F_";
  std::string name;
  // Where `_x2F_` joins segments, a `/` inside one is told from it by its letter's case.
  while (rules.joiner == 0 && segment.find('/') != std::string_view::npos) {
    const size_t slash = segment.find('/');
    name += Escape(segment.substr(0, slash), rules.allowed, rules.joiner) + "_x2f_";
    segment.remove_prefix(slash + 1);
  }
  return name + Escape(segment, rules.allowed, rules.joiner);
}

Result<std::string> UnescapeSegment(std::string_view name) {
  if (name == "_") return std::string();
  return Unescape(name);
}

std::vector<std::string> PathToNames(const Path& path, size_t levels, const NameRules& rules) {
  std::vector<std::string> names(levels, "_");
  const size_t count = path.segments.size();
  const size_t leading = count > levels ? count - levels + 1 : 1;  // segments in the first name
  size_t level = count >= levels ? 0 : levels - count;
  for (size_t i = 0; i < count; ++level) {
    const size_t take = i == 0 && count > levels ? leading : 1;
    std::string name;
    for (size_t j = 0; j < take; ++j, ++i) {
      if (j > 0) {
        if (rules.joiner != 0) {
          name.push_back(rules.joiner);
        } else {
          AppendEscape(&name, '/');
        }
      }
      name += EscapeSegment(path.segments[i], rules);
    }
    names[level] = std::move(name);
  }
  return names;
}

Result<Path> NamesToPath(const std::vector<std::string>& names, const NameRules& rules) {
  Path path;
  for (size_t level = 0; level < names.size(); ++level) {
    std::string_view rest = names[level];
    if (rest == "_" && path.empty()) continue;
    const std::string_view joiner =
        rules.joiner != 0 ? std::string_view(&rules.joiner, 1) : "_x2F_";
    while (level == 0) {
      const size_t cut = FindJoiner(rest, joiner);
      if (cut == std::string_view::npos) break;
      ARROW_ASSIGN_OR_RAISE(std::string segment, UnescapeSegment(rest.substr(0, cut)));
      ARROW_RETURN_NOT_OK(CheckSegment(segment));
      path.segments.push_back(std::move(segment));
      rest.remove_prefix(cut + joiner.size());
    }
    ARROW_ASSIGN_OR_RAISE(std::string segment, UnescapeSegment(rest));
    ARROW_RETURN_NOT_OK(CheckSegment(segment));
    path.segments.push_back(std::move(segment));
  }
  return path;
}

}  // namespace firth
