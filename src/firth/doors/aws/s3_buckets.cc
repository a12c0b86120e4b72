// Buckets.
#include <algorithm>

#include "firth/doors/aws/s3.h"
#include "firth/doors/aws/xml.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kDeleteMax = 1000;
constexpr char kUsEast[] = "us-east-1";

/// Where the request was signed for; "" without a signature.
std::string RegionOf(const Call& call) {
  const std::string_view header = call.request->Header("authorization");
  const size_t at = header.find("Credential=");
  if (at == std::string_view::npos) return {};
  std::string_view rest = header.substr(at);
  rest = rest.substr(0, rest.find(','));
  std::vector<std::string_view> parts;
  while (true) {
    const size_t slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return parts.size() < 5 ? std::string() : std::string(parts[parts.size() - 3]);
}

}  // namespace

Result<net::HttpResponse> S3::ListBuckets(const Call& call) const {
  ARROW_ASSIGN_OR_RAISE(const auto containers, objects_->ListContainers());
  XmlWriter xml;
  xml.Open("ListAllMyBucketsResult", kS3Namespace);
  xml.Open("Owner");
  xml.Text("ID", instances_->account());
  xml.Text("DisplayName", call.caller.name);
  xml.Close();
  xml.Open("Buckets");
  for (const auto& container : containers) {
    if (!Check(call.caller, access::kSee, container.name).ok()) continue;
    xml.Open("Bucket");
    xml.Text("Name", container.name);
    xml.Text("CreationDate", IsoTime(container.created_ns));
    xml.Close();
  }
  return XmlAnswer(xml.Finish());
}

Result<net::HttpResponse> S3::CreateBucket(const Call& call, const std::string& bucket) const {
  const auto& query = call.query;
  if (std::any_of(query.begin(), query.end(),
                  [](const auto& one) { return one.first != "x-id"; })) {
    return Fault("NotImplemented", "this server does not have that operation on buckets");
  }
  if (!call.body.empty()) {
    ARROW_RETURN_NOT_OK(ParseXml(call.body, "CreateBucketConfiguration", "", 0).status());
  }
  if (instances_->FindBucket(bucket).has_value()) {
    ARROW_RETURN_NOT_OK(Check(call.caller, access::kCreate, bucket));
  } else {
    ARROW_RETURN_NOT_OK(database_->access()->Check(call.caller, access::kCreate, Path{}));
  }
  const Status made = objects_->CreateContainer(bucket);
  const bool exists = ReasonOf(made) == Reason::kNamespaceExists;
  if (!made.ok() && !(exists && RegionOf(call) == kUsEast)) return made;
  net::HttpResponse answer = XmlAnswer("");
  answer.headers.emplace_back("Location", "/" + bucket);
  return answer;
}

Result<net::HttpResponse> S3::DeleteBucket(const Call& call, const std::string& bucket) const {
  if (instances_->FindBucket(bucket).has_value()) {
    return Fault("AccessDenied", "the buckets of an instance stay");
  }
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kAdmin, bucket));
  ARROW_RETURN_NOT_OK(objects_->RemoveContainer(bucket));
  net::HttpResponse answer;
  answer.status = 204;
  return answer;
}

Result<net::HttpResponse> S3::HeadBucket(const Call& call, const std::string& bucket) const {
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kSee, bucket));
  ARROW_RETURN_NOT_OK(objects_->GetContainer(bucket).status());
  net::HttpResponse answer = XmlAnswer("");
  if (const std::string region = RegionOf(call); !region.empty()) {
    answer.headers.emplace_back("x-amz-bucket-region", region);
  }
  return answer;
}

Result<net::HttpResponse> S3::BucketLocation(const Call& call, const std::string& bucket) const {
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kSee, bucket));
  ARROW_RETURN_NOT_OK(objects_->GetContainer(bucket).status());
  // Buckets are wherever the client thinks that they are.
  const std::string region = RegionOf(call);
  XmlWriter xml;
  xml.Text("LocationConstraint", region == kUsEast ? "" : region);
  std::string body = xml.Finish();
  const size_t at = body.find("<LocationConstraint>");
  body.insert(at + sizeof "<LocationConstraint" - 1,
              " xmlns=\"" + std::string(kS3Namespace) + "\"");
  return XmlAnswer(std::move(body));
}

Result<net::HttpResponse> S3::DeleteObjects(const Call& call, const std::string& bucket) const {
  ARROW_RETURN_NOT_OK(CheckWritable(call, bucket));
  ARROW_RETURN_NOT_OK(VerifyBody(call).status());
  ARROW_ASSIGN_OR_RAISE(const XmlRequest request,
                        ParseXml(call.body, "Delete", "Object", kDeleteMax));
  ARROW_RETURN_NOT_OK(objects_->GetContainer(bucket).status());
  const bool quiet = request.top.Find("Quiet") == "true";
  XmlWriter xml;
  xml.Open("DeleteResult", kS3Namespace);
  for (const XmlItem& item : request.items) {
    const std::string key = item.Find("Key");
    const Status removed = objects_->Remove(bucket, key);
    if (!removed.ok()) {
      xml.Open("Error");
      xml.Text("Key", key);
      xml.Text("Code", WireCode(removed, Service::kS3));
      xml.Text("Message", MessageOf(removed));
      xml.Close();
    } else if (!quiet) {
      xml.Open("Deleted");
      xml.Text("Key", key);
      xml.Close();
    }
  }
  return XmlAnswer(xml.Finish());
}

}  // namespace firth::doors::aws
