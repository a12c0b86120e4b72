// Which rows a reader wants, by the values of single columns: a hint for who reads them, so that
// what nobody wants stays where it lies.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"

namespace firth::schema {

/// Values from `from` to `to`, of the column's type; null: no end on that side.
struct ValueSpan {
  std::shared_ptr<arrow::Scalar> from;
  std::shared_ptr<arrow::Scalar> to;
  bool with_from = true;  // is `from` itself in it?
  bool with_to = true;

  bool is_point() const;
};

/// Where both lists of spans are, pair by pair; of values of one type.
std::vector<ValueSpan> Intersection(const std::vector<ValueSpan>& a,
                                    const std::vector<ValueSpan>& b);

/// The column's value lies in one of these spans, so it is not null. Numbers are ordered as
/// numbers, NaN above all; text and bytes by their bytes.
struct ColumnFilter {
  std::string column;
  std::vector<ValueSpan> spans;
};

/// All of them hold; none: every row is wanted.
using RowFilter = std::vector<ColumnFilter>;

/// The rows of a batch that meet the filter, in their order. Columns that the batch does not have
/// are not asked.
Result<std::shared_ptr<arrow::RecordBatch>> FilterRows(
    const std::shared_ptr<arrow::RecordBatch>& rows, const RowFilter& filter);

/// Does any row of a batch meet the filter?
Result<bool> AnyRowMeets(const arrow::RecordBatch& rows, const RowFilter& filter);

/// May a value between `least` and `greatest` (of the column's type) meet the column's filter?
bool MayMeet(const ColumnFilter& filter, const std::shared_ptr<arrow::Scalar>& least,
             const std::shared_ptr<arrow::Scalar>& greatest);

}  // namespace firth::schema
