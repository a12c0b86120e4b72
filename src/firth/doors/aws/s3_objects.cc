// Objects: get, put, copy, delete.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "firth/common/text.h"
#include "firth/doors/aws/byte_range.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/s3.h"
#include "firth/doors/aws/xml.h"

namespace firth::doors::aws {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{4} << 20;
constexpr int64_t kDayNs = int64_t{24} * 3600 * 1'000'000'000;
/// What clients upload to be ingested goes a week after a job can have ended.
constexpr int64_t kIngestLifetimeNs = 8 * kDayNs;
constexpr char kChecksumPrefix[] = "checksum-";

std::string Quoted(const std::string& tag) {
  return "\"" + tag + "\"";
}

/// Is `tag` in the list of an If-Match or If-None-Match header?
bool Names(std::string_view header, const std::string& tag) {
  return header == "*" || header.find(tag) != std::string_view::npos;
}

std::optional<net::HttpResponse> Precondition(const Call& call, const work::ObjectInfo& object,
                                              Status* refused) {
  const std::string_view match = call.request->Header("if-match");
  if (!match.empty() && !Names(match, object.tag)) {
    *refused = Fault("PreconditionFailed", "the object is not the one that If-Match names");
    return std::nullopt;
  }
  const std::string_view none = call.request->Header("if-none-match");
  if (none.empty() || !Names(none, object.tag)) return std::nullopt;
  net::HttpResponse answer;
  answer.status = 304;
  answer.headers.emplace_back("ETag", Quoted(object.tag));
  return answer;
}

void AddFacts(const Call& call, const work::ObjectInfo& object, bool partial,
              net::HttpResponse* answer) {
  answer->content_type = "binary/octet-stream";
  for (const auto& [name, value] : object.metadata) {
    if (name.starts_with(kChecksumPrefix)) {
      if (partial || call.request->Header("x-amz-checksum-mode") != "ENABLED") continue;
      answer->headers.emplace_back("x-amz-" + name, value);
    } else if (name == "content-type") {
      answer->content_type = value;
    } else {
      answer->headers.emplace_back(name, value);
    }
  }
  answer->headers.emplace_back("ETag", Quoted(object.tag));
  answer->headers.emplace_back("Last-Modified", HttpTime(object.modified_ns));
  answer->headers.emplace_back("Accept-Ranges", "bytes");
}

/// Answers may be told what to say of themselves, as browsers need it.
Status OverrideFacts(const Call& call, net::HttpResponse* answer) {
  for (const auto& [name, value] : call.query) {
    if (!name.starts_with("response-")) continue;
    const std::string header = name.substr(sizeof "response-" - 1);
    if (header == "content-type") answer->content_type = value;
    if (header == "content-disposition" || header == "content-encoding" ||
        header == "cache-control" || header == "content-language" || header == "expires") {
      answer->headers.emplace_back(header, value);
    }
  }
  return Status::OK();
}

work::PutCondition ConditionOf(const Call& call) {
  work::PutCondition condition;
  condition.if_absent = call.request->Header("if-none-match") == "*";
  std::string match(call.request->Header("if-match"));
  std::erase(match, '"');
  if (!match.empty()) condition.if_tag = match;
  return condition;
}

}  // namespace

Status S3::CheckWritable(const Call& call, const std::string& bucket) const {
  const auto owned = instances_->FindBucket(bucket);
  if (owned.has_value() && owned->role == BucketRole::kConfig) {
    return Fault("AccessDenied", "an instance's configuration is read-only");
  }
  return Check(call.caller, access::kWrite, bucket);
}

Result<net::HttpResponse> S3::GetProperties(const Call& call, const Target&,
                                            const std::string& instance) const {
  std::string base = instances_->url();
  if (base.empty()) base = "http://" + std::string(call.request->Header("host"));
  net::HttpResponse answer;
  answer.content_type = "text/plain; charset=utf-8";
  const std::string text = instances_->Properties(instance, base);
  ARROW_ASSIGN_OR_RAISE(const ByteRange range,
                        ReadByteRange(call.request->Header("range"), text.size()));
  answer.body = text.substr(range.begin, range.end - range.begin);
  if (range.partial) {
    answer.status = 206;
    answer.headers.emplace_back(
        "Content-Range", fmt::format("bytes {}-{}/{}", range.begin, range.end - 1, text.size()));
  }
  answer.headers.emplace_back("ETag", Quoted(ToHex(DigestOf("md5", text))));
  answer.headers.emplace_back("Last-Modified", HttpTime(0));
  answer.headers.emplace_back("Accept-Ranges", "bytes");
  return answer;
}

Result<net::HttpResponse> S3::GetObject(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, target.bucket));
  const auto owned = instances_->FindBucket(target.bucket);
  if (owned.has_value() && owned->role == BucketRole::kConfig && IsPropertiesKey(target.key)) {
    return GetProperties(call, target, owned->instance);
  }
  ARROW_ASSIGN_OR_RAISE(const work::ObjectInfo object, objects_->Get(target.bucket, target.key));
  Status refused;
  if (auto unchanged = Precondition(call, object, &refused)) return std::move(*unchanged);
  ARROW_RETURN_NOT_OK(refused);
  ARROW_ASSIGN_OR_RAISE(const ByteRange range,
                        ReadByteRange(call.request->Header("range"), object.bytes));
  net::HttpResponse answer;
  AddFacts(call, object, range.partial, &answer);
  ARROW_RETURN_NOT_OK(OverrideFacts(call, &answer));
  if (range.partial) {
    answer.status = 206;
    answer.headers.emplace_back(
        "Content-Range", fmt::format("bytes {}-{}/{}", range.begin, range.end - 1, object.bytes));
  }
  answer.stream_bytes = static_cast<int64_t>(range.end - range.begin);
  answer.stream = [objects = objects_, object, at = range.begin,
                   end = range.end]() mutable -> Result<std::string> {
    const uint64_t count = std::min(kPieceBytes, end - at);
    if (count == 0) return std::string();
    ARROW_ASSIGN_OR_RAISE(const auto bytes, objects->Read(object, at, count));
    at += count;
    return bytes->ToString();
  };
  return answer;
}

Result<net::HttpResponse> S3::PutObject(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(CheckWritable(call, target.bucket));
  ARROW_RETURN_NOT_OK(objects_->GetContainer(target.bucket).status());
  work::NewObject object{.container = target.bucket, .key = target.key};
  ARROW_ASSIGN_OR_RAISE(object.metadata, MetadataOf(call));
  BodyFacts facts;
  ARROW_ASSIGN_OR_RAISE(work::StagedObject staged, StageBody(call, &facts));
  object.tag = facts.md5_hex;
  const auto owned = instances_->FindBucket(target.bucket);
  if (owned.has_value() && target.key.starts_with("for_ingest/")) {
    object.expires_ns = database_->clock().NowNs() + kIngestLifetimeNs;
  }
  net::HttpResponse answer = XmlAnswer("");
  for (const auto& [name, value] : facts.checksums) {
    object.metadata[kChecksumPrefix + name] = value;
    answer.headers.emplace_back("x-amz-checksum-" + name, value);
  }
  staged.object = std::move(object);
  const Status published = objects_->Publish({staged}, {}, ConditionOf(call)).status();
  objects_->DiscardRefused(staged, published);
  ARROW_RETURN_NOT_OK(published);
  answer.headers.emplace_back("ETag", Quoted(facts.md5_hex));
  return answer;
}

Result<work::StagedObject> S3::StageBody(const Call& call, BodyFacts* facts) const {
  if (call.taken != nullptr) return call.taken->Finish(facts);
  ARROW_ASSIGN_OR_RAISE(*facts, VerifyBody(call));
  work::StagedObject staged;
  ARROW_RETURN_NOT_OK(objects_->Append(&staged, AsBytes(call.body)));
  return staged;
}

Result<std::string> S3::CopyBytes(const work::ObjectInfo& source, uint64_t begin, uint64_t end,
                                  work::StagedObject* staged) const {
  const auto digest = MakeDigest("md5");
  const auto copy = [&]() -> Status {
    for (uint64_t at = begin; at < end;) {
      const uint64_t count = std::min(kPieceBytes, end - at);
      ARROW_ASSIGN_OR_RAISE(const auto bytes, objects_->Read(source, at, count));
      digest->Update(std::string_view(*bytes));
      ARROW_RETURN_NOT_OK(objects_->Append(
          staged, Bytes(reinterpret_cast<const std::byte*>(bytes->data()), count)));
      at += count;
    }
    return Status::OK();
  };
  const Status copied = copy();
  if (copied.ok()) return ToHex(digest->Finish());
  objects_->Discard(*staged);
  return copied;
}

bool S3::HasObjectBody(const net::HttpRequest& request) {
  if (request.method != "PUT" || !request.Header("x-amz-copy-source").empty()) return false;
  const size_t slash = request.path.find('/', 1);
  return slash != std::string::npos && slash + 1 < request.path.size();
}

Status S3::CheckObjectBody(const Call& call) const {
  ARROW_ASSIGN_OR_RAISE(const Target target, TargetOf(call));
  ARROW_RETURN_NOT_OK(CheckWritable(call, target.bucket));
  const std::string* upload = call.Find("uploadId");
  if (upload != nullptr) return objects_->GetUpload(target.bucket, target.key, *upload).status();
  return objects_->GetContainer(target.bucket).status();
}

Result<work::ObjectInfo> S3::CopySource(const Call& call) const {
  auto source = net::PercentDecode(call.request->Header("x-amz-copy-source"));
  if (!source.ok()) return Fault("InvalidArgument", "x-amz-copy-source cannot be decoded");
  std::string_view text = *source;
  if (const size_t version = text.find("?versionId="); version != std::string_view::npos) {
    return Fault("NotImplemented", "objects have no versions here");
  }
  if (text.starts_with('/')) text.remove_prefix(1);
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return Fault("InvalidArgument", "x-amz-copy-source is BUCKET/KEY");
  }
  const std::string bucket(text.substr(0, slash));
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, bucket));
  return objects_->Get(bucket, std::string(text.substr(slash + 1)));
}

Result<net::HttpResponse> S3::CopyObject(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(CheckWritable(call, target.bucket));
  ARROW_ASSIGN_OR_RAISE(const work::ObjectInfo source, CopySource(call));
  work::StagedObject staged;
  staged.object = {.container = target.bucket,
                   .key = target.key,
                   .tag = source.tag,
                   .metadata = source.metadata};
  if (call.request->Header("x-amz-metadata-directive") == "REPLACE") {
    ARROW_ASSIGN_OR_RAISE(staged.object.metadata, MetadataOf(call));
    for (const auto& [name, value] : source.metadata) {
      if (name.starts_with(kChecksumPrefix)) staged.object.metadata[name] = value;
    }
  }
  ARROW_RETURN_NOT_OK(CopyBytes(source, 0, source.bytes, &staged).status());
  const auto made = objects_->Publish({staged}, {}, ConditionOf(call));
  objects_->DiscardRefused(staged, made.status());
  ARROW_RETURN_NOT_OK(made.status());
  XmlWriter xml;
  xml.Open("CopyObjectResult", kS3Namespace);
  xml.Text("LastModified", IsoTime(made->front().modified_ns));
  xml.Text("ETag", Quoted(made->front().tag));
  return XmlAnswer(xml.Finish());
}

Result<net::HttpResponse> S3::DeleteObject(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(CheckWritable(call, target.bucket));
  ARROW_RETURN_NOT_OK(objects_->GetContainer(target.bucket).status());
  ARROW_RETURN_NOT_OK(objects_->Remove(target.bucket, target.key));
  net::HttpResponse answer;
  answer.status = 204;
  return answer;
}

}  // namespace firth::doors::aws
