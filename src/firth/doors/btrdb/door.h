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
  std::vector<std::string> listen_tls;  // needs the two files
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::string advertise;  // the host that clients are told; empty: what it listens at
  uint64_t sql_memory_bytes = uint64_t{64} << 20;  // of all statements over streams together
  uint64_t sql_disk_bytes = 0;                     // of each that needs more; 0: none
};

/// Serves from Start to Stop.
class BtrdbDoor {
 public:
  static Result<std::unique_ptr<BtrdbDoor>> Start(const BtrdbDoorOptions& options);
  virtual ~BtrdbDoor() = default;
  virtual std::vector<std::string> endpoints() const = 0;
  virtual std::vector<std::string> endpoints_tls() const = 0;
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::doors::btrdb
