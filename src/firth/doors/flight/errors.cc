#include "firth/doors/flight/errors.h"

#include <array>
#include <utility>

namespace firth::doors::flight {
namespace {

// Our codes are gRPC's, so the wire's error is the code itself, and the reason goes beside it.
constexpr std::array<std::pair<Code, grpc::StatusCode>, 17> kCodes = {{
    {Code::kOk, grpc::StatusCode::OK},
    {Code::kCancelled, grpc::StatusCode::CANCELLED},
    {Code::kUnknown, grpc::StatusCode::UNKNOWN},
    {Code::kInvalidArgument, grpc::StatusCode::INVALID_ARGUMENT},
    {Code::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
    {Code::kNotFound, grpc::StatusCode::NOT_FOUND},
    {Code::kAlreadyExists, grpc::StatusCode::ALREADY_EXISTS},
    {Code::kPermissionDenied, grpc::StatusCode::PERMISSION_DENIED},
    {Code::kResourceExhausted, grpc::StatusCode::RESOURCE_EXHAUSTED},
    {Code::kFailedPrecondition, grpc::StatusCode::FAILED_PRECONDITION},
    {Code::kAborted, grpc::StatusCode::ABORTED},
    {Code::kOutOfRange, grpc::StatusCode::OUT_OF_RANGE},
    {Code::kUnimplemented, grpc::StatusCode::UNIMPLEMENTED},
    {Code::kInternal, grpc::StatusCode::INTERNAL},
    {Code::kUnavailable, grpc::StatusCode::UNAVAILABLE},
    {Code::kDataLoss, grpc::StatusCode::DATA_LOSS},
    {Code::kUnauthenticated, grpc::StatusCode::UNAUTHENTICATED},
}};

Reason ReasonOfName(const std::string& name) {
  for (int i = 0; i <= static_cast<int>(Reason::kQueryRefused); ++i) {
    if (ReasonName(static_cast<Reason>(i)) == name) return static_cast<Reason>(i);
  }
  return Reason::kNone;
}

}  // namespace

grpc::Status ToGrpc(const Status& status) {
  const Code code = CodeOf(status);
  for (const auto& [ours, wire] : kCodes) {
    if (ours == code)
      return code == Code::kOk ? grpc::Status::OK : grpc::Status(wire, MessageOf(status));
  }
  return {grpc::StatusCode::UNKNOWN, MessageOf(status)};
}

Status FromGrpc(const grpc::Status& status, const std::string& reason) {
  if (status.ok()) return Status::OK();
  for (const auto& [ours, wire] : kCodes) {
    if (wire == status.error_code())
      return Error(ours, ReasonOfName(reason), status.error_message());
  }
  return Error(Code::kUnknown, ReasonOfName(reason), status.error_message());
}

}  // namespace firth::doors::flight
