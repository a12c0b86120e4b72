// Projects: finding, making, changing and moving them. A project is a namespace of the engine.
#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/record_type.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kNameMax = 128;

}  // namespace

Result<Json> Control::ProjectByName(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectNamed(TextOf(args, "organizationName"),
                                                         TextOf(args, "projectName")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project.record));
  if (!rights.view) return NotAllowed("read this project");
  return ShowProject(project);
}

Result<Json> Control::ProjectsForUser(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto user, UserAt(TextOf(args, "userID")));
  if (!who.IsUser() || who.principal() != user.number) {
    return NotAllowed("list the projects of another user");
  }
  ARROW_ASSIGN_OR_RAISE(const auto grants, database_->access()->ListGrants(who.caller.name));
  std::map<std::pair<std::string, int64_t>, Json> found;
  for (const auto& grant : grants) {
    if (grant.path.segments.size() != 2 || grant.rights == 0) continue;
    ARROW_ASSIGN_OR_RAISE(const auto owner,
                          facts_->FindName(kOrganizations, 0, grant.path.segments[0]));
    if (!owner.has_value()) continue;
    ARROW_ASSIGN_OR_RAISE(const auto number,
                          facts_->FindName(kProjects, *owner, grant.path.segments[1]));
    if (!number.has_value()) continue;
    Numbered project{.number = *number};
    ARROW_ASSIGN_OR_RAISE(project.record, facts_->Get(kProjects, *number));
    if (who.public_only && !Flag(project.record, "public")) continue;
    found[{grant.path.segments[1], *number}] = ShowProject(project);
  }
  Json out = Json::array();
  for (auto& [name, project] : found) out.push_back(std::move(project));
  return out;
}

Result<Json> Control::ProjectMembers(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectAt(TextOf(args, "projectID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights mine, RightsOn(who, project.record));
  if (!mine.view) return NotAllowed("read this project");
  ARROW_ASSIGN_OR_RAISE(const Path path, PathOf(project.record));
  ARROW_ASSIGN_OR_RAISE(const auto principals, database_->access()->ListPrincipals());
  Json out = Json::array();
  for (const auto& principal : principals) {
    if (principal.kind != "user") continue;
    ARROW_ASSIGN_OR_RAISE(const auto grants, database_->access()->ListGrants(principal.name));
    for (const auto& grant : grants) {
      if (grant.path != path || grant.rights == 0) continue;
      ARROW_ASSIGN_OR_RAISE(const Json user, facts_->Get(kUsers, principal.id.value));
      if (user.is_null()) continue;
      ARROW_ASSIGN_OR_RAISE(const Json personal, facts_->Get(kOrganizations, user["personal"]));
      const ProjectRights rights = Rights::FromBits(grant.rights);
      out.push_back({{"__typename", "ProjectMember"},
                     {"userID", Id(IdKind::kUser, principal.id.value)},
                     {"name", FieldOf(personal, "name")},
                     {"displayName", personal.value("display", "")},
                     {"view", rights.view},
                     {"create", rights.create},
                     {"admin", rights.admin}});
      break;
    }
  }
  return out;
}

Result<Json> Control::CreateProject(const Requester& who, const Json& args) {
  const Json& input = args["input"];
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto organization, OrganizationAt(TextOf(input, "organizationID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsIn(who, organization.number));
  if (!rights.create) return NotAllowed("create projects in this organization");
  const std::string name = PlainName(TextOf(input, "projectName"));
  if (!IsPlainName(name, kNameMax)) {
    return Invalid("'" + name.substr(0, 64) +
                   "' cannot name a project: letters, digits and underscores, at most 128");
  }
  ARROW_ASSIGN_OR_RAISE(const auto taken, facts_->FindName(kProjects, organization.number, name));
  if (taken.has_value()) return Invalid("a project named '" + name + "' already exists");
  const int64_t now = facts_->NowNs();
  Numbered made;
  ARROW_ASSIGN_OR_RAISE(made.number, facts_->NewNumber());
  made.record = {{"name", name},
                 {"organization", organization.number},
                 {"public", Flag(input, "public")},
                 {"created", now},
                 {"updated", now}};
  Take(input, "displayName", &made.record, "display");
  Take(input, "description", &made.record, "description");
  Take(input, "site", &made.record, "site");
  Take(input, "photoURL", &made.record, "photo");
  // The namespace and the rights come first: without the record nobody sees them here, and the next
  // attempt finds them as they are to be.
  const Path path{{organization.record["name"].get<std::string>(), name}};
  const Status space = database_->CreateNamespace(access::Internal(), path, {});
  if (!space.ok() && ReasonOf(space) != Reason::kNamespaceExists) return space;
  ARROW_RETURN_NOT_OK(
      GiveProject(who.caller.name, path, {.view = true, .create = true, .admin = true}));
  FactChanges changes;
  changes.TakeName(kProjects, organization.number, name, made.number);
  changes.Put(kProjects, made.number, made.record);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return ShowProject(made);
}

Result<Json> Control::UpdateProject(const Requester& who, const Json& args) {
  const Json& input = args["input"];
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto project, ProjectAt(TextOf(input, "projectID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project.record));
  if (!rights.admin) return NotAllowed("change this project");
  Take(input, "displayName", &project.record, "display");
  Take(input, "description", &project.record, "description");
  Take(input, "site", &project.record, "site");
  Take(input, "photoURL", &project.record, "photo");
  Take(input, "public", &project.record, "public");
  project.record["updated"] = facts_->NowNs();
  FactChanges changes;
  changes.Put(kProjects, project.number, project.record);
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  return ShowProject(project);
}

Result<Json> Control::DeleteProject(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectAt(TextOf(args["input"], "projectID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project.record));
  if (!rights.admin) return NotAllowed("delete this project");
  ARROW_ASSIGN_OR_RAISE(const Path path, PathOf(project.record));
  ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(access::Internal(), path));
  ARROW_ASSIGN_OR_RAISE(const auto services, facts_->ListNames(kServices, project.number));
  if (!tables.empty() || !services.empty()) {
    return Invalid("the project still has tables or services: delete them first");
  }
  FactChanges changes;
  changes.Remove(kProjects, project.number);
  changes.DropName(kProjects, project.record["organization"],
                   project.record["name"].get<std::string>());
  ARROW_RETURN_NOT_OK(facts_->Apply(changes));
  ARROW_ASSIGN_OR_RAISE(const auto principals, database_->access()->ListPrincipals());
  for (const auto& principal : principals) {
    ARROW_ASSIGN_OR_RAISE(const auto grants, database_->access()->ListGrants(principal.name));
    for (const auto& grant : grants) {
      if (!path.Covers(grant.path)) continue;
      ARROW_RETURN_NOT_OK(
          database_->access()->Grant(principal.name, grant.path, grant.edition, 0, grant.role));
    }
  }
  const Status dropped = database_->DropNamespace(access::Internal(), path, /*cascade=*/false);
  if (!dropped.ok() && CodeOf(dropped) != Code::kNotFound) return dropped;
  return Json(true);
}

void Control::AddMove(const Path& from, const Path& to, const std::vector<table::TablePtr>& tables,
                      std::vector<table::Step>* steps) {
  const auto step = [&](table::Step::Kind kind, const Path& path) -> table::Step& {
    steps->push_back({.kind = kind, .path = path});
    return steps->back();
  };
  step(table::Step::Kind::kCreateNamespace, to).attributes.emplace();
  for (const auto& table : tables) {
    Path target = to;
    const auto& segments = table->path.segments;
    target.segments.insert(target.segments.end(), segments.begin() + 2, segments.end());
    step(table::Step::Kind::kRenameTable, table->path).to = target;
  }
  step(table::Step::Kind::kDropNamespace, from);
}

Status Control::MoveProjects(const std::vector<std::pair<Path, Path>>& moves,
                             const FactChanges& changes) {
  std::vector<table::Step> steps;
  for (const auto& [from, to] : moves) {
    ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(access::Internal(), from));
    AddMove(from, to, tables, &steps);
  }
  // Rights lie beside the catalog's commits: they are there at both places while it is made, so
  // that at no time they are at neither.
  ARROW_ASSIGN_OR_RAISE(const auto principals, database_->access()->ListPrincipals());
  struct Given {
    std::string name;
    catalog::GrantRow grant;
  };
  std::vector<Given> old;
  for (const auto& principal : principals) {
    ARROW_ASSIGN_OR_RAISE(const auto grants, database_->access()->ListGrants(principal.name));
    for (const auto& grant : grants) {
      for (const auto& [from, to] : moves) {
        if (!from.Covers(grant.path)) continue;
        Path target = to;
        const auto& segments = grant.path.segments;
        target.segments.insert(target.segments.end(), segments.begin() + 2, segments.end());
        ARROW_RETURN_NOT_OK(database_->access()->Grant(principal.name, target, grant.edition,
                                                       grant.rights, grant.role));
        old.push_back({principal.name, grant});
      }
    }
  }
  ARROW_RETURN_NOT_OK(
      database_
          ->ApplySteps(access::Internal(), steps, table::ApplyOptions{.values = changes.values()})
          .status());
  for (const auto& [name, grant] : old) {
    ARROW_RETURN_NOT_OK(database_->access()->Grant(name, grant.path, grant.edition, 0, grant.role));
  }
  return Status::OK();
}

Result<Json> Control::TransferProject(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(auto project, ProjectAt(TextOf(args, "projectID")));
  ARROW_ASSIGN_OR_RAISE(const auto target, OrganizationAt(TextOf(args, "organizationID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights mine, RightsOn(who, project.record));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights there, RightsIn(who, target.number));
  if (!mine.admin) return NotAllowed("transfer this project");
  if (!there.create) return NotAllowed("create projects in the target organization");
  const int64_t owner = project.record["organization"];
  if (owner == target.number) return ShowProject(project);
  const std::string name = project.record["name"];
  ARROW_ASSIGN_OR_RAISE(const auto taken, facts_->FindName(kProjects, target.number, name));
  if (taken.has_value()) return Invalid("a project named '" + name + "' already exists there");
  ARROW_ASSIGN_OR_RAISE(const Path from, PathOf(project.record));
  project.record["organization"] = target.number;
  project.record["updated"] = facts_->NowNs();
  FactChanges changes;
  changes.DropName(kProjects, owner, name);
  changes.TakeName(kProjects, target.number, name, project.number);
  changes.Put(kProjects, project.number, project.record);
  ARROW_RETURN_NOT_OK(
      MoveProjects({{from, Path{{target.record["name"].get<std::string>(), name}}}}, changes));
  return ShowProject(project);
}

Result<Json> Control::ProjectOrganization(const Requester&, const Json& object) {
  if (object.contains("organization")) return object["organization"];  // of another door's
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectAt(TextOf(object, "projectID")));
  Numbered owner{.number = project.record["organization"]};
  ARROW_ASSIGN_OR_RAISE(owner.record, facts_->Get(kOrganizations, owner.number));
  ARROW_ASSIGN_OR_RAISE(Json shown, ShowOrganization(Requester{}, owner));
  return shown;
}

Result<Json> Control::ProjectTables(const Requester& who, const Json& object) {
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectAt(TextOf(object, "projectID")));
  ARROW_ASSIGN_OR_RAISE(const Path path, PathOf(project.record));
  ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(access::Internal(), path));
  Json out = Json::array();
  for (const auto& table : tables) {
    if (table->path.segments.size() != 3) continue;
    ARROW_ASSIGN_OR_RAISE(const TableRights rights, rights_->OnTable(who, table->path));
    if (!rights.read && !rights.write) continue;
    ARROW_ASSIGN_OR_RAISE(const Json record, RecordOf(*table));
    out.push_back(ShowTable(*table, record));
  }
  return out;
}

Result<Json> Control::ProjectServices(const Requester& who, const Json& object) {
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectAt(TextOf(object, "projectID")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project.record));
  ARROW_ASSIGN_OR_RAISE(const auto names, facts_->ListNames(kServices, project.number));
  Json out = Json::array();
  for (const auto& [name, number] : names) {
    const bool self = who.kind == Requester::Kind::kService && who.principal() == number;
    if (!rights.view && !self) continue;
    Numbered service{.number = number};
    ARROW_ASSIGN_OR_RAISE(service.record, facts_->Get(kServices, number));
    out.push_back(ShowService(service));
  }
  return out;
}

}  // namespace firth::doors::beneath
