#include "firth/net/grpc_server.h"

#include <absl/synchronization/mutex.h>
#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>

#include <boost/asio.hpp>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "firth/common/logging.h"
#include "firth/net/listen_internal.h"

namespace firth::net {
namespace {

/// How often another port is tried when one that the kernel chose is taken by the time gRPC binds
/// it.
constexpr int kPortTries = 8;
/// Clients may probe an idle connection this often; gRPC's default of 5 minutes cuts off ordinary
/// ones.
constexpr int kClientPingMs = 10'000;
/// A peer that does not answer a probe is gone.
constexpr int kServerPingMs = 120'000;
constexpr int kServerPingTimeoutMs = 20'000;

/// gRPC's own lines join ours.
void Log(gpr_log_func_args* args) {
  const auto level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? logging::Level::kWarning : logging::Level::kDebug;
  if (logging::Enabled(level)) {
    logging::Write(level, "net", fmt::format("gRPC: {}", args->message));
  }
}

Result<std::string> ReadPem(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file && !text.empty()) return text;
  return Error(Code::kInvalidArgument, Reason::kFileMissing,
               fmt::format("the TLS file {} cannot be read or is empty", path));
}

Result<std::shared_ptr<grpc::ServerCredentials>> Credentials(const GrpcServerOptions& options) {
  if (options.tls_certificate_file.empty()) return grpc::InsecureServerCredentials();
  ARROW_ASSIGN_OR_RAISE(auto certificate, ReadPem(options.tls_certificate_file));
  ARROW_ASSIGN_OR_RAISE(auto key, ReadPem(options.tls_key_file));
  grpc::SslServerCredentialsOptions ssl;
  ssl.pem_key_cert_pairs.push_back({std::move(key), std::move(certificate)});
  return grpc::SslServerCredentials(ssl);
}

/// Learn which addresses `listen` means, and on which ports, by listening there for a moment. It
/// also finds the errors that gRPC would only log.
Result<std::vector<std::string>> Probe(const std::vector<std::string>& listen) {
  boost::asio::io_context context;
  ARROW_ASSIGN_OR_RAISE(const auto acceptors, ListenAll(&context, listen));
  return EndpointsOf(acceptors);
}

std::unique_ptr<grpc::Server> Build(const GrpcServerOptions& options,
                                    const std::vector<grpc::Service*>& services,
                                    const std::vector<std::string>& endpoints,
                                    const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  grpc::ResourceQuota quota("firth");
  quota.SetMaxThreads(options.threads_max);
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(options.request_bytes_max);
  builder.SetMaxSendMessageSize(-1);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  // Without this a second server could share the port, and take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kClientPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kServerPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kServerPingTimeoutMs);
  for (const auto& endpoint : endpoints) builder.AddListeningPort(endpoint, credentials);
  for (auto* service : services) builder.RegisterService(service);
  return builder.BuildAndStart();
}

/// Two threads of gRPC (1.51) serve the callbacks of a whole process. When nothing came for a
/// second they sleep for a tenth of one, and while both do, a call that has arrived waits, also one
/// that needs no callback. A call to nowhere, which fails at once, keeps one of them awake.
class CallbackTicks {
 public:
  /// Those of this process, made where nobody holds them.
  static std::shared_ptr<CallbackTicks> Shared() {
    static std::mutex mutex;
    static std::weak_ptr<CallbackTicks> held;
    std::lock_guard lock(mutex);
    auto ticks = held.lock();
    if (ticks == nullptr) held = ticks = std::make_shared<CallbackTicks>();
    return ticks;
  }

  // Without credentials a channel leads nowhere.
  CallbackTicks()
      : nowhere_(grpc::CreateChannel("", nullptr)),
        thread_([this](const std::stop_token& stop) { Run(stop); }) {}

 private:
  static constexpr std::chrono::milliseconds kInterval{400};

  void Run(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    while (!stop.stop_requested()) {
      grpc::ClientContext context;
      const grpc::Slice nothing("");
      grpc::ByteBuffer request(&nothing, 1);
      grpc::ByteBuffer answer;
      std::promise<void> done;
      nowhere_.UnaryCall(&context, "/", {}, &request, &answer,
                         [&](const grpc::Status& /*failed*/) { done.set_value(); });
      done.get_future().wait();
      std::unique_lock lock(mutex);
      stopped.wait_for(lock, stop, kInterval, [] { return false; });
    }
  }

  grpc::GenericStub nowhere_;
  std::jthread thread_;
};

class GrpcServerImpl : public GrpcServer {
 public:
  GrpcServerImpl(std::unique_ptr<grpc::Server> server, std::vector<std::string> endpoints)
      : server_(std::move(server)), endpoints_(std::move(endpoints)) {}
  ~GrpcServerImpl() override { Stop(0); }

  std::vector<std::string> endpoints() const override { return endpoints_; }

  void Stop(int64_t grace_ns) override {
    if (std::exchange(stopped_, true)) return;
    server_->Shutdown(
        gpr_time_add(gpr_now(GPR_CLOCK_REALTIME), gpr_time_from_nanos(grace_ns, GPR_TIMESPAN)));
    server_->Wait();
  }

 private:
  const std::unique_ptr<grpc::Server> server_;
  const std::vector<std::string> endpoints_;
  const std::shared_ptr<CallbackTicks> ticks_ = CallbackTicks::Shared();
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<GrpcServer>> GrpcServer::Start(GrpcServerOptions options,
                                                      const std::vector<grpc::Service*>& services) {
  FIRTH_CHECK(!services.empty());
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(Log);
    // As it is packaged, the library beneath gRPC notes the order of locks at each of them.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  });
  ARROW_ASSIGN_OR_RAISE(const auto credentials, Credentials(options));
  for (int tries = 1;; ++tries) {
    ARROW_ASSIGN_OR_RAISE(auto endpoints, Probe(options.listen));
    auto server = Build(options, services, endpoints, credentials);
    if (server) return std::make_unique<GrpcServerImpl>(std::move(server), std::move(endpoints));
    if (tries == kPortTries) {
      return Error(Code::kUnavailable, Reason::kNone,
                   fmt::format("gRPC cannot serve at {}: the port was taken meanwhile, or the TLS "
                               "files hold no matching certificate and key",
                               fmt::join(options.listen, ", ")));
    }
  }
}

}  // namespace firth::net
