#include "firth/net/event_loops.h"

#include <pthread.h>

#include "firth/net/event_loops_internal.h"

namespace firth::net {

EventLoops::EventLoops(size_t threads, size_t held_bytes)
    : impl_(std::make_unique<Impl>(held_bytes)) {
  FIRTH_CHECK(threads > 0);
  for (size_t i = 0; i < threads; ++i) {
    auto loop = std::make_unique<Loop>(impl_->frame_pieces);
    loop->thread = std::thread([context = &loop->context] { context->run(); });
    pthread_setname_np(loop->thread.native_handle(), ("net-" + std::to_string(i)).c_str());
    impl_->loops.push_back(std::move(loop));
  }
}

EventLoops::~EventLoops() {
  for (auto& loop : impl_->loops) loop->context.stop();
  for (auto& loop : impl_->loops) loop->thread.join();
}

std::vector<Traffic> EventLoops::GetTraffic() const {
  std::vector<Traffic> all;
  std::lock_guard lock(impl_->mutex);
  for (const auto& server : impl_->servers) {
    if (const auto counters = server.lock()) all.push_back(counters->Read());
  }
  return all;
}

void EventLoops::Impl::Register(const std::shared_ptr<TrafficCounters>& counters) {
  std::lock_guard lock(mutex);
  std::erase_if(servers, [](const auto& server) { return server.expired(); });
  servers.push_back(counters);
}

Traffic TrafficCounters::Read() const {
  return {.endpoints = endpoints,
          .connections = connections.load(),
          .connections_total = connections_total.load(),
          .connections_refused = connections_refused.load(),
          .bytes_in = bytes_in.load(),
          .bytes_out = bytes_out.load()};
}

}  // namespace firth::net
