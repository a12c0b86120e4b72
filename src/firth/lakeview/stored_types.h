// The columns of a lake file: a table's columns in types that every lake engine knows, then four
// columns of ours. Types that other engines lack are stored as ones that hold all their values.
//
//   int8, int16, uint8, uint16       int32
//   uint32                           int64
//   uint64                           decimal(20, 0)
//   time of any unit but nanoseconds time in microseconds
//   time in nanoseconds, durations   int64, in their unit
//   timestamps in seconds            timestamps in milliseconds
//   timestamps in s, ms, far away    int64, in their unit
//   extension types                  what they store
//
// Far away is what microseconds do not hold, for other engines know no wider timestamps: a column
// is stored so in a file if any of its values there is. Others are stored as they are. Ids of
// fields are the table's own. List items and map entries have none there; they get kItemIdFirst +
// 64 * (the id of the nearest field around them that has one) + 0, 1, … in the order of the
// schema's text.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <memory>
#include <set>

#include "firth/common/status.h"

namespace firth::lakeview {

/// The columns that every lake file ends with, none of them null: a row's offset in its log
/// (int64), its commit (int64) and that commit's time (timestamp in ns, UTC), and how it changed
/// its table (int32: 0 +A, 1 +I, 2 -U, 3 +U, 4 -D).
inline constexpr char kOffsetColumn[] = "__offset";
inline constexpr char kCommitColumn[] = "__commit";
inline constexpr char kTimeColumn[] = "__time";
inline constexpr char kChangeColumn[] = "__change";
inline constexpr int kHiddenColumns = 4;

/// Field ids of the four are kHiddenIdFirst and the next.
inline constexpr int32_t kHiddenIdFirst = (1 << 30) + 1;
inline constexpr int32_t kItemIdFirst = (1 << 30) + 64;

/// The metadata key under which Parquet's writer looks for the id of a field.
inline constexpr char kParquetIdKey[] = "PARQUET:field_id";

/// The ids of columns of a table.
using FieldIds = std::set<int32_t>;

/// Add the ids of those columns, of rows under a table's schema, that have a timestamp which
/// microseconds do not hold.
void NoteFarTimes(const arrow::RecordBatch& rows, FieldIds* far);

/// The columns of files of a table with this schema, the hidden ones last, with ids for Parquet;
/// the timestamps in those called `far` as numbers.
/// Error kInvalidSchema for a table with a column of a hidden column's name, and for ids that are
/// too great to number list items.
Result<std::shared_ptr<arrow::Schema>> StoredSchema(const arrow::Schema& table,
                                                    const FieldIds& far = {});

/// The id for Parquet of a field of a stored schema, or -1.
int32_t StoredId(const arrow::Field& field);

/// Rows under the table's schema followed by the hidden columns (__change of any integer type) as
/// they are stored. Error kInvalidArgument for a value that the stored type does not hold.
Result<std::shared_ptr<arrow::RecordBatch>> ToStored(const arrow::RecordBatch& rows,
                                                     const std::shared_ptr<arrow::Schema>& stored);

/// A column that was read from a file, as the type that the table has for it.
Result<std::shared_ptr<arrow::Array>> FromStored(const std::shared_ptr<arrow::Array>& column,
                                                 const std::shared_ptr<arrow::DataType>& type);

}  // namespace firth::lakeview
