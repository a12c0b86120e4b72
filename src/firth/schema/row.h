// Compact rows: one row as bytes, as the key view stores it and a lookup returns it.
//
// Layout (that of Fluss's compacted row, so that its clients' rows are stored untouched): one null
// bit a column, least significant bit first, 1 = null, in ceil(columns / 8) bytes; then each value
// that is not null, in column order, without padding: booleans and 8-bit integers one byte, 16-bit
// little-endian, 32-bit integers, dates and times of day (in ms) as LEB128 of the 32-bit pattern
// (a time of day that is finer, as 64-bit LEB128 of 86,400,000 + its microseconds or nanoseconds),
// 64-bit integers as LEB128 of the 64-bit pattern, floats little-endian, text and bytes as LEB128
// length and bytes, decimals of up to 18 digits as a 64-bit integer and others as length and
// big-endian two's complement, timestamps as milliseconds (64-bit) followed, for a precision above
// 3 digits (units of microseconds and nanoseconds), by the nanoseconds within the millisecond
// (32-bit); lists, maps and structs as length and bytes of their own layout:
//   list    32-bit count | null bits in 32-bit words | one slot an item of 1, 2, 4 or 8 bytes |
//   padding
//           to 8 | what does not fit a slot. Text and bytes of up to 7 bytes stand in the slot,
//           whose last byte is 0x80 + length; all else that is long has offset << 32 | length in
//           the slot (fine timestamps offset << 32 | nanoseconds) and its bytes, padded to 8,
//           behind the slots
//   map     32-bit length of the keys | the keys as a list | the values as a list
//   struct  a compact row
// Types that Fluss does not have follow the same rules: unsigned integers as signed ones, durations
// and date64 as 64-bit integers, large and fixed-size types as their plain twins.
#pragma once

#include <arrow/builder.h>
#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::schema {

/// Turn rows of one Arrow schema into compact rows and back. Immutable; thread-safe.
class RowCodec {
 public:
  /// Error kInvalidSchema for a type that the layout cannot hold.
  static Result<std::shared_ptr<const RowCodec>> Make(std::shared_ptr<arrow::Schema> schema);
  virtual ~RowCodec() = default;

  /// Append one compact row for each row of `batch` to `*rows`. `batch` is valid and has the
  /// codec's types. Errors: kSchemaMismatch; kBadValue for a null in a column that forbids it and
  /// for a value that its type does not hold; kBatchTooLarge for a row above 2^31-1 bytes.
  virtual Status Encode(const arrow::RecordBatch& batch, std::vector<std::string>* rows) const = 0;
  /// Decode rows into one batch. Rows are hostile bytes: whatever they hold, the answer is a batch
  /// that is valid or error kCorruptBatch. Bytes after a row's last value are an error. What takes
  /// more than 1 GiB decoded is refused with kBatchTooLarge.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Decode(
      const std::vector<std::string_view>& rows) const = 0;
  /// Check that `row` is a row of this schema with nothing left over and no null in a column that
  /// forbids it.
  virtual Status Check(std::string_view row) const = 0;
  /// Where each column's bytes lie in `row`, for taking columns over unread: the slices include
  /// lengths that precede text; an empty slice with `null[i]` set is a null. Same errors as Check.
  virtual Status Split(std::string_view row, std::vector<std::string_view>* columns,
                       std::vector<bool>* null) const = 0;
  /// The inverse of Split: one row from columns' slices.
  virtual std::string Join(const std::vector<std::string_view>& columns,
                           const std::vector<bool>& null) const = 0;

  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
};

/// Key bytes in the layout of Fluss's clients: the values of the key columns as in a compact row,
/// one after another, without null bits. `*keys` holds one text a row, to which the row's key is
/// appended, or none. Errors: kBadValue for a null, kInvalidSchema for a nested type.
Status AppendCompactKey(const arrow::RecordBatch& batch, const std::vector<int>& columns,
                        std::vector<std::string>* keys);

/// The bucket, of `buckets`, that a row belongs to by the bytes of its bucket key in that layout:
/// MurmurHash3 (32 bit, seed 42) in the variant of Fluss, whose tail bytes are each mixed like a
/// block, followed by a second mix.
int32_t BucketOf(std::string_view compact_key, int32_t buckets);

}  // namespace firth::schema
