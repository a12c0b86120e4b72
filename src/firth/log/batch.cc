#include "firth/log/batch.h"

#include "firth/common/checksum.h"
#include "firth/log/ipc_message.h"

namespace firth::log {
namespace {

constexpr uint8_t kAppendOnlyBit = 1;
// What one batch may claim to hold when decoded: a bound on what a few hostile bytes can cost.
constexpr int32_t kBatchRowsMax = 1 << 27;
constexpr int64_t kBatchDecodedBytesMax = int64_t{1} << 31;

Status Corrupt(std::string what) {
  return Error(Code::kInvalidArgument, Reason::kCorruptBatch, "the batch " + std::move(what));
}

}  // namespace

Result<BatchHeader> ParseTrustedBatch(Bytes batch) {
  if (batch.size() < kBatchHeaderBytes) {
    return Corrupt("has " + std::to_string(batch.size()) + " bytes; its header alone has 48");
  }
  const std::byte* p = batch.data();
  const auto length = LoadLe<int32_t>(p + 8);
  if (length < 0 || static_cast<size_t>(length) + 12 != batch.size()) {
    return Corrupt("says that " + std::to_string(length) + " bytes follow its length, but " +
                   std::to_string(batch.size() - 12) + " do");
  }
  if (const auto magic = LoadLe<uint8_t>(p + 12); magic != 0) {
    return Corrupt("has magic " + std::to_string(magic) + "; only 0 is taken");
  }
  BatchHeader header;
  header.base_offset = LoadLe<int64_t>(p);
  header.commit_time_ms = LoadLe<int64_t>(p + 13);
  header.crc = LoadLe<uint32_t>(p + 21);
  header.schema_id = SchemaId(LoadLe<int16_t>(p + 25));
  header.append_only = (LoadLe<uint8_t>(p + 27) & kAppendOnlyBit) != 0;
  header.last_offset_delta = LoadLe<int32_t>(p + 28);
  header.writer_id = WriterId(LoadLe<int64_t>(p + 32));
  header.sequence = LoadLe<int32_t>(p + 40);
  header.rows = LoadLe<int32_t>(p + 44);
  if (header.rows < 0 || header.rows > kBatchRowsMax) {
    return Corrupt("says that it has " + std::to_string(header.rows) + " rows");
  }
  const int32_t delta = header.rows == 0 ? 0 : header.rows - 1;
  if (header.last_offset_delta != delta) {
    return Corrupt("has " + std::to_string(header.rows) + " rows and last offset delta " +
                   std::to_string(header.last_offset_delta));
  }
  Bytes rest = batch.subspan(kBatchHeaderBytes);
  const size_t change_bytes = header.append_only ? 0 : static_cast<size_t>(header.rows);
  if (rest.size() < change_bytes) return Corrupt("is too short for its change bytes");
  header.changes = rest.first(change_bytes);
  for (const std::byte change : header.changes) {
    if (static_cast<uint8_t>(change) > static_cast<uint8_t>(Change::kDelete)) {
      return Corrupt("has a change byte above 4");
    }
  }
  header.message = rest.subspan(change_bytes);
  return header;
}

Result<BatchHeader> ParseBatch(Bytes batch) {
  ARROW_ASSIGN_OR_RAISE(BatchHeader header, ParseTrustedBatch(batch));
  if (const uint32_t crc = Crc32c(batch.subspan(kBatchPatchedBytes)); crc != header.crc) {
    return Corrupt("has CRC " + std::to_string(header.crc) + ", its bytes give " +
                   std::to_string(crc));
  }
  return header;
}

Status CheckMessage(const BatchHeader& header, const arrow::Schema& schema) {
  if (header.rows == 0 && header.message.empty()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const IpcRecordBatch batch, ParseIpcRecordBatch(header.message));
  if (batch.length != header.rows) {
    return Corrupt("has " + std::to_string(header.rows) + " rows, its Arrow message " +
                   std::to_string(batch.length));
  }
  IpcShape shape;
  for (const auto& field : schema.fields()) {
    ARROW_ASSIGN_OR_RAISE(const IpcShape one, ShapeOf(*field->type()));
    // The first node of a column is the column's own: as long as the batch.
    if (shape.nodes < batch.nodes.size() && batch.nodes[shape.nodes].length != batch.length) {
      return Corrupt("has a column '" + field->name().substr(0, 64) + "' of another length");
    }
    shape.nodes += one.nodes;
    shape.buffers += one.buffers;
  }
  if (shape.nodes != batch.nodes.size() || shape.buffers != batch.buffers.size()) {
    return Corrupt(
        "does not have the columns of its schema: " + std::to_string(batch.nodes.size()) +
        " nodes and " + std::to_string(batch.buffers.size()) + " buffers where " +
        std::to_string(shape.nodes) + " and " + std::to_string(shape.buffers) + " are due");
  }
  for (const IpcFieldNode& node : batch.nodes) {
    if (node.length < 0 || node.null_count < 0 || node.null_count > node.length) {
      return Corrupt("has an impossible count of nulls");
    }
  }
  if (!batch.compression.has_value()) return Status::OK();
  int64_t decoded = 0;
  for (const IpcBuffer& buffer : batch.buffers) {
    if (buffer.length == 0) continue;
    if (buffer.length < 8) return Corrupt("has a compressed buffer of under 8 bytes");
    const auto claimed = LoadLe<int64_t>(batch.body.data() + buffer.offset);
    if (claimed < -1) return Corrupt("has a compressed buffer of negative length");
    decoded += claimed == -1 ? buffer.length - 8 : std::min(claimed, kBatchDecodedBytesMax);
    if (decoded >= kBatchDecodedBytesMax) return Corrupt("would decode to more than 2 GiB");
  }
  return Status::OK();
}

}  // namespace firth::log
