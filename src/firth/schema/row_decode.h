// Compact rows to Arrow columns. Everything here takes hostile bytes.
#pragma once

#include <arrow/array/data.h>

#include <memory>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/schema/row_node.h"

namespace firth::schema {

/// Rows of the columns `nodes`, one array a column. A row without a data pointer is null in all of
/// them. Errors: kCorruptBatch; kBatchTooLarge above kDecodedBytesMax.
Result<std::vector<std::shared_ptr<arrow::ArrayData>>> DecodeRows(
    const std::vector<RowNode>& nodes, const std::vector<std::string_view>& rows);

/// Find the end of the value of `node` that begins at `at`, checking it as DecodeRows would.
Result<const char*> SkipValue(const RowNode& node, const char* at, const char* end);

/// Does `row`, which holds its null bits, say that column `c` is null?
inline bool IsNullIn(std::string_view row, size_t c) {
  return ((static_cast<unsigned char>(row[c / 8]) >> (c % 8)) & 1) != 0;
}

}  // namespace firth::schema
