// What a file's columns hold: nulls, the least and the greatest value.
#pragma once

#include <arrow/record_batch.h>

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
  /// As JSON: column to {"n": nulls, "min", "max"}. Dates and times are the integers that they are
  /// stored as; a column without values, with NaN, or with text over 256 bytes has no min and max.
  std::string ToJson() const;

 private:
  struct Column;
  std::map<std::string, Column> columns_;
};

}  // namespace firth::table
