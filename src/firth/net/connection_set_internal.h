// The open connections of one server, and how they end.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "firth/net/event_loops_internal.h"
#include "firth/net/listen_internal.h"

namespace firth::net {

/// Connections by the loop that they belong to. A Connection has Drain(), after which it closes as
/// soon as it can, and Close(), after which it is gone soon. Every socket that the listener hands
/// out ends in one call of Gone() or Remove().
template <typename Connection>
class ConnectionSet {
 public:
  ConnectionSet(EventLoops::Impl* loops, std::shared_ptr<Listener> listener)
      : loops_(loops), listener_(std::move(listener)), shards_(loops->loops.size()) {}

  // For the thread of loop `loop`.
  bool stopping(size_t loop) const { return shards_[loop].stopping; }
  void Add(size_t loop, std::shared_ptr<Connection> connection) {
    shards_[loop].connections.insert(std::move(connection));
  }
  void Remove(size_t loop, const std::shared_ptr<Connection>& connection) {
    shards_[loop].connections.erase(connection);
    Gone();
  }
  template <typename Call>
  void Each(size_t loop, Call call) {
    // A copy, because a call may close its connection, which leaves the set.
    const auto& set = shards_[loop].connections;
    const std::vector<std::shared_ptr<Connection>> all(set.begin(), set.end());
    for (const auto& connection : all) call(connection.get());
  }

  /// A socket that was handed out is no more, and no connection of the set had it. Any thread.
  void Gone() {
    std::lock_guard lock(mutex_);  // so that Stop cannot miss it
    listener_->Closed();
    gone_.notify_all();
  }

  void StopListening() { listener_->Stop(); }

  /// Accept no more, drain all, and close what is left after `grace_ns`. On return none is left.
  void Stop(int64_t grace_ns) {
    listener_->Stop();
    ForAll([](Connection* connection) { connection->Drain(); });
    {
      std::unique_lock lock(mutex_);
      gone_.wait_for(lock, std::chrono::nanoseconds(grace_ns), [this] { return NoneIsLeft(); });
    }
    ForAll([](Connection* connection) { connection->Close(); });
    std::unique_lock lock(mutex_);
    gone_.wait(lock, [this] { return NoneIsLeft(); });
  }

 private:
  struct Shard {
    std::unordered_set<std::shared_ptr<Connection>> connections;
    bool stopping = false;
  };

  bool NoneIsLeft() const { return listener_->counters()->connections.load() == 0; }

  template <typename Call>
  void ForAll(Call call) {
    for (size_t i = 0; i < shards_.size(); ++i) {
      loops_->loops[i]->RunAndWait([&] {
        shards_[i].stopping = true;
        Each(i, call);
      });
    }
  }

  EventLoops::Impl* const loops_;
  const std::shared_ptr<Listener> listener_;
  std::vector<Shard> shards_;  // each for its loop's thread
  std::mutex mutex_;
  std::condition_variable gone_;
};

}  // namespace firth::net
