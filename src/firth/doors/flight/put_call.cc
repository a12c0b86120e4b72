#include "firth/doors/flight/put_call.h"

#include <memory>
#include <utility>
#include <vector>

#include "firth/doors/flight/flight_info.h"
#include "firth/doors/flight/row_frames.h"
#include "firth/doors/flight/row_sink.h"

namespace firth::doors::flight {
namespace {

namespace protocol = arrow::flight::protocol;

Result<PutTarget> TargetOf(const std::string& serialized) {
  protocol::FlightDescriptor descriptor;
  if (!descriptor.ParseFromString(serialized)) descriptor.Clear();
  if (descriptor.type() == protocol::FlightDescriptor::CMD) {
    return PutTarget::FromJson(descriptor.cmd());
  }
  PutTarget target;
  ARROW_ASSIGN_OR_RAISE(target.path, PathOf(descriptor));
  return target;
}

class PutCall {
 public:
  PutCall(const Request& request, const grpc::ServerContext& context, PutStream* stream)
      : request_(request), context_(context), stream_(stream) {}

  Status Run() {
    Frame first;
    if (!stream_->Read(&first)) return TargetOf("").status();
    ARROW_ASSIGN_OR_RAISE(const PutTarget target, TargetOf(first.descriptor));
    first_ = std::move(first);
    ARROW_ASSIGN_OR_RAISE(const auto reader,
                          FrameReader::Open([this](Frame* frame) { return NextFrame(frame); }));
    ARROW_ASSIGN_OR_RAISE(sink_, RowSink::Open(request_, target, *reader->schema(),
                                               [this](const PutAnswer& answer) { Send(answer); }));
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const auto rows, reader->Next());
      if (rows == nullptr) break;
      ARROW_RETURN_NOT_OK(sink_->Write(rows));
      if (std::exchange(commit_asked_, false)) ARROW_RETURN_NOT_OK(sink_->Commit());
    }
    if (context_.IsCancelled()) {  // the stream broke off; what came is not a whole put
      return Error(Code::kCancelled, Reason::kNone, "the client cancelled the call");
    }
    ARROW_RETURN_NOT_OK(sink_->Flush());
    if (!answered_) Send({0, request_.database->LastCommit()});
    return Status::OK();
  }

 private:
  Result<bool> NextFrame(Frame* frame) {
    if (first_.header != nullptr) {
      *frame = std::exchange(first_, Frame());
      return true;
    }
    if (!stream_->Read(frame)) return false;
    if (frame->app_metadata == "commit") {
      if (frame->header != nullptr) {
        commit_asked_ = true;  // with the rows that it carries
      } else if (sink_ != nullptr) {
        ARROW_RETURN_NOT_OK(sink_->Commit());
      }
    }
    return true;
  }

  /// Where the client is gone, the next read says so.
  void Send(const PutAnswer& answer) {
    protocol::PutResult result;
    result.set_app_metadata(answer.ToJson());
    stream_->Write(result);
    answered_ = true;
  }

  const Request request_;
  const grpc::ServerContext& context_;
  PutStream* const stream_;
  Frame first_;
  bool commit_asked_ = false;
  bool answered_ = false;          // by the sink's thread
  std::unique_ptr<RowSink> sink_;  // answers until it is gone
};

}  // namespace

Status RunPut(const Request& request, const grpc::ServerContext& context, PutStream* stream) {
  return PutCall(request, context, stream).Run();
}

}  // namespace firth::doors::flight
