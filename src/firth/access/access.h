// Who may do what: principals, their secrets, their grants, and one check a request.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/ids.h"
#include "firth/common/path.h"
#include "firth/common/random.h"
#include "firth/common/status.h"

namespace firth::access {

/// Rights, as a set.
enum Right : uint32_t {
  kSee = 1,
  kRead = 2,
  kWrite = 4,
  kCreate = 8,
  kAdmin = 16,
  kAllRights = 31,
};

/// The roles that name sets of rights on everything: admin (all), writer (see, read, write,
/// create), reader (see, read), none.
Result<uint32_t> RightsOfRole(std::string_view role);

/// Who makes a call. A value: it says who it is, not what it may do, so that a change of rights
/// binds the next request.
struct Caller {
  PrincipalId principal{0};  // 0: without credentials
  std::string name = "anonymous";
  bool internal = false;  // the engine itself
};

/// The caller that is the engine: views, retention, the embedder of a library.
Caller Internal();

struct AccessOptions {
  catalog::Catalog* catalog = nullptr;
  store::FileSystem* files = nullptr;  // holds the key file, `access.key`
  Random* random = nullptr;
  const Clock* clock = nullptr;
  std::string anonymous_role = "none";
};

struct NewPrincipal {
  std::string name;
  std::string kind = "user";  // empty: as it is, and of a new one `user`
  std::string role = "none";  // empty: as it is, and of a new one `none`
  std::string secret;         // empty: as they are
};

/// Thread-safe. Checks are answered from memory; changes are durable and in force on return.
class Access {
 public:
  static Result<std::unique_ptr<Access>> Open(const AccessOptions& options);
  virtual ~Access() = default;

  /// The caller that a bearer secret belongs to. Error kUnknownSecret.
  virtual Result<Caller> SignInWithSecret(std::string_view secret) = 0;
  /// The caller `name`, if `secret` is one of its secrets. The same error for an unknown name and a
  /// wrong secret.
  virtual Result<Caller> SignInWithName(std::string_view name, std::string_view secret) = 0;
  /// The secrets of `name` themselves, for protocols whose check needs them (request signatures).
  virtual Result<std::vector<std::string>> RevealSecrets(std::string_view name) = 0;
  virtual Caller Anonymous() const = 0;

  /// May `caller` do all of `rights` on `path` (or on that edition of it)? Rights come from its
  /// role, and from grants on the path, on a path above it, and on the edition. Error kNotAllowed
  /// names the right that is missing.
  virtual Status Check(const Caller& caller, uint32_t rights, const Path& path,
                       EditionId edition = EditionId{0}) = 0;
  /// The rights that `caller` has there.
  virtual uint32_t RightsOn(const Caller& caller, const Path& path,
                            EditionId edition = EditionId{0}) = 0;

  /// Create or update a principal by name; what is empty stays, also where two calls at once give
  /// different things. A secret replaces the one that an earlier call set; issued ones stay.
  /// Errors: kBadValue for a secret of fewer than 8 characters or one that another principal has,
  /// for an unknown role, an empty name or `anonymous`.
  virtual Result<PrincipalId> PutPrincipal(const NewPrincipal& principal) = 0;
  virtual Status RemovePrincipal(std::string_view name) = 0;
  virtual Result<std::vector<catalog::PrincipalRow>> ListPrincipals() = 0;
  /// Make a random secret for `name`; it is shown once.
  virtual Result<std::string> IssueSecret(std::string_view name, std::string description) = 0;
  virtual Status RevokeSecret(int64_t id) = 0;
  /// Without digests and without the secrets themselves.
  virtual Result<std::vector<catalog::SecretRow>> ListSecrets(std::string_view name) = 0;
  /// Add (or with no rights remove) the grant of `role` (or bare `rights`) to `name` on `path`.
  virtual Status Grant(std::string_view name, const Path& path, EditionId edition, uint32_t rights,
                       std::string role) = 0;
  virtual Result<std::vector<catalog::GrantRow>> ListGrants(std::string_view name) = 0;
};

}  // namespace firth::access
