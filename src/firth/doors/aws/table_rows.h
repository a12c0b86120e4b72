// Rows between files, tables and answers.
#pragma once

#include <arrow/record_batch.h>

#include <memory>

#include "firth/doors/aws/table_shape.h"

namespace firth::doors::aws {

/// Rows of a file under a table's own schema: columns by name, surplus ones left out, absent
/// nullable ones null; types exactly, but for what loses nothing: integers that fit, wide and
/// narrow text, bytes and lists. Error kSchemaMismatch names the column.
Result<std::shared_ptr<arrow::RecordBatch>> FitFileRows(
    const arrow::RecordBatch& rows, const std::shared_ptr<arrow::Schema>& table);

/// Rows of a table as `shape` shows them; `rows` has at least the shape's columns, by name.
Result<std::shared_ptr<arrow::RecordBatch>> ShowRows(const arrow::RecordBatch& rows,
                                                     const TableShape& shape);

}  // namespace firth::doors::aws
