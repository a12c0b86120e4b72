// Who asks, and what they may do here. Rights on projects and tables are the engine's grants; that
// a role elsewhere opens everything does not count for projects made at this door, whose rights are
// stored by user.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "firth/common/path.h"
#include "firth/doors/beneath/facts.h"
#include "firth/table/database.h"

namespace firth::doors::beneath {

struct Requester {
  enum class Kind { kAnonymous, kUser, kService };
  Kind kind = Kind::kAnonymous;
  access::Caller caller;  // of a personal secret with limits: the user whose it is
  bool master = false;
  bool read_only = false;    // the secret may not change anything
  bool public_only = false;  // the secret opens only what is public

  bool IsLimited() const { return read_only || public_only; }
  bool IsUser() const { return kind == Kind::kUser; }
  int64_t principal() const { return caller.principal.value; }
};

struct ProjectRights {
  bool view = false;
  bool create = false;
  bool admin = false;
};
struct TableRights {
  bool read = false;
  bool write = false;
};

/// Thread-safe. Every answer is of now.
class Rights {
 public:
  Rights(table::Database* database, Facts* facts) : database_(database), facts_(facts) {}

  /// `header`: of the authorization, "" without one. Error kUnauthenticated begins with
  /// "authentication error".
  Result<Requester> SignIn(std::string_view header);

  /// Rights on a project made at this door. `shared`: do they come from more than its being public?
  ProjectRights OnProject(const Requester& who, const Path& path, bool is_public,
                          bool* shared = nullptr);
  Result<TableRights> OnTable(const Requester& who, const Path& path);

  /// The engine's rights for a project's flags, and back.
  static uint32_t Bits(const ProjectRights& rights);
  static ProjectRights FromBits(uint32_t rights);

 private:
  /// What a principal is here. Kept: that an administrator makes something else of one is heeded
  /// from the next start on.
  struct Known {
    Requester::Kind kind = Requester::Kind::kAnonymous;  // kAnonymous: it is gone
    access::Caller owner;                                // of a secret with limits
    bool read_only = false;
    bool public_only = false;
  };

  uint32_t Granted(const Requester& who, const Path& path);
  Result<Known> KnownOf(PrincipalId principal);
  Result<Known> LimitedSecret(PrincipalId principal);

  table::Database* const database_;
  Facts* const facts_;
  std::mutex mutex_;
  std::unordered_map<PrincipalId, Known> known_;  // guarded by mutex_
};

/// The kind of principals that stand for a personal secret with limits: rights are its user's.
inline constexpr char kLimitedSecretKind[] = "limited secret";

/// The project record that a table's path belongs to, or null if this door made none there.
Result<Json> ProjectOfTable(Facts* facts, const Path& path);

}  // namespace firth::doors::beneath
