// Arrow record batches to log batches and back.
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/util/compression.h>

#include <limits>
#include <utility>

#include "firth/common/checksum.h"
#include "firth/log/batch.h"
#include "firth/log/batch_column.h"

namespace firth::log {
namespace {

Result<std::shared_ptr<arrow::Buffer>> Slice(const std::shared_ptr<arrow::Buffer>& parent,
                                             Bytes part) {
  const auto* base = reinterpret_cast<const std::byte*>(parent->data());
  return arrow::SliceBuffer(parent, part.data() - base, static_cast<int64_t>(part.size()));
}

Status AsCorrupt(const Status& status) {
  return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
               "the batch cannot be decoded: " + status.message());
}

/// The columns `included`, or all when it is empty.
Result<std::shared_ptr<arrow::RecordBatch>> Decode(const std::shared_ptr<arrow::Buffer>& batch,
                                                   const std::shared_ptr<arrow::Schema>& schema,
                                                   std::vector<int> included) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(batch->data()),
                    static_cast<size_t>(batch->size()));
  ARROW_ASSIGN_OR_RAISE(const BatchHeader header, ParseTrustedBatch(bytes));
  if (header.rows == 0) {
    ARROW_ASSIGN_OR_RAISE(const auto none, arrow::RecordBatch::MakeEmpty(schema));
    return included.empty() ? none : none->SelectColumns(included);
  }
  ARROW_RETURN_NOT_OK(CheckMessage(header, *schema));
  ARROW_ASSIGN_OR_RAISE(auto message_bytes, Slice(batch, header.message));
  arrow::io::BufferReader input(message_bytes);
  auto message = arrow::ipc::ReadMessage(&input);
  if (!message.ok()) return AsCorrupt(message.status());
  if (*message == nullptr) return AsCorrupt(Status::Invalid("no message"));
  arrow::ipc::DictionaryMemo memo;
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  options.included_fields = std::move(included);
  auto rows = arrow::ipc::ReadRecordBatch(**message, schema, &memo, options);
  if (!rows.ok()) return AsCorrupt(rows.status());
  if (const Status valid = (*rows)->ValidateFull(); !valid.ok()) return AsCorrupt(valid);
  return *rows;
}

struct Shape {
  bool append_only = true;
  int64_t rows = 0;
};

/// The header of a batch of `total` bytes but for its checksum.
void WriteHeader(uint8_t* p, int64_t total, const Shape& shape, const EncodeOptions& options) {
  std::memset(p, 0, kBatchHeaderBytes);
  StoreLe<int64_t>(p, options.base_offset.value);
  StoreLe<int32_t>(p + 8, static_cast<int32_t>(total - 12));
  StoreLe<int64_t>(p + 13, options.commit_time_ns / 1'000'000);
  StoreLe<int16_t>(p + 25, static_cast<int16_t>(options.schema_id.value));
  p[27] = shape.append_only ? 1 : 0;
  StoreLe<int32_t>(p + 28, shape.rows == 0 ? 0 : static_cast<int32_t>(shape.rows - 1));
  StoreLe<int64_t>(p + 32, options.writer_id.value);
  StoreLe<int32_t>(p + 40, options.sequence);
  StoreLe<int32_t>(p + 44, static_cast<int32_t>(shape.rows));
}

/// The checksum of a whole batch, whose bytes are all there.
void WriteChecksum(uint8_t* p, int64_t total) {
  const Bytes all(reinterpret_cast<const std::byte*>(p), static_cast<size_t>(total));
  StoreLe<uint32_t>(p + 21, Crc32c(all.subspan(kBatchPatchedBytes)));
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> DecodeBatch(
    const std::shared_ptr<arrow::Buffer>& batch, const std::shared_ptr<arrow::Schema>& schema) {
  return Decode(batch, schema, {});
}

Result<std::shared_ptr<arrow::RecordBatch>> DecodeColumn(
    const std::shared_ptr<arrow::Buffer>& batch, const std::shared_ptr<arrow::Schema>& schema,
    int column) {
  return Decode(batch, schema, {column});
}

Result<std::shared_ptr<arrow::Buffer>> EncodeBatch(const arrow::RecordBatch& rows,
                                                   const std::vector<Change>& changes,
                                                   const EncodeOptions& options) {
  FIRTH_CHECK(changes.empty() || changes.size() == static_cast<size_t>(rows.num_rows()));
  auto write = arrow::ipc::IpcWriteOptions::Defaults();
  write.use_threads = false;
  if (options.compression != arrow::Compression::UNCOMPRESSED) {
    ARROW_ASSIGN_OR_RAISE(write.codec, arrow::util::Codec::Create(options.compression));
  }
  arrow::ipc::IpcPayload payload;
  int64_t message_bytes = 0;
  const int64_t count = rows.num_rows();
  if (count > 0) {
    ARROW_RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(rows, write, &payload));
    message_bytes = arrow::ipc::GetPayloadSize(payload, write);
  }
  const int64_t total = static_cast<int64_t>(kBatchHeaderBytes + changes.size()) + message_bytes;
  if (total > std::numeric_limits<int32_t>::max() || count > std::numeric_limits<int32_t>::max()) {
    return Error(Code::kInvalidArgument, Reason::kBatchTooLarge,
                 "a batch of " + std::to_string(total) + " bytes is over 2 GiB");
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(total));
  uint8_t* p = buffer->mutable_data();
  WriteHeader(p, total, {.append_only = changes.empty() && count > 0, .rows = count}, options);
  if (!changes.empty()) std::memcpy(p + kBatchHeaderBytes, changes.data(), changes.size());
  if (count > 0) {
    auto region = std::make_shared<arrow::MutableBuffer>(p + kBatchHeaderBytes + changes.size(),
                                                         message_bytes);
    arrow::io::FixedSizeBufferWriter sink(region);
    int32_t metadata_bytes = 0;
    ARROW_RETURN_NOT_OK(arrow::ipc::WriteIpcPayload(payload, write, &sink, &metadata_bytes));
  }
  WriteChecksum(p, total);
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

std::shared_ptr<arrow::Buffer> WrapMessage(const MessagePlace& message, int32_t rows,
                                           const EncodeOptions& options) {
  const int64_t begin = message.begin - static_cast<int64_t>(kBatchHeaderBytes);
  FIRTH_CHECK(rows > 0 && begin >= 0 && message.begin <= message.end &&
              message.end <= message.memory->size() && message.memory->is_mutable());
  const int64_t total = message.end - begin;
  uint8_t* const p = message.memory->mutable_data() + begin;
  WriteHeader(p, total, {.append_only = true, .rows = rows}, options);
  WriteChecksum(p, total);
  return arrow::SliceBuffer(message.memory, begin, total);
}

}  // namespace firth::log
