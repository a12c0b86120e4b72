// The threads that carry the network: a few event loops.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace firth::net {

/// A fixed number of event loops, one thread each, from construction to destruction. The sockets
/// library stays behind it.
class EventLoops {
 public:
  explicit EventLoops(size_t threads);
  ~EventLoops();
  EventLoops(const EventLoops&) = delete;
  EventLoops& operator=(const EventLoops&) = delete;

  struct Impl;
  Impl* impl() { return impl_.get(); }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace firth::net
