// From an HTTP request to a call: which service, whose, and what it carries.
#pragma once

#include "firth/doors/aws/call.h"
#include "firth/table/database.h"

namespace firth::doors::aws {

/// The service that a request is for, as well as an unsigned or wrongly signed one can tell.
Service ServiceOf(const net::HttpRequest& request);

/// The key pair with which everybody may sign as the caller without credentials, whose rights are
/// what the configuration gives to those: the protocols know no request without a signature.
inline constexpr char kAnonymousKey[] = "anonymous";

/// Verify the signature and decode the body into `call`, whose request and service are set. Errors:
/// Faults of signing, and of the body's encoding.
Status SignIn(table::Database* database, Call* call);

}  // namespace firth::doors::aws
