// Rows of a batch by their places.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "firth/common/status.h"

namespace firth::schema {

/// The rows at these places, in their order; each place at most once, and in the batch. All of them
/// in order are the batch itself.
Result<std::shared_ptr<arrow::RecordBatch>> TakeRows(
    const std::shared_ptr<arrow::RecordBatch>& rows, const std::vector<int64_t>& places);

}  // namespace firth::schema
