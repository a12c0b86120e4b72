// Bodies in the `aws-chunked` encoding: chunks with or without a signature, then trailing headers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/aws/digests.h"

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

/// Decodes a body as its bytes come. Takes hostile bytes and holds a line of them at most. Errors:
/// Fault InvalidRequest for what breaks the encoding, Fault SignatureDoesNotMatch for a chunk whose
/// signature is wrong, which is known at the chunk's end: until Finish, what was given out is not
/// to be believed. After an error no more calls.
class ChunkDecoder {
 public:
  using Take = std::function<Status(std::string_view)>;

  explicit ChunkDecoder(ChunkSigning signing)
      : signing_(std::move(signing)), previous_(signing_.seed_signature) {
    BeginChunk();
  }
  /// The next bytes; what they carry is given to `take`.
  Status Update(std::string_view bytes, const Take& take);
  /// There are no more.
  Status Finish() const;
  /// Trailing headers so far; names in lower case.
  const std::vector<std::pair<std::string, std::string>>& trailers() const { return trailers_; }

 private:
  enum class State { kLength, kData, kDataEnd, kTrailers };
  void BeginChunk();
  Status TakeLine(std::string_view line);
  Status TakeLength(std::string_view line);
  Status TakeTrailer(std::string_view line);
  Status EndChunk();
  Status CheckTrailers(std::string_view given);

  const ChunkSigning signing_;
  State state_ = State::kLength;
  std::string line_;   // what came of it
  uint64_t left_ = 0;  // of the chunk
  bool last_ = false;
  std::string given_;               // the chunk's signature
  std::unique_ptr<Digest> digest_;  // of the chunk, if it is signed
  std::string previous_;
  std::string signed_trailers_;
  bool trailers_signed_ = false;
  std::vector<std::pair<std::string, std::string>> trailers_;
};

/// The same of a whole body.
Result<ChunkedBody> DecodeChunkedBody(const std::string& body, const ChunkSigning& signing);

}  // namespace firth::doors::aws
