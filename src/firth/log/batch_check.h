// Whether a batch's rows can be read, told without reading them where that is possible.
#pragma once

#include <arrow/buffer.h>
#include <arrow/type.h>

#include <memory>

#include "firth/common/status.h"
#include "firth/log/batch.h"

namespace firth::log {

/// Check that DecodeBatch will read `batch`, whose header is `header`, as `schema`. Columns are
/// judged by where their buffers lie, and by one pass over their validity, offsets, text, decimals
/// and times of day, unpacked one by one where they are compressed; a batch with columns of rarer
/// types, or with anything unusual, is decoded.
/// Error kCorruptBatch.
Status CheckRows(const std::shared_ptr<arrow::Buffer>& batch, const BatchHeader& header,
                 const std::shared_ptr<arrow::Schema>& schema);

/// The first half of it: is it seen from the bytes alone that the rows can be read? False says
/// nothing.
bool AreRowsPlainlyThere(const BatchHeader& header, const arrow::Schema& schema);

}  // namespace firth::log
