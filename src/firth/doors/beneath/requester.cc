#include "firth/doors/beneath/requester.h"

#include <algorithm>
#include <cctype>

#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

Status AuthenticationError(const char* why) {
  return Error(Code::kUnauthenticated, Reason::kUnknownSecret,
               std::string("authentication error: ") + why);
}

constexpr std::string_view kScheme = "bearer ";
constexpr size_t kSecretBytesMin = 8;
constexpr size_t kSecretBytesMax = 256;
constexpr size_t kKindsMax = 100'000;

}  // namespace

Result<Requester> Rights::SignIn(std::string_view header) {
  Requester who;
  if (header.empty()) return who;
  bool bearer = header.size() > kScheme.size();
  for (size_t i = 0; bearer && i < kScheme.size(); ++i) {
    bearer = std::tolower(static_cast<unsigned char>(header[i])) == kScheme[i];
  }
  if (!bearer) return AuthenticationError("the header is not of the form \"Bearer SECRET\"");
  const std::string_view secret = header.substr(kScheme.size());
  const bool visible =
      std::all_of(secret.begin(), secret.end(), [](char c) { return c > ' ' && c < 127; });
  if (!visible || secret.size() < kSecretBytesMin || secret.size() > kSecretBytesMax) {
    return AuthenticationError("the secret is malformed");
  }
  const auto caller = database_->access()->SignInWithSecret(secret);
  if (!caller.ok()) return AuthenticationError("the secret is unknown or was revoked");
  who.caller = *caller;
  ARROW_ASSIGN_OR_RAISE(const Known known, KnownOf(caller->principal));
  who.kind = known.kind;
  if (known.read_only || known.public_only) {
    // The secret is its user's only while there is one.
    const bool there = database_->access()->ListSecrets(known.owner.name).ok();
    if (!there) who.kind = Requester::Kind::kAnonymous;
    who.caller = known.owner;
    who.read_only = known.read_only;
    who.public_only = known.public_only;
  }
  if (who.kind == Requester::Kind::kAnonymous) {
    return AuthenticationError("the secret is unknown or was revoked");
  }
  // Whoever may do everything everywhere is a master.
  who.master = who.IsUser() && !who.IsLimited() &&
               database_->access()->RightsOn(who.caller, Path{}) == access::kAllRights;
  return who;
}

Result<Rights::Known> Rights::KnownOf(PrincipalId principal) {
  {
    std::lock_guard lock(mutex_);
    const auto known = known_.find(principal);
    if (known != known_.end()) return known->second;
  }
  ARROW_ASSIGN_OR_RAISE(const auto principals, database_->access()->ListPrincipals());
  for (const auto& row : principals) {
    if (row.id != principal) continue;
    Known known{.kind = Requester::Kind::kUser, .owner = {}};
    if (row.kind == "service") known.kind = Requester::Kind::kService;
    if (row.kind == kLimitedSecretKind) {
      ARROW_ASSIGN_OR_RAISE(known, LimitedSecret(principal));
    }
    std::lock_guard lock(mutex_);
    if (known_.size() >= kKindsMax) known_.clear();
    known_[principal] = known;
    return known;
  }
  return Known{};
}

Result<Rights::Known> Rights::LimitedSecret(PrincipalId principal) {
  ARROW_ASSIGN_OR_RAISE(const Json limits, facts_->Get(kLimits, principal.value));
  if (limits.is_null()) return Known{};
  return Known{.kind = Requester::Kind::kUser,
               .owner = {.principal = PrincipalId(limits["user"].get<int64_t>()),
                         .name = limits["name"].get<std::string>()},
               .read_only = limits["read_only"],
               .public_only = limits["public_only"]};
}

uint32_t Rights::Granted(const Requester& who, const Path& path) {
  if (who.kind == Requester::Kind::kAnonymous) return 0;
  const auto grants = database_->access()->ListGrants(who.caller.name);
  if (!grants.ok()) return 0;
  uint32_t rights = 0;
  for (const auto& grant : *grants) {
    if (grant.edition == EditionId{0} && grant.path.Covers(path)) rights |= grant.rights;
  }
  return rights;
}

uint32_t Rights::Bits(const ProjectRights& rights) {
  return (rights.view ? access::kSee | access::kRead : 0u) |
         (rights.create ? access::kSee | access::kWrite | access::kCreate : 0u) |
         (rights.admin ? access::kSee | access::kAdmin : 0u);
}

ProjectRights Rights::FromBits(uint32_t rights) {
  return {.view = (rights & access::kRead) != 0,
          .create = (rights & access::kCreate) != 0,
          .admin = (rights & access::kAdmin) != 0};
}

ProjectRights Rights::OnProject(const Requester& who, const Path& path, bool is_public,
                                bool* shared) {
  ProjectRights rights;
  if (who.IsUser()) rights = FromBits(Granted(who, path));
  if (shared != nullptr) *shared = rights.view;
  // Services have the rights that they were given on tables, and no others.
  if (is_public && who.kind != Requester::Kind::kService) rights.view = true;
  if (who.public_only && !is_public) rights = {};
  if (who.read_only) rights.create = rights.admin = false;
  if (shared != nullptr) *shared = *shared && rights.view;
  return rights;
}

Result<TableRights> Rights::OnTable(const Requester& who, const Path& path) {
  const uint32_t granted = Granted(who, path);
  TableRights rights{.read = (granted & access::kRead) != 0,
                     .write = (granted & access::kWrite) != 0};
  if (rights.read && rights.write && !who.IsLimited()) return rights;
  ARROW_ASSIGN_OR_RAISE(const Json project, ProjectOfTable(facts_, path));
  const bool is_public = !project.is_null() && project["public"] == true;
  if (project.is_null()) {
    const uint32_t all = database_->access()->RightsOn(who.caller, path);
    rights.read |= (all & access::kRead) != 0;
    rights.write |= (all & access::kWrite) != 0;
  } else if (is_public && who.kind != Requester::Kind::kService) {
    rights.read = true;
  }
  if (who.public_only && !is_public) rights = {};
  if (who.read_only) rights.write = false;
  return rights;
}

Result<Json> ProjectOfTable(Facts* facts, const Path& path) {
  if (path.segments.size() != 3) return Json();
  ARROW_ASSIGN_OR_RAISE(const auto organization,
                        facts->FindName(kOrganizations, 0, path.segments[0]));
  if (!organization.has_value()) return Json();
  ARROW_ASSIGN_OR_RAISE(const auto project,
                        facts->FindName(kProjects, *organization, path.segments[1]));
  if (!project.has_value()) return Json();
  return facts->Get(kProjects, *project);
}

}  // namespace firth::doors::beneath
