#include "firth/doors/flight/client_calls.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/sync_stream.h>

#include <utility>

#include "firth/doors/flight/errors.h"
#include "firth/doors/flight/frame.h"
#include "firth/doors/flight/row_frames.h"
#include "flight.pb.h"

namespace firth::doors::flight {
namespace {

namespace protocol = arrow::flight::protocol;
using grpc::internal::RpcMethod;

/// What both calls have: a context, the server's name for errors, and one Finish.
struct Call {
  grpc::ClientContext context;
  std::string server;
  bool finished = false;

  template <typename Stream>
  Status Finish(Stream* stream) {
    finished = true;
    return CallStatus(stream->Finish(), context, server);
  }
};

class GetCall : public RowReader {
 public:
  ~GetCall() override {
    if (call_.finished) return;
    call_.context.TryCancel();
    stream_->Finish().IgnoreError();
  }

  Status Start(const std::shared_ptr<grpc::Channel>& channel, const std::string& server,
               const std::string& secret, const std::string& ticket_text) {
    call_.server = server;
    SignCall(secret, &call_.context);
    protocol::Ticket ticket;
    ticket.set_ticket(ticket_text);
    const RpcMethod method("/arrow.flight.protocol.FlightService/DoGet",
                           RpcMethod::SERVER_STREAMING);
    stream_.reset(grpc::internal::ClientReaderFactory<Frame>::Create(channel.get(), method,
                                                                     &call_.context, ticket));
    auto reader = FrameReader::Open([this](Frame* frame) -> Result<bool> {
      if (stream_->Read(frame)) return true;
      ARROW_RETURN_NOT_OK(call_.Finish(stream_.get()));
      return false;
    });
    ARROW_ASSIGN_OR_RAISE(reader_, std::move(reader));
    return Status::OK();
  }

  std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override { return reader_->Next(); }

 private:
  Call call_;
  std::unique_ptr<grpc::ClientReader<Frame>> stream_;
  std::unique_ptr<FrameReader> reader_;
};

class PutCall : public RowWriter {
 public:
  ~PutCall() override {
    if (call_.finished) return;
    call_.context.TryCancel();
    stream_->Finish().IgnoreError();
  }

  Status Start(const std::shared_ptr<grpc::Channel>& channel, const std::string& server,
               const std::string& secret, const std::string& target, const arrow::Schema& schema) {
    call_.server = server;
    SignCall(secret, &call_.context);
    const RpcMethod method("/arrow.flight.protocol.FlightService/DoPut", RpcMethod::BIDI_STREAMING);
    stream_.reset(grpc::internal::ClientReaderWriterFactory<Frame, protocol::PutResult>::Create(
        channel.get(), method, &call_.context));
    ARROW_ASSIGN_OR_RAISE(Frame first, SchemaFrame(schema));
    protocol::FlightDescriptor descriptor;
    descriptor.set_type(protocol::FlightDescriptor::CMD);
    descriptor.set_cmd(target);
    first.descriptor = descriptor.SerializeAsString();
    return Send(first);
  }

  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows) override {
    ARROW_ASSIGN_OR_RAISE(const auto frames, RowFrames(rows));
    for (const Frame& frame : frames) ARROW_RETURN_NOT_OK(Send(frame));
    return Status::OK();
  }

  Result<std::string> Close() override {
    stream_->WritesDone();
    protocol::PutResult answer;
    protocol::PutResult last;
    while (stream_->Read(&answer)) last.Swap(&answer);
    ARROW_RETURN_NOT_OK(call_.Finish(stream_.get()));
    return last.app_metadata();
  }

 private:
  Status Send(const Frame& frame) {
    if (stream_->Write(frame)) return Status::OK();
    ARROW_RETURN_NOT_OK(call_.Finish(stream_.get()));
    return Error(Code::kInternal, Reason::kNone, "the server ended the put before its rows did");
  }

  Call call_;
  std::unique_ptr<grpc::ClientReaderWriter<Frame, protocol::PutResult>> stream_;
};

}  // namespace

void SignCall(const std::string& secret, grpc::ClientContext* context) {
  if (!secret.empty()) context->AddMetadata("authorization", "Bearer " + secret);
}

Status CallStatus(const grpc::Status& status, const grpc::ClientContext& context,
                  const std::string& server) {
  if (status.ok()) return Status::OK();
  const auto& trailing = context.GetServerTrailingMetadata();
  const auto reason = trailing.find(kReasonKey);
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && trailing.empty()) {
    return Error(Code::kUnavailable, Reason::kNone,
                 "no server answers at " + server + " (" + status.error_message() + ")");
  }
  return FromGrpc(status, reason == trailing.end()
                              ? std::string()
                              : std::string(reason->second.data(), reason->second.size()));
}

Result<std::unique_ptr<RowReader>> StartGet(const std::shared_ptr<grpc::Channel>& channel,
                                            const std::string& server, const std::string& secret,
                                            const std::string& ticket) {
  auto call = std::make_unique<GetCall>();
  ARROW_RETURN_NOT_OK(call->Start(channel, server, secret, ticket));
  return call;
}

Result<std::unique_ptr<RowWriter>> StartPut(const std::shared_ptr<grpc::Channel>& channel,
                                            const std::string& server, const std::string& secret,
                                            const std::string& target,
                                            const std::shared_ptr<arrow::Schema>& schema) {
  auto call = std::make_unique<PutCall>();
  ARROW_RETURN_NOT_OK(call->Start(channel, server, secret, target, *schema));
  return call;
}

}  // namespace firth::doors::flight
