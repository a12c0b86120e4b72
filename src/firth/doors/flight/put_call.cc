#include "firth/doors/flight/put_call.h"

#include <memory>
#include <utility>

#include "firth/doors/flight/row_frames.h"
#include "firth/doors/flight/row_sink.h"

namespace firth::doors::flight {
namespace {

namespace protocol = arrow::flight::protocol;

Result<PutTarget> TargetOf(const std::string& serialized) {
  protocol::FlightDescriptor descriptor;
  if (!serialized.empty() && descriptor.ParseFromString(serialized)) {
    if (descriptor.type() == protocol::FlightDescriptor::CMD) {
      return PutTarget::FromJson(descriptor.cmd());
    }
    PutTarget target;
    for (const std::string& segment : descriptor.path()) target.path.segments.push_back(segment);
    if (!target.path.empty()) return target;
  }
  return Error(Code::kInvalidArgument, Reason::kNone,
               "a put begins with a descriptor: the table's path, or a command like "
               "{\"path\": \"a/b\", \"create\": true}");
}

class PutCall {
 public:
  PutCall(const Request& request, PutStream* stream) : request_(request), stream_(stream) {}

  Status Run() {
    Frame first;
    if (!stream_->Read(&first)) return TargetOf("").status();
    ARROW_ASSIGN_OR_RAISE(const PutTarget target, TargetOf(first.descriptor));
    first_ = std::move(first);
    ARROW_ASSIGN_OR_RAISE(const auto reader,
                          FrameReader::Open([this](Frame* frame) { return NextFrame(frame); }));
    ARROW_ASSIGN_OR_RAISE(sink_, RowSink::Open(request_, target, *reader->schema()));
    for (;;) {
      ARROW_ASSIGN_OR_RAISE(const auto rows, reader->Next());
      if (rows == nullptr) break;
      ARROW_RETURN_NOT_OK(sink_->Write(rows));
      if (sink_->full() || std::exchange(commit_asked_, false)) ARROW_RETURN_NOT_OK(Commit());
    }
    return sink_->empty() && answered_ ? Status::OK() : Commit();
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
        ARROW_RETURN_NOT_OK(Commit());
      }
    }
    return true;
  }

  Status Commit() {
    ARROW_ASSIGN_OR_RAISE(const PutAnswer answer, sink_->Flush());
    protocol::PutResult result;
    result.set_app_metadata(answer.ToJson());
    answered_ = true;
    stream_->Write(result);  // where the client is gone, the next read says so
    return Status::OK();
  }

  const Request request_;
  PutStream* const stream_;
  Frame first_;
  std::unique_ptr<RowSink> sink_;
  bool commit_asked_ = false;
  bool answered_ = false;
};

}  // namespace

Status RunPut(const Request& request, PutStream* stream) {
  return PutCall(request, stream).Run();
}

}  // namespace firth::doors::flight
