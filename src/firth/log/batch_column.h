// One column of a batch's rows.
#pragma once

#include <arrow/buffer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <memory>

#include "firth/common/status.h"

namespace firth::log {

/// Decode one column of a batch, by its place in the schema that the rows were written with; the
/// others are not unpacked. Valid in full, or error kCorruptBatch. It may refer to `batch`'s
/// memory.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeColumn(
    const std::shared_ptr<arrow::Buffer>& batch, const std::shared_ptr<arrow::Schema>& schema,
    int column);

}  // namespace firth::log
