// The first requests of a connection: which versions are served, and SASL/PLAIN.
#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/connection.h"
#include "firth/doors/fluss/messages.h"

namespace firth::doors::fluss {
namespace {

bool IsPlain(std::string_view mechanism) {
  constexpr std::string_view kPlain = "plain";
  return std::equal(
      mechanism.begin(), mechanism.end(), kPlain.begin(), kPlain.end(),
      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

struct PlainToken {
  std::string_view authorization;
  std::string_view user;
  std::string_view password;
};

/// RFC 4616: three parts with a NUL byte between each two.
Result<PlainToken> ReadPlainToken(std::string_view token) {
  const size_t first = token.find('\0');
  const size_t second = first == token.npos ? token.npos : token.find('\0', first + 1);
  if (second == token.npos || token.find('\0', second + 1) != token.npos) {
    return Refusal(Wire::kAuthentication,
                   "a PLAIN token has three parts: authorization id, user name and password");
  }
  return PlainToken{.authorization = token.substr(0, first),
                    .user = token.substr(first + 1, second - first - 1),
                    .password = token.substr(second + 1)};
}

Status SignIn(const Request& request, const pb::AuthenticateRequest& in) {
  Connection& connection = request.connection();
  if (!connection.signs_in()) {
    return Refusal(Wire::kAuthentication,
                   "this listener takes no sign-in: its callers are anonymous");
  }
  if (!IsPlain(in.protocol())) {
    return Refusal(Wire::kAuthentication, "the only mechanism is PLAIN");
  }
  // Some clients answer a successful exchange with one more, empty token.
  if (in.token().empty() && connection.signed_in()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const PlainToken token, ReadPlainToken(in.token()));
  if (token.user.empty()) return Refusal(Wire::kAuthentication, "the user name is empty");
  if (token.password.empty()) return Refusal(Wire::kAuthentication, "the password is empty");
  if (!token.authorization.empty() && token.authorization != token.user) {
    return Refusal(Wire::kAuthentication, "a user signs in as nobody else");
  }
  const auto caller = request.database().access()->SignInWithName(token.user, token.password);
  if (!caller.ok()) {
    return Refusal(Wire::kAuthentication, "Authentication failed: Invalid username or password");
  }
  connection.SignIn(*caller);
  return Status::OK();
}

}  // namespace

void ServeApiVersions(const RequestPtr& request) {
  pb::ApiVersionsRequest in;
  if (!request->Parse(&in)) return;
  request->connection().ReadsOlderSchemas();
  pb::ApiVersionsAnswer out;
  for (const Api& api : AllApis()) {
    auto* version = out.add_versions();
    version->set_key(api.key);
    version->set_min(api.version_min);
    version->set_max(api.version_max);
  }
  request->Answer(out);
}

void ServeAuthenticate(const RequestPtr& request) {
  // The answer has no challenge: one would make clients send another token.
  Unary<pb::AuthenticateRequest, pb::AuthenticateAnswer>(
      request, [](const Request& asked, const pb::AuthenticateRequest& in,
                  pb::AuthenticateAnswer*) { return SignIn(asked, in); });
}

}  // namespace firth::doors::fluss
