// Actions on grants. They need the admin right on the path that is granted.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/fields.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<const char*, uint32_t>, 5> kRights = {{{"see", access::kSee},
                                                                      {"read", access::kRead},
                                                                      {"write", access::kWrite},
                                                                      {"create", access::kCreate},
                                                                      {"admin", access::kAdmin}}};

json RightsToJson(uint32_t rights) {
  json list = json::array();
  for (const auto& [name, right] : kRights) {
    if ((rights & right) != 0) list.push_back(name);
  }
  return list;
}

/// What a grant is of: one role, or bare rights.
struct Granted {
  std::string user;
  Path path;
  std::string role;
  uint32_t rights = 0;
};

Result<Granted> ReadGranted(Fields* fields) {
  Granted granted;
  granted.user = fields->NeedText("user");
  granted.path = fields->Path("path");
  granted.role = fields->Text("role");
  for (const std::string& name : fields->Texts("rights")) {
    uint32_t found = 0;
    for (const auto& [known, right] : kRights) {
      if (name == known) found = right;
    }
    if (found == 0) fields->Wrong("rights", "a list of see, read, write, create and admin");
    granted.rights |= found;
  }
  if (granted.role.empty() == (granted.rights == 0)) {
    fields->Wrong("role", "reader, writer or admin, or absent where `rights` are listed");
  }
  ARROW_RETURN_NOT_OK(fields->Check());
  if (!granted.role.empty()) {
    ARROW_ASSIGN_OR_RAISE(granted.rights, access::RightsOfRole(granted.role));
  }
  return granted;
}

/// The bare rights that the user has on the path already.
Result<uint32_t> BareRights(const Request& request, const Granted& granted) {
  ARROW_ASSIGN_OR_RAISE(const auto rows, request.database->access()->ListGrants(granted.user));
  for (const auto& row : rows) {
    if (row.path == granted.path && row.role.empty() && row.edition == EditionId{0}) {
      return row.rights;
    }
  }
  return 0;
}

Result<json> Change(const Request& request, Fields* fields, bool add) {
  ARROW_ASSIGN_OR_RAISE(const Granted granted, ReadGranted(fields));
  access::Access* access = request.database->access();
  ARROW_RETURN_NOT_OK(access->Check(request.caller, access::kAdmin, granted.path));
  uint32_t rights = add ? granted.rights : 0;
  if (granted.role.empty()) {
    ARROW_ASSIGN_OR_RAISE(const uint32_t before, BareRights(request, granted));
    rights = add ? before | granted.rights : before & ~granted.rights;
  }
  ARROW_RETURN_NOT_OK(
      access->Grant(granted.user, granted.path, EditionId{0}, rights, granted.role));
  return json{{"user", granted.user},
              {"path", granted.path.ToString()},
              {"role", granted.role},
              {"rights", RightsToJson(rights)}};
}

Result<json> RunGrant(const Request& request, Fields* fields) {
  return Change(request, fields, true);
}

Result<json> RunRevoke(const Request& request, Fields* fields) {
  return Change(request, fields, false);
}

Status AddGrantsOf(const Request& request, const std::string& user, json* list) {
  access::Access* access = request.database->access();
  ARROW_ASSIGN_OR_RAISE(const auto rows, access->ListGrants(user));
  for (const auto& row : rows) {
    if ((access->RightsOn(request.caller, row.path) & access::kAdmin) == 0 &&
        request.caller.name != user) {
      continue;  // not the caller's to know
    }
    list->push_back({{"user", user},
                     {"path", row.path.ToString()},
                     {"role", row.role},
                     {"rights", RightsToJson(row.rights)}});
  }
  return Status::OK();
}

Result<json> RunGrants(const Request& request, Fields* fields) {
  const std::string user = fields->Text("user");
  ARROW_RETURN_NOT_OK(fields->Check());
  json list = json::array();
  if (!user.empty()) {
    ARROW_RETURN_NOT_OK(AddGrantsOf(request, user, &list));
    return list;
  }
  ARROW_ASSIGN_OR_RAISE(const auto principals, request.database->access()->ListPrincipals());
  for (const auto& principal : principals) {
    ARROW_RETURN_NOT_OK(AddGrantsOf(request, principal.name, &list));
  }
  return list;
}

}  // namespace

std::vector<Action> GrantActions() {
  return {
      {"grants", "list grants that the caller may know of: [user]", RunGrants},
      {"grant", "give rights on a path and all below: user, [path], role or rights", RunGrant},
      {"revoke", "take what was granted on a path: user, [path], role or rights", RunRevoke},
  };
}

}  // namespace firth::doors::flight
