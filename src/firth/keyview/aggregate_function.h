// Aggregates of one column, over its bytes in compact rows. The functions, their types and what
// nulls do follow Apache Fluss's aggregation merge engine.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::keyview {

/// One column of a row.
struct Cell {
  std::string_view bytes;
  bool null = false;
};

/// Immutable; thread-safe.
class AggregateFunction {
 public:
  virtual ~AggregateFunction() = default;

  /// What the column holds after a write of `row` where it held `old`. The answer refers to one of
  /// these or to `*scratch`. Error kBadValue where the answer is none of its type's values and may
  /// not be null.
  virtual Result<Cell> Merge(Cell old, Cell row, std::string* scratch) const = 0;
};
using AggregateFunctionPtr = std::unique_ptr<const AggregateFunction>;

/// Make the function that `text` names, for the column `field`:
///
///   sum, product                       numbers; integers wrap, a decimal of too many digits is
///   null max, min                           whatever has an order last_value any type; nulls, too
///   last_value_ignore_nulls            any type; also what an empty text names
///   first_value, first_value_ignore_nulls   any type; the first that is not null
///   listagg, string_agg                text, joined by ","; "listagg(; )" by "; "
///   bool_and, bool_or                  booleans
///
/// But for last_value, a null leaves the other value as it is. Upper and lower case, '-' and '_'
/// are the same in names. Error kInvalidProperty.
Result<AggregateFunctionPtr> MakeAggregateFunction(std::string_view text,
                                                   const arrow::Field& field);

// The families that MakeAggregateFunction chooses from.
Result<AggregateFunctionPtr> MakeSum(const arrow::Field& field);
Result<AggregateFunctionPtr> MakeProduct(const arrow::Field& field);
Result<AggregateFunctionPtr> MakeExtreme(const arrow::Field& field, bool greatest);

/// Aggregates that combine two values and leave a null's neighbour as it is.
class Fold : public AggregateFunction {
 public:
  Result<Cell> Merge(Cell old, Cell row, std::string* scratch) const final {
    if (old.null) return row;
    if (row.null) return old;
    return Combine(old.bytes, row.bytes, scratch);
  }

 protected:
  virtual Result<Cell> Combine(std::string_view old, std::string_view row,
                               std::string* scratch) const = 0;
};

/// Error kInvalidProperty: `function` is not for columns like this.
Status DoesNotFit(std::string_view function, const arrow::Field& field);

}  // namespace firth::keyview
