// Counts what was begun and has not ended, so that a Database can wait for its own tasks.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace firth::table {

/// Thread-safe.
class InWork {
 public:
  void Begin() {
    std::lock_guard lock(mutex_);
    ++count_;
  }
  void End() {
    // Notified under the lock: the waiter may destroy this object as soon as it sees zero.
    std::lock_guard lock(mutex_);
    if (--count_ == 0) idle_.notify_all();
  }
  bool Idle() const {
    std::lock_guard lock(mutex_);
    return count_ == 0;
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  int64_t count_ = 0;  // guarded by mutex_
};

}  // namespace firth::table
