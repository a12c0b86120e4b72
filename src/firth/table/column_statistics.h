// What a file's columns hold: nulls, the least and the greatest value.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/scalar.h>

#include <map>
#include <string>

#include "firth/common/status.h"

namespace firth::table {

/// Gathers over batches. Columns of numbers, booleans, text, dates and times have least and
/// greatest values; others only nulls.
class ColumnStatistics {
 public:
  ColumnStatistics();
  ~ColumnStatistics();

  Status Add(const arrow::RecordBatch& rows);
  /// What a file says of some of a column's rows; without least and greatest, those are not known
  /// unless there are none.
  void AddSummary(const std::string& name, const arrow::DataType& type, int64_t rows, int64_t nulls,
                  const arrow::Scalar* least, const arrow::Scalar* greatest);
  /// As JSON: column to {"n": nulls, "min", "max"}. Dates and times are the integers that they are
  /// stored as; a column without values, with NaN, or with text over 256 bytes has no min and max.
  std::string ToJson() const;

 private:
  struct Column;
  std::map<std::string, Column> columns_;
};

}  // namespace firth::table
