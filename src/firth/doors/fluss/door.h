// The door for Apache Fluss's clients: its wire protocol over a Database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/status.h"
#include "firth/net/event_loops.h"
#include "firth/table/database.h"

namespace firth::doors::fluss {

struct FlussDoorOptions {
  table::Database* database = nullptr;
  net::EventLoops* loops = nullptr;
  Executor* blocking = nullptr;          // runs calls that wait for the disk or a commit
  std::vector<std::string> listen;       // plaintext; callers are anonymous
  std::vector<std::string> listen_sasl;  // SASL/PLAIN
  /// The host that answers hand out; empty: the address that the client reached, or 127.0.0.1.
  std::string advertise;
};

/// Serves from Start to Stop.
class FlussDoor {
 public:
  static Result<std::unique_ptr<FlussDoor>> Start(const FlussDoorOptions& options);
  virtual ~FlussDoor() = default;
  virtual std::vector<std::string> endpoints() const = 0;
  virtual std::vector<std::string> endpoints_sasl() const = 0;
  /// Answer what is in work, wake those that wait, close. Blocks.
  virtual void Stop(int64_t grace_ns) = 0;
};

}  // namespace firth::doors::fluss
