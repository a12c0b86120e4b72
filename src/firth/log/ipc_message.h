// The metadata of one encapsulated Arrow IPC record batch message, read and written without
// touching the data. Layout: Arrow's columnar format specification, "Encapsulated message format".
#pragma once

#include <arrow/type.h>
#include <arrow/util/small_vector.h>

#include <cstdint>
#include <optional>
#include <string>

#include "firth/common/bytes.h"
#include "firth/common/status.h"

namespace firth::log {

struct IpcFieldNode {
  int64_t length = 0;
  int64_t null_count = 0;
};

struct IpcBuffer {
  int64_t offset = 0;  // in the body
  int64_t length = 0;
};

enum class IpcCompression : int8_t { kLz4Frame = 0, kZstd = 1 };

/// A record batch message, taken apart.
struct IpcRecordBatch {
  int16_t metadata_version = 0;  // 3 = V4, 4 = V5
  int64_t length = 0;
  // Of a table with few columns they take no memory of their own.
  arrow::internal::SmallVector<IpcFieldNode, 8> nodes;
  arrow::internal::SmallVector<IpcBuffer, 24> buffers;
  std::optional<IpcCompression> compression;
  /// It has more than this, or its metadata does not end at a multiple of 8: what of it can be read
  /// Arrow's own reader knows.
  bool has_more = false;
  Bytes body;
};

/// Take `message` apart. Hostile bytes; error kCorruptBatch. On return every buffer lies in the
/// body.
Result<IpcRecordBatch> ParseIpcRecordBatch(Bytes message);

/// A message of columns of numbers of eight bytes each, none of them null.
struct IpcNumbers {
  size_t message_bytes = 0;  // of the bytes that were given: the message
  int64_t rows = 0;
  arrow::internal::SmallVector<const std::byte*, 4> columns;  // aligned to eight
};
/// Find the numbers of a message at the begin of `bytes` that has so many columns of them, where
/// they lie there as they are and little else does. Nothing: it is any other, or hostile.
std::optional<IpcNumbers> FindIpcNumbers(Bytes bytes, size_t columns);

/// The front of an encapsulated message (continuation, length, metadata, padding to 8) for `batch`,
/// whose buffers are as they will stand in a body of `body_bytes`.
std::string WriteIpcMetadata(const IpcRecordBatch& batch, int64_t body_bytes);

/// How many nodes and buffers a field has, with all its children, in a record batch message.
struct IpcShape {
  size_t nodes = 0;
  size_t buffers = 0;
};
/// Error kInvalidSchema for a type that a log batch cannot hold.
Result<IpcShape> ShapeOf(const arrow::DataType& type);

}  // namespace firth::log
