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
  const Clock* clock = nullptr;
  const ServerState* state = nullptr;
  std::vector<std::string> listen;
  std::string tls_certificate_file;
  std::string tls_key_file;
};

/// Serves /healthz (200 while the process serves), /readyz (200 while all doors accept, else 503)
/// and /metrics, from Start to Stop.
class ConsoleDoor {
 public:
  static Result<std::unique_ptr<ConsoleDoor>> Start(const ConsoleOptions& options);

  std::vector<std::string> endpoints() const { return server_->endpoints(); }
  void Stop(int64_t grace_ns) { server_->Stop(grace_ns); }

 private:
  explicit ConsoleDoor(const Clock* clock) : thread_("console", 1, clock) {}

  ThreadPool thread_;  // of its own, so that health does not wait behind the doors' work
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace firth::server
