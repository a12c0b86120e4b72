// Actions on users, services and their secrets. Those of others need the admin right on everything;
// everyone may list, issue and revoke secrets of their own.
#include <algorithm>
#include <string>
#include <vector>

#include "firth/common/text.h"
#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/fields.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

Status NeedAdmin(const Request& request) {
  return request.database->access()->Check(request.caller, access::kAdmin, Path{});
}

Status NeedAdminUnlessSelf(const Request& request, const std::string& name) {
  const bool self = request.caller.principal != PrincipalId{0} && request.caller.name == name;
  return self ? Status::OK() : NeedAdmin(request);
}

Result<json> RunUsers(const Request& request, Fields* fields) {
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(NeedAdmin(request));
  ARROW_ASSIGN_OR_RAISE(const auto rows, request.database->access()->ListPrincipals());
  json list = json::array();
  for (const auto& row : rows) {
    list.push_back({{"name", row.name}, {"kind", row.kind}, {"role", row.role}});
  }
  return list;
}

Result<json> RunPut(const Request& request, Fields* fields) {
  access::NewPrincipal principal;
  principal.name = fields->NeedText("name");
  principal.kind.clear();
  if (fields->Has("kind")) {
    principal.kind = fields->Choice("kind", {"user", "service"}, 0) == 0 ? "user" : "service";
  }
  const bool has_role = fields->Has("role");
  principal.role = fields->Text("role");
  principal.secret = fields->Text("secret");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(NeedAdmin(request));
  if (has_role) ARROW_RETURN_NOT_OK(access::RightsOfRole(principal.role).status());
  access::Access* const principals = request.database->access();
  ARROW_ASSIGN_OR_RAISE(const auto before, principals->ListPrincipals());
  ARROW_ASSIGN_OR_RAISE(const PrincipalId id, principals->PutPrincipal(principal));
  ARROW_ASSIGN_OR_RAISE(const auto after, principals->ListPrincipals());
  const auto row = std::ranges::find(after, id, &catalog::PrincipalRow::id);
  if (row == after.end()) {
    return Error(Code::kNotFound, Reason::kBadValue,
                 "'" + principal.name.substr(0, 64) + "' was removed meanwhile");
  }
  const bool is_new = std::ranges::find(before, id, &catalog::PrincipalRow::id) == before.end();
  return json{{"name", row->name}, {"kind", row->kind}, {"role", row->role}, {"new", is_new}};
}

Result<json> RunRemove(const Request& request, Fields* fields) {
  const std::string name = fields->NeedText("name");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(NeedAdmin(request));
  ARROW_RETURN_NOT_OK(request.database->access()->RemovePrincipal(name));
  return json{{"removed", name}};
}

Result<json> RunSecrets(const Request& request, Fields* fields) {
  const std::string user = fields->NeedText("user");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(NeedAdminUnlessSelf(request, user));
  ARROW_ASSIGN_OR_RAISE(const auto rows, request.database->access()->ListSecrets(user));
  json list = json::array();
  for (const auto& row : rows) {
    list.push_back({{"id", row.id},
                    {"prefix", row.prefix},
                    {"description", row.description},
                    {"created", FormatTimeNs(row.created_ns)}});
  }
  return list;
}

Result<json> RunIssue(const Request& request, Fields* fields) {
  const std::string user = fields->NeedText("user");
  const std::string description = fields->Text("description");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(NeedAdminUnlessSelf(request, user));
  ARROW_ASSIGN_OR_RAISE(const std::string secret,
                        request.database->access()->IssueSecret(user, description));
  return json{{"user", user}, {"secret", secret}};
}

Result<bool> IsOwnSecret(const Request& request, int64_t id) {
  if (request.caller.principal == PrincipalId{0}) return false;
  ARROW_ASSIGN_OR_RAISE(const auto rows,
                        request.database->access()->ListSecrets(request.caller.name));
  for (const auto& row : rows) {
    if (row.id == id) return true;
  }
  return false;
}

Result<json> RunRevokeSecret(const Request& request, Fields* fields) {
  const int64_t id = fields->Number("id", 0);
  if (!fields->Has("id")) fields->Wrong("id", "the number of a secret");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const bool own, IsOwnSecret(request, id));
  if (!own) ARROW_RETURN_NOT_OK(NeedAdmin(request));
  ARROW_RETURN_NOT_OK(request.database->access()->RevokeSecret(id));
  return json{{"revoked", id}};
}

}  // namespace

std::vector<Action> PrincipalActions() {
  return {
      {"users", "list users and services", RunUsers},
      {"user.put", "make or change a user: name, [role], [secret], [kind]", RunPut},
      {"user.remove", "remove a user with its secrets and grants: name", RunRemove},
      {"secrets", "list a user's secrets, without the secrets themselves: user", RunSecrets},
      {"secret.issue", "make a secret, which is shown once: user, [description]", RunIssue},
      {"secret.revoke", "end a secret: id", RunRevokeSecret},
  };
}

}  // namespace firth::doors::flight
