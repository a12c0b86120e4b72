// The console door: HTTP for the people and programs that run a server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "firth/common/executor.h"
#include "firth/net/event_loops.h"
#include "firth/net/http_server.h"
#include "firth/server/doors.h"

namespace firth::server {

struct ConsoleOptions {
  net::EventLoops* loops = nullptr;
  Executor* blocking = nullptr;
  const ServerState* state = nullptr;
  std::vector<std::string> listen;
  std::string tls_certificate_file;
  std::string tls_key_file;
};

/// Serve /healthz (200 while the process serves), /readyz (200 while all doors accept, else 503) and
/// /metrics.
Result<std::unique_ptr<net::HttpServer>> StartConsoleDoor(const ConsoleOptions& options);

}  // namespace firth::server
