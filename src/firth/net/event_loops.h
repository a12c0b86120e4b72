// The threads that carry the network: a few event loops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace firth::net {

/// What went through one server (a FrameServer or an HttpServer) since it started.
struct Traffic {
  std::vector<std::string> endpoints;  // where it listens
  uint64_t connections = 0;            // open now
  uint64_t connections_total = 0;      // accepted
  uint64_t connections_refused = 0;    // accepted and closed at once: too many were open
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

/// A fixed number of event loops, one thread each, from construction to destruction. The sockets
/// library stays behind it. It outlives the servers that run on it.
class EventLoops {
 public:
  /// `held_bytes`: so much of what was received may be held by others for long.
  explicit EventLoops(size_t threads, size_t held_bytes = 0);
  ~EventLoops();
  EventLoops(const EventLoops&) = delete;
  EventLoops& operator=(const EventLoops&) = delete;

  /// The traffic of each server that runs on these loops now. Thread-safe.
  std::vector<Traffic> GetTraffic() const;

  struct Impl;
  Impl* impl() { return impl_.get(); }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace firth::net
