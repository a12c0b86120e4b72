// Record batches as frames, and frames as record batches.
#pragma once

#include <arrow/ipc/reader.h>
#include <arrow/record_batch.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/flight/frame.h"

namespace firth::doors::flight {

/// A frame's rows hold about this many bytes at the most.
inline constexpr int64_t kFrameBytesMax = int64_t{32} << 20;

/// The first frame of a stream.
Result<Frame> SchemaFrame(const arrow::Schema& schema);
/// Rows as frames that refer to their memory: one, or several where they are many.
Result<std::vector<Frame>> RowFrames(const std::shared_ptr<arrow::RecordBatch>& rows);

/// Reads the rows of a stream of frames. Its schema may have dictionaries; frames that carry only
/// metadata are passed over.
class FrameReader {
 public:
  /// `next` gives the next frame, or false at the end of the stream.
  static Result<std::unique_ptr<FrameReader>> Open(std::function<Result<bool>(Frame*)> next);
  virtual ~FrameReader() = default;
  virtual std::shared_ptr<arrow::Schema> schema() const = 0;
  /// The next rows, or null at the end. They are not validated.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

}  // namespace firth::doors::flight
