// Who is asking, and grants.
#include <algorithm>
#include <cctype>

#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/service.h"

namespace firth::doors::deltacat {
namespace {

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// What a grant covers.
struct Scope {
  std::string type;
  std::string name;
  Path path;
};

Result<Scope> ScopeOf(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const auto type, call.Text("scope_type"));
  ARROW_ASSIGN_OR_RAISE(const auto name, call.Text("scope_name"));
  Scope scope{.type = EnumText(type.value_or("catalog")), .name = name.value_or("*")};
  if (scope.type == "catalog") {
    if (scope.name == "*" || scope.name == kCatalog) return scope;
    return Refuse("catalog_not_found", "there is no catalog '" + scope.name.substr(0, 64) + "'");
  }
  if (scope.type == "namespace") {
    ARROW_ASSIGN_OR_RAISE(scope.path, NamespacePath(scope.name));
    return scope;
  }
  if (scope.type == "table") {
    const size_t dot = scope.name.find_last_of('.');
    if (dot == std::string::npos) {
      return Refuse("invalid_request", "a table is named as namespace.table");
    }
    ARROW_ASSIGN_OR_RAISE(scope.path,
                          TablePath(scope.name.substr(0, dot), scope.name.substr(dot + 1)));
    return scope;
  }
  return Refuse("invalid_request", "a scope is a catalog, a namespace or a table, not '" +
                                       scope.type.substr(0, 64) + "'");
}

/// The scope of a stored grant, or nothing for one that this door cannot show.
std::optional<Scope> ScopeOf(const catalog::GrantRow& grant) {
  if (grant.edition.value != 0) return std::nullopt;
  if (grant.path.empty()) return Scope{.type = "catalog", .name = "*"};
  return Scope{.type = "namespace", .name = NamespaceName(grant.path), .path = grant.path};
}

json GrantJson(const std::string& role, const Scope& scope) {
  return {{"role", Upper(role)}, {"scope_type", scope.type}, {"scope_name", scope.name}};
}

}  // namespace

Result<Answer> Service::Whoami(const Call& call) {
  const bool open =
      database_->access()->RightsOn(database_->access()->Anonymous(), Path{}) == access::kAllRights;
  json grants = json::array();
  ARROW_ASSIGN_OR_RAISE(const auto rows, database_->access()->ListPrincipals());
  for (const auto& row : rows) {
    if (row.id == call.caller.principal && row.role != "none") {
      grants.push_back(GrantJson(row.role, {.type = "catalog", .name = "*"}));
    }
  }
  if (call.caller.principal.value == 0) {
    grants.push_back(GrantJson(open ? "admin" : "reader", {.type = "catalog", .name = "*"}));
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto given, database_->access()->ListGrants(call.caller.name));
    for (const auto& grant : given) {
      const auto scope = ScopeOf(grant);
      if (scope.has_value()) grants.push_back(GrantJson(grant.role, *scope));
    }
  }
  return Answer{.body = {{"user_id", call.caller.name},
                         {"auth_configured", !open},
                         {"grants", std::move(grants)}}};
}

Result<Answer> Service::Grant(const Call& call) {
  ARROW_RETURN_NOT_OK(database_->access()->Check(call.caller, access::kAdmin, Path{}));
  ARROW_ASSIGN_OR_RAISE(const std::string user, call.NeedText("user"));
  ARROW_ASSIGN_OR_RAISE(const std::string role_text, call.NeedText("role"));
  const std::string role = EnumText(role_text);
  if (role != "admin" && role != "writer" && role != "reader") {
    return Refuse("invalid_role", "a role is ADMIN, WRITER or READER");
  }
  ARROW_ASSIGN_OR_RAISE(const Scope scope, ScopeOf(call));
  ARROW_ASSIGN_OR_RAISE(const uint32_t rights, access::RightsOfRole(role));
  // Makes it where it is not there; one that is there stays as it is.
  const access::NewPrincipal principal{.name = user, .kind = "", .role = ""};
  ARROW_RETURN_NOT_OK(database_->access()->PutPrincipal(principal).status());
  ARROW_RETURN_NOT_OK(database_->access()->Grant(user, scope.path, EditionId{0}, rights, role));
  return Answer{.body = {{"granted", true},
                         {"user", user},
                         {"role", Upper(role)},
                         {"scope_type", scope.type},
                         {"scope_name", scope.name},
                         {"granted_by", call.caller.name}}};
}

Result<Answer> Service::Revoke(const Call& call) {
  ARROW_RETURN_NOT_OK(database_->access()->Check(call.caller, access::kAdmin, Path{}));
  ARROW_ASSIGN_OR_RAISE(const std::string user, call.NeedText("user"));
  ARROW_ASSIGN_OR_RAISE(const Scope scope, ScopeOf(call));
  bool revoked = false;
  ARROW_ASSIGN_OR_RAISE(const auto known, database_->access()->ListPrincipals());
  for (const auto& row : known) {
    if (row.name != user) continue;
    ARROW_ASSIGN_OR_RAISE(const auto grants, database_->access()->ListGrants(user));
    for (const auto& grant : grants) {
      if (grant.path != scope.path || grant.edition.value != 0) continue;
      ARROW_RETURN_NOT_OK(
          database_->access()->Grant(user, scope.path, EditionId{0}, 0, grant.role));
      revoked = true;
    }
  }
  return Answer{.body = {{"revoked", revoked},
                         {"user", user},
                         {"scope_type", scope.type},
                         {"scope_name", scope.name},
                         {"revoked_by", call.caller.name}}};
}

Result<Answer> Service::ListGrants(const Call& call) {
  const std::string user = call.Query("user").value_or(call.caller.name);
  if (user != call.caller.name) {
    ARROW_RETURN_NOT_OK(database_->access()->Check(call.caller, access::kAdmin, Path{}));
  }
  json grants = json::array();
  ARROW_ASSIGN_OR_RAISE(const auto known, database_->access()->ListPrincipals());
  for (const auto& row : known) {
    if (row.name != user) continue;
    const auto add = [&](const std::string& role, const Scope& scope) {
      json one = GrantJson(role, scope);
      one["user_id"] = user;
      grants.push_back(std::move(one));
    };
    if (row.role != "none") add(row.role, {.type = "catalog", .name = "*"});
    ARROW_ASSIGN_OR_RAISE(const auto given, database_->access()->ListGrants(user));
    for (const auto& grant : given) {
      const auto scope = ScopeOf(grant);
      if (scope.has_value()) add(grant.role, *scope);
    }
  }
  const size_t count = grants.size();
  return Answer{.body = {{"grants", std::move(grants)}, {"count", count}}};
}

Result<Answer> Service::ListCatalogs(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(Answer one, DescribeCatalog(call));
  return Answer{.body = {{"catalogs", json::array({one.body})}}};
}

Result<Answer> Service::DescribeCatalog(const Call& call) {
  if (!call.names.empty() && call.names[0] != kCatalog) {
    return Refuse("catalog_not_found", "there is no catalog '" + call.names[0].substr(0, 64) + "'");
  }
  return Answer{
      .body = {{"name", kCatalog},
               {"root", root_},
               {"data_root", "default"},
               {"data_roots", {{"default", {{"root", root_}, {"storage_type", "local"}}}}}}};
}

}  // namespace firth::doors::deltacat
