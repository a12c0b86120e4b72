// Bodies in the `aws-chunked` encoding: chunks with or without a signature, then trailing headers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "firth/common/status.h"

namespace firth::doors::aws {

/// What signed chunks are checked with; without a key, signatures are not looked at.
struct ChunkSigning {
  std::string signing_key;
  std::string time;  // of the request
  std::string scope;
  std::string seed_signature;  // that of the request
};

struct ChunkedBody {
  std::string bytes;
  std::vector<std::pair<std::string, std::string>> trailers;  // names in lower case
};

/// Takes hostile bytes. Errors: Fault InvalidRequest for what breaks the encoding, Fault
/// SignatureDoesNotMatch for a chunk whose signature is wrong.
Result<ChunkedBody> DecodeChunkedBody(const std::string& body, const ChunkSigning& signing);

}  // namespace firth::doors::aws
