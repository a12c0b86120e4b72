// Goal: a service is reachable where it says, large messages pass, and a stop lets calls finish.
// Method: a service of raw bytes, so that no generated code is needed.
#include "firth/net/grpc_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/method_handler_impl.h>
#include <grpcpp/impl/service_type.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace firth::net {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr char kMethod[] = "/test.Echo/Call";

/// Answers each call with the bytes it was sent, after `before_answer`.
class EchoService : public grpc::Service {
 public:
  explicit EchoService(std::function<void()> before_answer = [] {}) {
    using Handler =
        grpc::internal::RpcMethodHandler<EchoService, grpc::ByteBuffer, grpc::ByteBuffer,
                                         grpc::ByteBuffer, grpc::ByteBuffer>;
    AddMethod(new grpc::internal::RpcServiceMethod(  // owned by the base class
        kMethod, grpc::internal::RpcMethod::NORMAL_RPC,
        new Handler(
            [before_answer](EchoService*, grpc::ServerContext*, const grpc::ByteBuffer* in,
                            grpc::ByteBuffer* out) {
              before_answer();
              *out = *in;
              return grpc::Status::OK;
            },
            this)));
  }
};

grpc::Status Call(const std::string& endpoint, const std::string& text, std::string* answer) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  const auto channel =
      grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
  const grpc::Slice slice(text);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  context.set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_seconds(20, GPR_TIMESPAN)));
  const grpc::internal::RpcMethod method(kMethod, grpc::internal::RpcMethod::NORMAL_RPC, channel);
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      channel.get(), method, &context, request, &response);
  if (!status.ok()) return status;
  std::vector<grpc::Slice> slices;
  response.Dump(&slices);
  answer->clear();
  for (const auto& part : slices) answer->append(part.begin(), part.end());
  return status;
}

TEST(GrpcServer, ServesAtThePortThatTheKernelChose) {
  EchoService service;
  auto server = GrpcServer::Start({.listen = {"localhost:0"}}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  for (const auto& endpoint : (*server)->endpoints()) {
    std::string answer;
    const auto status = Call(endpoint, "hello " + endpoint, &answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(answer, "hello " + endpoint);
  }
}

TEST(GrpcServer, BoundsWhatItReceivesButNotWhatItSends) {
  EchoService service;
  auto server =
      GrpcServer::Start({.listen = {"127.0.0.1:0"}, .request_bytes_max = 10 << 20}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  std::string answer;
  const std::string large(9 << 20, 'g');
  EXPECT_TRUE(Call((*server)->endpoints()[0], large, &answer).ok());
  EXPECT_EQ(answer, large);
  EXPECT_EQ(Call((*server)->endpoints()[0], std::string(11 << 20, 'g'), &answer).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST(GrpcServer, StopLetsACallFinish) {
  std::promise<void> begun;
  std::promise<void> finish;
  EchoService service([&] {
    begun.set_value();
    finish.get_future().wait();
  });
  auto server = GrpcServer::Start({.listen = {"127.0.0.1:0"}}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  std::string answer;
  grpc::Status status;
  std::jthread client([&] { status = Call((*server)->endpoints()[0], "slow", &answer); });
  begun.get_future().wait();
  std::jthread stopper([&] { (*server)->Stop(20'000 * kMs); });
  finish.set_value();
  client.join();
  stopper.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(answer, "slow");
}

TEST(GrpcServer, SaysWhyItCannotServe) {
  EchoService service;
  auto server = GrpcServer::Start({.listen = {"127.0.0.1:0"}}, {&service});
  ASSERT_TRUE(server.ok());
  EchoService other;
  const auto start = [&](GrpcServerOptions options) {
    return GrpcServer::Start(std::move(options), {&other}).status();
  };
  const Status taken = start({.listen = (*server)->endpoints()});
  EXPECT_EQ(CodeOf(taken), Code::kUnavailable);
  EXPECT_NE(MessageOf(taken).find((*server)->endpoints()[0]), std::string::npos);
  EXPECT_EQ(CodeOf(start({.listen = {"nonsense"}})), Code::kInvalidArgument);
  const Status no_file = start({.listen = {"127.0.0.1:0"},
                                .tls_certificate_file = "absent.crt",
                                .tls_key_file = "absent.key"});
  EXPECT_NE(MessageOf(no_file).find("absent.crt"), std::string::npos);
}

}  // namespace
}  // namespace firth::net
