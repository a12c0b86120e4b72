#include "firth/doors/btrdb/call.h"
#include "firth/doors/btrdb/service.h"
#include "firth/doors/btrdb/sql_query.h"
#include "firth/doors/btrdb/streams.h"

namespace firth::doors::btrdb {
namespace {

constexpr size_t kRowBytesAMessage = size_t{1} << 20;

}  // namespace

grpc::Status Service::SQLQuery(Context* context, const v5api::SQLQueryParams* request,
                               Writer<v5api::SQLQueryResponse>* writer) {
  access::Caller caller;
  if (auto status = SignIn(*context, database_, &caller); !status.ok()) return status;
  const auto query =
      CompileSql(request->query(), {request->params().begin(), request->params().end()});
  if (!query.ok()) return RefuseStream(query.status(), writer);
  const auto streams = [&](const SqlScope& scope, const VisitStream& visit) {
    return VisitStreamsIn(database_, caller, scope, visit);
  };
  SqlSpace space = sql_space_;
  space.is_cancelled = [context] { return context->IsCancelled(); };
  v5api::SQLQueryResponse reply;
  size_t bytes = 0;
  bool sent = true;
  const Status done = (*query)->Run(streams, &space, [&](std::string row) {
    bytes += row.size();
    *reply.add_sqlqueryrow() = std::move(row);
    if (bytes < kRowBytesAMessage) return true;
    sent = writer->Write(reply);
    reply.Clear();
    bytes = 0;
    return sent;
  });
  if (!sent || context->IsCancelled()) return grpc::Status::CANCELLED;
  if (!done.ok()) return RefuseStream(done, writer);
  writer->Write(reply);
  return grpc::Status::OK;
}

}  // namespace firth::doors::btrdb
