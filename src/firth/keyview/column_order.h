// The order of one column's values as they lie in compact rows.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "firth/common/status.h"
#include "firth/schema/compact_key.h"

namespace firth::keyview {

/// Immutable; thread-safe.
class ColumnOrder {
 public:
  /// Error kInvalidSchema for nested types, whose values have no order.
  static Result<ColumnOrder> Make(const std::shared_ptr<arrow::DataType>& type);

  /// Bytes that compare as the values do; the order is that of sorted keys (schema/key.h). A null
  /// equals the least value of a type that has one, and is below all values of another.
  Result<std::string> Rank(std::string_view slice, bool null) const;

 private:
  explicit ColumnOrder(schema::CompactKeyCodec codec) : codec_(std::move(codec)) {}

  schema::CompactKeyCodec codec_;
};

}  // namespace firth::keyview
