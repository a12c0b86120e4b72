// Batches as producers send them, commits as the journal holds them, and the side columns of
// entries. Checksums and lengths are repaired, so that what lies behind them is reached.
// With: common/* log/batch log/batch_check log/batch_codec log/packed_frame log/ipc_message log/projection
// With: log/journal_format log/side
// With: schema/types
#include <arrow/api.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "firth/common/checksum.h"
#include "firth/log/batch.h"
#include "firth/log/batch_check.h"
#include "firth/log/ipc_message.h"
#include "firth/log/journal_format.h"
#include "firth/log/side.h"

using namespace firth;  // NOLINT: a program of one function

namespace {

const std::shared_ptr<arrow::Schema>& SchemaOf(uint8_t choice) {
  static const std::shared_ptr<arrow::Schema> kSchemas[] = {
      arrow::schema({arrow::field("a", arrow::int64()), arrow::field("b", arrow::utf8())}),
      arrow::schema({arrow::field("a", arrow::int32())}),
      arrow::schema({arrow::field("a", arrow::list(arrow::int32())),
                     arrow::field("b", arrow::struct_({arrow::field("c", arrow::binary())})),
                     arrow::field("d", arrow::map(arrow::utf8(), arrow::float64()))}),
      arrow::schema({arrow::field("a", arrow::boolean()),
                     arrow::field("b", arrow::decimal128(30, 3)),
                     arrow::field("c", arrow::timestamp(arrow::TimeUnit::NANO)),
                     arrow::field("d", arrow::fixed_size_binary(5))}),
  };
  return kSchemas[choice % 4];
}

void ReadBatch(std::string bytes, uint8_t choice) {
  if (bytes.size() >= log::kBatchHeaderBytes) {
    // Length (less what stands before it) at 8, CRC of everything behind byte 25 at 21.
    const auto length = static_cast<int32_t>(bytes.size() - 12);
    std::memcpy(bytes.data() + 8, &length, 4);
    const uint32_t crc = Crc32c(AsBytes(std::string_view(bytes).substr(log::kBatchPatchedBytes)));
    std::memcpy(bytes.data() + 21, &crc, 4);
  }
  const auto& schema = SchemaOf(choice);
  const auto header = log::ParseBatch(AsBytes(bytes));
  if (!header.ok()) return;
  const bool plain = log::AreRowsPlainlyThere(*header, *schema);
  if (!log::CheckMessage(*header, *schema).ok()) {
    if (plain) __builtin_trap();
    return;
  }
  const auto buffer = arrow::Buffer::FromString(bytes);
  const auto rows = log::DecodeBatch(buffer, schema);
  if (rows.ok() && !(*rows)->ValidateFull().ok()) __builtin_trap();
  if (!rows.ok() && plain) {
    // Only what is inside of compressed buffers is left to who unpacks them.
    const auto message = log::ParseIpcRecordBatch(header->message);
    if (!message.ok() || !message->compression.has_value()) __builtin_trap();
    if (ReasonOf(rows.status()) != Reason::kCorruptBatch) __builtin_trap();
  }
  if (plain && !log::UnpackedBytes(*header).ok()) __builtin_trap();
  static_cast<void>(log::ProjectBatch(AsBytes(bytes), *schema, {0}));
}

void ReadCommit(const std::string& bytes) {
  static_cast<void>(log::ParseFileHeader(AsBytes(bytes)));
  if (bytes.size() < log::kCommitHeaderBytes) return;
  const auto commit =
      log::ParseCommitHeader(AsBytes(std::string_view(bytes).substr(0, log::kCommitHeaderBytes)));
  if (!commit.ok() || bytes.size() - log::kCommitHeaderBytes < commit->headers_bytes) return;
  static_cast<void>(log::ParseEntries(
      *commit,
      AsBytes(std::string_view(bytes).substr(0, log::kCommitHeaderBytes + commit->headers_bytes)),
      [](const std::vector<log::ParsedEntry>& entries) -> Result<std::string> {
        return std::string(entries.size() * log::kBatchPatchedBytes, '\0');
      }));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 4) {
    case 0:
      static_cast<void>(log::ParseInsertRuns(text));
      static_cast<void>(log::ParseRemovedRange(text));
      break;
    case 1:
      ReadCommit(text);
      break;
    default:
      ReadBatch(std::move(text), data[1]);
  }
  return 0;
}
