#include "firth/doors/btrdb/door.h"

#include <arrow/compute/initialize.h>

#include "firth/doors/btrdb/service.h"
#include "firth/net/grpc_server.h"

namespace firth::doors::btrdb {
namespace {

// A streamed answer holds a thread while its client reads.
constexpr int kCallThreadsMax = 32;

class RunningDoor : public BtrdbDoor {
 public:
  explicit RunningDoor(table::Database* database) : service_(database) {}
  ~RunningDoor() override { Stop(0); }

  Status Start(const BtrdbDoorOptions& options) {
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
    net::GrpcServerOptions server;
    server.listen = options.listen;
    server.threads_max = kCallThreadsMax;
    ARROW_ASSIGN_OR_RAISE(server_, net::GrpcServer::Start(std::move(server), {&service_}));
    return Status::OK();
  }

  std::vector<std::string> endpoints() const override { return server_->endpoints(); }
  void Stop(int64_t grace_ns) override {
    if (server_ != nullptr) server_->Stop(grace_ns);
  }

 private:
  Service service_;
  std::unique_ptr<net::GrpcServer> server_;  // stops before what it serves is gone
};

}  // namespace

Result<std::unique_ptr<BtrdbDoor>> BtrdbDoor::Start(const BtrdbDoorOptions& options) {
  auto door = std::make_unique<RunningDoor>(options.database);
  ARROW_RETURN_NOT_OK(door->Start(options));
  return door;
}

}  // namespace firth::doors::btrdb
