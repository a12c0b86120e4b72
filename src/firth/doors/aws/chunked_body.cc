#include "firth/doors/aws/chunked_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

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

class Decoder {
 public:
  Decoder(const std::string& body, const ChunkSigning& signing)
      : rest_(body), signing_(signing), previous_(signing.seed_signature) {}

  Result<ChunkedBody> Run() {
    ChunkedBody out;
    out.bytes.reserve(rest_.size());
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const std::string_view line, Line());
      ARROW_ASSIGN_OR_RAISE(const uint64_t length, Length(line));
      if (length > rest_.size()) return Broken("a chunk is longer than the body");
      const std::string_view chunk = rest_.substr(0, length);
      rest_.remove_prefix(length);
      ARROW_RETURN_NOT_OK(Check(line, chunk));
      if (length == 0) break;
      if (!rest_.starts_with("\r\n")) return Broken("a chunk is not followed by a line end");
      rest_.remove_prefix(2);
      out.bytes.append(chunk);
    }
    ARROW_RETURN_NOT_OK(ReadTrailers(&out));
    return out;
  }

 private:
  Result<std::string_view> Line() {
    const size_t end = rest_.substr(0, kLineBytesMax).find("\r\n");
    if (end == std::string_view::npos) return Broken("a line has no end");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 2);
    return line;
  }

  static Result<uint64_t> Length(std::string_view line) {
    const std::string_view digits = line.substr(0, line.find(';'));
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

  Status Check(std::string_view line, std::string_view chunk) {
    if (signing_.signing_key.empty()) return Status::OK();
    constexpr std::string_view kName = ";chunk-signature=";
    const size_t at = line.find(kName);
    if (at == std::string_view::npos) return Broken("a chunk is not signed");
    const std::string_view given = line.substr(at + kName.size());
    const std::string text =
        fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", signing_.time, signing_.scope,
                    previous_, Sha256Hex(""), Sha256Hex(chunk));
    const std::string expected = SignText(signing_.signing_key, text);
    if (!EqualsConstantTime(expected, given)) {
      return Fault("SignatureDoesNotMatch", "a chunk's signature is not that of its bytes");
    }
    previous_ = expected;
    return Status::OK();
  }

  Status ReadTrailers(ChunkedBody* out) {
    std::string signed_text;
    while (!rest_.empty()) {
      ARROW_ASSIGN_OR_RAISE(const std::string_view line, Line());
      if (line.empty()) continue;
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) return Broken("a trailing header has no colon");
      if (out->trailers.size() == kTrailersMax) return Broken("it has too many trailing headers");
      std::string name(line.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      std::string_view value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      if (name == "x-amz-trailer-signature") {
        ARROW_RETURN_NOT_OK(CheckTrailers(signed_text, value));
        continue;
      }
      signed_text += name + ":" + std::string(value) + "\n";
      out->trailers.emplace_back(std::move(name), std::string(value));
    }
    return Status::OK();
  }

  Status CheckTrailers(const std::string& signed_text, std::string_view given) const {
    if (signing_.signing_key.empty()) return Status::OK();
    const std::string text = fmt::format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}", signing_.time,
                                         signing_.scope, previous_, Sha256Hex(signed_text));
    if (EqualsConstantTime(SignText(signing_.signing_key, text), given)) return Status::OK();
    return Fault("SignatureDoesNotMatch", "the signature of the trailing headers is wrong");
  }

  std::string_view rest_;
  const ChunkSigning& signing_;
  std::string previous_;
};

}  // namespace

Result<ChunkedBody> DecodeChunkedBody(const std::string& body, const ChunkSigning& signing) {
  return Decoder(body, signing).Run();
}

}  // namespace firth::doors::aws
