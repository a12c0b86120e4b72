// The door for Beneath's clients: their control plane, GraphQL over HTTP, and their data plane,
// gRPC.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/status.h"
#include "firth/net/event_loops.h"
#include "firth/table/database.h"

namespace firth::doors::beneath {

struct BeneathDoorOptions {
  table::Database* database = nullptr;
  net::EventLoops* loops = nullptr;
  Executor* blocking = nullptr;  // runs what may wait for the disk
  std::vector<std::string> listen_http;
  std::vector<std::string> listen_grpc;
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::map<std::string, std::string> emails;  // of users by name, where the configuration gives one
};

/// Serves from Start to Stop. Either plane is closed when it has no address.
class BeneathDoor {
 public:
  static Result<std::unique_ptr<BeneathDoor>> Start(const BeneathDoorOptions& options);
  virtual ~BeneathDoor() = default;
  virtual std::vector<std::string> endpoints_http() const = 0;
  virtual std::vector<std::string> endpoints_grpc() const = 0;
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::doors::beneath
