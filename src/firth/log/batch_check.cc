#include "firth/log/batch_check.h"

#include <arrow/type_traits.h>
#include <arrow/util/bitmap_ops.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "firth/common/text.h"
#include "firth/log/ipc_message.h"
#include "firth/log/unpack.h"

namespace firth::log {
namespace {

const uint8_t* DataOf(Bytes bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

/// Types of which every value is one, whatever its bits are.
bool TakesAnyBits(arrow::Type::type id) {
  return arrow::is_integer(id) || arrow::is_floating(id) || id == arrow::Type::BOOL ||
         id == arrow::Type::DATE32 || id == arrow::Type::TIMESTAMP ||
         id == arrow::Type::FIXED_SIZE_BINARY;
}

int32_t OffsetAt(Bytes offsets, int64_t i) {
  return LoadLe<int32_t>(offsets.data() + i * 4);
}

/// Offsets that never fall, inside the data.
bool AreOffsets(Bytes offsets, int64_t rows, size_t data_bytes) {
  bool falls = false;
  for (int64_t i = 0; i < rows; ++i) falls |= OffsetAt(offsets, i + 1) < OffsetAt(offsets, i);
  return !falls && OffsetAt(offsets, 0) >= 0 &&
         static_cast<size_t>(OffsetAt(offsets, rows)) <= data_bytes;
}

/// Is every byte below 128? Most text is so, and then it needs no closer look.
bool IsAscii(Bytes text) {
  using Words [[gnu::vector_size(16)]] = uint64_t;  // what every processor takes at once
  Words even{};
  Words odd{};
  size_t at = 0;
  for (; at + 2 * sizeof(Words) <= text.size(); at += 2 * sizeof(Words)) {
    Words one;
    Words other;
    std::memcpy(&one, text.data() + at, sizeof one);
    std::memcpy(&other, text.data() + at + sizeof one, sizeof other);
    even |= one;
    odd |= other;
  }
  even |= odd;
  uint64_t seen = even[0] | even[1];
  for (; at < text.size(); ++at) seen |= static_cast<uint8_t>(text[at]);
  return (seen & 0x8080808080808080) == 0;
}

/// All of the text as one, and no value begins inside a character.
bool IsText(Bytes offsets, int64_t rows, Bytes data) {
  const auto begin = static_cast<size_t>(OffsetAt(offsets, 0));
  const auto end = static_cast<size_t>(OffsetAt(offsets, rows));
  const Bytes text = data.subspan(begin, end - begin);
  if (IsAscii(text)) return true;
  if (!IsUtf8(AsText(text))) return false;
  bool inside = false;
  for (int64_t i = 1; i < rows; ++i) {
    const auto at = static_cast<size_t>(OffsetAt(offsets, i));
    inside |= at < end && (DataOf(data)[at] & 0xc0) == 0x80;
  }
  return !inside;
}

/// The buffers of a message, one after another, unpacked: the last few stay.
class Buffers {
 public:
  explicit Buffers(const IpcRecordBatch& batch) : batch_(batch) {}

  /// Nothing where one is missing, or does not stand where Arrow wants it.
  std::optional<Bytes> Next() {
    if (next_ == batch_.buffers.size()) return std::nullopt;
    const IpcBuffer& buffer = batch_.buffers[next_++];
    if (buffer.length > 0 && buffer.offset % 8 != 0) return std::nullopt;
    const Bytes bytes =
        batch_.body.subspan(static_cast<size_t>(buffer.offset), static_cast<size_t>(buffer.length));
    if (!batch_.compression.has_value() || bytes.empty()) return bytes;
    // A column has no more buffers than are held at once.
    thread_local Unpacker unpacker;
    const auto unpacked = unpacker.Unpack(*batch_.compression, bytes);
    if (unpacked.has_value()) unpacked_bytes_ += unpacked->size();
    return unpacked_bytes_ <= kUnpackedBytesMax ? unpacked : std::nullopt;
  }

 private:
  /// So much may any batch unpack to; decoding says which may be more.
  static constexpr size_t kUnpackedBytesMax = 256 << 20;

  const IpcRecordBatch& batch_;
  size_t unpacked_bytes_ = 0;
  size_t next_ = 0;
};

bool IsValidity(Bytes validity, const IpcFieldNode& node) {
  if (node.null_count == 0) return true;  // then it is not looked at
  if (validity.size() < static_cast<size_t>(node.length + 7) / 8) return false;
  return arrow::internal::CountSetBits(DataOf(validity), 0, node.length) ==
         node.length - node.null_count;
}

bool IsColumn(const arrow::Field& field, const IpcFieldNode& node, Buffers* buffers) {
  if (node.null_count > 0 && !field.nullable()) return false;
  const auto validity = buffers->Next();
  if (!validity.has_value() || !IsValidity(*validity, node)) return false;
  const arrow::Type::type id = field.type()->id();
  const auto second = buffers->Next();
  if (!second.has_value()) return false;
  const int64_t rows = node.length;
  if (TakesAnyBits(id)) {
    const int64_t bits = static_cast<const arrow::FixedWidthType&>(*field.type()).bit_width();
    return static_cast<int64_t>(second->size()) >= (bits * rows + 7) / 8;
  }
  if (id != arrow::Type::STRING && id != arrow::Type::BINARY) return false;
  const auto data = buffers->Next();
  return data.has_value() && static_cast<int64_t>(second->size()) >= (rows + 1) * 4 &&
         AreOffsets(*second, rows, data->size()) &&
         (id == arrow::Type::BINARY || IsText(*second, rows, *data));
}

}  // namespace

bool AreRowsPlainlyThere(const BatchHeader& header, const arrow::Schema& schema) {
  if (header.rows == 0) return false;
  const auto batch = ParseIpcRecordBatch(header.message);
  if (!batch.ok() || batch->has_more || batch->length != header.rows ||
      batch->nodes.size() != static_cast<size_t>(schema.num_fields())) {
    return false;
  }
  Buffers buffers(*batch);
  for (int i = 0; i < schema.num_fields(); ++i) {
    const IpcFieldNode& node = batch->nodes[static_cast<size_t>(i)];
    if (node.length != batch->length || node.null_count < 0 || node.null_count > node.length ||
        !IsColumn(*schema.field(i), node, &buffers)) {
      return false;
    }
  }
  return !buffers.Next().has_value();
}

Status CheckRows(const std::shared_ptr<arrow::Buffer>& batch, const BatchHeader& header,
                 const std::shared_ptr<arrow::Schema>& schema) {
  if (AreRowsPlainlyThere(header, *schema)) return Status::OK();
  return DecodeBatch(batch, schema).status();
}

}  // namespace firth::log
