// Services: principals of projects, with secrets of their own and rights on single tables.
#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/record_type.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kNameMax = 128;
constexpr size_t kDescriptionMax = 40;

Json ShowSecret(const Ids& ids, const catalog::SecretRow& row) {
  const std::string id = ids.MakeText(IdKind::kSecret, row.id);
  const Json time = TimeOf(Json{{"at", row.created_ns}}, "at");
  return {{"__typename", "ServiceSecret"},
          {"secretID", id},
          {"serviceSecretID", id},
          {"prefix", row.prefix},
          {"description", row.description},
          {"createdOn", time},
          {"updatedOn", time}};
}

}  // namespace

Result<Json> Control::ServiceByName(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectNamed(TextOf(args, "organizationName"),
                                                         TextOf(args, "projectName")));
  ARROW_ASSIGN_OR_RAISE(const auto service, ServiceNamed(project, TextOf(args, "serviceName")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project.record));
  const bool self = who.kind == Requester::Kind::kService && who.principal() == service.number;
  if (!rights.view && !self) return NotAllowed("read this service");
  return ShowService(service);
}

Result<Json> Control::CreateService(const Requester& who, const Json& args) {
  const Json& input = args["input"];
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectNamed(TextOf(input, "organizationName"),
                                                         TextOf(input, "projectName")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project.record));
  if (!rights.create) return NotAllowed("create services in this project");
  const std::string name = PlainName(TextOf(input, "serviceName"));
  if (!IsPlainName(name, kNameMax)) {
    return Invalid("'" + name.substr(0, 64) +
                   "' cannot name a service: letters, digits and underscores, at most 128");
  }
  ARROW_ASSIGN_OR_RAISE(const auto taken, facts_->FindName(kServices, project.number, name));
  Numbered service;
  const int64_t now = facts_->NowNs();
  FactChanges changes;
  if (taken.has_value()) {
    if (!Flag(input, "updateIfExists")) {
      return Invalid("a service named '" + name + "' already exists");
    }
    service.number = *taken;
    ARROW_ASSIGN_OR_RAISE(service.record, facts_->Get(kServices, *taken));
  } else {
    ARROW_ASSIGN_OR_RAISE(const int64_t number, facts_->NewNumber());
    access::NewPrincipal principal;
    principal.name = "beneath service " + std::to_string(number);
    principal.kind = "service";
    ARROW_ASSIGN_OR_RAISE(const PrincipalId id, database_->access()->PutPrincipal(principal));
    service.number = id.value;
    service.record = {{"name", name},
                      {"project", project.number},
                      {"created", now},
                      {"principal", principal.name}};
    changes.TakeName(kServices, project.number, name, service.number);
  }
  Take(input, "description", &service.record, "description");
  Take(input, "sourceURL", &service.record, "source");
  TakeQuota(input, "readQuota", &service.record, "read_quota");
  TakeQuota(input, "writeQuota", &service.record, "write_quota");
  TakeQuota(input, "scanQuota", &service.record, "scan_quota");
  service.record["updated"] = now;
  changes.Put(kServices, service.number, service.record);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return ShowService(service);
}

Result<Json> Control::UpdateService(const Requester& who, const Json& args) {
  {
    const Json& input = args["input"];
    ARROW_ASSIGN_OR_RAISE(const auto project, ProjectNamed(TextOf(input, "organizationName"),
                                                           TextOf(input, "projectName")));
    ARROW_RETURN_NOT_OK(ServiceNamed(project, TextOf(input, "serviceName")).status());
  }
  Json changed = args;
  changed["input"]["updateIfExists"] = true;
  return CreateService(who, changed);
}

Result<Json> Control::UpdateServiceTable(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto service, ServiceAt(TextOf(args, "serviceID")));
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(args, "tableID")));
  ARROW_ASSIGN_OR_RAISE(const Json own, facts_->Get(kProjects, service.record["project"]));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights here, RightsOn(who, own));
  ARROW_ASSIGN_OR_RAISE(const Json other, ProjectOfTable(facts_, table->path));
  ProjectRights there;
  if (!other.is_null()) {
    ARROW_ASSIGN_OR_RAISE(there, RightsOn(who, other));
  }
  if (!here.create || !there.create) return NotAllowed("change what this service may do");
  const std::string principal = service.record["principal"];
  ARROW_ASSIGN_OR_RAISE(const auto grants, database_->access()->ListGrants(principal));
  TableRights rights;
  for (const auto& grant : grants) {
    if (grant.path != table->path) continue;
    rights.read = (grant.rights & access::kRead) != 0;
    rights.write = (grant.rights & access::kWrite) != 0;
  }
  if (args.contains("read")) rights.read = args["read"];
  if (args.contains("write")) rights.write = args["write"];
  const uint32_t bits = (rights.read ? access::kSee | access::kRead : 0u) |
                        (rights.write ? access::kSee | access::kWrite : 0u);
  ARROW_RETURN_NOT_OK(database_->access()->Grant(principal, table->path, EditionId{0}, bits, ""));
  return Json{{"__typename", "PermissionsServicesTables"},
              {"serviceID", Id(IdKind::kService, service.number)},
              {"tableID", Id(IdKind::kTable, table->id.value)},
              {"read", rights.read},
              {"write", rights.write}};
}

Result<Json> Control::DeleteService(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto service, ServiceAt(TextOf(args, "serviceID")));
  ARROW_ASSIGN_OR_RAISE(const Json project, facts_->Get(kProjects, service.record["project"]));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project));
  if (!rights.create) return NotAllowed("delete this service");
  // Its secrets and rights go first.
  ARROW_RETURN_NOT_OK(
      database_->access()->RemovePrincipal(service.record["principal"].get<std::string>()));
  FactChanges changes;
  changes.Remove(kServices, service.number);
  changes.DropName(kServices, service.record["project"], service.record["name"].get<std::string>());
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return Json(true);
}

Result<Json> Control::IssueServiceSecret(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto service, ServiceAt(TextOf(args, "serviceID")));
  ARROW_ASSIGN_OR_RAISE(const Json project, facts_->Get(kProjects, service.record["project"]));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project));
  if (!rights.create) return NotAllowed("issue secrets for this service");
  const std::string description = TextOf(args, "description");
  if (CharactersOf(description) > kDescriptionMax) {
    return Invalid("the description of a secret has at most 40 characters");
  }
  std::lock_guard lock(mutex_);
  const std::string principal = service.record["principal"];
  ARROW_ASSIGN_OR_RAISE(const std::string token,
                        database_->access()->IssueSecret(principal, description));
  ARROW_ASSIGN_OR_RAISE(const auto secrets, database_->access()->ListSecrets(principal));
  Json shown;
  for (const auto& row : secrets) {
    shown = ShowSecret(facts_->ids(), row);  // the last one is the newest
  }
  return Json{{"__typename", "NewServiceSecret"}, {"token", token}, {"secret", shown}};
}

Result<Json> Control::SecretsForService(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto service, ServiceAt(TextOf(args, "serviceID")));
  ARROW_ASSIGN_OR_RAISE(const Json project, facts_->Get(kProjects, service.record["project"]));
  bool member = false;
  ARROW_RETURN_NOT_OK(RightsOn(who, project, &member).status());
  if (!member) return NotAllowed("see the secrets of this service");
  ARROW_ASSIGN_OR_RAISE(const auto secrets, database_->access()->ListSecrets(
                                                service.record["principal"].get<std::string>()));
  Json out = Json::array();
  for (const auto& row : secrets) out.push_back(ShowSecret(facts_->ids(), row));
  return out;
}

Result<Json> Control::RevokeServiceSecret(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const int64_t id, facts_->ids().ReadText(
                                              IdKind::kSecret, TextOf(args, "secretID"), "Secret"));
  ARROW_ASSIGN_OR_RAISE(const auto principals, database_->access()->ListPrincipals());
  for (const auto& principal : principals) {
    if (principal.kind != "service") continue;
    ARROW_ASSIGN_OR_RAISE(const auto secrets, database_->access()->ListSecrets(principal.name));
    for (const auto& row : secrets) {
      if (row.id != id) continue;
      ARROW_ASSIGN_OR_RAISE(const Json service, facts_->Get(kServices, principal.id.value));
      if (service.is_null()) return NotFound("Secret");
      ARROW_ASSIGN_OR_RAISE(const Json project, facts_->Get(kProjects, service["project"]));
      ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project));
      if (!rights.create) return NotAllowed("revoke secrets of this service");
      ARROW_RETURN_NOT_OK(database_->access()->RevokeSecret(id));
      return Json(true);
    }
  }
  return NotFound("Secret");
}

Result<Json> Control::ServiceProject(const Requester&, const Json& object) {
  ARROW_ASSIGN_OR_RAISE(const auto service, ServiceAt(TextOf(object, "serviceID")));
  Numbered project{.number = service.record["project"]};
  ARROW_ASSIGN_OR_RAISE(project.record, facts_->Get(kProjects, project.number));
  return ShowProject(project);
}

}  // namespace firth::doors::beneath
