#include "firth/log/batch_check.h"

#include <arrow/type_traits.h>
#include <arrow/util/bitmap_ops.h>
#include <arrow/util/decimal.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "firth/common/text.h"
#include "firth/log/ipc_message.h"
#include "firth/log/packed_frame.h"

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

/// No child of a column holds more values than this: an offset could not tell where they are.
constexpr int64_t kValuesMax = INT32_MAX;

int32_t OffsetAt(Bytes offsets, int64_t i) {
  return LoadLe<int32_t>(offsets.data() + i * 4);
}

/// What is looked at at once: on every processor, and on newer ones.
struct Narrow {
  using Words [[gnu::vector_size(16)]] = uint64_t;
  using Offsets [[gnu::vector_size(16)]] = int32_t;
};
struct Wide {
  using Words [[gnu::vector_size(32)]] = uint64_t;
  using Offsets [[gnu::vector_size(32)]] = int32_t;
};

/// Is any of the rows + 1 offsets less than the one before it?
template <typename Width>
[[gnu::always_inline]] inline bool Falls(Bytes offsets, int64_t rows) {
  using Offsets = typename Width::Offsets;
  constexpr auto kAtOnce = static_cast<int64_t>(sizeof(Offsets) / sizeof(int32_t));
  Offsets falls{};
  int64_t i = 0;
  for (; i + kAtOnce <= rows; i += kAtOnce) {
    Offsets these;
    Offsets next;
    std::memcpy(&these, offsets.data() + i * 4, sizeof these);
    std::memcpy(&next, offsets.data() + (i + 1) * 4, sizeof next);
    falls |= next < these;
  }
  bool any = false;
  for (int64_t lane = 0; lane < kAtOnce; ++lane) any |= falls[lane] != 0;
  for (; i < rows; ++i) any |= OffsetAt(offsets, i + 1) < OffsetAt(offsets, i);
  return any;
}

/// All bytes of a text, or-ed into the bytes of a word; so many words at once.
template <typename Width>
[[gnu::always_inline]] inline uint64_t OrOfBytes(Bytes text) {
  using Words = typename Width::Words;
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
  uint64_t seen = 0;
  for (size_t i = 0; i < sizeof(Words) / sizeof(uint64_t); ++i) seen |= even[i];
  for (; at < text.size(); ++at) seen |= static_cast<uint8_t>(text[at]);
  return seen;
}

#if defined(__x86_64__)
bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}
[[gnu::target("avx2")]] uint64_t OrOfBytesAvx2(Bytes text) {
  return OrOfBytes<Wide>(text);
}
[[gnu::target("avx2")]] bool FallsAvx2(Bytes offsets, int64_t rows) {
  return Falls<Wide>(offsets, rows);
}
#endif

/// Offsets that never fall, inside what they point into.
bool AreOffsets(Bytes offsets, int64_t rows, int64_t end) {
  if (OffsetAt(offsets, 0) < 0 || OffsetAt(offsets, rows) > end) return false;
#if defined(__x86_64__)
  if (HasAvx2()) return !FallsAvx2(offsets, rows);
#endif
  return !Falls<Narrow>(offsets, rows);
}

/// Is every byte below 128? Most text is so, and then it needs no closer look.
bool IsAscii(Bytes text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
#if defined(__x86_64__)
  if (HasAvx2()) return (OrOfBytesAvx2(text) & kHighBits) == 0;
#endif
  return (OrOfBytes<Narrow>(text) & kHighBits) == 0;
}

/// All of the text as one, and no value begins inside a character.
bool IsText(Bytes offsets, int64_t rows, Bytes data) {
  if (rows == 0) return true;
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

/// A buffer of a message. What is in a compressed one is not looked at: `bytes` are empty then.
struct Buffer {
  Bytes bytes;
  int64_t size = 0;  // unpacked
  bool is_seen = true;
};

/// The buffers of a message, one after another.
class Buffers {
 public:
  explicit Buffers(const IpcRecordBatch& batch) : batch_(batch) {}

  /// Nothing where one is missing, or does not stand where Arrow wants it, or is not the frame that
  /// it should be.
  std::optional<Buffer> Next() {
    if (next_ == batch_.buffers.size()) return std::nullopt;
    const IpcBuffer& buffer = batch_.buffers[next_++];
    if (buffer.length > 0 && buffer.offset % 8 != 0) return std::nullopt;
    Bytes bytes =
        batch_.body.subspan(static_cast<size_t>(buffer.offset), static_cast<size_t>(buffer.length));
    if (!batch_.compression.has_value() || bytes.empty()) {
      return Buffer{.bytes = bytes, .size = buffer.length};
    }
    if (bytes.size() < sizeof(int64_t)) return std::nullopt;
    const auto claimed = LoadLe<int64_t>(bytes.data());
    bytes = bytes.subspan(sizeof(int64_t));
    if (claimed == -1) {  // as it is
      return Buffer{.bytes = bytes, .size = static_cast<int64_t>(bytes.size())};
    }
    if (claimed < 0 || claimed > kUnpackedBytesMax - unpacked_bytes_) return std::nullopt;
    if (!IsFrameOf(*batch_.compression, bytes, claimed)) return std::nullopt;
    unpacked_bytes_ += claimed;
    return Buffer{.size = claimed, .is_seen = false};
  }

 private:
  /// So much may any batch unpack to; decoding says which may be more.
  static constexpr int64_t kUnpackedBytesMax = 256 << 20;

  const IpcRecordBatch& batch_;
  int64_t unpacked_bytes_ = 0;
  size_t next_ = 0;
};

bool IsValidity(const Buffer& validity, const IpcFieldNode& node) {
  if (node.null_count == 0) return true;  // then it is not looked at
  if (validity.size < (node.length + 7) / 8) return false;
  return !validity.is_seen ||
         arrow::internal::CountSetBits(DataOf(validity.bytes), 0, node.length) ==
             node.length - node.null_count;
}

/// Without rows there may be none.
bool AreOffsets(const Buffer& offsets, int64_t rows, int64_t end) {
  if (rows == 0 && offsets.size == 0) return true;
  if (offsets.size < (rows + 1) * 4) return false;
  return !offsets.is_seen || AreOffsets(offsets.bytes, rows, end);
}

bool IsNull(Bytes validity, const IpcFieldNode& node, int64_t i) {
  return node.null_count > 0 && !validity.empty() &&
         (static_cast<uint8_t>(validity[static_cast<size_t>(i / 8)]) >> i % 8 & 1) == 0;
}

/// Times of a day; what stands where a value is null may be anything. Where it was not seen which
/// are null, none is.
template <typename Value>
bool AreTimes(Bytes values, Bytes validity, const IpcFieldNode& node, Value day) {
  bool beyond = false;
  for (int64_t i = 0; i < node.length; ++i) {
    const auto value = LoadLe<Value>(values.data() + i * static_cast<int64_t>(sizeof(Value)));
    if (value < 0 || value >= day) beyond |= !IsNull(validity, node, i);
  }
  return !beyond;
}

bool AreTimes(const arrow::TimeType& type, Bytes values, Bytes validity, const IpcFieldNode& node) {
  constexpr int64_t kDayS = 86'400;
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND:
      return AreTimes<int32_t>(values, validity, node, kDayS);
    case arrow::TimeUnit::MILLI:
      return AreTimes<int32_t>(values, validity, node, kDayS * 1'000);
    case arrow::TimeUnit::MICRO:
      return AreTimes<int64_t>(values, validity, node, kDayS * 1'000'000);
    default:
      return AreTimes<int64_t>(values, validity, node, kDayS * 1'000'000'000);
  }
}

bool AreDecimals(const arrow::Decimal128Type& type, Bytes values, Bytes validity,
                 const IpcFieldNode& node) {
  bool beyond = false;
  for (int64_t i = 0; i < node.length; ++i) {
    const arrow::Decimal128 value(DataOf(values) + i * type.byte_width());
    if (!value.FitsInPrecision(type.precision())) beyond |= !IsNull(validity, node, i);
  }
  return !beyond;
}

/// The columns of a message, one after another, each with what is nested in it.
class Columns {
 public:
  explicit Columns(const IpcRecordBatch& batch) : batch_(batch), buffers_(batch) {}

  /// Is the next one a column of this field, so long?
  bool Next(const arrow::Field& field, int64_t length) {
    return NextNode(length) && (node_.null_count == 0 || field.nullable()) && IsOf(*field.type());
  }

  bool AtEnd() { return next_ == batch_.nodes.size() && !buffers_.Next().has_value(); }

 private:
  bool NextNode(int64_t length) {
    if (next_ == batch_.nodes.size()) return false;
    node_ = batch_.nodes[next_++];
    return node_.length == length && node_.null_count >= 0 && node_.null_count <= length;
  }

  bool IsOf(const arrow::DataType& type) {
    const IpcFieldNode node = node_;
    const auto validity = buffers_.Next();
    if (!validity.has_value() || !IsValidity(*validity, node)) return false;
    switch (type.id()) {
      case arrow::Type::STRUCT:
        for (const auto& field : type.fields()) {
          if (!Next(*field, node.length)) return false;
        }
        return true;
      case arrow::Type::LIST:
      case arrow::Type::MAP:
        return AreLists(type, node);
      case arrow::Type::STRING:
      case arrow::Type::BINARY:
        return AreStrings(type.id() == arrow::Type::STRING, node);
      default:
        return AreFixed(type, validity->bytes, node);
    }
  }

  /// A map is a list of its entries, each of which is there and has a key.
  bool AreLists(const arrow::DataType& type, const IpcFieldNode& node) {
    const auto offsets = buffers_.Next();
    if (!offsets.has_value() || next_ == batch_.nodes.size()) return false;
    const int64_t values = batch_.nodes[next_].length;
    if (values < 0 || values > kValuesMax || !AreOffsets(*offsets, node.length, values)) {
      return false;
    }
    const arrow::Field& field = *type.field(0);
    if (type.id() != arrow::Type::MAP) return Next(field, values);
    if (field.type()->num_fields() != 2 || batch_.nodes.size() - next_ < 2) return false;
    return batch_.nodes[next_].null_count == 0 && batch_.nodes[next_ + 1].null_count == 0 &&
           Next(field, values);
  }

  bool AreStrings(bool text, const IpcFieldNode& node) {
    const auto offsets = buffers_.Next();
    if (!offsets.has_value()) return false;
    const auto data = buffers_.Next();
    return data.has_value() && AreOffsets(*offsets, node.length, data->size) &&
           (!text || !offsets->is_seen || !data->is_seen ||
            IsText(offsets->bytes, node.length, data->bytes));
  }

  bool AreFixed(const arrow::DataType& type, Bytes validity, const IpcFieldNode& node) {
    const auto id = type.id();
    const bool is_time = id == arrow::Type::TIME32 || id == arrow::Type::TIME64;
    if (!TakesAnyBits(id) && !is_time && id != arrow::Type::DECIMAL128) return false;
    const auto values = buffers_.Next();
    if (!values.has_value()) return false;
    // Bits before bytes: a child's length and width may be anything, but not both at once.
    const int64_t bits = static_cast<const arrow::FixedWidthType&>(type).bit_width();
    if (bits > 0 && node.length > values->size * 8 / bits) return false;
    if (!values->is_seen) return true;
    if (is_time) {
      return AreTimes(static_cast<const arrow::TimeType&>(type), values->bytes, validity, node);
    }
    return id != arrow::Type::DECIMAL128 ||
           AreDecimals(static_cast<const arrow::Decimal128Type&>(type), values->bytes, validity,
                       node);
  }

  const IpcRecordBatch& batch_;
  Buffers buffers_;
  IpcFieldNode node_;
  size_t next_ = 0;
};

}  // namespace

bool AreRowsPlainlyThere(const BatchHeader& header, const arrow::Schema& schema) {
  if (header.rows == 0) return false;
  const auto batch = ParseIpcRecordBatch(header.message);
  if (!batch.ok() || batch->has_more || batch->length != header.rows) return false;
  Columns columns(*batch);
  for (const auto& field : schema.fields()) {
    if (!columns.Next(*field, batch->length)) return false;
  }
  return columns.AtEnd();
}

Status CheckRows(const std::shared_ptr<arrow::Buffer>& batch, const BatchHeader& header,
                 const std::shared_ptr<arrow::Schema>& schema) {
  if (AreRowsPlainlyThere(header, *schema)) return Status::OK();
  return DecodeBatch(batch, schema).status();
}

Result<int64_t> UnpackedBytes(const BatchHeader& header) {
  ARROW_ASSIGN_OR_RAISE(const auto batch, ParseIpcRecordBatch(header.message));
  if (!batch.compression.has_value()) return static_cast<int64_t>(batch.body.size());
  int64_t bytes = 0;
  for (const IpcBuffer& buffer : batch.buffers) {
    if (buffer.length < static_cast<int64_t>(sizeof(int64_t))) continue;
    const auto claimed = LoadLe<int64_t>(batch.body.data() + buffer.offset);
    const int64_t more = claimed < 0 ? buffer.length : claimed;
    if (__builtin_add_overflow(bytes, more, &bytes)) return INT64_MAX;
  }
  return bytes;
}

}  // namespace firth::log
