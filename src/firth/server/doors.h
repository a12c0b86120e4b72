// The doors of this build: what each is called, where its client looks for it, and how it is
// started. This table is the one place that knows them all.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/executor.h"
#include "firth/net/event_loops.h"
#include "firth/server/server.h"
#include "firth/table/database.h"

namespace firth::server {

/// What the console door shows of the server. Thread-safe.
class ServerState {
 public:
  virtual ~ServerState() = default;
  /// Do all doors accept, and is the server neither stopping nor at fault?
  virtual bool IsReady() const = 0;
  /// All metrics in the text format of Prometheus.
  virtual std::string MetricsText() const = 0;
};

/// What a door is given to work with.
struct DoorParts {
  const Config* config = nullptr;
  table::Database* database = nullptr;
  net::EventLoops* loops = nullptr;
  Executor* blocking = nullptr;
  const ServerState* state = nullptr;
};

/// A door that accepts connections.
struct RunningDoor {
  std::map<std::string, std::vector<std::string>> endpoints;  // by name, `host:port`
  std::function<void(int64_t grace_ns)> stop;                 // blocks
};

struct DoorName {
  std::string_view name;
  uint16_t port = 0;  // with --dev
  std::string_view meaning;
  /// It tells clients a host to connect to, so that a wildcard will not do.
  bool hands_out_host = false;
  bool needs_tls = false;  // opens only where doors.tls is set
};

/// What is started together: one or more names that share a store of connections.
struct DoorKind {
  std::vector<DoorName> names;
  Result<RunningDoor> (*start)(const DoorParts& parts);
};

const std::vector<DoorKind>& DoorKinds();

/// The door with this name, or null.
const DoorName* FindDoor(std::string_view name);

}  // namespace firth::server
