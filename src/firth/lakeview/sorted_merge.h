// One sorted stream of rows out of several.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "firth/common/status.h"
#include "firth/lakeview/row_order.h"

namespace firth::lakeview {

/// Merge readers of one schema, each sorted by `order`, which sorts; rows with equal keys come in
/// the order of their readers. Holds a batch of each. The schema begins with the columns that the
/// order wants (RowOrder::Keys).
Result<std::shared_ptr<arrow::RecordBatchReader>> MergeSorted(
    std::vector<std::shared_ptr<arrow::RecordBatchReader>> readers, RowOrder order,
    int64_t batch_rows);

/// One reader after another.
std::shared_ptr<arrow::RecordBatchReader> Chain(
    std::shared_ptr<arrow::Schema> schema,
    std::vector<std::shared_ptr<arrow::RecordBatchReader>> readers);

}  // namespace firth::lakeview
