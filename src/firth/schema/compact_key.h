// From the compact layout of keys (schema/row.h) to the canonical one (schema/key.h).
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::schema {

/// Immutable; thread-safe.
class CompactKeyCodec {
 public:
  /// `types`: of the key columns in order. Error kInvalidSchema for nested types.
  static Result<CompactKeyCodec> Make(std::vector<std::shared_ptr<arrow::DataType>> types);

  /// Append the canonical form of a compact key to `*out`. With `prefix`, fewer columns than the
  /// key has may be there, each whole. Hostile bytes; error kCorruptBatch.
  Status ToCanonical(std::string_view compact, bool prefix, std::string* out) const;

 private:
  explicit CompactKeyCodec(std::vector<std::shared_ptr<arrow::DataType>> types)
      : types_(std::move(types)) {}

  std::vector<std::shared_ptr<arrow::DataType>> types_;
};

}  // namespace firth::schema
