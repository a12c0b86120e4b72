// The batch of a PutKv request, little-endian:
//
//   at size
//    0   4   bytes after this field
//    4   1   magic, 0
//    5   4   CRC-32C of bytes 9..
//    9   2   schema id
//   11   1   attributes, 0
//   12   8   writer id, -1 none
//   20   4   writer's sequence, -1 none
//   24   4   records
//   28   .   records: int32 length | varint key length | key | compact row (none: the key is
//   deleted)
#pragma once

#include <arrow/buffer.h>

#include <cstddef>
#include <memory>

#include "firth/common/status.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

inline constexpr size_t kKvHeaderBytes = 28;
inline constexpr size_t kKvChecksummedFrom = 9;

/// Read one whole batch. Hostile bytes; error kCorruptBatch. The records point into `batch`, which
/// the result keeps. Rows are not looked into: the engine checks them against the schema.
Result<table::UpsertBatch> ReadKvBatch(const std::shared_ptr<arrow::Buffer>& batch);

}  // namespace firth::doors::fluss
