// Arrow columns to compact rows, column by column.
#pragma once

#include <arrow/array/array_base.h>

#include <memory>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/schema/row_node.h"

namespace firth::schema {

/// A column of byte strings. A null has no data pointer; an empty value has one.
struct Cells {
  std::vector<std::string_view> at;
  std::vector<char> arena;               // what made cells view; others view their array
  std::shared_ptr<arrow::Array> source;  // keeps viewed memory alive
};

/// Write rows in two passes over each column: Prepare finds out how long each row becomes, and
/// Write fills the places that the caller then made.
class RowsEncoder {
 public:
  /// `nodes` must outlive the encoder. With `null_bits`, rows begin with null bits; without, a null
  /// is an error, as in keys.
  RowsEncoder(const std::vector<RowNode>& nodes, bool null_bits)
      : nodes_(nodes), null_bits_(null_bits) {}

  /// `columns` fit the nodes and have `rows` rows. Rows where `parent` (a struct; none for a batch)
  /// is null are left out: their length is 0. Errors: kBadValue, kBatchTooLarge.
  Status Prepare(const arrow::ArrayVector& columns, int64_t rows, const arrow::Array* parent);
  const std::vector<size_t>& lengths() const { return lengths_; }
  /// `starts[i]` has room for `lengths()[i]` bytes, the null bits zeroed. Used up: it is moved.
  void Write(std::vector<char*> starts) const;

 private:
  struct Column {
    std::shared_ptr<arrow::Array> array;
    Cells cells;
  };

  const std::vector<RowNode>& nodes_;
  const bool null_bits_;
  std::vector<Column> columns_;
  std::vector<size_t> lengths_;
};

}  // namespace firth::schema
