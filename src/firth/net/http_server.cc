#include "firth/net/http_server.h"

#include <fmt/format.h>

#include "firth/net/connection_set_internal.h"
#include "firth/net/http_session_internal.h"

namespace firth::net {
namespace {

namespace ssl = boost::asio::ssl;

Result<ssl::context> OpenTls(const HttpServerOptions& options) {
  ssl::context context(ssl::context::tls_server);
  boost::system::error_code error;
  const auto failed = [&error](const std::string& file) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 fmt::format("the TLS file {} cannot be used: {}", file, error.message()));
  };
  context.set_options(
      ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, error);
  context.use_certificate_chain_file(options.tls_certificate_file, error);
  if (error) return failed(options.tls_certificate_file);
  context.use_private_key_file(options.tls_key_file, ssl::context::pem, error);
  if (error) return failed(options.tls_key_file);
  return context;
}

class HttpServerImpl : public HttpServer {
 public:
  HttpServerImpl(EventLoops::Impl* loops, std::shared_ptr<HttpShared> shared,
                 const std::shared_ptr<Listener>& listener)
      : shared_(std::move(shared)), connections_(loops, listener) {
    listener->Start([this](size_t loop, Socket socket) { Adopt(loop, std::move(socket)); });
  }
  ~HttpServerImpl() override { Stop(0); }

  std::vector<std::string> endpoints() const override { return shared_->counters->endpoints; }

  void Stop(int64_t grace_ns) override {
    if (!std::exchange(stopped_, true)) connections_.Stop(grace_ns);
  }

 private:
  void Adopt(size_t loop, Socket socket) {
    if (connections_.stopping(loop)) return connections_.Gone();
    auto session = std::make_shared<HttpSession>(shared_, std::move(socket));
    connections_.Add(loop, session);
    session->Begin(
        [this, loop](HttpSession* gone) { connections_.Remove(loop, gone->shared_from_this()); });
  }

  const std::shared_ptr<HttpShared> shared_;
  ConnectionSet<HttpSession> connections_;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(EventLoops* loops, Executor* executor,
                                                      HttpServerOptions options,
                                                      HttpHandler handler) {
  auto shared = std::make_shared<HttpShared>();
  if (!options.tls_certificate_file.empty()) {
    ARROW_ASSIGN_OR_RAISE(shared->tls, OpenTls(options));
  }
  ARROW_ASSIGN_OR_RAISE(const auto listener,
                        Listener::Open(loops->impl(), options.listen, options.connections_max));
  shared->options = std::move(options);
  shared->handler = std::move(handler);
  shared->executor = executor;
  shared->counters = listener->counters();
  return std::make_unique<HttpServerImpl>(loops->impl(), std::move(shared), listener);
}

}  // namespace firth::net
