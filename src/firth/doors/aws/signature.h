// Version 4 signatures of requests: in a header, or in the query of a presigned address.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "firth/common/status.h"
#include "firth/net/http_server.h"

namespace firth::doors::aws {

/// What a request says of its signature.
struct Signature {
  std::string access_key;
  std::string date;  // yyyymmdd
  std::string region;
  std::string service;  // s3, sqs, dynamodb, sts, execute-api
  std::vector<std::string> signed_headers;
  std::string signature;     // hex
  std::string time;          // yyyymmddThhmmssZ
  std::string payload_hash;  // as it is signed
  bool presigned = false;
  int64_t expires_s = 0;  // presigned

  std::string Scope() const { return date + "/" + region + "/" + service + "/aws4_request"; }
};

/// Does the request carry a signature at all?
bool IsSigned(const net::HttpRequest& request);

/// Read it. Errors: Fault AuthorizationHeaderMalformed.
Result<Signature> ReadSignature(const net::HttpRequest& request);

/// Does `signature` sign `request` with `secret`, at `now_ns`? Errors: Fault RequestTimeTooSkewed,
/// SignatureDoesNotMatch. On success `*signing_key` is the key of the day, for signed chunks.
Status VerifySignature(const net::HttpRequest& request, const Signature& signature,
                       const std::string& secret, int64_t now_ns, std::string* signing_key);

/// HMAC of the text that is signed: for requests, and for chunks of a streamed body.
std::string SignText(const std::string& signing_key, const std::string& text);

/// `yyyymmddThhmmssZ` of a time, and back. Error kInvalidArgument.
std::string FormatAmzTime(int64_t ns);
Result<int64_t> ParseAmzTime(const std::string& text);

}  // namespace firth::doors::aws
