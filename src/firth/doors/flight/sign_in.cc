#include "firth/doors/flight/sign_in.h"

#include <arrow/util/base64.h>

#include <cctype>
#include <optional>

namespace firth::doors::flight {
namespace {

constexpr std::string_view kBearer = "bearer ";
constexpr std::string_view kBasic = "basic ";

struct Credentials {
  std::optional<std::string> name;  // absent: the secret says who it is
  std::string secret;
};

std::optional<std::string_view> Find(const CallMetadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::nullopt;
  return std::string_view(found->second.data(), found->second.size());
}

bool StartsWithWord(std::string_view text, std::string_view word) {
  if (text.size() < word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(text[i])) != word[i]) return false;
  }
  return true;
}

Status Malformed() {
  return Error(Code::kUnauthenticated, Reason::kUnknownSecret,
               "`authorization` is `Bearer SECRET`, or `Basic` and NAME:SECRET in base64");
}

Result<std::optional<Credentials>> CredentialsIn(const CallMetadata& metadata) {
  if (const auto header = Find(metadata, "authorization")) {
    if (StartsWithWord(*header, kBearer)) {
      return Credentials{std::nullopt, std::string(header->substr(kBearer.size()))};
    }
    if (!StartsWithWord(*header, kBasic)) return Malformed();
    const auto decoded = arrow::util::base64_decode(header->substr(kBasic.size()));
    if (!decoded.ok()) return Malformed();
    const size_t colon = decoded->find(':');
    if (colon == std::string::npos) return Malformed();
    return Credentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
  }
  if (const auto token = Find(metadata, "auth-token-bin"); token && !token->empty()) {
    return Credentials{std::nullopt, std::string(*token)};
  }
  return std::nullopt;
}

Result<access::Caller> CallerOf(access::Access* access, const Credentials& credentials) {
  return credentials.name ? access->SignInWithName(*credentials.name, credentials.secret)
                          : access->SignInWithSecret(credentials.secret);
}

}  // namespace

Result<access::Caller> SignIn(access::Access* access, const CallMetadata& metadata) {
  ARROW_ASSIGN_OR_RAISE(const auto credentials, CredentialsIn(metadata));
  if (!credentials) return access->Anonymous();
  return CallerOf(access, *credentials);
}

Result<std::string> SecretIn(access::Access* access, const CallMetadata& metadata) {
  ARROW_ASSIGN_OR_RAISE(const auto credentials, CredentialsIn(metadata));
  if (!credentials) return std::string();
  ARROW_RETURN_NOT_OK(CallerOf(access, *credentials).status());
  return credentials->secret;
}

}  // namespace firth::doors::flight
