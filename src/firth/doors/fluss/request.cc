#include "firth/doors/fluss/request.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "firth/doors/fluss/connection.h"
#include "firth/doors/fluss/messages.h"

namespace firth::doors::fluss {

Request::Request(std::shared_ptr<Connection> connection, RequestHeader header,
                 std::shared_ptr<arrow::Buffer> frame)
    : connection_(std::move(connection)),
      services_(connection_->services().get()),
      header_(header),
      frame_(std::move(frame)),
      caller_(connection_->caller()) {
  connection_->RequestBegins(static_cast<uint64_t>(frame_->size()));
}

Request::~Request() {
  // Nobody kept it to answer it later: a handler's fault, but not the client's to wait for.
  Refuse(Wire::kUnknown, "the request was dropped without an answer");
  connection_->RequestEnds(static_cast<uint64_t>(frame_->size()));
}

Bytes Request::body() const {
  const auto* data = reinterpret_cast<const std::byte*>(frame_->data());
  return Bytes(data, static_cast<size_t>(frame_->size())).subspan(kRequestHeaderBytes);
}

std::shared_ptr<arrow::Buffer> Request::Slice(Bytes part) const {
  const auto* data = reinterpret_cast<const std::byte*>(frame_->data());
  // As SliceBuffer does it, which counts Arrow's one memory manager up and down twice as often:
  // each time waits for the other threads that do.
  return std::make_shared<arrow::Buffer>(frame_->data() + (part.data() - data),
                                         static_cast<int64_t>(part.size()),
                                         frame_->memory_manager(), frame_);
}

bool Request::Parse(google::protobuf::MessageLite* message) {
  const Bytes bytes = body();
  // Partial: the library writes a line about every missing field, and hostile clients would fill
  // the log with them.
  const bool parsed =
      message->ParsePartialFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
      message->IsInitialized();
  if (parsed) return true;
  Refuse(Wire::kCorruptRecord, "the request's message cannot be read, or lacks a required field");
  return false;
}

bool Request::TakeAnswer() {
  return !answered_.exchange(true);
}

void Request::Answer(const google::protobuf::MessageLite& message) {
  if (!TakeAnswer()) return;
  std::string frame = AnswerHeader(header_.request_id);
  if (!message.AppendToString(&frame)) {
    frame = ErrorAnswer(header_.request_id, static_cast<int32_t>(Wire::kUnknown),
                        "the answer could not be written");
  }
  connection_->Send({ToBuffer(std::move(frame))});
}

void Request::AnswerParts(std::vector<std::shared_ptr<arrow::Buffer>> parts) {
  if (!TakeAnswer()) return;
  std::vector<std::shared_ptr<arrow::Buffer>> frame;
  frame.reserve(parts.size() + 1);
  frame.push_back(ToBuffer(AnswerHeader(header_.request_id)));
  std::move(parts.begin(), parts.end(), std::back_inserter(frame));
  connection_->Send(std::move(frame));
}

void Request::AnswerText(std::string_view message) {
  if (!TakeAnswer()) return;
  std::string frame = AnswerHeader(header_.request_id);
  frame += message;
  connection_->SendText(frame);
}

void Request::Refuse(const Status& status) {
  if (!TakeAnswer()) return;
  connection_->Send({ToBuffer(
      ErrorAnswer(header_.request_id, CodeFor(status, Asked::kName), MessageOf(status)))});
}

void Request::Refuse(Wire code, std::string_view message) {
  if (!TakeAnswer()) return;
  connection_->Send(
      {ToBuffer(ErrorAnswer(header_.request_id, static_cast<int32_t>(code), message))});
}

}  // namespace firth::doors::fluss
