// From an HTTP request to a call: which service, whose, and what it carries.
#pragma once

#include <cstdint>
#include <string>

#include "firth/doors/aws/call.h"
#include "firth/doors/aws/chunked_body.h"
#include "firth/table/database.h"

namespace firth::doors::aws {

/// The service that a request is for, as well as an unsigned or wrongly signed one can tell.
Service ServiceOf(const net::HttpRequest& request);

/// The key pair with which everybody may sign as the caller without credentials, whose rights are
/// what the configuration gives to those: the protocols know no request without a signature.
inline constexpr char kAnonymousKey[] = "anonymous";

/// How the body proves that it is what was signed.
struct BodyProof {
  enum class Kind { kNone, kHash, kChunks };
  Kind kind = Kind::kNone;
  std::string hash;      // SHA-256 in hex of the bytes as they come
  ChunkSigning signing;  // of chunks
};

/// Verify the signature of the headers of `call`, whose request and service are set: whose it is.
/// Errors: Faults of signing.
Status SignInHead(table::Database* database, Call* call, BodyProof* proof);

/// The same, and decode the body into `call`. Errors: also of the body's encoding.
Status SignIn(table::Database* database, Call* call);

Status WrongBodyHash();
/// Is the decoded body as long as the request announces? Fault IncompleteBody.
Status CheckDecodedLength(const net::HttpRequest& request, uint64_t bytes);

}  // namespace firth::doors::aws
