// From the compact layout of keys (schema/row.h) to the canonical one (schema/key.h).
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/common/status.h"

namespace firth::schema {

struct RowNode;

/// Immutable; thread-safe.
class CompactKeyCodec {
 public:
  /// `types`: of the key columns in order. Error kInvalidSchema for nested types.
  static Result<CompactKeyCodec> Make(std::vector<std::shared_ptr<arrow::DataType>> types);

  /// Append the canonical form of a compact key to `*out`. With `prefix`, fewer columns than the
  /// key has may be there, each whole. Hostile bytes; error kCorruptBatch.
  Status ToCanonical(std::string_view compact, bool prefix, std::string* out) const;

 private:
  explicit CompactKeyCodec(std::shared_ptr<const std::vector<RowNode>> columns)
      : columns_(std::move(columns)) {}

  std::shared_ptr<const std::vector<RowNode>> columns_;
};

}  // namespace firth::schema
