// DoPut: a stream of frames into a table.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"
#include "firth/doors/flight/frame.h"
#include "flight.pb.h"

namespace firth::doors::flight {

using PutStream = grpc::ServerReaderWriter<arrow::flight::protocol::PutResult, Frame>;

/// Take the rows of one call. The descriptor of the first frame says where to: a table's path, or a
/// command (row_sink.h). Rows are appended in commits of about kCommitBytesMax, earlier when a
/// frame's app_metadata is the text `commit`, and at the end; each commit is answered when it is
/// durable. A put that fits into one commit is all or nothing; one that is cancelled ends with its
/// last whole commit. Blocks.
Status RunPut(const Request& request, const grpc::ServerContext& context, PutStream* stream);

}  // namespace firth::doors::flight
