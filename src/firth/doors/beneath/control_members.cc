// Members of organizations and projects, invitations, and users' quotas.
#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

Json RightsJson(const Json& args) {
  return {{"view", Flag(args, "view")},
          {"create", Flag(args, "create")},
          {"admin", Flag(args, "admin")}};
}

bool IsPersonal(const Numbered& organization) {
  return organization.record.contains("personal");
}

void DropQuotas(Json* user) {
  for (const char* field : {"read_quota", "write_quota", "scan_quota"}) user->erase(field);
}

}  // namespace

Result<Json> Control::InviteUser(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto organization, OrganizationAt(TextOf(args, "organizationID")));
  ARROW_ASSIGN_OR_RAISE(const auto user, UserAt(TextOf(args, "userID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, organization.number));
  if (!rights.admin) return NotAllowed("invite users to this organization");
  if (IsPersonal(organization)) return Invalid("nobody can be invited to a personal organization");
  if (user.record["billing"] == organization.number) {
    return Invalid("the user is already a member of the organization");
  }
  FactChanges changes;
  changes.PutPair(kInvites, organization.number, user.number, RightsJson(args));
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return Json(true);
}

Result<Json> Control::AcceptInvite(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto organization, OrganizationAt(TextOf(args, "organizationID")));
  if (!who.IsUser() || who.IsLimited()) return NotAllowed("accept invitations: only users may");
  ARROW_ASSIGN_OR_RAISE(const Json invite,
                        facts_->GetPair(kInvites, organization.number, who.principal()));
  if (invite.is_null()) return NotFound("Invitation to this organization");
  ARROW_ASSIGN_OR_RAISE(Json user, facts_->Get(kUsers, who.principal()));
  user["billing"] = organization.number;
  user["updated"] = facts_->NowNs();
  DropQuotas(&user);
  FactChanges changes;
  changes.Put(kUsers, who.principal(), user);
  changes.PutPair(kMembers, organization.number, who.principal(), invite);
  changes.RemovePair(kInvites, organization.number, who.principal());
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return Json(true);
}

Result<Json> Control::UpdateUserQuotas(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto user, UserAt(TextOf(args, "userID")));
  const int64_t billing = user.record["billing"];
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, billing));
  if (!rights.admin) return NotAllowed("set the quotas of this user");
  if (billing == user.record["personal"]) {
    return Invalid("the user is billed to its own organization, whose quotas a master sets");
  }
  DropQuotas(&user.record);
  Take(args, "readQuota", &user.record, "read_quota");
  Take(args, "writeQuota", &user.record, "write_quota");
  Take(args, "scanQuota", &user.record, "scan_quota");
  user.record["updated"] = facts_->NowNs();
  FactChanges changes;
  changes.Put(kUsers, user.number, user.record);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return ShowUser(user);
}

Status Control::CheckLastAdmin(int64_t organization, int64_t leaving) {
  ARROW_ASSIGN_OR_RAISE(const auto members, facts_->ListPairs(kMembers, organization));
  for (const auto& [number, member] : members) {
    if (number != leaving && Flag(member, "admin")) return Status::OK();
  }
  return Invalid("the last administrator of an organization cannot leave it");
}

Result<Json> Control::LeaveBilling(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto user, UserAt(TextOf(args, "userID")));
  const int64_t billing = user.record["billing"];
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, billing));
  const bool self = who.IsUser() && !who.IsLimited() && who.principal() == user.number;
  if (!self && !rights.admin) return NotAllowed("let this user leave its organization");
  if (billing == user.record["personal"]) {
    return Invalid("the user is billed to its own organization and cannot leave it");
  }
  ARROW_RETURN_NOT_OK(CheckLastAdmin(billing, user.number));
  user.record["billing"] = user.record["personal"];
  user.record["updated"] = facts_->NowNs();
  DropQuotas(&user.record);
  FactChanges changes;
  changes.Put(kUsers, user.number, user.record);
  changes.RemovePair(kMembers, billing, user.number);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return ShowUser(user);
}

Result<Json> Control::UpdateUserOrganization(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto organization, OrganizationAt(TextOf(args, "organizationID")));
  ARROW_ASSIGN_OR_RAISE(const auto user, UserAt(TextOf(args, "userID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, organization.number));
  if (!rights.admin) return NotAllowed("change the rights of members of this organization");
  if (IsPersonal(organization)) {
    return Invalid("the rights on a personal organization cannot be changed");
  }
  ARROW_ASSIGN_OR_RAISE(Json member, facts_->GetPair(kMembers, organization.number, user.number));
  if (member.is_null()) member = RightsJson(Json::object());
  if (Flag(member, "admin") && args.contains("admin") && args["admin"] == false) {
    ARROW_RETURN_NOT_OK(CheckLastAdmin(organization.number, user.number));
  }
  for (const char* right : {"view", "create", "admin"}) Take(args, right, &member, right);
  FactChanges changes;
  if (Flag(member, "view") || Flag(member, "create") || Flag(member, "admin")) {
    changes.PutPair(kMembers, organization.number, user.number, member);
  } else {
    changes.RemovePair(kMembers, organization.number, user.number);
  }
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  member["__typename"] = "PermissionsUsersOrganizations";
  member["userID"] = Id(IdKind::kUser, user.number);
  member["organizationID"] = Id(IdKind::kOrganization, organization.number);
  return member;
}

Status Control::GiveProject(std::string_view principal, const Path& path,
                            const ProjectRights& rights) {
  return database_->access()->Grant(principal, path, EditionId{0}, Rights::Bits(rights), "");
}

Result<Json> Control::UpdateUserProject(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectAt(TextOf(args, "projectID")));
  ARROW_ASSIGN_OR_RAISE(const auto user, UserAt(TextOf(args, "userID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights mine, RightsOn(who, project.record));
  if (!mine.admin) return NotAllowed("change the rights of members of this project");
  ARROW_ASSIGN_OR_RAISE(const Path path, PathOf(project.record));
  ARROW_ASSIGN_OR_RAISE(const auto principal, PrincipalAt(user.number));
  ARROW_ASSIGN_OR_RAISE(const auto grants, database_->access()->ListGrants(principal.name));
  ProjectRights rights;
  for (const auto& grant : grants) {
    if (grant.path == path && grant.role.empty()) rights = Rights::FromBits(grant.rights);
  }
  if (args.contains("view")) rights.view = args["view"];
  if (args.contains("create")) rights.create = args["create"];
  if (args.contains("admin")) rights.admin = args["admin"];
  ARROW_RETURN_NOT_OK(GiveProject(principal.name, path, rights));
  return Json{{"__typename", "PermissionsUsersProjects"},
              {"userID", Id(IdKind::kUser, user.number)},
              {"projectID", Id(IdKind::kProject, project.number)},
              {"view", rights.view},
              {"create", rights.create},
              {"admin", rights.admin}};
}

}  // namespace firth::doors::beneath
