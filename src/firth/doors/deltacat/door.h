// The door for DeltaCAT's client: its HTTP calls over a Database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/status.h"
#include "firth/net/event_loops.h"
#include "firth/table/database.h"

namespace firth::doors::deltacat {

struct DeltacatDoorOptions {
  table::Database* database = nullptr;
  net::EventLoops* loops = nullptr;
  Executor* blocking = nullptr;
  std::vector<std::string> listen;
  /// Where the store's folder is for clients, which read and write its files themselves: absolute.
  std::string root;
  /// Folders of the machine, absolute, whose files writers may register where they lie.
  std::vector<std::string> folders;
  std::string tls_certificate_file;
  std::string tls_key_file;
};

/// Serves from Start to Stop.
class DeltacatDoor {
 public:
  static Result<std::unique_ptr<DeltacatDoor>> Start(const DeltacatDoorOptions& options);
  virtual ~DeltacatDoor() = default;
  virtual std::vector<std::string> endpoints() const = 0;
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::doors::deltacat
