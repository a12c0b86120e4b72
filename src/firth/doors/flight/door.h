// The native door: Arrow Flight (put, get, actions) over a Database. The command line is its
// client.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/status.h"
#include "firth/table/database.h"

namespace firth::doors::flight {

struct FlightDoorOptions {
  table::Database* database = nullptr;
  std::vector<std::string> listen;
  std::string tls_certificate_file;
  std::string tls_key_file;
};

/// Serves from Start to Stop.
class FlightDoor {
 public:
  static Result<std::unique_ptr<FlightDoor>> Start(const FlightDoorOptions& options);
  virtual ~FlightDoor() = default;
  virtual std::vector<std::string> endpoints() const = 0;
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::doors::flight
