#include "firth/doors/btrdb/call.h"

#include <cctype>

namespace firth::doors::btrdb {
namespace {

constexpr char kInvalidKey[] = "invalid api key";
constexpr std::string_view kScheme = "bearer ";

}  // namespace

grpc::Status SignIn(const grpc::ServerContextBase& context, table::Database* database,
                    access::Caller* caller) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found == metadata.end()) {
    *caller = database->access()->Anonymous();
    // Where nothing is open to everybody, a key is needed for any call.
    if (database->access()->RightsOn(*caller, Path{}) != 0) return grpc::Status::OK;
    return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, kInvalidKey);
  }
  const std::string_view header(found->second.data(), found->second.size());
  bool bearer = header.size() > kScheme.size();
  for (size_t i = 0; bearer && i < kScheme.size(); ++i) {
    bearer = std::tolower(static_cast<unsigned char>(header[i])) == kScheme[i];
  }
  if (bearer) {
    auto signed_in = database->access()->SignInWithSecret(header.substr(kScheme.size()));
    if (signed_in.ok()) {
      *caller = *signed_in;
      return grpc::Status::OK;
    }
  }
  return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, kInvalidKey);
}

}  // namespace firth::doors::btrdb
