// Nulls where there is nothing: the parts of a struct that is null.
#pragma once

#include <arrow/record_batch.h>

#include <memory>

namespace firth::format {

/// The rows with no nulls in parts of structs that may not be null. Such nulls stand below a null
/// struct, where they say nothing; Parquet's writers take them for values that are missing. Zero
/// copy.
std::shared_ptr<arrow::RecordBatch> WithoutNullsBelowNulls(const arrow::RecordBatch& rows);

}  // namespace firth::format
