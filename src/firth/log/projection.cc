// Cutting columns out of a stored batch without decoding it.
#include <cstring>

#include "firth/common/checksum.h"
#include "firth/log/batch.h"
#include "firth/log/ipc_message.h"

namespace firth::log {
namespace {

constexpr int64_t Padded(int64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

/// Where one buffer of the old body goes in the new one.
struct Move {
  int64_t from = 0;
  int64_t to = 0;
  int64_t bytes = 0;
};

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> ProjectBatch(Bytes batch, const arrow::Schema& schema,
                                                    const std::vector<int>& columns) {
  ARROW_ASSIGN_OR_RAISE(const BatchHeader header, ParseTrustedBatch(batch));
  IpcRecordBatch kept;
  std::vector<Move> moves;
  int64_t body_bytes = 0;
  Bytes old_body;
  if (!header.message.empty()) {
    ARROW_RETURN_NOT_OK(CheckMessage(header, schema));
    ARROW_ASSIGN_OR_RAISE(const IpcRecordBatch whole, ParseIpcRecordBatch(header.message));
    old_body = whole.body;
    kept.metadata_version = whole.metadata_version;
    kept.length = whole.length;
    kept.compression = whole.compression;
    size_t node = 0;
    size_t buffer = 0;
    size_t next = 0;
    for (int i = 0; i < schema.num_fields(); ++i) {
      ARROW_ASSIGN_OR_RAISE(const IpcShape shape, ShapeOf(*schema.field(i)->type()));
      if (next < columns.size() && columns[next] == i) {
        ++next;
        for (size_t k = 0; k < shape.nodes; ++k) kept.nodes.push_back(whole.nodes[node + k]);
        for (size_t k = 0; k < shape.buffers; ++k) {
          const IpcBuffer& old = whole.buffers[buffer + k];
          moves.push_back({.from = old.offset, .to = body_bytes, .bytes = old.length});
          kept.buffers.push_back({.offset = body_bytes, .length = old.length});
          body_bytes += Padded(old.length);
        }
      }
      node += shape.nodes;
      buffer += shape.buffers;
    }
    if (next != columns.size()) {
      return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
                   "the columns to project must be ascending and below " +
                       std::to_string(schema.num_fields()));
    }
  }
  const std::string metadata =
      header.message.empty() ? std::string() : WriteIpcMetadata(kept, body_bytes);
  const size_t front = kBatchHeaderBytes + header.changes.size();
  const int64_t total = static_cast<int64_t>(front + metadata.size()) + body_bytes;
  ARROW_ASSIGN_OR_RAISE(auto out, arrow::AllocateBuffer(total));
  uint8_t* p = out->mutable_data();
  std::memcpy(p, batch.data(), front);
  std::memcpy(p + front, metadata.data(), metadata.size());
  uint8_t* body = p + front + metadata.size();
  for (const Move& move : moves) {
    std::memcpy(body + move.to, old_body.data() + move.from, static_cast<size_t>(move.bytes));
    std::memset(body + move.to + move.bytes, 0,
                static_cast<size_t>(Padded(move.bytes) - move.bytes));
  }
  StoreLe<int32_t>(p + 8, static_cast<int32_t>(total - 12));
  const Bytes all(reinterpret_cast<const std::byte*>(p), static_cast<size_t>(total));
  StoreLe<uint32_t>(p + 21, Crc32c(all.subspan(kBatchPatchedBytes)));
  return std::shared_ptr<arrow::Buffer>(std::move(out));
}

}  // namespace firth::log
