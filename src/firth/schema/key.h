// Keys as bytes whose order is the order of the values: for the key view, sorted files and
// positions.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"

namespace firth::schema {

/// Encode key columns so that comparing the bytes compares the rows, column by column, ascending,
/// nulls first. Each column begins with a marker byte (0x01 null, 0x02 value). Booleans are 0 or 1;
/// integers, dates, times, timestamps are big-endian with the sign bit flipped; floats by the total
/// order of IEEE 754 (-0.0 equals +0.0, every NaN is one, above infinity); decimals as fixed-width
/// big-endian with the sign bit flipped; text and bytes with 0x00 written 0x00 0xff and ended by
/// 0x00 0x01, so that a shorter value sorts first and no key is a prefix of another.
class KeyEncoder {
 public:
  /// `types`: of the key columns in order. Error kInvalidSchema for a type that has no order
  /// (nested types).
  static Result<KeyEncoder> Make(std::vector<std::shared_ptr<arrow::DataType>> types);

  /// Append to `*out` one key for each row: `columns` are the key columns, equally long.
  Status Encode(const std::vector<std::shared_ptr<arrow::Array>>& columns,
                std::vector<std::string>* out) const;
  /// Append the key of one row to `*out`; `values` may be fewer than the key columns, which gives
  /// the prefix under which all keys with these first columns lie.
  Status EncodeScalars(const std::vector<std::shared_ptr<arrow::Scalar>>& values,
                       std::string* out) const;
  /// Read a whole key back. Takes hostile bytes; error kInvalidArgument.
  Result<std::vector<std::shared_ptr<arrow::Scalar>>> Decode(std::string_view key) const;

  const std::vector<std::shared_ptr<arrow::DataType>>& types() const { return types_; }

 private:
  explicit KeyEncoder(std::vector<std::shared_ptr<arrow::DataType>> types)
      : types_(std::move(types)) {}

  std::vector<std::shared_ptr<arrow::DataType>> types_;
};

/// The least text above every text that begins with `prefix`; empty when there is none.
std::string PrefixEnd(std::string_view prefix);

}  // namespace firth::schema
