#include "firth/access/snapshot.h"

#include <utility>

#include "firth/access/access.h"

namespace firth::access {

Result<std::shared_ptr<const Snapshot>> Snapshot::Read(catalog::Catalog* catalog) {
  auto snapshot = std::make_shared<Snapshot>();
  ARROW_ASSIGN_OR_RAISE(auto rows, catalog->ListPrincipals());
  for (catalog::PrincipalRow& row : rows) {
    const size_t index = snapshot->principals_.size();
    snapshot->by_id_.emplace(row.id, index);
    snapshot->by_name_.emplace(row.name, index);
    Principal principal;
    ARROW_ASSIGN_OR_RAISE(principal.rights, RightsOfRole(row.role));
    principal.row = std::move(row);
    snapshot->principals_.push_back(std::move(principal));
  }
  // The catalog's foreign keys see to it that every owner is there.
  ARROW_ASSIGN_OR_RAISE(auto secrets, catalog->ListSecrets());
  for (catalog::SecretRow& secret : secrets) {
    const auto owner = snapshot->by_id_.find(secret.principal);
    if (owner == snapshot->by_id_.end()) continue;
    snapshot->by_digest_.emplace(secret.digest, owner->second);
    snapshot->principals_[owner->second].secrets.push_back(std::move(secret));
  }
  ARROW_ASSIGN_OR_RAISE(auto grants, catalog->ListGrants());
  for (catalog::GrantRow& grant : grants) {
    const auto owner = snapshot->by_id_.find(grant.principal);
    if (owner == snapshot->by_id_.end()) continue;
    snapshot->principals_[owner->second].grants.push_back(std::move(grant));
  }
  return snapshot;
}

const Principal* Snapshot::Find(PrincipalId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &principals_[found->second];
}

const Principal* Snapshot::Find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &principals_[found->second];
}

const Principal* Snapshot::FindByDigest(const std::string& digest) const {
  const auto found = by_digest_.find(digest);
  return found == by_digest_.end() ? nullptr : &principals_[found->second];
}

uint32_t RightsOf(const Principal& principal, const Path& path, EditionId edition) {
  uint32_t rights = principal.rights;
  for (const catalog::GrantRow& grant : principal.grants) {
    const bool applies =
        grant.edition == EditionId{0} ? grant.path.Covers(path) : grant.edition == edition;
    if (applies) rights |= grant.rights;
  }
  return rights;
}

}  // namespace firth::access
