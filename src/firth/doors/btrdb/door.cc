#include "firth/doors/btrdb/door.h"

#include <arrow/compute/initialize.h>

#include "firth/doors/btrdb/service.h"
#include "firth/net/grpc_server.h"

namespace firth::doors::btrdb {
namespace {

// A streamed answer holds a thread while its client reads, and an insert while it waits for its
// sync; gRPC refuses what comes when there is none.
constexpr int kCallThreadsMax = 512;
/// What lies there is removed when the database is opened.
constexpr char kSpillFolder[] = "spill";

/// `host:port` texts with another host, unless that is empty.
std::vector<std::string> Advertised(std::vector<std::string> endpoints, const std::string& host) {
  if (host.empty()) return endpoints;
  for (std::string& endpoint : endpoints) endpoint = host + endpoint.substr(endpoint.rfind(':'));
  return endpoints;
}

class RunningDoor : public BtrdbDoor {
 public:
  explicit RunningDoor(const BtrdbDoorOptions& options)
      : sql_memory_(options.sql_memory_bytes),
        service_(options.database, SpaceOf(options)),
        service_tls_(options.database, SpaceOf(options)) {}
  ~RunningDoor() override { Stop(0); }

  Status Start(const BtrdbDoorOptions& options) {
    ARROW_RETURN_NOT_OK(arrow::compute::Initialize());
    if (!options.listen_tls.empty() && options.tls_certificate_file.empty()) {
      return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
                   "doors.btrdb_tls needs doors.tls.cert and doors.tls.key");
    }
    net::GrpcServerOptions server;
    server.threads_max = kCallThreadsMax;
    if (!options.listen.empty()) {
      server.listen = options.listen;
      ARROW_ASSIGN_OR_RAISE(server_, net::GrpcServer::Start(server, {&service_}));
      service_.SetEndpoints(Advertised(server_->endpoints(), options.advertise));
    }
    if (!options.listen_tls.empty()) {
      server.listen = options.listen_tls;
      server.tls_certificate_file = options.tls_certificate_file;
      server.tls_key_file = options.tls_key_file;
      ARROW_ASSIGN_OR_RAISE(server_tls_, net::GrpcServer::Start(server, {&service_tls_}));
      service_tls_.SetEndpoints(Advertised(server_tls_->endpoints(), options.advertise));
    }
    return Status::OK();
  }

  std::vector<std::string> endpoints() const override {
    return server_ == nullptr ? std::vector<std::string>{} : server_->endpoints();
  }
  std::vector<std::string> endpoints_tls() const override {
    return server_tls_ == nullptr ? std::vector<std::string>{} : server_tls_->endpoints();
  }
  void Stop(int64_t grace_ns) override {
    service_.Stop();
    service_tls_.Stop();
    if (server_ != nullptr) server_->Stop(grace_ns);
    if (server_tls_ != nullptr) server_tls_->Stop(grace_ns);
  }

 private:
  SqlSpace SpaceOf(const BtrdbDoorOptions& options) {
    return {.memory = &sql_memory_,
            .files = options.database->files(),
            .folder = kSpillFolder,
            .disk_bytes_max = options.sql_disk_bytes};
  }

  SqlMemory sql_memory_;
  // One service a server: gRPC lets none belong to two.
  Service service_;
  Service service_tls_;
  std::unique_ptr<net::GrpcServer> server_;  // stop before what they serve is gone
  std::unique_ptr<net::GrpcServer> server_tls_;
};

}  // namespace

Result<std::unique_ptr<BtrdbDoor>> BtrdbDoor::Start(const BtrdbDoorOptions& options) {
  auto door = std::make_unique<RunningDoor>(options);
  ARROW_RETURN_NOT_OK(door->Start(options));
  return door;
}

}  // namespace firth::doors::btrdb
