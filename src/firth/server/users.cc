#include "firth/server/users.h"

#include <algorithm>
#include <array>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/server/data_folder.h"

namespace firth::server {
namespace {

std::string RandomSecret(Random* random) {
  std::array<std::byte, 24> bytes;
  random->Fill(bytes);
  return "firth_" + ToHex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// The secret is on disk before the user exists: were it the other way round, a crash between the
/// two would leave an administrator whom nobody can be.
Status MakeAdministrator(const Config& config, access::Access* access, Random* random) {
  const std::string secret = RandomSecret(random);
  const std::string path = config.data + "/" + kAdminSecretFile;
  ARROW_RETURN_NOT_OK(WritePrivateFile(path, secret + "\n"));
  access::NewPrincipal admin;
  admin.name = "admin";
  admin.role = "admin";
  admin.secret = secret;
  ARROW_RETURN_NOT_OK(access->PutPrincipal(admin).status());
  logging::Info("server", "there was no administrator: made 'admin', whose secret is in {}", path);
  return Status::OK();
}

}  // namespace

Status PutUsers(const Config& config, access::Access* access, Random* random) {
  for (const auto& user : config.users) {
    access::NewPrincipal principal;
    principal.name = user.name;
    principal.role = user.role;
    principal.secret = user.secret;
    const auto put = access->PutPrincipal(principal);
    if (!put.ok()) {
      return Error(CodeOf(put.status()), ReasonOf(put.status()),
                   "[[user]] '" + user.name + "': " + MessageOf(put.status()));
    }
  }
  if (config.dev) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto principals, access->ListPrincipals());
  const bool has_administrator =
      std::any_of(principals.begin(), principals.end(),
                  [](const auto& principal) { return principal.role == "admin"; });
  return has_administrator ? Status::OK() : MakeAdministrator(config, access, random);
}

}  // namespace firth::server
