#include "firth/doors/flight/row_frames.h"

#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/util/byte_size.h>

#include <algorithm>
#include <utility>

namespace firth::doors::flight {
namespace {

/// Gives a stream's frames to Arrow's reader, one message at a time.
class FrameMessages : public arrow::ipc::MessageReader {
 public:
  explicit FrameMessages(std::function<Result<bool>(Frame*)> next) : next_(std::move(next)) {}

  Result<std::unique_ptr<arrow::ipc::Message>> ReadNextMessage() override {
    Frame frame;
    do {
      ARROW_ASSIGN_OR_RAISE(const bool more, next_(&frame));
      if (!more) return nullptr;
    } while (frame.header == nullptr);
    std::shared_ptr<arrow::Buffer> body =
        frame.body.empty() ? std::make_shared<arrow::Buffer>(nullptr, 0) : frame.body[0];
    return arrow::ipc::Message::Open(frame.header, std::move(body));
  }

 private:
  const std::function<Result<bool>(Frame*)> next_;
};

class StreamFrameReader : public FrameReader {
 public:
  explicit StreamFrameReader(std::shared_ptr<arrow::RecordBatchReader> reader)
      : reader_(std::move(reader)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override { return reader_->Next(); }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> reader_;
};

}  // namespace

Result<Frame> SchemaFrame(const arrow::Schema& schema) {
  arrow::ipc::IpcPayload payload;
  ARROW_RETURN_NOT_OK(arrow::ipc::GetSchemaPayload(schema, arrow::ipc::IpcWriteOptions::Defaults(),
                                                   arrow::ipc::DictionaryFieldMapper(schema),
                                                   &payload));
  return FrameOf(payload);
}

Result<std::vector<Frame>> RowFrames(const std::shared_ptr<arrow::RecordBatch>& rows) {
  ARROW_ASSIGN_OR_RAISE(const int64_t bytes, arrow::util::ReferencedBufferSize(*rows));
  const int64_t pieces = std::max<int64_t>(1, (bytes + kFrameBytesMax - 1) / kFrameBytesMax);
  const int64_t step = std::max<int64_t>(1, (rows->num_rows() + pieces - 1) / pieces);
  std::vector<Frame> frames;
  for (int64_t at = 0; at < rows->num_rows(); at += step) {
    arrow::ipc::IpcPayload payload;
    ARROW_RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(
        *rows->Slice(at, step), arrow::ipc::IpcWriteOptions::Defaults(), &payload));
    frames.push_back(FrameOf(payload));
  }
  return frames;
}

Result<std::unique_ptr<FrameReader>> FrameReader::Open(std::function<Result<bool>(Frame*)> next) {
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchStreamReader::Open(
                                         std::make_unique<FrameMessages>(std::move(next))));
  return std::make_unique<StreamFrameReader>(std::move(reader));
}

}  // namespace firth::doors::flight
