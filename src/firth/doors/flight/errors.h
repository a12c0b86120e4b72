// Errors of Firth as gRPC's, and back.
#pragma once

#include <grpcpp/support/status.h>

#include <map>
#include <string>

#include "firth/common/status.h"

namespace firth::doors::flight {

/// The trailing metadata that names the Reason ("table_not_found") of a failed call.
inline constexpr char kReasonKey[] = "firth-reason";

/// The gRPC code and message of `status`.
grpc::Status ToGrpc(const Status& status);

/// Set `status` as a call's answer: its code, message and, in the trailing metadata, its reason.
/// `Context` is one of gRPC's server contexts.
template <typename Context>
grpc::Status Answer(Context* context, const Status& status) {
  if (const Reason reason = ReasonOf(status); reason != Reason::kNone) {
    context->AddTrailingMetadata(kReasonKey, std::string(ReasonName(reason)));
  }
  return ToGrpc(status);
}

/// What a server answered, as the Status that it was there; `reason` is its trailing metadata, ""
/// if there was none.
Status FromGrpc(const grpc::Status& status, const std::string& reason);

}  // namespace firth::doors::flight
