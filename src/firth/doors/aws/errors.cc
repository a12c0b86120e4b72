#include "firth/doors/aws/errors.h"

#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "firth/doors/aws/xml.h"

namespace firth::doors::aws {
namespace {

class WireDetail : public arrow::StatusDetail {
 public:
  explicit WireDetail(std::string code) : code_(std::move(code)) {}
  const char* type_id() const override { return kTypeId; }
  std::string ToString() const override { return code_; }
  static constexpr const char* kTypeId = "firth::doors::aws::WireDetail";

 private:
  const std::string code_;
};

/// From the engine's errors to names on the wire. The first row that fits counts; Reason::kNone
/// fits every reason of its code.
struct Row {
  Code code;
  Reason reason;
  std::string_view s3;
  std::string_view sqs;
  std::string_view dynamo;
};
constexpr std::array kRows{
    Row{Code::kNotFound, Reason::kObjectNotFound, "NoSuchKey", "InvalidParameterValue",
        "ResourceNotFoundException"},
    Row{Code::kNotFound, Reason::kNamespaceNotFound, "NoSuchBucket", "InvalidParameterValue",
        "ResourceNotFoundException"},
    Row{Code::kNotFound, Reason::kTransactionNotFound, "NoSuchUpload", "InvalidParameterValue",
        "ResourceNotFoundException"},
    Row{Code::kNotFound, Reason::kQueueNotFound, "NoSuchKey", "QueueDoesNotExist",
        "ResourceNotFoundException"},
    Row{Code::kNotFound, Reason::kNone, "NoSuchKey", "InvalidParameterValue",
        "ResourceNotFoundException"},
    Row{Code::kAlreadyExists, Reason::kNamespaceExists, "BucketAlreadyOwnedByYou",
        "QueueNameExists", "ResourceInUseException"},
    Row{Code::kFailedPrecondition, Reason::kNamespaceNotEmpty, "BucketNotEmpty",
        "InvalidParameterValue", "ValidationException"},
    Row{Code::kFailedPrecondition, Reason::kLeaseLost, "InvalidRequest", "ReceiptHandleIsInvalid",
        "ValidationException"},
    Row{Code::kAborted, Reason::kConflict, "PreconditionFailed", "InvalidParameterValue",
        "ValidationException"},
    Row{Code::kPermissionDenied, Reason::kNone, "AccessDenied", "AccessDenied",
        "AccessDeniedException"},
    Row{Code::kUnauthenticated, Reason::kNone, "InvalidAccessKeyId", "InvalidClientTokenId",
        "UnrecognizedClientException"},
    Row{Code::kInvalidArgument, Reason::kInvalidName, "InvalidArgument", "InvalidParameterValue",
        "ValidationException"},
    Row{Code::kInvalidArgument, Reason::kNone, "InvalidArgument", "InvalidParameterValue",
        "ValidationException"},
    Row{Code::kOutOfRange, Reason::kNone, "InvalidRange", "InvalidParameterValue",
        "ValidationException"},
    Row{Code::kResourceExhausted, Reason::kNone, "SlowDown", "OverLimit",
        "ProvisionedThroughputExceededException"},
    Row{Code::kUnimplemented, Reason::kNone, "NotImplemented", "UnsupportedOperation",
        "ValidationException"},
    Row{Code::kUnavailable, Reason::kNone, "ServiceUnavailable", "ServiceUnavailable",
        "InternalServerError"},
};

/// What a service calls an error of signing, by the name that S3 has for it.
struct SigningRow {
  std::string_view s3;
  std::string_view sqs;  // and STS
  std::string_view dynamo;
};
constexpr std::array kSigningRows{
    SigningRow{"AccessDenied", "MissingAuthenticationToken", "MissingAuthenticationTokenException"},
    SigningRow{"InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"},
    SigningRow{"SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException"},
    SigningRow{"RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"},
    SigningRow{"AuthorizationHeaderMalformed", "IncompleteSignature",
               "IncompleteSignatureException"},
};

struct HttpRow {
  std::string_view code;
  int s3;
  int others;
};
constexpr std::array kHttpRows{
    HttpRow{"AccessDenied", 403, 403},
    HttpRow{"AccessDeniedException", 400, 400},
    HttpRow{"BucketAlreadyOwnedByYou", 409, 409},
    HttpRow{"BucketNotEmpty", 409, 409},
    HttpRow{"EntityTooLarge", 413, 413},
    HttpRow{"InternalError", 500, 500},
    HttpRow{"InternalFailure", 500, 500},
    HttpRow{"InternalServerError", 500, 500},
    HttpRow{"InvalidAccessKeyId", 403, 403},
    HttpRow{"InvalidClientTokenId", 403, 403},
    HttpRow{"InvalidRange", 416, 400},
    HttpRow{"MethodNotAllowed", 405, 405},
    HttpRow{"MissingAuthenticationToken", 403, 403},
    HttpRow{"NoSuchBucket", 404, 404},
    HttpRow{"NoSuchKey", 404, 404},
    HttpRow{"NoSuchUpload", 404, 404},
    HttpRow{"NotImplemented", 501, 501},
    HttpRow{"PreconditionFailed", 412, 412},
    HttpRow{"RequestTimeTooSkewed", 403, 403},
    HttpRow{"ServiceUnavailable", 503, 503},
    HttpRow{"SignatureDoesNotMatch", 403, 403},
    HttpRow{"SlowDown", 503, 503},
    HttpRow{"not_found", 404, 404},
    HttpRow{"table_already_exists", 409, 409},
    HttpRow{"forbidden", 403, 403},
    HttpRow{"internal_error", 500, 500},
};

const WireDetail* DetailOf(const Status& status) {
  if (status.detail() == nullptr || status.detail()->type_id() != WireDetail::kTypeId)
    return nullptr;
  return static_cast<const WireDetail*>(status.detail().get());
}

std::string_view Column(Service service, std::string_view s3, std::string_view sqs,
                        std::string_view dynamo) {
  if (service == Service::kDynamo) return dynamo;
  return service == Service::kS3 || service == Service::kRest ? s3 : sqs;
}

std::string JsonText(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

net::HttpResponse S3Answer(const std::string& code, const std::string& message,
                           const ErrorPlace& place) {
  XmlWriter xml;
  xml.Open("Error");
  xml.Text("Code", code);
  xml.Text("Message", message);
  xml.Text("Resource", place.resource);
  xml.Text("RequestId", place.request_id);
  xml.Close();
  net::HttpResponse answer;
  answer.content_type = "application/xml";
  answer.body = xml.Finish();
  return answer;
}

/// STS, and SQS for clients of 2023 and before.
net::HttpResponse FormAnswer(const std::string& code, const std::string& message,
                             const ErrorPlace& place) {
  XmlWriter xml;
  xml.Open("ErrorResponse");
  xml.Open("Error");
  xml.Text("Type", "Sender");
  xml.Text("Code", code);
  xml.Text("Message", message);
  xml.Close();
  xml.Text("RequestId", place.request_id);
  xml.Close();
  net::HttpResponse answer;
  answer.content_type = "text/xml";
  answer.body = xml.Finish();
  return answer;
}

net::HttpResponse JsonAnswer(Service service, const std::string& code, const std::string& message) {
  net::HttpResponse answer;
  answer.content_type = "application/x-amz-json-1.0";
  const bool sqs = service == Service::kSqs;
  answer.body = JsonText(
      {{"__type", (sqs ? "com.amazonaws.sqs#" : "com.amazonaws.dynamodb.v20120810#") + code},
       {"message", message}});
  if (sqs) {
    const std::string old =
        code == "QueueDoesNotExist" ? "AWS.SimpleQueueService.NonExistentQueue" : code;
    answer.headers.emplace_back("x-amzn-query-error", old + ";Sender");
  }
  return answer;
}

}  // namespace

Status Fault(std::string_view code, std::string message) {
  return Status(arrow::StatusCode::Invalid, std::move(message),
                std::make_shared<WireDetail>(std::string(code)));
}

std::string WireCode(const Status& status, Service service) {
  if (const auto* detail = DetailOf(status)) {
    const std::string code = detail->ToString();
    for (const SigningRow& row : kSigningRows) {
      if (row.s3 == code) return std::string(Column(service, row.s3, row.sqs, row.dynamo));
    }
    return code;
  }
  const Code code = CodeOf(status);
  const Reason reason = ReasonOf(status);
  for (const Row& row : kRows) {
    if (row.code == code && (row.reason == reason || row.reason == Reason::kNone)) {
      return std::string(Column(service, row.s3, row.sqs, row.dynamo));
    }
  }
  return std::string(Column(service, "InternalError", "InternalFailure", "InternalServerError"));
}

int HttpStatusOf(std::string_view wire_code, Service service) {
  for (const HttpRow& row : kHttpRows) {
    if (row.code == wire_code) return service == Service::kS3 ? row.s3 : row.others;
  }
  return 400;
}

net::HttpResponse ErrorAnswer(const Status& status, Service service, const ErrorPlace& place) {
  const std::string code = WireCode(status, service);
  const std::string message = DetailOf(status) != nullptr ? status.message() : MessageOf(status);
  net::HttpResponse answer;
  if (service == Service::kS3) {
    answer = S3Answer(code, message, place);
  } else if (service == Service::kSts || (service == Service::kSqs && place.query_protocol)) {
    answer = FormAnswer(code, message, place);
  } else if (service == Service::kRest) {
    answer.body = JsonText({{"message", message}});
  } else {
    answer = JsonAnswer(service, code, message);
  }
  answer.status = HttpStatusOf(code, service);
  return answer;
}

}  // namespace firth::doors::aws
