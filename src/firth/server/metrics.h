// What can be measured of a running server.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "firth/log/log_store.h"
#include "firth/net/event_loops.h"

namespace firth::server {

/// The state that the metrics are made of, as read at one moment.
struct MetricsInput {
  log::Metrics log;
  int64_t last_commit = 0;
  /// Doors by name, with where they listen.
  std::map<std::string, std::vector<std::string>> doors;
  std::vector<net::Traffic> traffic;
  std::map<std::string, uint64_t> backlogs;  // tasks that wait, by pool
  bool ready = false;
  int64_t start_time_ns = 0;
};

/// All metrics in the text format of Prometheus 0.0.4, with those of the process itself. The manual
/// (docs/operations.md) lists each with its unit and meaning.
std::string MetricsText(const MetricsInput& input);

}  // namespace firth::server
