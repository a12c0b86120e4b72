// What this door keeps in the catalog besides tables: organizations, projects, services, what it
// knows of users, memberships, invitations, tickets. Each is a small JSON record by number; names
// lead to numbers. Rights on projects and tables are the engine's grants and not kept here.
#pragma once

#include <nlohmann/json.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/clock.h"
#include "firth/common/path.h"
#include "firth/common/random.h"
#include "firth/doors/beneath/ids.h"

namespace firth::doors::beneath {

using Json = nlohmann::json;

/// Kinds of records: the part of a value's name behind "beneath/".
inline constexpr char kOrganizations[] = "organization";
inline constexpr char kProjects[] = "project";
inline constexpr char kServices[] = "service";  // by principal
inline constexpr char kUsers[] = "user";        // by principal
inline constexpr char kTickets[] = "ticket";
inline constexpr char kLimits[] = "limit";  // of a personal secret, by the principal it stands for

/// Changes that are made together, or not at all.
class FactChanges {
 public:
  void Put(std::string_view kind, int64_t number, const Json& record);
  void Remove(std::string_view kind, int64_t number);
  /// Let `name` in `scope` mean `number`. Someone who was faster makes the changes fail.
  void TakeName(std::string_view kind, int64_t scope, std::string_view name, int64_t number);
  void DropName(std::string_view kind, int64_t scope, std::string_view name);
  /// A record of two things: a membership, an invitation.
  void PutPair(std::string_view kind, int64_t first, int64_t second, const Json& record);
  void RemovePair(std::string_view kind, int64_t first, int64_t second);

  const std::vector<catalog::ValueChange>& values() const { return changes_; }

 private:
  std::vector<catalog::ValueChange> changes_;
};

inline constexpr char kMembers[] = "member";  // organization, principal: {view, create, admin}
inline constexpr char kInvites[] = "invite";  // the same

/// Thread-safe. Reads go to the catalog, which answers from memory.
class Facts {
 public:
  /// Read, or make, what identifies this store.
  static Result<std::unique_ptr<Facts>> Open(catalog::Catalog* catalog, const Clock* clock,
                                             Random* random);

  const Ids& ids() const { return *ids_; }
  /// 32 random bytes that never change: what the door signs with.
  const std::string& key() const { return key_; }
  Result<int64_t> NewNumber();
  int64_t NowNs() const { return clock_->NowNs(); }

  /// The record, or null.
  Result<Json> Get(std::string_view kind, int64_t number);
  Result<std::optional<int64_t>> FindName(std::string_view kind, int64_t scope,
                                          std::string_view name);
  /// Numbers by name, in order of the names.
  Result<std::vector<std::pair<std::string, int64_t>>> ListNames(std::string_view kind,
                                                                 int64_t scope);
  Result<Json> GetPair(std::string_view kind, int64_t first, int64_t second);
  Result<std::vector<std::pair<int64_t, Json>>> ListPairs(std::string_view kind, int64_t first);
  /// Remove records of a kind that were made before `before_ns`.
  Status ForgetOld(std::string_view kind, int64_t before_ns);
  /// Error kConflict when a name was taken meanwhile.
  Status Apply(const FactChanges& changes);

 private:
  Facts(catalog::Catalog* catalog, const Clock* clock) : catalog_(catalog), clock_(clock) {}

  catalog::Catalog* const catalog_;
  const Clock* const clock_;
  std::unique_ptr<Ids> ids_;
  std::string key_;
};

}  // namespace firth::doors::beneath
