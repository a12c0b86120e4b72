// What every method of the service does first and last: sign in, and say what went wrong.
#pragma once

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string>

#include "firth/doors/btrdb/errors.h"
#include "firth/doors/btrdb/facts.h"
#include "firth/table/database.h"
#include "firth/table/series.h"

namespace firth::doors::btrdb {

/// Who calls: the owner of the bearer key, or the anonymous caller without one. A key that nobody
/// has ends the call with UNAUTHENTICATED, and so does none where the anonymous caller may nothing.
grpc::Status SignIn(const grpc::ServerContextBase& context, table::Database* database,
                    access::Caller* caller);

/// Put a refusal or an error of the engine into a reply. A missing right is a gRPC status.
template <typename Reply>
grpc::Status Refuse(const Refusal& refusal, Reply* reply) {
  reply->mutable_stat()->set_code(refusal.code);
  reply->mutable_stat()->set_msg(refusal.message);
  return grpc::Status::OK;
}
template <typename Reply>
grpc::Status Refuse(const Status& status, Reply* reply) {
  if (CodeOf(status) == Code::kPermissionDenied) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, status.message());
  }
  const uint32_t code = CodeFor(status);
  // Clients compare this text.
  return Refuse(Refusal{code, code == kNoSuchStream ? "stream does not exist" : status.message()},
                reply);
}
/// The same as the last message of a stream.
template <typename Reply, typename Why>
grpc::Status RefuseStream(const Why& why, grpc::ServerWriter<Reply>* writer) {
  Reply reply;
  const grpc::Status status = Refuse(why, &reply);
  if (status.ok()) writer->Write(reply);
  return status;
}

}  // namespace firth::doors::btrdb
