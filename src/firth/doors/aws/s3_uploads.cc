// Uploads in parts.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/s3.h"
#include "firth/doors/aws/xml.h"

namespace firth::doors::aws {
namespace {

/// All parts but the last have at least this many bytes, when there is more than one.
constexpr uint64_t kPartBytesMin = uint64_t{5} << 20;
constexpr int64_t kIngestLifetimeNs = int64_t{8} * 24 * 3600 * 1'000'000'000;

std::string Unquoted(std::string text) {
  std::erase(text, '"');
  return text;
}

Result<int> PartNumber(const std::string& text) {
  const auto number = ParseInt64(text);
  if (!number.ok() || *number < 1 || *number > work::kUploadPartsMax) {
    return Fault("InvalidArgument",
                 fmt::format("a part's number is 1 to {}", work::kUploadPartsMax));
  }
  return static_cast<int>(*number);
}

/// The parts that a request chose, in its order, as they were sent.
Result<std::vector<work::PartInfo>> Choose(const XmlRequest& request,
                                           const std::vector<work::PartInfo>& sent) {
  std::vector<work::PartInfo> chosen;
  for (const XmlItem& item : request.items) {
    ARROW_ASSIGN_OR_RAISE(const int number, PartNumber(item.Find("PartNumber")));
    if (!chosen.empty() && number <= chosen.back().number) {
      return Fault("InvalidPartOrder", "the parts' numbers do not rise");
    }
    const auto part = std::find_if(sent.begin(), sent.end(),
                                   [&](const auto& one) { return one.number == number; });
    if (part == sent.end() || part->tag != Unquoted(item.Find("ETag"))) {
      return Fault("InvalidPart", fmt::format("part {} was not sent with that ETag", number));
    }
    chosen.push_back(*part);
  }
  if (chosen.empty()) return Fault("MalformedXML", "an upload ends with at least one part");
  for (size_t i = 0; i + 1 < chosen.size(); ++i) {
    if (chosen[i].bytes() < kPartBytesMin) {
      return Fault("EntityTooSmall",
                   fmt::format("part {} has {} bytes; all but the last have at least {}",
                               chosen[i].number, chosen[i].bytes(), kPartBytesMin));
    }
  }
  return chosen;
}

std::string TagOf(const std::vector<work::PartInfo>& parts) {
  std::string digests;
  for (const auto& part : parts) digests += FromHex(part.tag).ValueOr("");
  return fmt::format("{}-{}", ToHex(DigestOf("md5", digests)), parts.size());
}

}  // namespace

Result<net::HttpResponse> S3::CreateUpload(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(CheckWritable(call, target.bucket));
  work::NewObject object{.container = target.bucket, .key = target.key};
  ARROW_ASSIGN_OR_RAISE(object.metadata, MetadataOf(call));
  if (instances_->FindBucket(target.bucket).has_value() && target.key.starts_with("for_ingest/")) {
    object.expires_ns = database_->clock().NowNs() + kIngestLifetimeNs;
  }
  ARROW_ASSIGN_OR_RAISE(const auto upload, objects_->BeginUpload(object));
  XmlWriter xml;
  xml.Open("InitiateMultipartUploadResult", kS3Namespace);
  xml.Text("Bucket", target.bucket);
  xml.Text("Key", target.key);
  xml.Text("UploadId", upload.id);
  net::HttpResponse answer = XmlAnswer(xml.Finish());
  for (const std::string_view header : {"x-amz-checksum-algorithm", "x-amz-checksum-type"}) {
    const std::string_view value = call.request->Header(header);
    if (!value.empty()) answer.headers.emplace_back(header, value);
  }
  return answer;
}

Result<net::HttpResponse> S3::UploadPart(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(CheckWritable(call, target.bucket));
  ARROW_ASSIGN_OR_RAISE(const int number, PartNumber(call.Get("partNumber")));
  ARROW_ASSIGN_OR_RAISE(const auto upload,
                        objects_->GetUpload(target.bucket, target.key, call.Get("uploadId")));
  if (!call.request->Header("x-amz-copy-source").empty()) {
    ARROW_ASSIGN_OR_RAISE(const work::ObjectInfo source, CopySource(call));
    uint64_t begin = 0;
    uint64_t end = source.bytes;
    std::string_view range = call.request->Header("x-amz-copy-source-range");
    if (!range.empty()) {
      if (!range.starts_with("bytes=")) return Fault("InvalidArgument", "a range is bytes=A-B");
      range.remove_prefix(6);
      const size_t dash = std::min(range.find('-'), range.size() - 1);
      const auto first = ParseInt64(range.substr(0, dash));
      const auto last = ParseInt64(range.substr(dash + 1));
      if (!first.ok() || !last.ok() || *first < 0 || *last < *first ||
          static_cast<uint64_t>(*last) >= source.bytes) {
        return Fault("InvalidRange", "the range does not lie within the source");
      }
      begin = static_cast<uint64_t>(*first);
      end = static_cast<uint64_t>(*last) + 1;
    }
    work::StagedObject staged;
    ARROW_ASSIGN_OR_RAISE(const std::string tag, CopyBytes(source, begin, end, &staged));
    const Status put = objects_->PutPart(upload, {.number = number, .tag = tag}, staged).status();
    objects_->DiscardRefused(staged, put);
    ARROW_RETURN_NOT_OK(put);
    XmlWriter xml;
    xml.Open("CopyPartResult", kS3Namespace);
    xml.Text("LastModified", IsoTime(database_->clock().NowNs()));
    xml.Text("ETag", "\"" + tag + "\"");
    return XmlAnswer(xml.Finish());
  }
  BodyFacts facts;
  ARROW_ASSIGN_OR_RAISE(const work::StagedObject staged, StageBody(call, &facts));
  work::PartInfo part{.number = number, .tag = facts.md5_hex, .metadata = facts.checksums};
  const Status put = objects_->PutPart(upload, std::move(part), staged).status();
  objects_->DiscardRefused(staged, put);
  ARROW_RETURN_NOT_OK(put);
  net::HttpResponse answer = XmlAnswer("");
  answer.headers.emplace_back("ETag", "\"" + facts.md5_hex + "\"");
  for (const auto& [name, value] : facts.checksums) {
    answer.headers.emplace_back("x-amz-checksum-" + name, value);
  }
  return answer;
}

Result<net::HttpResponse> S3::CompleteUpload(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(CheckWritable(call, target.bucket));
  ARROW_ASSIGN_OR_RAISE(const XmlRequest request, ParseXml(call.body, "CompleteMultipartUpload",
                                                           "Part", work::kUploadPartsMax));
  ARROW_ASSIGN_OR_RAISE(const auto upload,
                        objects_->GetUpload(target.bucket, target.key, call.Get("uploadId")));
  ARROW_ASSIGN_OR_RAISE(const auto sent, objects_->ListParts(upload));
  ARROW_ASSIGN_OR_RAISE(const auto parts, Choose(request, sent));
  work::PutCondition condition;
  condition.if_absent = call.request->Header("if-none-match") == "*";
  const std::string tag = TagOf(parts);
  ARROW_RETURN_NOT_OK(
      objects_->EndUpload(upload, parts, tag, upload.object.metadata, condition).status());
  XmlWriter xml;
  xml.Open("CompleteMultipartUploadResult", kS3Namespace);
  xml.Text("Location", fmt::format("http://{}/{}/{}", call.request->Header("host"), target.bucket,
                                   UriEncode(target.key, false)));
  xml.Text("Bucket", target.bucket);
  xml.Text("Key", target.key);
  xml.Text("ETag", "\"" + tag + "\"");
  return XmlAnswer(xml.Finish());
}

Result<net::HttpResponse> S3::AbortUpload(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(CheckWritable(call, target.bucket));
  ARROW_ASSIGN_OR_RAISE(const auto upload,
                        objects_->GetUpload(target.bucket, target.key, call.Get("uploadId")));
  ARROW_RETURN_NOT_OK(objects_->AbortUpload(upload));
  net::HttpResponse answer;
  answer.status = 204;
  return answer;
}

Result<net::HttpResponse> S3::ListParts(const Call& call, const Target& target) const {
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, target.bucket));
  ARROW_ASSIGN_OR_RAISE(const auto upload,
                        objects_->GetUpload(target.bucket, target.key, call.Get("uploadId")));
  ARROW_ASSIGN_OR_RAISE(const auto parts, objects_->ListParts(upload));
  XmlWriter xml;
  xml.Open("ListPartsResult", kS3Namespace);
  xml.Text("Bucket", target.bucket);
  xml.Text("Key", target.key);
  xml.Text("UploadId", upload.id);
  xml.Number("MaxParts", work::kUploadPartsMax);
  xml.Bool("IsTruncated", false);
  for (const auto& part : parts) {
    xml.Open("Part");
    xml.Number("PartNumber", part.number);
    xml.Text("LastModified", IsoTime(upload.started_ns));
    xml.Text("ETag", "\"" + part.tag + "\"");
    xml.Number("Size", static_cast<int64_t>(part.bytes()));
    xml.Close();
  }
  return XmlAnswer(xml.Finish());
}

}  // namespace firth::doors::aws
