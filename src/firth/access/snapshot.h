// Everybody's rights, as they stand: an immutable picture of the catalog's rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/ids.h"
#include "firth/common/path.h"
#include "firth/common/status.h"

namespace firth::access {

/// One principal with all that belongs to it.
struct Principal {
  catalog::PrincipalRow row;
  uint32_t rights = 0;  // of its role, everywhere
  std::vector<catalog::SecretRow> secrets;
  std::vector<catalog::GrantRow> grants;
};

class Snapshot {
 public:
  /// Read the rows.
  static Result<std::shared_ptr<const Snapshot>> Read(catalog::Catalog* catalog);

  /// Each null if there is none.
  const Principal* Find(PrincipalId id) const;
  const Principal* Find(std::string_view name) const;
  /// The owner of the secret with this digest.
  const Principal* FindByDigest(const std::string& digest) const;

  const std::vector<Principal>& all() const { return principals_; }  // by id
  size_t secrets() const { return by_digest_.size(); }

 private:
  std::vector<Principal> principals_;
  std::unordered_map<PrincipalId, size_t> by_id_;  // indices in principals_
  std::unordered_map<std::string, size_t> by_name_;
  std::unordered_map<std::string, size_t> by_digest_;
};

/// The rights that a principal has on `path`, or on that edition of it: one pass over its grants.
uint32_t RightsOf(const Principal& principal, const Path& path, EditionId edition);

}  // namespace firth::access
