#include "firth/doors/deltacat/errors.h"

#include <array>
#include <memory>
#include <string_view>
#include <utility>

namespace firth::doors::deltacat {
namespace {

using nlohmann::json;

constexpr char kDetailType[] = "firth.deltacat.refusal";

class Refusal : public arrow::StatusDetail {
 public:
  explicit Refusal(std::string code) : code_(std::move(code)) {}
  const char* type_id() const override { return kDetailType; }
  std::string ToString() const override { return code_; }

 private:
  const std::string code_;
};

/// The status of each of the protocol's codes; those that begin a line are 400 unless listed.
constexpr std::array<std::pair<std::string_view, int>, 48> kStatuses = {{
    {"authentication_required", 401},
    {"permission_denied", 403},
    {"job_owner_mismatch", 403},
    {"invalid_job_token", 403},
    {"catalog_not_found", 404},
    {"namespace_not_found", 404},
    {"table_not_found", 404},
    {"table_version_not_found", 404},
    {"data_root_not_found", 404},
    {"transaction_not_found", 404},
    {"write_session_not_found", 404},
    {"job_not_found", 404},
    {"not_found", 404},
    {"method_not_allowed", 405},
    {"namespace_already_exists", 409},
    {"namespace_not_empty", 409},
    {"table_already_exists", 409},
    {"concurrent_modification", 409},
    {"transaction_version_mismatch", 409},
    {"transaction_not_running", 409},
    {"write_session_version_mismatch", 409},
    {"write_session_not_open", 409},
    {"operation_payload_mismatch", 409},
    {"internal_error", 500},
    {"service_unavailable", 503},
    {"invalid_request", 400},
    {"invalid_schema", 400},
    {"invalid_write_mode", 400},
    {"invalid_filter_predicate", 400},
    {"unknown_column", 400},
    {"invalid_data", 400},
    {"schema_required", 400},
    {"entry_outside_session", 400},
    {"entry_not_found", 400},
    {"transaction_read_only", 400},
    {"invalid_role", 400},
    {"unsupported_operation", 400},
}};

std::string_view CodeFor(const Status& status) {
  switch (ReasonOf(status)) {
    case Reason::kNamespaceNotFound:
      return "namespace_not_found";
    case Reason::kNamespaceExists:
      return "namespace_already_exists";
    case Reason::kNamespaceNotEmpty:
      return "namespace_not_empty";
    case Reason::kTableNotFound:
      return "table_not_found";
    case Reason::kTableExists:
      return "table_already_exists";
    case Reason::kEditionNotFound:
      return "table_version_not_found";
    case Reason::kEditionExists:
      return "table_already_exists";
    case Reason::kEditionSealed:
    case Reason::kConflict:
      return "concurrent_modification";
    case Reason::kOperationMismatch:
      return "operation_payload_mismatch";
    case Reason::kInvalidSchema:
      return "invalid_schema";
    case Reason::kSchemaMismatch:
      return "invalid_schema";
    case Reason::kColumnNotFound:
      return "unknown_column";
    case Reason::kKeyed:
    case Reason::kNotKeyed:
      return "invalid_write_mode";
    case Reason::kTransactionNotFound:
      return "transaction_not_found";
    case Reason::kTransactionEnded:
      return "transaction_not_running";
    case Reason::kVersionMismatch:
      return "transaction_version_mismatch";
    case Reason::kUnknownSecret:
      return "authentication_required";
    case Reason::kNotAllowed:
      return "permission_denied";
    case Reason::kBadValue:
      return "invalid_data";
    default:
      break;
  }
  switch (CodeOf(status)) {
    case Code::kInvalidArgument:
    case Code::kOutOfRange:
    case Code::kFailedPrecondition:
      return "invalid_request";
    case Code::kUnimplemented:
      return "unsupported_operation";
    case Code::kUnauthenticated:
      return "authentication_required";
    case Code::kPermissionDenied:
      return "permission_denied";
    case Code::kAborted:
      return "concurrent_modification";
    case Code::kUnavailable:
    case Code::kResourceExhausted:
      return "service_unavailable";
    default:
      return "internal_error";
  }
}

}  // namespace

Status Refuse(std::string code, std::string message) {
  return Status(arrow::StatusCode::Invalid, std::move(message),
                std::make_shared<Refusal>(std::move(code)));
}

WireError WireErrorOf(const Status& status) {
  WireError error;
  const auto& detail = status.detail();
  error.code = detail != nullptr && std::string_view(detail->type_id()) == kDetailType
                   ? detail->ToString()
                   : std::string(CodeFor(status));
  for (const auto& [code, http] : kStatuses) {
    if (code == error.code) error.status = http;
  }
  error.retryable = error.code == "service_unavailable";
  return error;
}

net::HttpResponse ErrorAnswer(const Status& status, const json& details) {
  const WireError error = WireErrorOf(status);
  const std::string message = MessageOf(status);
  const json body = {{"error",
                      {{"code", error.code},
                       {"message", message},
                       {"retryable", error.retryable},
                       {"details", details.is_object() ? details : json::object()}}},
                     {"detail", message}};
  net::HttpResponse response;
  response.status = error.status;
  response.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
  return response;
}

}  // namespace firth::doors::deltacat
