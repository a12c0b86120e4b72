#include "firth/doors/aws/sign_in.h"

#include "firth/common/text.h"
#include "firth/doors/aws/chunked_body.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/signature.h"
#include "firth/doors/aws/table_rest.h"

namespace firth::doors::aws {
namespace {

constexpr std::string_view kStreamingUnsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
constexpr std::string_view kStreamingSigned = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
constexpr std::string_view kStreamingSignedTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";

std::string_view ScopeNameOf(Service service) {
  switch (service) {
    case Service::kS3:
      return "s3";
    case Service::kSqs:
      return "sqs";
    case Service::kDynamo:
      return "dynamodb";
    case Service::kSts:
      return "sts";
    case Service::kRest:
      return "execute-api";
  }
  return "";
}

BodyProof ProofOf(const Signature& signature, std::string signing_key, Service service) {
  BodyProof proof;
  const std::string& kind = signature.payload_hash;
  if (service != Service::kS3 || kind == kUnsigned) return proof;
  const bool is_signed = kind == kStreamingSigned || kind == kStreamingSignedTrailer;
  if (!is_signed && kind != kStreamingUnsigned) {
    proof.kind = BodyProof::Kind::kHash;
    proof.hash = kind;
    return proof;
  }
  proof.kind = BodyProof::Kind::kChunks;
  if (is_signed) {
    proof.signing = {.signing_key = std::move(signing_key),
                     .time = signature.time,
                     .scope = signature.Scope(),
                     .seed_signature = signature.signature};
  }
  return proof;
}

/// The body as it is meant, if it is what was signed.
Status DecodeBody(const BodyProof& proof, Call* call) {
  const net::HttpRequest& request = *call->request;
  if (proof.kind != BodyProof::Kind::kChunks) {
    if (proof.kind == BodyProof::Kind::kHash && proof.hash != Sha256Hex(request.body)) {
      return WrongBodyHash();
    }
    call->body = request.body;
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(ChunkedBody body, DecodeChunkedBody(request.body, proof.signing));
  ARROW_RETURN_NOT_OK(CheckDecodedLength(request, body.bytes.size()));
  call->body = std::move(body.bytes);
  call->trailers = std::move(body.trailers);
  return Status::OK();
}

/// The caller whose key it is, if the request is signed with one of its secrets.
Result<access::Caller> Verify(table::Database* database, const net::HttpRequest& request,
                              const Signature& signature, std::string* signing_key) {
  const int64_t now_ns = database->clock().NowNs();
  if (signature.access_key == kAnonymousKey) {
    ARROW_RETURN_NOT_OK(VerifySignature(request, signature, kAnonymousKey, now_ns, signing_key));
    return database->access()->Anonymous();
  }
  const auto secrets = database->access()->RevealSecrets(signature.access_key);
  if (!secrets.ok() || secrets->empty()) {
    return Fault("InvalidAccessKeyId",
                 "this server has no user '" + signature.access_key.substr(0, 64) + "'");
  }
  Status status;
  for (const std::string& secret : *secrets) {
    status = VerifySignature(request, signature, secret, now_ns, signing_key);
    if (status.ok()) return database->access()->SignInWithName(signature.access_key, secret);
  }
  return status;
}

}  // namespace

Service ServiceOf(const net::HttpRequest& request) {
  const std::string_view target = request.Header("x-amz-target");
  if (target.starts_with("AmazonSQS.")) return Service::kSqs;
  if (target.starts_with("DynamoDB_")) return Service::kDynamo;
  if (IsSigned(request)) {
    const auto signature = ReadSignature(request);
    if (signature.ok()) {
      if (signature->service == "sqs") return Service::kSqs;
      if (signature->service == "dynamodb") return Service::kDynamo;
      if (signature->service == "sts") return Service::kSts;
      if (signature->service == "execute-api") return Service::kRest;
      return Service::kS3;
    }
  }
  return IsTablesPath(request.path) ? Service::kRest : Service::kS3;
}

Status WrongBodyHash() {
  return Fault("XAmzContentSHA256Mismatch",
               "the body is not the one whose hash is in x-amz-content-sha256");
}

Status CheckDecodedLength(const net::HttpRequest& request, uint64_t bytes) {
  const auto length = ParseInt64(request.Header("x-amz-decoded-content-length"));
  if (length.ok() && *length >= 0 && static_cast<uint64_t>(*length) == bytes) return Status::OK();
  return Fault("IncompleteBody", "the decoded body is not as long as announced");
}

Status SignInHead(table::Database* database, Call* call, BodyProof* proof) {
  const net::HttpRequest& request = *call->request;
  ARROW_ASSIGN_OR_RAISE(call->query, net::ParseQuery(request.query));
  if (!IsSigned(request)) {
    if (call->service != Service::kS3) return Fault("AccessDenied", "the request is not signed");
    call->caller = database->access()->Anonymous();
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const Signature signature, ReadSignature(request));
  if (signature.service != ScopeNameOf(call->service)) {
    return Fault("AuthorizationHeaderMalformed",
                 "the request is signed for the service '" + signature.service.substr(0, 32) + "'");
  }
  std::string signing_key;
  ARROW_ASSIGN_OR_RAISE(call->caller, Verify(database, request, signature, &signing_key));
  call->access_key = signature.access_key;
  *proof = ProofOf(signature, std::move(signing_key), call->service);
  return Status::OK();
}

Status SignIn(table::Database* database, Call* call) {
  BodyProof proof;
  ARROW_RETURN_NOT_OK(SignInHead(database, call, &proof));
  return DecodeBody(proof, call);
}

}  // namespace firth::doors::aws
