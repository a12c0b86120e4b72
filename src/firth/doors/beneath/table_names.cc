#include "firth/doors/beneath/refusals.h"
#include "firth/doors/beneath/table_spec.h"

namespace firth::doors::beneath {
namespace {

bool IsAllowed(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}
constexpr NameRules kRules{.allowed = IsAllowed, .joiner = 0};

}  // namespace

Result<Path> PathOfNames(std::string_view organization, std::string_view project,
                         std::string_view table) {
  auto path =
      NamesToPath({std::string(organization), std::string(project), std::string(table)}, kRules);
  if (path.ok() && !path->empty()) return path;
  return NotFound("Table");
}

std::vector<std::string> NamesOfPath(const Path& path) {
  return PathToNames(path, 3, kRules);
}

}  // namespace firth::doors::beneath
