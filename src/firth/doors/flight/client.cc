#include "firth/doors/flight/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <string_view>
#include <utility>

#include "firth/doors/flight/client_calls.h"
#include "firth/doors/flight/errors.h"
#include "flight.grpc.pb.h"

namespace firth::doors::flight {
namespace {

namespace protocol = arrow::flight::protocol;

class Client : public Session {
 public:
  Client(std::shared_ptr<grpc::Channel> channel, std::string server, std::string secret)
      : channel_(std::move(channel)),
        server_(std::move(server)),
        secret_(std::move(secret)),
        stub_(protocol::FlightService::NewStub(channel_)) {}

  Result<std::string> Act(const std::string& action, const std::string& body) override {
    grpc::ClientContext context;
    SignCall(secret_, &context);
    protocol::Action request;
    request.set_type(action);
    request.set_body(body);
    const auto stream = stub_->DoAction(&context, request);
    protocol::Result answer;
    protocol::Result further;
    stream->Read(&answer);
    while (stream->Read(&further)) {
    }
    ARROW_RETURN_NOT_OK(CallStatus(stream->Finish(), context, server_));
    return answer.body();
  }

  Result<std::unique_ptr<RowReader>> Get(const std::string& ticket) override {
    return StartGet(channel_, server_, secret_, ticket);
  }

  Result<std::unique_ptr<RowWriter>> Put(const std::string& target,
                                         const std::shared_ptr<arrow::Schema>& schema) override {
    return StartPut(channel_, server_, secret_, target, schema);
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::string server_;
  const std::string secret_;
  const std::unique_ptr<protocol::FlightService::Stub> stub_;
};

}  // namespace

Result<std::unique_ptr<Session>> Connect(const std::string& server, const std::string& secret) {
  std::string_view place = server;
  bool tls = false;
  if (const size_t scheme_end = place.find("://"); scheme_end != std::string_view::npos) {
    const std::string_view scheme = place.substr(0, scheme_end);
    tls = scheme == "grpc+tls";
    if (!tls && scheme != "grpc" && scheme != "grpc+tcp") {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "`" + server + "` names no server; write HOST:PORT or grpc+tls://HOST:PORT");
    }
    place.remove_prefix(scheme_end + 3);
  }
  if (place.rfind(':') == std::string_view::npos) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "`" + server + "` has no port; write HOST:PORT");
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  auto channel = grpc::CreateCustomChannel(
      std::string(place), tls ? grpc::SslCredentials({}) : grpc::InsecureChannelCredentials(),
      arguments);
  return std::make_unique<Client>(std::move(channel), server, secret);
}

}  // namespace firth::doors::flight
