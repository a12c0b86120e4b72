// The door for BTrDB's clients: its gRPC service over a Database's series.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/table/database.h"

namespace firth::doors::btrdb {

struct BtrdbDoorOptions {
  table::Database* database = nullptr;
  std::vector<std::string> listen;
};

/// Serves from Start to Stop.
class BtrdbDoor {
 public:
  static Result<std::unique_ptr<BtrdbDoor>> Start(const BtrdbDoorOptions& options);
  virtual ~BtrdbDoor() = default;
  virtual std::vector<std::string> endpoints() const = 0;
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::doors::btrdb
