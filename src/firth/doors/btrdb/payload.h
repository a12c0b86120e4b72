// Points and windows as Arrow IPC streams, both ways.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/doors/btrdb/join.h"
#include "firth/table/series.h"

namespace firth::doors::btrdb {

/// The schema of streamed values: `time` timestamp[ns, UTC], `value` float64, never null.
const std::shared_ptr<arrow::Schema>& ValueSchema();
/// `time`, `min`, `mean`, `max`, `count` uint64, `stddev`.
const std::shared_ptr<arrow::Schema>& WindowSchema();

/// `time`, and a float64 column named by each stream's uuid.
std::shared_ptr<arrow::Schema> JoinedSchema(const std::vector<table::SeriesId>& streams);

/// The schema that a template (an IPC stream with only a schema) asks for instead of `plain`, which
/// it is for no template. Error kInvalidArgument when it does not fit.
Result<std::shared_ptr<arrow::Schema>> ParseTemplate(const std::string& bytes,
                                                     const std::shared_ptr<arrow::Schema>& plain);

/// One complete IPC stream. Columns are cast to `schema` as Arrow's unsafe cast does.
Result<std::string> EncodePoints(const timeview::PointBatch& points,
                                 const std::shared_ptr<arrow::Schema>& schema);
Result<std::string> EncodeJoined(const JoinedBatch& rows,
                                 const std::shared_ptr<arrow::Schema>& schema);
Result<std::string> EncodeWindows(const timeview::WindowBatch& windows);

/// The points of an insert. Where they came as one batch of what is stored, they lie in the bytes
/// that were read.
class ArrivedPoints {
 public:
  std::span<const int64_t> times() const { return times_; }
  std::span<const double> values() const { return values_; }
  /// Where they are in a message as the log has it, if they came so.
  const table::PointMessage& message() const { return message_; }
  /// Values that may be changed: copied, if they still lie elsewhere.
  std::span<double> OwnValues();

 private:
  friend class PointDecoder;

  /// What Arrow unpacks is bounded, and lies in memory of this.
  struct Memory;
  std::shared_ptr<Memory> memory_;
  std::shared_ptr<arrow::Buffer> bytes_;
  table::PointMessage message_;
  std::shared_ptr<arrow::RecordBatch> rows_;  // let go of before the memory
  timeview::PointBatch own_;
  std::span<const int64_t> times_;
  std::span<const double> values_;
};

/// Bytes as a buffer of their own, which may be written to.
std::shared_ptr<arrow::Buffer> BufferOf(std::string bytes);

/// Reads inserts. Thread-safe.
class PointDecoder {
 public:
  /// Two columns, by position, time and value, in any number of batches. Hostile bytes. Errors:
  /// kInvalidArgument; kBadValue for nulls; kBatchTooLarge above `points_max`.
  Result<ArrivedPoints> Decode(std::shared_ptr<arrow::Buffer> bytes, int64_t points_max);

 private:
  /// Points that came as they usually do: one batch of numbers as they are stored, of which only
  /// metadata is read. False: they did not, or the bytes are hostile.
  bool FindPlain(int64_t points_max, ArrivedPoints* arrived);
  /// Is a message a schema of such columns?
  bool IsPlainSchema(Bytes message);

  std::mutex mutex_;
  std::string plain_schema_;  // guarded by mutex_: the last one, as clients send the same ones
};

}  // namespace firth::doors::btrdb
