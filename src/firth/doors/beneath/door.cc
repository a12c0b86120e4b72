#include "firth/doors/beneath/door.h"

#include <arrow/compute/initialize.h>

#include "firth/doors/beneath/gateway.h"
#include "firth/net/grpc_server.h"
#include "firth/net/http_server.h"

namespace firth::doors::beneath {
namespace {

constexpr int kCallThreadsMax = 16;
constexpr uint64_t kBodyBytesMax = uint64_t{4} << 20;
constexpr int kRequestBytesMax = 64 << 20;

net::HttpResponse Plain(int status, std::string text) {
  net::HttpResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(text);
  return response;
}

class RunningDoor : public BeneathDoor {
 public:
  ~RunningDoor() override { Stop(0); }

  Status Start(const BeneathDoorOptions& options) {
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
    table::Database* const database = options.database;
    parts_.database = database;
    parts_.blocking = options.blocking;
    ARROW_ASSIGN_OR_RAISE(parts_.facts,
                          Facts::Open(database->catalog(), &database->clock(), database->random()));
    parts_.rights = std::make_unique<Rights>(database, parts_.facts.get());
    parts_.tables = std::make_unique<TableFactsCache>();
    parts_.metering = std::make_unique<access::Metering>(database->catalog(), &database->clock(),
                                                         options.blocking);
    parts_.control =
        std::make_unique<Control>(database, parts_.facts.get(), parts_.rights.get(),
                                  parts_.tables.get(), parts_.metering.get(), options.emails);
    parts_.cursors = std::make_unique<Cursors>(parts_.facts.get());
    parts_.reading = std::make_unique<Reading>(database);
    ARROW_RETURN_NOT_OK(parts_.control->Start());
    ARROW_ASSIGN_OR_RAISE(parts_.warehouse, Warehouse::Open({.database = database,
                                                             .facts = parts_.facts.get(),
                                                             .rights = parts_.rights.get(),
                                                             .tables = parts_.tables.get(),
                                                             .control = parts_.control.get(),
                                                             .metering = parts_.metering.get()}));
    if (!options.listen_http.empty()) ARROW_RETURN_NOT_OK(StartHttp(options));
    if (!options.listen_grpc.empty()) ARROW_RETURN_NOT_OK(StartGrpc(options));
    return Status::OK();
  }

  std::vector<std::string> endpoints_http() const override {
    return http_ == nullptr ? std::vector<std::string>{} : http_->endpoints();
  }
  std::vector<std::string> endpoints_grpc() const override {
    return grpc_ == nullptr ? std::vector<std::string>{} : grpc_->endpoints();
  }

  void Stop(int64_t grace_ns) override {
    if (gateway_ != nullptr) gateway_->Stop();
    if (http_ != nullptr) http_->Stop(grace_ns);
    if (grpc_ != nullptr) grpc_->Stop(grace_ns);
    if (parts_.warehouse != nullptr) parts_.warehouse->Stop();
    if (parts_.metering != nullptr) static_cast<void>(parts_.metering->Flush().ok());
  }

 private:
  Status StartHttp(const BeneathDoorOptions& options) {
    net::HttpServerOptions server;
    server.listen = options.listen_http;
    server.body_bytes_max = kBodyBytesMax;
    server.tls_certificate_file = options.tls_certificate_file;
    server.tls_key_file = options.tls_key_file;
    ARROW_ASSIGN_OR_RAISE(http_,
                          net::HttpServer::Start(
                              options.loops, options.blocking, std::move(server),
                              [this](const net::HttpRequest& request) { return Answer(request); }));
    return Status::OK();
  }

  Status StartGrpc(const BeneathDoorOptions& options) {
    gateway_ = std::make_unique<Gateway>(&parts_);
    net::GrpcServerOptions server;
    server.listen = options.listen_grpc;
    server.tls_certificate_file = options.tls_certificate_file;
    server.tls_key_file = options.tls_key_file;
    server.request_bytes_max = kRequestBytesMax;
    server.threads_max = kCallThreadsMax;
    ARROW_ASSIGN_OR_RAISE(grpc_, net::GrpcServer::Start(std::move(server), {gateway_.get()}));
    return Status::OK();
  }

  net::HttpResponse Answer(const net::HttpRequest& request) {
    if (request.path == "/healthz" || request.path == "/") return Plain(200, "ok\n");
    if (request.path != "/graphql") return Plain(404, "there is only /graphql here\n");
    if (request.method != "POST") return Plain(405, "send a POST request\n");
    const auto who = parts_.rights->SignIn(request.Header("authorization"));
    if (!who.ok()) return Plain(400, MessageOf(who.status()));
    if (const Status made = parts_.control->EnsureAccount(*who); !made.ok()) {
      return Plain(500, MessageOf(made));
    }
    graphql::Answer answer = parts_.control->Run(*who, request.body);
    net::HttpResponse response;
    response.status = answer.status;
    response.body = std::move(answer.body);
    return response;
  }

  Parts parts_;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<net::HttpServer> http_;  // stop before what they serve is gone
  std::unique_ptr<net::GrpcServer> grpc_;
};

}  // namespace

Result<std::unique_ptr<BeneathDoor>> BeneathDoor::Start(const BeneathDoorOptions& options) {
  auto door = std::make_unique<RunningDoor>();
  ARROW_RETURN_NOT_OK(door->Start(options));
  return door;
}

}  // namespace firth::doors::beneath
