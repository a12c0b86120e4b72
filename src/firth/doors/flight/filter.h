// Simple conditions on columns, applied to rows after they were decoded.
#pragma once

#include <arrow/compute/api_scalar.h>
#include <arrow/record_batch.h>

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "firth/common/status.h"

namespace firth::doors::flight {

/// Conditions that all must hold: a list of {column, op, value} with op one of `=`, `!=`, `<`,
/// `<=`,
/// `>`, `>=`, `in` (value is a list), `null` and `not_null` (no value). Values are JSON numbers,
/// texts or booleans, read as the column's type.
class Filter {
 public:
  /// Error kInvalidArgument.
  static Result<Filter> FromJson(const nlohmann::json& list);

  bool empty() const { return conditions_.empty(); }
  /// The columns that the conditions are on.
  std::vector<std::string> Columns() const;
  /// Read the values as the types of `schema`. Errors: kColumnNotFound, kInvalidArgument.
  Status Bind(const arrow::Schema& schema);
  /// The rows for which every condition holds; a comparison with null does not. After Bind.
  Result<std::shared_ptr<arrow::RecordBatch>> Apply(
      const std::shared_ptr<arrow::RecordBatch>& rows) const;

 private:
  struct Condition {
    std::string column;
    std::string function;             // of Arrow's compute functions
    std::vector<std::string> values;  // as text
    arrow::Datum bound;               // a scalar, or for `in` an array
  };

  std::vector<Condition> conditions_;
};

}  // namespace firth::doors::flight
