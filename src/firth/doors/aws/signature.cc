#include "firth/doors/aws/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <ctime>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/errors.h"

namespace firth::doors::aws {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSkewMaxNs = int64_t{15} * 60 * kSecondNs;
constexpr int64_t kExpiresMaxS = int64_t{7} * 24 * 3600;

using Pairs = std::vector<std::pair<std::string, std::string>>;

Status Malformed(std::string why) {
  return Fault("AuthorizationHeaderMalformed", "the request's signature cannot be read: " + why);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// KEY/DATE/REGION/SERVICE/aws4_request; the key may hold slashes.
Status ReadCredential(std::string_view credential, Signature* signature) {
  std::vector<std::string> parts = Split(credential, '/');
  if (parts.size() < 5 || parts.back() != "aws4_request") {
    return Malformed("a credential is KEY/DATE/REGION/SERVICE/aws4_request");
  }
  const size_t n = parts.size();
  signature->service = parts[n - 2];
  signature->region = parts[n - 3];
  signature->date = parts[n - 4];
  signature->access_key = parts[0];
  for (size_t i = 1; i < n - 4; ++i) signature->access_key += "/" + parts[i];
  return Status::OK();
}

Status ReadHeaderForm(std::string_view text, Signature* signature) {
  text.remove_prefix(kAlgorithm.size());
  for (const std::string& part : Split(text, ',')) {
    const std::string_view field = Trim(part);
    const size_t equals = field.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = field.substr(0, equals);
    const std::string_view value = field.substr(equals + 1);
    if (name == "Credential") ARROW_RETURN_NOT_OK(ReadCredential(value, signature));
    if (name == "SignedHeaders") signature->signed_headers = Split(value, ';');
    if (name == "Signature") signature->signature = value;
  }
  return Status::OK();
}

Status ReadQueryForm(const net::HttpRequest& request, Signature* signature) {
  ARROW_ASSIGN_OR_RAISE(const Pairs query, net::ParseQuery(request.query));
  signature->presigned = true;
  for (const auto& [name, value] : query) {
    if (name == "X-Amz-Credential") ARROW_RETURN_NOT_OK(ReadCredential(value, signature));
    if (name == "X-Amz-SignedHeaders") signature->signed_headers = Split(value, ';');
    if (name == "X-Amz-Signature") signature->signature = value;
    if (name == "X-Amz-Date") signature->time = value;
    if (name == "X-Amz-Expires") {
      const auto seconds = ParseInt64(value);
      if (!seconds.ok() || *seconds < 1 || *seconds > kExpiresMaxS) {
        return Malformed("X-Amz-Expires is 1 to 604800 seconds");
      }
      signature->expires_s = *seconds;
    }
  }
  if (signature->expires_s == 0) return Malformed("X-Amz-Expires is missing");
  return Status::OK();
}

/// All values of a header, as they are signed: trimmed, runs of spaces folded.
std::string CanonicalValue(const net::HttpRequest& request, const std::string& name) {
  std::string joined;
  bool first = true;
  for (const auto& [key, value] : request.headers) {
    if (Lower(key) != name) continue;
    if (!std::exchange(first, false)) joined += ',';
    bool space = false;
    for (const char c : Trim(value)) {
      if (c == ' ' && space) continue;
      space = c == ' ';
      joined += c;
    }
  }
  return joined;
}

/// The query as it is signed: by encoded name, then value. `as_sent`: trust the client's encoding.
std::string CanonicalQuery(const net::HttpRequest& request, bool as_sent) {
  Pairs pairs;
  for (const std::string& part : Split(request.query, '&')) {
    if (part.empty()) continue;
    const size_t equals = std::min(part.find('='), part.size());
    std::string name = part.substr(0, equals);
    std::string value = part.substr(std::min(equals + 1, part.size()));
    if (name == "X-Amz-Signature") continue;
    if (!as_sent) {
      name = UriEncode(net::PercentDecode(name).ValueOr(name), true);
      value = UriEncode(net::PercentDecode(value).ValueOr(value), true);
    }
    pairs.emplace_back(std::move(name), std::move(value));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string text;
  for (const auto& [name, value] : pairs) {
    text += (text.empty() ? "" : "&") + name + "=" + value;
  }
  return text;
}

std::string CanonicalPath(const net::HttpRequest& request, const Signature& signature,
                          bool as_sent) {
  std::string path = request.path.empty() ? "/" : request.path;
  if (signature.service != "s3") return as_sent ? UriEncode(path, false) : path;
  return as_sent ? path : UriEncode(net::PercentDecode(path).ValueOr(path), false);
}

std::string CanonicalRequest(const net::HttpRequest& request, const Signature& signature,
                             bool as_sent) {
  std::string text = request.method + "\n" + CanonicalPath(request, signature, as_sent) + "\n" +
                     CanonicalQuery(request, as_sent) + "\n";
  std::string names;
  for (const std::string& name : signature.signed_headers) {
    text += name + ":" + CanonicalValue(request, name) + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  return text + "\n" + names + "\n" + signature.payload_hash;
}

Status CheckTime(const Signature& signature, int64_t now_ns) {
  const auto signed_ns = ParseAmzTime(signature.time);
  if (!signed_ns.ok()) return Malformed("its time is not yyyymmddThhmmssZ");
  if (!signature.time.starts_with(signature.date)) {
    return Malformed("the credential's date is not that of the request");
  }
  const bool early = *signed_ns - now_ns > kSkewMaxNs;
  const bool late =
      now_ns - *signed_ns > (signature.presigned ? signature.expires_s * kSecondNs : kSkewMaxNs);
  if (late && signature.presigned)
    return Fault("AccessDenied", "the presigned address has expired");
  if (early || late) {
    return Fault("RequestTimeTooSkewed",
                 "the request's time and the server's differ by more than 15 minutes");
  }
  return Status::OK();
}

}  // namespace

bool IsSigned(const net::HttpRequest& request) {
  return request.Header("authorization").starts_with(kAlgorithm) ||
         request.query.find("X-Amz-Signature=") != std::string::npos;
}

Result<Signature> ReadSignature(const net::HttpRequest& request) {
  Signature signature;
  const std::string_view header = request.Header("authorization");
  if (header.starts_with(kAlgorithm)) {
    ARROW_RETURN_NOT_OK(ReadHeaderForm(header, &signature));
    signature.time = request.Header("x-amz-date");
  } else {
    ARROW_RETURN_NOT_OK(ReadQueryForm(request, &signature));
  }
  if (signature.access_key.empty() || signature.signature.empty()) {
    return Malformed("it has no Credential or no Signature");
  }
  const auto& names = signature.signed_headers;
  if (std::find(names.begin(), names.end(), "host") == names.end()) {
    return Malformed("the header `host` is not signed");
  }
  if (names.size() > 100) return Malformed("more than 100 headers are signed");
  if (signature.service == "s3") {
    signature.payload_hash = request.Header("x-amz-content-sha256");
    if (signature.payload_hash.empty()) signature.payload_hash = kUnsigned;
  } else {
    signature.payload_hash = Sha256Hex(request.body);
  }
  return signature;
}

Status VerifySignature(const net::HttpRequest& request, const Signature& signature,
                       const std::string& secret, int64_t now_ns, std::string* signing_key) {
  ARROW_RETURN_NOT_OK(CheckTime(signature, now_ns));
  std::string key = HmacSha256("AWS4" + secret, signature.date);
  for (const std::string& part :
       {signature.region, signature.service, std::string("aws4_request")}) {
    key = HmacSha256(key, part);
  }
  // Clients differ in what they encode; a request is good if it is signed in either spelling.
  for (const bool as_sent : {true, false}) {
    const std::string canonical = CanonicalRequest(request, signature, as_sent);
    const std::string text = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, signature.time,
                                         signature.Scope(), Sha256Hex(canonical));
    if (EqualsConstantTime(SignText(key, text), signature.signature)) {
      *signing_key = std::move(key);
      return Status::OK();
    }
  }
  return Fault("SignatureDoesNotMatch",
               "the signature is not that of this request under the secret of its key");
}

std::string SignText(const std::string& signing_key, const std::string& text) {
  return ToHex(HmacSha256(signing_key, text));
}

std::string FormatAmzTime(int64_t ns) {
  const std::time_t seconds = ns / kSecondNs;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Result<int64_t> ParseAmzTime(const std::string& text) {
  const auto bad = [] {
    return Error(Code::kInvalidArgument, Reason::kBadValue, "a time is not yyyymmddThhmmssZ");
  };
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return bad();
  const auto number = [&](size_t at, size_t digits) -> int {
    int value = 0;
    for (size_t i = at; i < at + digits; ++i) {
      if (text[i] < '0' || text[i] > '9') return -1;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  std::tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(4, 2) - 1;
  parts.tm_mday = number(6, 2);
  parts.tm_hour = number(9, 2);
  parts.tm_min = number(11, 2);
  parts.tm_sec = number(13, 2);
  if (parts.tm_year < 70 || parts.tm_year > 250 || parts.tm_mon < 0 || parts.tm_mon > 11 ||
      parts.tm_mday < 1 || parts.tm_mday > 31 || parts.tm_hour < 0 || parts.tm_hour > 23 ||
      parts.tm_min < 0 || parts.tm_min > 59 || parts.tm_sec < 0 || parts.tm_sec > 60) {
    return bad();
  }
  return static_cast<int64_t>(timegm(&parts)) * kSecondNs;
}

}  // namespace firth::doors::aws
