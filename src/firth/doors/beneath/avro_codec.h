// Records as this door's clients send them, bare Avro binary by the table's schema, to Arrow rows
// and back. Incoming bytes are hostile.
#pragma once

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/beneath/record_type.h"

namespace firth::doors::beneath {

struct TimedRecord {
  std::string_view avro;
  int64_t time_ms = 0;
};

/// Decode and check every record. The rows have the columns of ArrowSchema(record). Error kBadValue
/// names the record and the field.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeRecords(const Type& record,
                                                          const std::vector<TimedRecord>& records);

/// Encodes rows of one schema. Immutable; thread-safe.
class RecordEncoder {
 public:
  /// `columns`: for each field of `record` the name of its column.
  RecordEncoder(TypePtr record, std::vector<std::string> columns)
      : record_(std::move(record)), columns_(std::move(columns)) {}

  /// The columns of `rows` as Encode wants them, cast where another door's types ask for it.
  Result<arrow::ArrayVector> Columns(const arrow::RecordBatch& rows) const;
  /// Append the Avro bytes of row `row` to `*out`. Error kBadValue for a value that the type does
  /// not have, as another door may have written it.
  Status Encode(const arrow::ArrayVector& columns, int64_t row, std::string* out) const;

  const Type& record() const { return *record_; }
  const std::vector<std::string>& column_names() const { return columns_; }

 private:
  TypePtr record_;
  std::vector<std::string> columns_;
};

}  // namespace firth::doors::beneath
