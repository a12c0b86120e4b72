#include "firth/doors/flight/door.h"

#include <arrow/compute/initialize.h>

#include <utility>

#include "firth/doors/flight/service.h"
#include "firth/net/grpc_server.h"

namespace firth::doors::flight {
namespace {

constexpr size_t kReaderThreads = 2;
// A put holds a thread while its client sends, so there are more of them than cores.
constexpr int kCallThreadsMax = 32;
// Clients send a table as it lies in memory, often in one piece.
constexpr int kMessageBytesMax = 256 << 20;

class RunningDoor : public FlightDoor {
 public:
  explicit RunningDoor(table::Database* database)
      : readers_("flight", kReaderThreads, &database->clock()), service_(database, &readers_) {}
  ~RunningDoor() override { Stop(0); }

  Status Start(const FlightDoorOptions& options) {
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
    net::GrpcServerOptions server;
    server.listen = options.listen;
    server.tls_certificate_file = options.tls_certificate_file;
    server.tls_key_file = options.tls_key_file;
    server.threads_max = kCallThreadsMax;
    server.request_bytes_max = kMessageBytesMax;
    ARROW_ASSIGN_OR_RAISE(server_, net::GrpcServer::Start(std::move(server), {&service_}));
    return Status::OK();
  }

  std::vector<std::string> endpoints() const override { return server_->endpoints(); }

  void Stop(int64_t grace_ns) override {
    service_.Drain();
    if (server_ != nullptr) server_->Stop(grace_ns);
  }

 private:
  ThreadPool readers_;
  Service service_;
  std::unique_ptr<net::GrpcServer> server_;  // stops before what it serves is gone
};

}  // namespace

Result<std::unique_ptr<FlightDoor>> FlightDoor::Start(const FlightDoorOptions& options) {
  auto door = std::make_unique<RunningDoor>(options.database);
  ARROW_RETURN_NOT_OK(door->Start(options));
  return door;
}

}  // namespace firth::doors::flight
