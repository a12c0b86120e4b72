// The body of a rows entry: a log batch. Its layout is magic 0 of Apache Fluss's log batches, so
// that those producers' batches are stored, and served, as they came:
//
//   at size  (little-endian)
//    0   8   base offset            \ bytes 0-24 are outside the batch's checksum: the log
//    8   4   bytes after this field | patches them when it assigns offset and time
//   12   1   magic, 0               |
//   13   8   commit time, ms        |
//   21   4   CRC-32C of bytes 25..  /
//   25   2   schema id
//   27   1   attributes: bit 0 = append only (no change bytes)
//   28   4   last offset delta: offsets taken - 1
//   32   8   writer id, -1 none
//   40   4   writer's sequence, -1 none
//   44   4   rows
//   48   .   unless append only: one change byte a row
//    .   .   one encapsulated Arrow IPC record batch message, without schema; absent with no rows
#pragma once

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/util/compression.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"

namespace firth::log {

inline constexpr size_t kBatchHeaderBytes = 48;
/// Bytes at the front of a batch that its own checksum leaves out.
inline constexpr size_t kBatchPatchedBytes = 25;

/// How a row changed its table; the numbers are those of the change bytes.
enum class Change : uint8_t {
  kAppend = 0,        // +A
  kInsert = 1,        // +I
  kUpdateBefore = 2,  // -U
  kUpdateAfter = 3,   // +U
  kDelete = 4,        // -D
};

/// A batch's header, parsed.
struct BatchHeader {
  int64_t base_offset = 0;
  int64_t commit_time_ms = 0;
  uint32_t crc = 0;
  SchemaId schema_id;
  bool append_only = true;
  int32_t last_offset_delta = 0;
  WriterId writer_id = kNoWriter;
  int32_t sequence = -1;
  int32_t rows = 0;
  /// Change bytes (rows of them, unless append only) and the Arrow message; views into the batch.
  Bytes changes;
  Bytes message;
};

/// Parse and check one whole batch: lengths, magic, CRC. Hostile bytes; error kCorruptBatch. Does
/// not look into the Arrow message: see CheckMessage.
Result<BatchHeader> ParseBatch(Bytes batch);
/// The same without computing the CRC, for bytes that were checked before.
Result<BatchHeader> ParseTrustedBatch(Bytes batch);

/// Check that a batch's Arrow message could be read as `schema`: its row count, field nodes,
/// buffers and compression fit, and every buffer lies inside the body. Reads only metadata, no
/// data. Error kCorruptBatch.
Status CheckMessage(const BatchHeader& header, const arrow::Schema& schema);

/// Decode a batch's rows under the schema they were written with. The result is valid in full
/// (Arrow's own validation) or error kCorruptBatch. It may refer to `batch`'s memory.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeBatch(
    const std::shared_ptr<arrow::Buffer>& batch, const std::shared_ptr<arrow::Schema>& schema);

struct EncodeOptions {
  SchemaId schema_id{1};
  arrow::Compression::type compression = arrow::Compression::ZSTD;  // or LZ4_FRAME, UNCOMPRESSED
  WriterId writer_id = kNoWriter;
  int32_t sequence = -1;
  /// Known where a batch is made of rows that were committed in another form.
  Offset base_offset{0};
  int64_t commit_time_ns = 0;
};

/// Encode rows as one batch. `changes` is empty (append only) or one a row. No rows give a batch
/// that takes one offset and has no message. Errors: kBatchTooLarge above 2^31-1 bytes.
Result<std::shared_ptr<arrow::Buffer>> EncodeBatch(const arrow::RecordBatch& rows,
                                                   const std::vector<Change>& changes,
                                                   const EncodeOptions& options);

/// Where an encapsulated Arrow message lies: [begin, end) of memory that may be written to and is
/// nobody else's.
struct MessagePlace {
  std::shared_ptr<arrow::Buffer> memory;
  int64_t begin = 0;
  int64_t end = 0;

  Bytes bytes() const {
    return {reinterpret_cast<const std::byte*>(memory->data()) + begin,
            static_cast<size_t>(end - begin)};
  }
};
/// A batch of `rows` rows, at least one, that are in such a message, where it lies: the batch's
/// header is written over the kBatchHeaderBytes in front of it, which must be there. Nothing is
/// checked. The options' compression means nothing.
std::shared_ptr<arrow::Buffer> WrapMessage(const MessagePlace& message, int32_t rows,
                                           const EncodeOptions& options);

/// A batch that holds only the top-level columns `columns` (ascending, of the `schema` it was
/// written with), without re-encoding what is kept: buffers are copied as they are, compressed or
/// not. Header and change bytes stay; length, row metadata and CRC are made anew. Errors:
/// kColumnNotFound, kCorruptBatch.
Result<std::shared_ptr<arrow::Buffer>> ProjectBatch(Bytes batch, const arrow::Schema& schema,
                                                    const std::vector<int>& columns);

}  // namespace firth::log
