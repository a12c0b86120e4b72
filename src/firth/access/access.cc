#include "firth/access/access.h"

#include <algorithm>
#include <array>
#include <utility>

#include "firth/access/secret_box.h"
#include "firth/access/snapshot.h"

namespace firth::access {
namespace {

constexpr size_t kSecretBytesMin = 8;
constexpr size_t kPrefixBytes = 4;
constexpr char kAnonymousName[] = "anonymous";
/// The description of the secret that PutPrincipal set.
constexpr char kSetSecret[] = "set with the principal";

constexpr std::array<std::pair<uint32_t, std::string_view>, 5> kRightNames = {
    {{kSee, "see"}, {kRead, "read"}, {kWrite, "write"}, {kCreate, "create"}, {kAdmin, "admin"}}};

std::string NamesOf(uint32_t rights) {
  std::string names;
  for (const auto& [right, name] : kRightNames) {
    if ((rights & right) == 0) continue;
    if (!names.empty()) names += ", ";
    names += name;
  }
  return names;
}

Status BadValue(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kBadValue, std::move(message));
}

Status UnknownSecret() {
  return Error(Code::kUnauthenticated, Reason::kUnknownSecret, "the name or secret is wrong");
}

Status NoPrincipal(std::string_view name) {
  return Error(Code::kNotFound, Reason::kBadValue,
               "there is no principal '" + std::string(name.substr(0, 64)) + "'");
}

class CatalogAccess : public Access {
 public:
  CatalogAccess(const AccessOptions& options, std::unique_ptr<SecretBox> box,
                std::shared_ptr<const Snapshot> snapshot, uint32_t anonymous_rights)
      : catalog_(options.catalog),
        random_(options.random),
        clock_(options.clock),
        anonymous_rights_(anonymous_rights),
        box_(std::move(box)),
        snapshot_(std::move(snapshot)) {}

  Result<Caller> SignInWithSecret(std::string_view secret) override;
  Result<Caller> SignInWithName(std::string_view name, std::string_view secret) override;
  Result<std::vector<std::string>> RevealSecrets(std::string_view name) override;
  Caller Anonymous() const override { return Caller{}; }

  Status Check(const Caller& caller, uint32_t rights, const Path& path, EditionId edition) override;
  uint32_t RightsOn(const Caller& caller, const Path& path, EditionId edition) override;

  Result<PrincipalId> PutPrincipal(const NewPrincipal& principal) override;
  Status RemovePrincipal(std::string_view name) override;
  Result<std::vector<catalog::PrincipalRow>> ListPrincipals() override;
  Result<std::string> IssueSecret(std::string_view name, std::string description) override;
  Status RevokeSecret(int64_t id) override;
  Result<std::vector<catalog::SecretRow>> ListSecrets(std::string_view name) override;
  Status Grant(std::string_view name, const Path& path, EditionId edition, uint32_t rights,
               std::string role) override;
  Result<std::vector<catalog::GrantRow>> ListGrants(std::string_view name) override;

 private:
  std::shared_ptr<const Snapshot> Now() const {
    std::lock_guard lock(snapshot_mutex_);
    return snapshot_;
  }
  /// Show the catalog's rows to the next check, whether or not the change before succeeded.
  Status Refresh(const Status& change);
  /// Store a secret of a principal, as one that was set or issued.
  Status AddSecret(PrincipalId principal, std::string_view secret, std::string description,
                   std::string prefix);

  catalog::Catalog* const catalog_;
  Random* const random_;
  const Clock* const clock_;
  const uint32_t anonymous_rights_;
  const std::unique_ptr<SecretBox> box_;
  std::mutex change_mutex_;  // one change at a time; taken before snapshot_mutex_
  mutable std::mutex snapshot_mutex_;
  std::shared_ptr<const Snapshot> snapshot_;  // guarded by snapshot_mutex_
};

Status CatalogAccess::Refresh(const Status& change) {
  ARROW_ASSIGN_OR_RAISE(auto snapshot, Snapshot::Read(catalog_));
  std::lock_guard lock(snapshot_mutex_);
  snapshot_ = std::move(snapshot);
  return change;
}

// --- Who calls

Result<Caller> CatalogAccess::SignInWithSecret(std::string_view secret) {
  const auto now = Now();
  const Principal* principal = now->FindByDigest(box_->Digest(secret));
  if (principal == nullptr) return UnknownSecret();
  return Caller{principal->row.id, principal->row.name, false};
}

Result<Caller> CatalogAccess::SignInWithName(std::string_view name, std::string_view secret) {
  // The digest is made before the name is looked up, so that an unknown name takes as long.
  const std::string digest = box_->Digest(secret);
  const auto now = Now();
  const Principal* principal = now->Find(name);
  bool matches = false;
  if (principal != nullptr) {
    for (const catalog::SecretRow& row : principal->secrets) {
      matches |= EqualInConstantTime(row.digest, digest);
    }
  }
  if (!matches) return UnknownSecret();
  return Caller{principal->row.id, principal->row.name, false};
}

Result<std::vector<std::string>> CatalogAccess::RevealSecrets(std::string_view name) {
  const auto now = Now();
  const Principal* principal = now->Find(name);
  if (principal == nullptr) return UnknownSecret();
  std::vector<std::string> secrets;
  for (const catalog::SecretRow& row : principal->secrets) {
    ARROW_ASSIGN_OR_RAISE(std::string secret, box_->Decrypt(row.encrypted));
    secrets.push_back(std::move(secret));
  }
  return secrets;
}

// --- What it may do

uint32_t CatalogAccess::RightsOn(const Caller& caller, const Path& path, EditionId edition) {
  if (caller.internal) return kAllRights;
  if (caller.principal == PrincipalId{0}) return anonymous_rights_;
  const auto now = Now();
  const Principal* principal = now->Find(caller.principal);
  return principal == nullptr ? 0 : RightsOf(*principal, path, edition);
}

Status CatalogAccess::Check(const Caller& caller, uint32_t rights, const Path& path,
                            EditionId edition) {
  const uint32_t missing = rights & ~RightsOn(caller, path, edition);
  if (missing == 0) return Status::OK();
  return Error(Code::kPermissionDenied, Reason::kNotAllowed,
               "'" + caller.name.substr(0, 64) + "' lacks the right to " + NamesOf(missing) +
                   " on '" + path.ToString() + "'");
}

// --- Changes

Status CatalogAccess::AddSecret(PrincipalId principal, std::string_view secret,
                                std::string description, std::string prefix) {
  catalog::SecretRow row;
  row.principal = principal;
  row.digest = box_->Digest(secret);
  row.encrypted = box_->Encrypt(secret);
  row.description = std::move(description);
  row.prefix = std::move(prefix);
  row.created_ns = clock_->NowNs();
  return catalog_->AddSecret(row).status();
}

Result<PrincipalId> CatalogAccess::PutPrincipal(const NewPrincipal& principal) {
  if (principal.name.empty()) return BadValue("a principal needs a name");
  if (principal.name == kAnonymousName) {
    return BadValue("the name 'anonymous' belongs to callers without credentials");
  }
  if (!principal.role.empty()) ARROW_RETURN_NOT_OK(RightsOfRole(principal.role).status());
  if (!principal.secret.empty() && principal.secret.size() < kSecretBytesMin) {
    return BadValue("a secret has at least " + std::to_string(kSecretBytesMin) + " characters");
  }
  std::lock_guard lock(change_mutex_);
  const auto now = Now();
  const Principal* const before = now->Find(principal.name);
  const std::string digest = box_->Digest(principal.secret);
  const Principal* const owner = principal.secret.empty() ? nullptr : now->FindByDigest(digest);
  if (owner != nullptr && owner != before) {
    return BadValue("the secret of '" + principal.name.substr(0, 64) +
                    "' is in use by another principal");
  }
  catalog::PrincipalRow row;
  if (before != nullptr) row = before->row;
  row.name = principal.name;
  if (!principal.kind.empty()) row.kind = principal.kind;
  if (!principal.role.empty()) row.role = principal.role;
  ARROW_ASSIGN_OR_RAISE(const PrincipalId id, catalog_->PutPrincipal(row));
  Status status;
  if (!principal.secret.empty() && owner == nullptr) {
    status = AddSecret(id, principal.secret, kSetSecret, "");
  }
  if (status.ok() && !principal.secret.empty() && before != nullptr) {
    // A secret that was set earlier is replaced; those that were issued stay.
    for (const catalog::SecretRow& old : before->secrets) {
      if (!status.ok() || old.description != kSetSecret || old.digest == digest) continue;
      status = catalog_->RemoveSecret(old.id);
    }
  }
  ARROW_RETURN_NOT_OK(Refresh(status));
  return id;
}

Status CatalogAccess::RemovePrincipal(std::string_view name) {
  std::lock_guard lock(change_mutex_);
  const auto now = Now();
  const Principal* principal = now->Find(name);
  if (principal == nullptr) return NoPrincipal(name);
  return Refresh(catalog_->RemovePrincipal(principal->row.id));
}

Result<std::vector<catalog::PrincipalRow>> CatalogAccess::ListPrincipals() {
  std::vector<catalog::PrincipalRow> rows;
  const auto now = Now();
  for (const Principal& principal : now->all()) rows.push_back(principal.row);
  return rows;
}

Result<std::string> CatalogAccess::IssueSecret(std::string_view name, std::string description) {
  std::lock_guard lock(change_mutex_);
  const auto now = Now();
  const Principal* principal = now->Find(name);
  if (principal == nullptr) return NoPrincipal(name);
  if (description == kSetSecret) return BadValue("this description is taken");
  std::string secret = MakeSecret(random_, principal->row.kind == "service");
  ARROW_RETURN_NOT_OK(Refresh(AddSecret(principal->row.id, secret, std::move(description),
                                        secret.substr(0, kPrefixBytes))));
  return secret;
}

Status CatalogAccess::RevokeSecret(int64_t id) {
  std::lock_guard lock(change_mutex_);
  return Refresh(catalog_->RemoveSecret(id));
}

Result<std::vector<catalog::SecretRow>> CatalogAccess::ListSecrets(std::string_view name) {
  const auto now = Now();
  const Principal* principal = now->Find(name);
  if (principal == nullptr) return NoPrincipal(name);
  std::vector<catalog::SecretRow> rows = principal->secrets;
  for (catalog::SecretRow& row : rows) {
    row.digest.clear();
    row.encrypted.clear();
  }
  return rows;
}

Status CatalogAccess::Grant(std::string_view name, const Path& path, EditionId edition,
                            uint32_t rights, std::string role) {
  if ((rights & ~static_cast<uint32_t>(kAllRights)) != 0) {
    return BadValue("there are no such rights: " + std::to_string(rights));
  }
  std::lock_guard lock(change_mutex_);
  const auto now = Now();
  const Principal* principal = now->Find(name);
  if (principal == nullptr) return NoPrincipal(name);
  return Refresh(catalog_->PutGrant({principal->row.id, path, edition, rights, std::move(role)}));
}

Result<std::vector<catalog::GrantRow>> CatalogAccess::ListGrants(std::string_view name) {
  const auto now = Now();
  const Principal* principal = now->Find(name);
  if (principal == nullptr) return NoPrincipal(name);
  return principal->grants;
}

}  // namespace

Result<uint32_t> RightsOfRole(std::string_view role) {
  if (role == "admin") return kAllRights;
  if (role == "writer") return kSee | kRead | kWrite | kCreate;
  if (role == "reader") return kSee | kRead;
  if (role == "none") return 0;
  return BadValue("there is no role '" + std::string(role.substr(0, 64)) +
                  "': it is one of admin, writer, reader, none");
}

Caller Internal() {
  return Caller{PrincipalId{0}, "firth", true};
}

Result<std::unique_ptr<Access>> Access::Open(const AccessOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const uint32_t anonymous_rights, RightsOfRole(options.anonymous_role));
  ARROW_ASSIGN_OR_RAISE(auto snapshot, Snapshot::Read(options.catalog));
  ARROW_ASSIGN_OR_RAISE(const bool has_key, options.files->Exists(kKeyFile));
  if (!has_key) {
    if (snapshot->secrets() > 0) {
      return Error(Code::kDataLoss, Reason::kFileMissing,
                   std::string(kKeyFile) + " is missing, but the catalog holds secrets under it:" +
                       " restore the file from a backup");
    }
    ARROW_RETURN_NOT_OK(SecretBox::MakeKeyFile(options.files, options.random));
  }
  ARROW_ASSIGN_OR_RAISE(auto box, SecretBox::Open(options.files, options.random));
  return std::make_unique<CatalogAccess>(options, std::move(box), std::move(snapshot),
                                         anonymous_rights);
}

}  // namespace firth::access
