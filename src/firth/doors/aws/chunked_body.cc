#include "firth/doors/aws/chunked_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/errors.h"
#include "firth/doors/aws/signature.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kLineBytesMax = 4096;
constexpr size_t kTrailersMax = 16;

Status Broken(std::string_view why) {
  return Fault("InvalidRequest", fmt::format("the aws-chunked body is broken: {}", why));
}

Result<uint64_t> ParseLength(std::string_view digits) {
  if (digits.empty() || digits.size() > 12) return Broken("a chunk's length is no hex number");
  uint64_t value = 0;
  for (const char c : digits) {
    const int lower = std::tolower(static_cast<unsigned char>(c));
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      value = value * 16 + static_cast<uint64_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<uint64_t>(lower - 'a' + 10);
    } else {
      return Broken("a chunk's length is no hex number");
    }
  }
  return value;
}

}  // namespace

void ChunkDecoder::BeginChunk() {
  state_ = State::kLength;
  if (!signing_.signing_key.empty()) digest_ = MakeDigest("sha256");
}

Status ChunkDecoder::Update(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    if (state_ == State::kData) {
      const std::string_view run = bytes.substr(0, std::min<uint64_t>(left_, bytes.size()));
      if (digest_ != nullptr) digest_->Update(run);
      ARROW_RETURN_NOT_OK(take(run));
      left_ -= run.size();
      bytes.remove_prefix(run.size());
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const size_t end = bytes.find('\n');
    const std::string_view run = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
    if (line_.size() + run.size() > kLineBytesMax) return Broken("a line has no end");
    line_ += run;
    bytes.remove_prefix(run.size());
    if (end == std::string_view::npos) break;
    if (!line_.ends_with("\r\n")) return Broken("a line has no end");
    const std::string line = std::exchange(line_, {});
    ARROW_RETURN_NOT_OK(TakeLine(std::string_view(line).substr(0, line.size() - 2)));
  }
  return Status::OK();
}

Status ChunkDecoder::Finish() const {
  if (state_ != State::kTrailers) return Broken("it ends within a chunk");
  if (!line_.empty()) return Broken("a line has no end");
  if (!signing_.signing_key.empty() && !trailers_.empty() && !trailers_signed_) {
    return Broken("its trailing headers are not signed");
  }
  return Status::OK();
}

Status ChunkDecoder::TakeLine(std::string_view line) {
  switch (state_) {
    case State::kLength:
      return TakeLength(line);
    case State::kDataEnd:
      if (!line.empty()) return Broken("a chunk is not followed by a line end");
      return EndChunk();
    case State::kTrailers:
      return TakeTrailer(line);
    case State::kData:
      break;
  }
  return Broken("a line is where bytes should be");
}

Status ChunkDecoder::TakeLength(std::string_view line) {
  ARROW_ASSIGN_OR_RAISE(left_, ParseLength(line.substr(0, line.find(';'))));
  if (digest_ != nullptr) {
    constexpr std::string_view kName = ";chunk-signature=";
    const size_t at = line.find(kName);
    if (at == std::string_view::npos) return Broken("a chunk is not signed");
    given_ = line.substr(at + kName.size());
  }
  last_ = left_ == 0;
  state_ = State::kData;
  return last_ ? EndChunk() : Status::OK();
}

Status ChunkDecoder::EndChunk() {
  if (digest_ != nullptr) {
    const std::string text =
        fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", signing_.time, signing_.scope,
                    previous_, Sha256Hex(""), ToHex(digest_->Finish()));
    const std::string expected = SignText(signing_.signing_key, text);
    if (!EqualsConstantTime(expected, given_)) {
      return Fault("SignatureDoesNotMatch", "a chunk's signature is not that of its bytes");
    }
    previous_ = expected;
  }
  if (last_) {
    state_ = State::kTrailers;
  } else {
    BeginChunk();
  }
  return Status::OK();
}

Status ChunkDecoder::TakeTrailer(std::string_view line) {
  if (line.empty()) return Status::OK();
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return Broken("a trailing header has no colon");
  if (trailers_signed_) return Broken("a trailing header follows their signature");
  if (trailers_.size() == kTrailersMax) return Broken("it has too many trailing headers");
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "x-amz-trailer-signature") return CheckTrailers(value);
  signed_trailers_ += name + ":" + std::string(value) + "\n";
  trailers_.emplace_back(std::move(name), std::string(value));
  return Status::OK();
}

Status ChunkDecoder::CheckTrailers(std::string_view given) {
  trailers_signed_ = true;
  if (signing_.signing_key.empty()) return Status::OK();
  const std::string text = fmt::format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}", signing_.time,
                                       signing_.scope, previous_, Sha256Hex(signed_trailers_));
  if (EqualsConstantTime(SignText(signing_.signing_key, text), given)) return Status::OK();
  return Fault("SignatureDoesNotMatch", "the signature of the trailing headers is wrong");
}

Result<ChunkedBody> DecodeChunkedBody(const std::string& body, const ChunkSigning& signing) {
  ChunkedBody out;
  out.bytes.reserve(body.size());
  ChunkDecoder decoder(signing);
  ARROW_RETURN_NOT_OK(decoder.Update(body, [&](std::string_view run) {
    out.bytes += run;
    return Status::OK();
  }));
  ARROW_RETURN_NOT_OK(decoder.Finish());
  out.trailers = decoder.trailers();
  return out;
}

}  // namespace firth::doors::aws
