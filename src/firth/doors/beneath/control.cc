#include "firth/doors/beneath/control.h"

#include <algorithm>

#include "firth/common/text.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {

const std::map<std::string, Control::Root, std::less<>>& Control::Roots() {
  static const std::map<std::string, Root, std::less<>> roots{
      {"ping", &Control::Ping},
      {"me", &Control::Me},
      {"organizationByName", &Control::OrganizationByName},
      {"organizationMembers", &Control::OrganizationMembers},
      {"createOrganization", &Control::CreateOrganization},
      {"updateOrganization", &Control::UpdateOrganization},
      {"updateOrganizationQuotas", &Control::UpdateOrganizationQuotas},
      {"inviteUserToOrganization", &Control::InviteUser},
      {"acceptOrganizationInvite", &Control::AcceptInvite},
      {"updateUserQuotas", &Control::UpdateUserQuotas},
      {"leaveBillingOrganization", &Control::LeaveBilling},
      {"updateUserOrganizationPermissions", &Control::UpdateUserOrganization},
      {"updateUserProjectPermissions", &Control::UpdateUserProject},
      {"projectByOrganizationAndName", &Control::ProjectByName},
      {"projectsForUser", &Control::ProjectsForUser},
      {"projectMembers", &Control::ProjectMembers},
      {"createProject", &Control::CreateProject},
      {"updateProject", &Control::UpdateProject},
      {"deleteProject", &Control::DeleteProject},
      {"transferProjectToOrganization", &Control::TransferProject},
      {"serviceByOrganizationProjectAndName", &Control::ServiceByName},
      {"createService", &Control::CreateService},
      {"updateService", &Control::UpdateService},
      {"updateServiceTablePermissions", &Control::UpdateServiceTable},
      {"deleteService", &Control::DeleteService},
      {"issueServiceSecret", &Control::IssueServiceSecret},
      {"secretsForService", &Control::SecretsForService},
      {"revokeServiceSecret", &Control::RevokeServiceSecret},
      {"getUserUsage", &Control::GetUserUsage},
      {"createAuthTicket", &Control::CreateAuthTicket},
      {"authTicketByID", &Control::AuthTicketById},
      {"updateAuthTicket", &Control::UpdateAuthTicket},
      {"issueUserSecret", &Control::IssueUserSecret},
      {"revokeUserSecret", &Control::RevokeUserSecret},
      {"tableByID", &Control::TableById},
      {"tableByOrganizationProjectAndName", &Control::TableByName},
      {"compileSchema", &Control::CompileSchema},
      {"createTable", &Control::CreateTable},
      {"deleteTable", &Control::DeleteTable},
      {"tableInstanceByOrganizationProjectTableAndVersion", &Control::InstanceByNames},
      {"tableInstanceByTableAndVersion", &Control::InstanceByTable},
      {"tableInstancesForTable", &Control::InstancesForTable},
      {"createTableInstance", &Control::CreateInstance},
      {"updateTableInstance", &Control::UpdateInstance},
      {"deleteTableInstance", &Control::DeleteInstance},
  };
  return roots;
}

const std::map<std::string, Control::Link, std::less<>>& Control::Links() {
  static const std::map<std::string, Link, std::less<>> links{
      {"PublicOrganization.projects", &Control::OrganizationProjects},
      {"PrivateOrganization.projects", &Control::OrganizationProjects},
      {"PrivateOrganization.personalUser", &Control::OrganizationUser},
      {"Project.organization", &Control::ProjectOrganization},
      {"Project.tables", &Control::ProjectTables},
      {"Project.services", &Control::ProjectServices},
      {"Service.project", &Control::ServiceProject},
      {"Table.project", &Control::TableProject},
      {"Table.primaryTableInstance", &Control::TablePrimary},
      {"TableInstance.table", &Control::InstanceTable},
  };
  return links;
}

graphql::Answer Control::Run(const Requester& who, std::string_view body) {
  const auto root = [&](const std::string& field, const Json& args) -> Result<Json> {
    return (this->*Roots().at(field))(who, args);
  };
  const auto link = [&](const std::string& name,
                        const Json& object) -> std::optional<Result<Json>> {
    const auto found = Links().find(name);
    if (found == Links().end()) return std::nullopt;
    return (this->*found->second)(who, object);
  };
  return graphql::Run(graphql::ControlTypes(), body, root, link);
}

// -- accounts

Status Control::Start() {
  ARROW_ASSIGN_OR_RAISE(const auto principals, database_->access()->ListPrincipals());
  std::lock_guard lock(mutex_);
  for (const auto& principal : principals) {
    if (principal.kind != "user") continue;
    ARROW_RETURN_NOT_OK(MakeAccount(principal));
    ARROW_RETURN_NOT_OK(KeepEmail(principal));
  }
  return Status::OK();
}

Status Control::KeepEmail(const catalog::PrincipalRow& principal) {
  const auto configured = emails_.find(principal.name);
  if (configured == emails_.end()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(Json user, facts_->Get(kUsers, principal.id.value));
  if (user["email"] == configured->second) return Status::OK();
  user["email"] = configured->second;
  user["updated"] = facts_->NowNs();
  FactChanges changes;
  changes.Put(kUsers, principal.id.value, user);
  return facts_->Apply(changes);
}

Status Control::EnsureAccount(const Requester& who) {
  if (!who.IsUser()) return Status::OK();
  {
    std::lock_guard lock(known_mutex_);
    if (known_.contains(who.principal())) return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto principal, PrincipalAt(who.principal()));
  std::lock_guard lock(mutex_);
  return MakeAccount(principal);
}

Status Control::MakeAccount(const catalog::PrincipalRow& principal) {
  const int64_t number = principal.id.value;
  ARROW_ASSIGN_OR_RAISE(const Json held, facts_->Get(kUsers, number));
  if (held.is_null()) {
    std::string name = PlainName(principal.name);
    for (char& c : name) {
      const bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      if (!fine) c = '_';
    }
    if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(0, "_");
    ARROW_ASSIGN_OR_RAISE(const auto taken, facts_->FindName(kOrganizations, 0, name));
    if (taken.has_value()) name += "_" + std::to_string(number);
    ARROW_ASSIGN_OR_RAISE(const int64_t organization, facts_->NewNumber());
    const int64_t now = facts_->NowNs();
    FactChanges changes;
    changes.TakeName(kOrganizations, 0, name, organization);
    changes.Put(kOrganizations, organization,
                {{"name", name},
                 {"display", principal.name},
                 {"created", now},
                 {"updated", now},
                 {"personal", number}});
    changes.PutPair(kMembers, organization, number,
                    {{"view", true}, {"create", true}, {"admin", true}});
    const auto configured = emails_.find(principal.name);
    changes.Put(kUsers, number,
                {{"email", configured != emails_.end() ? configured->second
                                                       : principal.name + "@example.org"},
                 {"created", now},
                 {"updated", now},
                 {"personal", organization},
                 {"billing", organization}});
    ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  }
  std::lock_guard lock(known_mutex_);
  known_.insert(number);
  return Status::OK();
}

Result<Json> Control::AccountOf(const Requester& who) {
  switch (who.kind) {
    case Requester::Kind::kAnonymous:
      return Json();
    case Requester::Kind::kUser:
      return facts_->Get(kUsers, who.principal());
    case Requester::Kind::kService:
      return facts_->Get(kServices, who.principal());
  }
  return Json();
}

Result<Numbered> Control::BillingOf(const Requester& who, const Json& account) {
  Numbered organization;
  if (who.IsUser()) {
    organization.number = account["billing"];
  } else {
    ARROW_ASSIGN_OR_RAISE(const Json project, facts_->Get(kProjects, account["project"]));
    organization.number = project["organization"];
  }
  ARROW_ASSIGN_OR_RAISE(organization.record, facts_->Get(kOrganizations, organization.number));
  return organization;
}

// -- finding things

Result<Numbered> Control::OrganizationAt(std::string_view id) {
  Numbered out;
  ARROW_ASSIGN_OR_RAISE(out.number,
                        facts_->ids().ReadText(IdKind::kOrganization, id, "Organization"));
  ARROW_ASSIGN_OR_RAISE(out.record, facts_->Get(kOrganizations, out.number));
  if (out.record.is_null()) return NotFound("Organization");
  return out;
}

Result<Numbered> Control::OrganizationNamed(std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const auto number, facts_->FindName(kOrganizations, 0, PlainName(name)));
  if (!number.has_value()) {
    return NotFound("Organization " + std::string(name.substr(0, 64)));
  }
  Numbered out{.number = *number};
  ARROW_ASSIGN_OR_RAISE(out.record, facts_->Get(kOrganizations, *number));
  return out;
}

Result<Numbered> Control::ProjectAt(std::string_view id) {
  Numbered out;
  ARROW_ASSIGN_OR_RAISE(out.number, facts_->ids().ReadText(IdKind::kProject, id, "Project"));
  ARROW_ASSIGN_OR_RAISE(out.record, facts_->Get(kProjects, out.number));
  if (out.record.is_null()) return NotFound("Project");
  return out;
}

Result<Numbered> Control::ProjectNamed(std::string_view organization, std::string_view name) {
  const std::string shown =
      std::string(organization.substr(0, 64)) + "/" + std::string(name.substr(0, 64));
  ARROW_ASSIGN_OR_RAISE(const auto owner,
                        facts_->FindName(kOrganizations, 0, PlainName(organization)));
  if (!owner.has_value()) return NotFound("Project " + shown);
  ARROW_ASSIGN_OR_RAISE(const auto number, facts_->FindName(kProjects, *owner, PlainName(name)));
  if (!number.has_value()) return NotFound("Project " + shown);
  Numbered out{.number = *number};
  ARROW_ASSIGN_OR_RAISE(out.record, facts_->Get(kProjects, *number));
  return out;
}

Result<Numbered> Control::ServiceAt(std::string_view id) {
  Numbered out;
  ARROW_ASSIGN_OR_RAISE(out.number, facts_->ids().ReadText(IdKind::kService, id, "Service"));
  ARROW_ASSIGN_OR_RAISE(out.record, facts_->Get(kServices, out.number));
  if (out.record.is_null()) return NotFound("Service");
  return out;
}

Result<Numbered> Control::ServiceNamed(const Numbered& project, std::string_view name) {
  ARROW_ASSIGN_OR_RAISE(const auto number,
                        facts_->FindName(kServices, project.number, PlainName(name)));
  if (!number.has_value()) return NotFound("Service " + std::string(name.substr(0, 64)));
  Numbered out{.number = *number};
  ARROW_ASSIGN_OR_RAISE(out.record, facts_->Get(kServices, *number));
  return out;
}

Result<Numbered> Control::UserAt(std::string_view id) {
  Numbered out;
  ARROW_ASSIGN_OR_RAISE(out.number, facts_->ids().ReadText(IdKind::kUser, id, "User"));
  ARROW_ASSIGN_OR_RAISE(out.record, facts_->Get(kUsers, out.number));
  if (out.record.is_null()) return NotFound("User");
  return out;
}

Result<catalog::PrincipalRow> Control::PrincipalAt(int64_t number) {
  ARROW_ASSIGN_OR_RAISE(auto principals, database_->access()->ListPrincipals());
  for (auto& principal : principals) {
    if (principal.id.value == number) return std::move(principal);
  }
  return NotFound("User");
}

Result<Path> Control::PathOf(const Json& project) {
  ARROW_ASSIGN_OR_RAISE(const Json organization,
                        facts_->Get(kOrganizations, project["organization"]));
  if (organization.is_null()) return NotFound("Organization");
  return Path{{organization["name"].get<std::string>(), project["name"].get<std::string>()}};
}

Result<ProjectRights> Control::RightsOn(const Requester& who, const Json& project, bool* shared) {
  ARROW_ASSIGN_OR_RAISE(const Path path, PathOf(project));
  return rights_->OnProject(who, path, Flag(project, "public"), shared);
}

Result<ProjectRights> Control::RightsIn(const Requester& who, int64_t organization) {
  if (!who.IsUser()) return ProjectRights{};
  ARROW_ASSIGN_OR_RAISE(const Json member,
                        facts_->GetPair(kMembers, organization, who.principal()));
  if (who.public_only) return ProjectRights{};
  return ProjectRights{.view = Flag(member, "view"),
                       .create = !who.read_only && Flag(member, "create"),
                       .admin = !who.read_only && Flag(member, "admin")};
}

Result<table::TablePtr> Control::TableAt(std::string_view id) {
  ARROW_ASSIGN_OR_RAISE(const int64_t number, facts_->ids().ReadText(IdKind::kTable, id, "Table"));
  auto table = database_->GetTable(access::Internal(), TableId(number));
  if (!table.ok() && CodeOf(table.status()) == Code::kNotFound) return NotFound("Table");
  return table;
}

// -- showing things

Json Control::ShowProject(const Numbered& project) {
  const Json& record = project.record;
  return {{"__typename", "Project"},
          {"projectID", Id(IdKind::kProject, project.number)},
          {"name", record["name"]},
          {"displayName", record.value("display", "")},
          {"site", record.value("site", "")},
          {"description", record.value("description", "")},
          {"photoURL", record.value("photo", "")},
          {"public", Flag(record, "public")},
          {"createdOn", TimeOf(record, "created")},
          {"updatedOn", TimeOf(record, "updated")}};
}

Json Control::ShowService(const Numbered& service) {
  const Json& record = service.record;
  return {{"__typename", "Service"},
          {"serviceID", Id(IdKind::kService, service.number)},
          {"name", record["name"]},
          {"description", record.value("description", "")},
          {"sourceURL", record.value("source", "")},
          {"readQuota", FieldOf(record, "read_quota")},
          {"writeQuota", FieldOf(record, "write_quota")},
          {"scanQuota", FieldOf(record, "scan_quota")},
          {"createdOn", TimeOf(record, "created")},
          {"updatedOn", TimeOf(record, "updated")}};
}

Json Control::ShowUser(const Numbered& user) {
  const Json& record = user.record;
  return {{"__typename", "PrivateUser"},
          {"userID", Id(IdKind::kUser, user.number)},
          {"email", record["email"]},
          {"createdOn", TimeOf(record, "created")},
          {"updatedOn", TimeOf(record, "updated")},
          {"readQuota", FieldOf(record, "read_quota")},
          {"writeQuota", FieldOf(record, "write_quota")},
          {"scanQuota", FieldOf(record, "scan_quota")},
          {"billingOrganizationID", Id(IdKind::kOrganization, record["billing"])}};
}

// -- arguments

std::string TextOf(const Json& args, const char* name) {
  const auto found = args.find(name);
  return found == args.end() || !found->is_string() ? "" : found->get<std::string>();
}

void Take(const Json& args, const char* argument, Json* record, const char* field) {
  if (args.contains(argument)) (*record)[field] = args[argument];
}

void TakeQuota(const Json& args, const char* argument, Json* record, const char* field) {
  if (!args.contains(argument)) return;
  if (args[argument] == 0)
    record->erase(field);
  else
    (*record)[field] = args[argument];
}

std::string PlainName(std::string_view name) {
  std::string plain(name);
  for (char& c : plain) {
    if (c == '-') c = '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return plain;
}

Json TimeOf(const Json& record, const char* field) {
  const auto found = record.find(field);
  if (found == record.end() || found->is_null()) return Json();
  return FormatTimeNs(found->get<int64_t>());
}

Json FieldOf(const Json& record, const char* field) {
  const auto found = record.find(field);
  return found == record.end() ? Json() : *found;
}

bool Flag(const Json& record, const char* field) {
  const auto found = record.find(field);
  return found != record.end() && *found == true;
}

size_t CharactersOf(std::string_view text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins));
}

std::string MeterOfPrincipal(int64_t principal) {
  return "principal/" + std::to_string(principal);
}
std::string MeterOfOrganization(int64_t organization) {
  return "beneath/organization/" + std::to_string(organization);
}

}  // namespace firth::doors::beneath
