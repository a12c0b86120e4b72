// Organizations: finding, making and changing them.
#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/record_type.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kNameMax = 128;

Status CheckOrganizationName(const std::string& name) {
  static const std::set<std::string, std::less<>> reserved{
      "admin",       "api",      "auth",          "billing",  "console",      "control",
      "data",        "docs",     "documentation", "ee",       "enterprise",   "explore",
      "gateway",     "gql",      "graphql",       "health",   "healthz",      "instance",
      "instances",   "internal", "master",        "ops",      "organization", "organizations",
      "permissions", "platform", "project",       "projects", "redirects",    "secret",
      "secrets",     "stream",   "streams",       "table",    "tables",       "terminal",
      "user",        "username", "users"};
  if (!IsPlainName(name, kNameMax)) {
    return Invalid("'" + name.substr(0, 64) +
                   "' cannot name an organization: letters, digits and underscores, at most 128");
  }
  if (reserved.contains(name)) return Invalid("the name '" + name + "' is reserved");
  return Status::OK();
}

}  // namespace

Result<Json> Control::ShowOrganization(const Requester& who, const Numbered& organization) {
  const Json& record = organization.record;
  Json shown{{"organizationID", Id(IdKind::kOrganization, organization.number)},
             {"name", record["name"]},
             {"displayName", record.value("display", "")},
             {"description", FieldOf(record, "description")},
             {"photoURL", FieldOf(record, "photo")},
             {"createdOn", TimeOf(record, "created")}};
  if (record.contains("personal")) {
    shown["personalUserID"] = Id(IdKind::kUser, record["personal"]);
  }
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, organization.number));
  if (!rights.view) {
    shown["__typename"] = "PublicOrganization";
    return shown;
  }
  ARROW_RETURN_NOT_OK(ShowPrivate(organization, &shown));
  return shown;
}

Status Control::ShowPrivate(const Numbered& organization, Json* shown) {
  const Json& record = organization.record;
  ARROW_ASSIGN_OR_RAISE(const access::Use use,
                        metering_->InPeriod(MeterOfOrganization(organization.number),
                                            record["created"].get<int64_t>()));
  (*shown)["__typename"] = "PrivateOrganization";
  (*shown)["updatedOn"] = TimeOf(record, "updated");
  (*shown)["readQuota"] = FieldOf(record, "read_quota");
  (*shown)["writeQuota"] = FieldOf(record, "write_quota");
  (*shown)["scanQuota"] = FieldOf(record, "scan_quota");
  (*shown)["readUsage"] = use.read_bytes;
  (*shown)["writeUsage"] = use.write_bytes;
  (*shown)["scanUsage"] = use.scan_bytes;
  return Status::OK();
}

Result<Json> Control::Me(const Requester& who, const Json&) {
  if (!who.IsUser()) {
    return NotAllowed("see yourself: calls to 'me' need a personal secret, not that of a service");
  }
  ARROW_ASSIGN_OR_RAISE(const Json user, facts_->Get(kUsers, who.principal()));
  if (user.is_null()) return NotFound("User");
  Numbered organization{.number = user["personal"]};
  ARROW_ASSIGN_OR_RAISE(organization.record, facts_->Get(kOrganizations, organization.number));
  return ShowOrganization(who, organization);
}

Result<Json> Control::OrganizationByName(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto organization, OrganizationNamed(TextOf(args, "name")));
  return ShowOrganization(who, organization);
}

Result<Json> Control::OrganizationMembers(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto organization, OrganizationAt(TextOf(args, "organizationID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, organization.number));
  if (!rights.view) return NotAllowed("see the members of this organization");
  ARROW_ASSIGN_OR_RAISE(const auto members, facts_->ListPairs(kMembers, organization.number));
  Json out = Json::array();
  for (const auto& [number, member] : members) {
    ARROW_ASSIGN_OR_RAISE(const Json user, facts_->Get(kUsers, number));
    if (user.is_null()) continue;
    ARROW_ASSIGN_OR_RAISE(const Json personal, facts_->Get(kOrganizations, user["personal"]));
    out.push_back({{"__typename", "OrganizationMember"},
                   {"userID", Id(IdKind::kUser, number)},
                   {"billingOrganizationID", Id(IdKind::kOrganization, user["billing"])},
                   {"name", FieldOf(personal, "name")},
                   {"displayName", personal.value("display", "")},
                   {"view", Flag(member, "view")},
                   {"create", Flag(member, "create")},
                   {"admin", Flag(member, "admin")},
                   {"readQuota", FieldOf(user, "read_quota")},
                   {"writeQuota", FieldOf(user, "write_quota")},
                   {"scanQuota", FieldOf(user, "scan_quota")}});
  }
  return out;
}

Result<Json> Control::CreateOrganization(const Requester& who, const Json& args) {
  if (!who.master) return NotAllowed("create organizations: only masters may");
  const std::string name = PlainName(TextOf(args, "name"));
  ARROW_RETURN_NOT_OK(CheckOrganizationName(name));
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto taken, facts_->FindName(kOrganizations, 0, name));
  if (taken.has_value()) return Invalid("the name '" + name + "' is already taken");
  Numbered made;
  ARROW_ASSIGN_OR_RAISE(made.number, facts_->NewNumber());
  const int64_t now = facts_->NowNs();
  made.record = {{"name", name}, {"display", name}, {"created", now}, {"updated", now}};
  FactChanges changes;
  changes.TakeName(kOrganizations, 0, name, made.number);
  changes.Put(kOrganizations, made.number, made.record);
  changes.PutPair(kMembers, made.number, who.principal(),
                  {{"view", true}, {"create", true}, {"admin", true}});
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return ShowOrganization(who, made);
}

Result<Json> Control::UpdateOrganization(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto organization, OrganizationAt(TextOf(args, "organizationID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, organization.number));
  if (!rights.admin) return NotAllowed("change this organization");
  const std::string old_name = organization.record["name"];
  const std::string name = args.contains("name") ? PlainName(TextOf(args, "name")) : old_name;
  FactChanges changes;
  if (name != old_name) {
    ARROW_RETURN_NOT_OK(CheckOrganizationName(name));
    ARROW_ASSIGN_OR_RAISE(const auto taken, facts_->FindName(kOrganizations, 0, name));
    if (taken.has_value()) return Invalid("the name '" + name + "' is already taken");
    changes.DropName(kOrganizations, 0, old_name);
    changes.TakeName(kOrganizations, 0, name, organization.number);
  }
  Json& record = organization.record;
  record["name"] = name;
  Take(args, "displayName", &record, "display");
  Take(args, "description", &record, "description");
  Take(args, "photoURL", &record, "photo");
  record["updated"] = facts_->NowNs();
  changes.Put(kOrganizations, organization.number, record);
  std::vector<std::pair<Path, Path>> moves;
  if (name != old_name) {
    ARROW_ASSIGN_OR_RAISE(const auto projects, facts_->ListNames(kProjects, organization.number));
    for (const auto& [project, number] : projects) {
      moves.emplace_back(Path{{old_name, project}}, Path{{name, project}});
    }
  }
  ARROW_RETURN_NOT_OK(moves.empty() ? facts_->Apply(changes) : MoveProjects(moves, changes));
  return ShowOrganization(who, organization);
}

Result<Json> Control::UpdateOrganizationQuotas(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto organization, OrganizationAt(TextOf(args, "organizationID")));
  if (!who.master) return NotAllowed("set the quotas of organizations: only masters may");
  for (const auto& [argument, field] :
       {std::pair("readQuota", "read_quota"), std::pair("writeQuota", "write_quota"),
        std::pair("scanQuota", "scan_quota")}) {
    organization.record.erase(field);
    Take(args, argument, &organization.record, field);
  }
  organization.record["updated"] = facts_->NowNs();
  FactChanges changes;
  changes.Put(kOrganizations, organization.number, organization.record);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  ARROW_ASSIGN_OR_RAISE(Json shown, ShowOrganization(who, organization));
  // The master who set them sees them, a member or not.
  ARROW_RETURN_NOT_OK(ShowPrivate(organization, &shown));
  return shown;
}

Result<Json> Control::OrganizationProjects(const Requester& who, const Json& object) {
  ARROW_ASSIGN_OR_RAISE(const auto organization, OrganizationAt(TextOf(object, "organizationID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, organization.number));
  ARROW_ASSIGN_OR_RAISE(const auto names, facts_->ListNames(kProjects, organization.number));
  Json out = Json::array();
  for (const auto& [name, number] : names) {
    Numbered project{.number = number};
    ARROW_ASSIGN_OR_RAISE(project.record, facts_->Get(kProjects, number));
    const bool visible = rights.view || Flag(project.record, "public");
    if (visible) out.push_back(ShowProject(project));
  }
  return out;
}

Result<Json> Control::OrganizationUser(const Requester& who, const Json& object) {
  if (!object.contains("personalUserID")) return Json();
  ARROW_ASSIGN_OR_RAISE(const auto organization, OrganizationAt(TextOf(object, "organizationID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, organization.number));
  if (!rights.view) return Json();
  ARROW_ASSIGN_OR_RAISE(const auto user, UserAt(TextOf(object, "personalUserID")));
  return ShowUser(user);
}

}  // namespace firth::doors::beneath
