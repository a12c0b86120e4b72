// Whether a batch's rows can be read, told without decoding them where that is possible.
#pragma once

#include <arrow/buffer.h>
#include <arrow/type.h>

#include <memory>

#include "firth/common/status.h"
#include "firth/log/batch.h"

namespace firth::log {

/// Check that the rows of `batch`, whose header is `header`, are there and are those of `schema`.
/// Columns are judged by where their buffers lie, and by one pass over their validity, offsets,
/// text, decimals and times of day; compressed ones by their frames and lengths alone, so that
/// DecodeBatch may still refuse what is in them. A batch with columns of rarer types, or with
/// anything unusual, is decoded. Error kCorruptBatch.
Status CheckRows(const std::shared_ptr<arrow::Buffer>& batch, const BatchHeader& header,
                 const std::shared_ptr<arrow::Schema>& schema);

/// The first half of it: is it told from the bytes as they are? False says nothing.
bool AreRowsPlainlyThere(const BatchHeader& header, const arrow::Schema& schema);

/// How many bytes the message's buffers are when they are unpacked, by what they say themselves:
/// the most that CheckRows has to do with. Error kCorruptBatch.
Result<int64_t> UnpackedBytes(const BatchHeader& header);

}  // namespace firth::log
