// Who makes a call: the credentials in its metadata.
#pragma once

#include <grpcpp/support/string_ref.h>

#include <map>
#include <string>
#include <string_view>

#include "firth/access/access.h"
#include "firth/common/status.h"

namespace firth::doors::flight {

/// A call's metadata, as gRPC's server contexts give it.
using CallMetadata = std::multimap<grpc::string_ref, grpc::string_ref>;

/// The caller by `authorization: Bearer SECRET`, by `authorization: Basic` with name:secret in
/// base64, or by the token of a handshake (`auth-token-bin: SECRET`); anonymous with none of them.
/// Errors: kUnknownSecret, kInvalidArgument for an authorization of another kind.
Result<access::Caller> SignIn(access::Access* access, const CallMetadata& metadata);

/// A secret that signs in, given in the metadata as above; "" if there is none.
Result<std::string> SecretIn(access::Access* access, const CallMetadata& metadata);

}  // namespace firth::doors::flight
