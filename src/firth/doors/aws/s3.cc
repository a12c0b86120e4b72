#include "firth/doors/aws/s3.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kMetadataBytesMax = 8 << 10;
constexpr char kMetaPrefix[] = "x-amz-meta-";

/// Sub-resources of S3 that are not here: asked for, they are refused instead of being overlooked.
constexpr std::array<std::string_view, 24> kUnknown{"acl",
                                                    "policy",
                                                    "policyStatus",
                                                    "tagging",
                                                    "cors",
                                                    "lifecycle",
                                                    "encryption",
                                                    "notification",
                                                    "replication",
                                                    "website",
                                                    "logging",
                                                    "requestPayment",
                                                    "accelerate",
                                                    "analytics",
                                                    "inventory",
                                                    "metrics",
                                                    "object-lock",
                                                    "publicAccessBlock",
                                                    "ownershipControls",
                                                    "retention",
                                                    "legal-hold",
                                                    "torrent",
                                                    "restore",
                                                    "select"};

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (size_t i = 0; i < prefix.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(text[i])) != prefix[i]) return false;
  }
  return true;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

}  // namespace

net::HttpResponse XmlAnswer(std::string body) {
  net::HttpResponse answer;
  answer.content_type = "application/xml";
  answer.body = std::move(body);
  return answer;
}

std::string IsoTime(int64_t ns) {
  const std::time_t seconds = ns / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text;
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", std::string_view(text.data(), length), ns / 1'000'000 % 1000);
}

std::string HttpTime(int64_t ns) {
  const std::time_t seconds = ns / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays.at(static_cast<size_t>(parts.tm_wday)), parts.tm_mday,
                     kMonths.at(static_cast<size_t>(parts.tm_mon)), parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Result<std::map<std::string, std::string>> MetadataOf(const Call& call) {
  std::map<std::string, std::string> metadata;
  size_t bytes = 0;
  for (const auto& [name, value] : call.request->headers) {
    const std::string lower = Lower(name);
    const bool stored = StartsWithIgnoringCase(name, kMetaPrefix) || lower == "content-type" ||
                        lower == "content-encoding" || lower == "content-language" ||
                        lower == "content-disposition" || lower == "cache-control" ||
                        lower == "expires";
    if (!stored) continue;
    std::string kept = value;
    if (lower == "content-encoding") {  // how the body travelled is no fact of the object
      const size_t at = kept.find("aws-chunked");
      if (at != std::string::npos) kept.erase(at, sizeof "aws-chunked" - 1);
      while (!kept.empty() && (kept.front() == ',' || kept.front() == ' ')) kept.erase(0, 1);
      while (!kept.empty() && (kept.back() == ',' || kept.back() == ' ')) kept.pop_back();
      if (kept.empty()) continue;
    }
    if (!IsUtf8(kept)) return Fault("InvalidArgument", "the header " + lower + " is not UTF-8");
    bytes += lower.size() + kept.size();
    metadata[lower] = std::move(kept);
  }
  if (bytes > kMetadataBytesMax) {
    return Fault("MetadataTooLarge", "an object's metadata has at most 8 KiB");
  }
  return metadata;
}

Status S3::Check(const access::Caller& caller, uint32_t rights, const std::string& bucket) const {
  const auto owned = instances_->FindBucket(bucket);
  const Path path{{owned.has_value() ? owned->instance : bucket}};
  return database_->access()->Check(caller, rights, path);
}

Result<S3::Target> S3::TargetOf(const Call& call) const {
  auto path = net::PercentDecode(call.request->path);
  if (!path.ok() || !IsUtf8(*path) || path->find('\0') != std::string::npos) {
    return Fault("InvalidURI", "the path cannot be decoded");
  }
  std::string_view rest = *path;
  while (rest.starts_with('/') && rest.size() == path->size()) rest.remove_prefix(1);
  const size_t slash = std::min(rest.find('/'), rest.size());
  Target target;
  target.bucket = rest.substr(0, slash);
  target.key = rest.substr(std::min(slash + 1, rest.size()));
  if (!target.bucket.empty() && !IsBucketName(target.bucket)) {
    return Fault("InvalidBucketName", "'" + target.bucket.substr(0, 64) + "' is no bucket's name");
  }
  if (target.key.size() > work::kObjectKeyBytesMax) {
    return Fault("KeyTooLongError", "a key has at most 1024 bytes");
  }
  return target;
}

Result<net::HttpResponse> S3::Answer(const Call& call) const {
  for (const auto& [name, value] : call.query) {
    if (std::find(kUnknown.begin(), kUnknown.end(), name) != kUnknown.end()) {
      return Fault("NotImplemented", "this server has no sub-resource '" + name + "'");
    }
  }
  ARROW_ASSIGN_OR_RAISE(const Target target, TargetOf(call));
  if (target.bucket.empty()) return AnswerService(call);
  if (target.key.empty()) return AnswerBucket(call, target.bucket);
  return AnswerObject(call, target);
}

Result<net::HttpResponse> S3::AnswerService(const Call& call) const {
  if (call.request->method == "GET") return ListBuckets(call);
  return Fault("MethodNotAllowed", "only GET is answered here");
}

Result<net::HttpResponse> S3::AnswerBucket(const Call& call, const std::string& bucket) const {
  const std::string& method = call.request->method;
  if (method == "GET") {
    if (call.Find("location") != nullptr) return BucketLocation(call, bucket);
    if (call.Find("uploads") != nullptr) return ListUploads(call, bucket);
    if (call.Find("versioning") != nullptr || call.Find("versions") != nullptr) {
      return Fault("NotImplemented", "objects have no versions here");
    }
    return ListObjects(call, bucket);
  }
  if (method == "HEAD") return HeadBucket(call, bucket);
  if (method == "PUT" && call.Find("versioning") == nullptr) return CreateBucket(call, bucket);
  if (method == "DELETE") return DeleteBucket(call, bucket);
  if (method == "POST" && call.Find("delete") != nullptr) return DeleteObjects(call, bucket);
  return Fault("NotImplemented", "this server does not have that operation on buckets");
}

Result<net::HttpResponse> S3::AnswerObject(const Call& call, const Target& target) const {
  const std::string& method = call.request->method;
  const bool upload = call.Find("uploadId") != nullptr;
  if (method == "GET" && upload) return ListParts(call, target);
  if (method == "GET" || method == "HEAD") return GetObject(call, target);
  if (method == "PUT" && upload) return UploadPart(call, target);
  if (method == "PUT" && !call.request->Header("x-amz-copy-source").empty()) {
    return CopyObject(call, target);
  }
  if (method == "PUT") return PutObject(call, target);
  if (method == "DELETE" && upload) return AbortUpload(call, target);
  if (method == "DELETE") return DeleteObject(call, target);
  if (method == "POST" && call.Find("uploads") != nullptr) return CreateUpload(call, target);
  if (method == "POST" && upload) return CompleteUpload(call, target);
  return Fault("MethodNotAllowed", "this server does not have that operation on objects");
}

}  // namespace firth::doors::aws
