#include <vector>

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
  std::vector<table::SeriesPtr> streams;
  const Status visited = VisitStreamsWithPrefix(
      database_, caller, "", [&](const table::SeriesPtr& series) -> Result<bool> {
        streams.push_back(series);
        return !context->IsCancelled();
      });
  if (!visited.ok()) return RefuseStream(visited, writer);
  v5api::SQLQueryResponse reply;
  size_t bytes = 0;
  bool sent = true;
  const Status done = (*query)->Run(streams, [&](std::string row) {
    bytes += row.size();
    *reply.add_sqlqueryrow() = std::move(row);
    if (bytes < kRowBytesAMessage) return true;
    sent = !context->IsCancelled() && writer->Write(reply);
    reply.Clear();
    bytes = 0;
    return sent;
  });
  if (!done.ok()) return RefuseStream(done, writer);
  if (sent) writer->Write(reply);
  return sent ? grpc::Status::OK : grpc::Status::CANCELLED;
}

}  // namespace firth::doors::btrdb
