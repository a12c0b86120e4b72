// The shape of compact rows: a tree that mirrors the schema, made once.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"

namespace firth::schema {

/// One column, struct field, list item, map key or map value.
struct RowNode {
  enum class Kind {
    kNull,    // always null
    kBool,    // one byte
    kNumber,  // see row_number.h
    kFine,    // a timestamp with a precision above milliseconds
    kText,    // the kinds from here on are length and bytes, a "cell"
    kBytes,
    kFixedBytes,
    kBigDecimal,  // of more than 18 digits
    kList,        // also large and fixed-size lists
    kMap,
    kStruct,
  };

  Kind kind = Kind::kNull;
  std::shared_ptr<arrow::DataType> type;     // as in the schema
  std::shared_ptr<arrow::DataType> storage;  // without extension types
  bool nullable = true;
  int slot_bytes = 8;  // in an array
  std::string path;    // for errors
  std::vector<RowNode> children;

  bool IsCell() const { return kind >= Kind::kText; }
  bool IsNested() const { return kind >= Kind::kList; }

  /// Error kInvalidSchema for a type that the layout cannot hold.
  static Result<RowNode> Make(const arrow::Field& field);
  static Result<std::vector<RowNode>> MakeAll(const arrow::FieldVector& fields);
};

/// Bytes of null bits at the front of a row.
inline size_t NullBytes(size_t columns) {
  return (columns + 7) / 8;
}
/// Bytes of an array's count and null bits.
inline size_t ArrayHeaderBytes(size_t items) {
  return 4 + (items + 31) / 32 * 4;
}
inline size_t RoundUp8(size_t bytes) {
  return (bytes + 7) & ~size_t{7};
}

/// What one row and one value in it may take: lengths are 31-bit numbers in the layout.
inline constexpr size_t kCellBytesMax = INT32_MAX;
/// What all columns of one decoded batch may take.
inline constexpr size_t kDecodedBytesMax = size_t{1} << 30;

}  // namespace firth::schema
