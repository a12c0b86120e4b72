// The S3 part: buckets and objects over work/objects.h.
#pragma once

#include <string>

#include "firth/doors/aws/body_digests.h"
#include "firth/doors/aws/call.h"
#include "firth/doors/aws/instances.h"
#include "firth/doors/aws/taken_body.h"
#include "firth/net/http_server.h"
#include "firth/table/database.h"
#include "firth/work/objects.h"

namespace firth::doors::aws {

/// Answers S3 requests. Thread-safe; blocks. Rights: those on the path of the instance for its
/// buckets, on the path that is the bucket's name for others, and on the root to create one.
class S3 {
 public:
  S3(table::Database* database, work::Objects* objects, const Instances* instances)
      : database_(database), objects_(objects), instances_(instances) {}

  Result<net::HttpResponse> Answer(const Call& call) const;

  /// Is it a request whose body are an object's bytes, or a part's?
  static bool HasObjectBody(const net::HttpRequest& request);
  /// May the call's body be taken, as far as that is known without it? Faults as of the request.
  Status CheckObjectBody(const Call& call) const;

  /// May the caller do `rights` on a bucket? Error kNotAllowed.
  Status Check(const access::Caller& caller, uint32_t rights, const std::string& bucket) const;

 private:
  struct Target {
    std::string bucket;
    std::string key;
  };
  Result<Target> TargetOf(const Call& call) const;
  Result<net::HttpResponse> AnswerService(const Call& call) const;
  Result<net::HttpResponse> AnswerBucket(const Call& call, const std::string& bucket) const;
  Result<net::HttpResponse> AnswerObject(const Call& call, const Target& target) const;

  // s3_buckets.cc
  Result<net::HttpResponse> ListBuckets(const Call& call) const;
  Result<net::HttpResponse> CreateBucket(const Call& call, const std::string& bucket) const;
  Result<net::HttpResponse> DeleteBucket(const Call& call, const std::string& bucket) const;
  Result<net::HttpResponse> HeadBucket(const Call& call, const std::string& bucket) const;
  Result<net::HttpResponse> BucketLocation(const Call& call, const std::string& bucket) const;
  Result<net::HttpResponse> DeleteObjects(const Call& call, const std::string& bucket) const;
  // s3_lists.cc
  Result<net::HttpResponse> ListObjects(const Call& call, const std::string& bucket) const;
  Result<net::HttpResponse> ListUploads(const Call& call, const std::string& bucket) const;
  // s3_objects.cc
  Result<net::HttpResponse> GetObject(const Call& call, const Target& target) const;
  Result<net::HttpResponse> PutObject(const Call& call, const Target& target) const;
  Result<net::HttpResponse> CopyObject(const Call& call, const Target& target) const;
  Result<net::HttpResponse> DeleteObject(const Call& call, const Target& target) const;
  Result<net::HttpResponse> GetProperties(const Call& call, const Target& target,
                                          const std::string& instance) const;
  /// The bytes that a call brings, durable, and what they are to be stored with.
  Result<work::StagedObject> StageBody(const Call& call, BodyFacts* facts) const;
  /// Stage the bytes [begin, end) of an object once more; their MD5 in hex.
  Result<std::string> CopyBytes(const work::ObjectInfo& source, uint64_t begin, uint64_t end,
                                work::StagedObject* staged) const;
  /// The object that `x-amz-copy-source` names, and the range of it.
  Result<work::ObjectInfo> CopySource(const Call& call) const;
  /// May users write there? The configuration is read-only. Fault AccessDenied.
  Status CheckWritable(const Call& call, const std::string& bucket) const;
  // s3_uploads.cc
  Result<net::HttpResponse> CreateUpload(const Call& call, const Target& target) const;
  Result<net::HttpResponse> UploadPart(const Call& call, const Target& target) const;
  Result<net::HttpResponse> CompleteUpload(const Call& call, const Target& target) const;
  Result<net::HttpResponse> AbortUpload(const Call& call, const Target& target) const;
  Result<net::HttpResponse> ListParts(const Call& call, const Target& target) const;

  table::Database* const database_;
  work::Objects* const objects_;
  const Instances* const instances_;
};

inline constexpr std::string_view kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

/// An answer with an XML body.
net::HttpResponse XmlAnswer(std::string body);
/// ISO 8601 with milliseconds; RFC 1123.
std::string IsoTime(int64_t ns);
std::string HttpTime(int64_t ns);

/// Metadata of an object that a request asks to be stored: content type, `x-amz-meta-*` and such.
/// Fault MetadataTooLarge over 8 KiB.
Result<std::map<std::string, std::string>> MetadataOf(const Call& call);

}  // namespace firth::doors::aws
