#include "firth/doors/deltacat/names.h"

#include <utility>

#include "firth/common/text.h"
#include "firth/doors/deltacat/errors.h"

namespace firth::doors::deltacat {
namespace {

bool IsAllowed(unsigned char byte) {
  return byte >= 0x20 && byte != 0x7f && byte != '/' && byte != '?' && byte != '#' && byte != '%';
}

/// Leading levels are joined by a dot.
constexpr NameRules kRules{.allowed = IsAllowed, .joiner = '.'};
constexpr size_t kNameBytesMax = 255;

Status CheckName(const std::string& name, const char* what) {
  bool good = !name.empty() && name.size() <= kNameBytesMax && IsUtf8(name);
  for (const char c : name) good = good && IsAllowed(static_cast<unsigned char>(c));
  if (good) return Status::OK();
  return Refuse("invalid_request", std::string("a ") + what +
                                       " has a name of 1 to 255 bytes without / ? # % and control "
                                       "characters, not '" +
                                       name.substr(0, 64) + "'");
}

/// A table's own name has dots of its own.
constexpr NameRules kTableRules{.allowed = IsAllowed, .joiner = 0};

Status Unspeakable(const std::string& name) {
  return Refuse("invalid_request", "the name '" + name.substr(0, 64) +
                                       "' holds an escape (_xHH_) of a letter that needs none");
}

}  // namespace

Result<Path> NamespacePath(const std::string& name) {
  ARROW_RETURN_NOT_OK(CheckName(name, "namespace"));
  const auto path = NamesToPath({name}, kRules);
  // A name that would be shown as another one is nobody's.
  if (!path.ok() || NamespaceName(*path) != name) return Unspeakable(name);
  return path;
}

Result<Path> TablePath(const std::string& space, const std::string& table) {
  ARROW_RETURN_NOT_OK(CheckName(table, "table"));
  Path parent;
  if (space != "_") {  // a table at the top
    ARROW_ASSIGN_OR_RAISE(parent, NamespacePath(space));
  }
  auto segment = UnescapeSegment(table);
  if (!segment.ok() || segment->empty() || EscapeSegment(*segment, kTableRules) != table) {
    return Unspeakable(table);
  }
  return parent.Child(*std::move(segment));
}

std::string NamespaceName(const Path& path) {
  return path.empty() ? "_" : PathToNames(path, 1, kRules).front();
}

std::pair<std::string, std::string> TableNames(const Path& path) {
  return {NamespaceName(path.Parent()), EscapeSegment(path.Name(), kTableRules)};
}

}  // namespace firth::doors::deltacat
