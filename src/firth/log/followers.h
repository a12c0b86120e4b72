// Followers: those who wait until a log has rows at or after an offset. They are entries in a
// table, not threads.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "firth/common/executor.h"
#include "firth/log/log_store.h"

namespace firth::log {

/// Thread-safe.
class Followers {
 public:
  explicit Followers(Executor* notifier) : notifier_(notifier) {}

  /// Park a follower; it is woken by the first Wake for one of its logs above the point's offset.
  /// The caller checks readiness after this call, since an append may come in between.
  uint64_t Park(std::vector<FollowPoint> points, std::function<void()> wake);
  /// Take a follower out. False: it was woken, or is being woken.
  bool Remove(uint64_t follower);
  /// Wake one follower now.
  void WakeOne(uint64_t follower);
  /// The durable end of each of these logs is now the point's offset; a log may be there more than
  /// once, in rising order.
  void Wake(std::span<const FollowPoint> ends);
  void WakeAll();
  size_t size() const;

 private:
  struct Waiting {
    std::vector<FollowPoint> points;
    std::function<void()> wake;
  };
  /// Take out and return what to call, under the mutex.
  std::function<void()> Take(uint64_t follower);

  Executor* const notifier_;
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, Waiting> waiting_;                 // guarded by mutex_
  std::unordered_map<LogId, std::map<uint64_t, Offset>> by_log_;  // guarded by mutex_
  uint64_t next_ = 1;                                             // guarded by mutex_
};

}  // namespace firth::log
