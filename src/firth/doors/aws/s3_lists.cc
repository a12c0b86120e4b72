// Listings: both versions, with a delimiter, page by page.
#include <algorithm>
#include <set>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/s3.h"
#include "firth/doors/aws/xml.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kKeysMax = 1000;

/// What a listing asks for.
struct Wanted {
  bool second = false;  // ListObjectsV2
  bool encode = false;
  bool owner = false;
  std::string prefix;
  std::string delimiter;
  std::string after;  // keys, and common prefixes, above this
  size_t limit = kKeysMax;

  std::string Text(std::string_view text) const {
    return encode ? UriEncode(text, false) : std::string(text);
  }
};

Result<Wanted> Read(const Call& call) {
  Wanted wanted;
  wanted.second = call.Get("list-type") == "2";
  wanted.prefix = call.Get("prefix");
  wanted.delimiter = call.Get("delimiter");
  wanted.owner = !wanted.second || call.Get("fetch-owner") == "true";
  const std::string encoding = call.Get("encoding-type");
  if (!encoding.empty() && encoding != "url") {
    return Fault("InvalidArgument", "encoding-type is url");
  }
  wanted.encode = encoding == "url";
  if (const std::string* keys = call.Find("max-keys"); keys != nullptr && !keys->empty()) {
    const auto limit = ParseInt64(*keys);
    if (!limit.ok() || *limit < 0) return Fault("InvalidArgument", "max-keys is a whole number");
    wanted.limit = std::min<size_t>(kKeysMax, static_cast<size_t>(*limit));
  }
  if (!wanted.second) {
    wanted.after = call.Get("marker");
    return wanted;
  }
  wanted.after = call.Get("start-after");
  if (const std::string* token = call.Find("continuation-token"); token != nullptr) {
    const auto after = FromBase64(*token);
    if (token->empty() || !after.ok()) {
      return Fault("InvalidArgument", "the continuation token is none of this server's");
    }
    wanted.after = *after;
  }
  return wanted;
}

/// One page.
struct Page {
  std::vector<work::ObjectInfo> objects;
  std::vector<std::string> prefixes;
  bool truncated = false;
  std::string last;  // where the next page goes on
};

/// The least text above all that begin with `prefix`.
std::string Above(const std::string& prefix) {
  return prefix + '\xff';
}

Result<Page> Collect(work::Objects* objects, const std::string& bucket, const Wanted& wanted) {
  Page page;
  std::string from;
  if (!wanted.after.empty()) {
    // A page that ended with a common prefix goes on behind all that it stands for.
    const bool behind_prefix = !wanted.delimiter.empty() &&
                               wanted.after.ends_with(wanted.delimiter) &&
                               wanted.after.size() > wanted.prefix.size();
    from = behind_prefix ? Above(wanted.after) : wanted.after + '\0';
  }
  size_t count = 0;
  while (true) {
    // One more than there is room for tells whether there are more.
    const size_t step = wanted.delimiter.empty() ? wanted.limit - count + 1 : kKeysMax;
    ARROW_ASSIGN_OR_RAISE(auto found, objects->List(bucket, wanted.prefix, from, step));
    const bool at_end = found.size() < step;
    bool jumped = false;
    for (work::ObjectInfo& object : found) {
      if (count == wanted.limit) {
        page.truncated = count > 0;
        return page;
      }
      ++count;
      const size_t cut = wanted.delimiter.empty()
                             ? std::string::npos
                             : object.key.find(wanted.delimiter, wanted.prefix.size());
      if (cut == std::string::npos) {
        from = object.key + '\0';
        page.last = object.key;
        page.objects.push_back(std::move(object));
        continue;
      }
      const std::string common = object.key.substr(0, cut + wanted.delimiter.size());
      page.prefixes.push_back(common);
      page.last = common;
      from = Above(common);
      jumped = true;
      break;
    }
    if (at_end && !jumped) return page;
  }
}

void Write(const Call& call, const std::string& bucket, const Wanted& wanted, const Page& page,
           const std::string& account, XmlWriter* xml) {
  xml->Text("Name", bucket);
  xml->Text("Prefix", wanted.Text(wanted.prefix));
  if (!wanted.delimiter.empty()) xml->Text("Delimiter", wanted.Text(wanted.delimiter));
  if (wanted.second) {
    if (const auto* token = call.Find("continuation-token")) xml->Text("ContinuationToken", *token);
    if (const auto* start = call.Find("start-after")) xml->Text("StartAfter", wanted.Text(*start));
    if (page.truncated) xml->Text("NextContinuationToken", ToBase64(page.last));
    xml->Number("KeyCount", static_cast<int64_t>(page.objects.size() + page.prefixes.size()));
  } else {
    xml->Text("Marker", wanted.Text(call.Get("marker")));
    if (page.truncated) xml->Text("NextMarker", wanted.Text(page.last));
  }
  xml->Number("MaxKeys", static_cast<int64_t>(wanted.limit));
  xml->Bool("IsTruncated", page.truncated);
  if (wanted.encode) xml->Text("EncodingType", "url");
  for (const auto& object : page.objects) {
    xml->Open("Contents");
    xml->Text("Key", wanted.Text(object.key));
    xml->Text("LastModified", IsoTime(object.modified_ns));
    xml->Text("ETag", "\"" + object.tag + "\"");
    xml->Number("Size", static_cast<int64_t>(object.bytes));
    if (wanted.owner) {
      xml->Open("Owner");
      xml->Text("ID", account);
      xml->Close();
    }
    xml->Text("StorageClass", "STANDARD");
    xml->Close();
  }
  for (const std::string& prefix : page.prefixes) {
    xml->Open("CommonPrefixes");
    xml->Text("Prefix", wanted.Text(prefix));
    xml->Close();
  }
}

}  // namespace

Result<net::HttpResponse> S3::ListObjects(const Call& call, const std::string& bucket) const {
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, bucket));
  ARROW_ASSIGN_OR_RAISE(const Wanted wanted, Read(call));
  ARROW_ASSIGN_OR_RAISE(const Page page, Collect(objects_, bucket, wanted));
  XmlWriter xml;
  xml.Open("ListBucketResult", kS3Namespace);
  Write(call, bucket, wanted, page, instances_->account(), &xml);
  return XmlAnswer(xml.Finish());
}

Result<net::HttpResponse> S3::ListUploads(const Call& call, const std::string& bucket) const {
  ARROW_RETURN_NOT_OK(Check(call.caller, access::kRead, bucket));
  ARROW_RETURN_NOT_OK(objects_->GetContainer(bucket).status());
  ARROW_ASSIGN_OR_RAISE(const auto uploads, objects_->ListUploads(bucket, kKeysMax));
  XmlWriter xml;
  xml.Open("ListMultipartUploadsResult", kS3Namespace);
  xml.Text("Bucket", bucket);
  xml.Number("MaxUploads", kKeysMax);
  xml.Bool("IsTruncated", false);
  for (const auto& upload : uploads) {
    if (!upload.object.key.starts_with(call.Get("prefix"))) continue;
    xml.Open("Upload");
    xml.Text("Key", upload.object.key);
    xml.Text("UploadId", upload.id);
    xml.Text("Initiated", IsoTime(upload.started_ns));
    xml.Text("StorageClass", "STANDARD");
    xml.Close();
  }
  return XmlAnswer(xml.Finish());
}

}  // namespace firth::doors::aws
