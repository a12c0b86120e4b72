// A mutex that is waited for without a thread: whoever gets it is run on an executor, and gives it
// back when it is done, in that task or a later one.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "firth/common/executor.h"
#include "firth/common/status.h"

namespace firth {

/// Thread-safe; first come, first served. Must outlive those that wait.
class AsyncMutex {
 public:
  explicit AsyncMutex(Executor* executor) : executor_(executor) {}

  /// Run `holder` on the executor as soon as the mutex is free. It holds the mutex until Unlock.
  void Lock(Executor::Task holder) {
    {
      std::lock_guard lock(mutex_);
      if (held_) {
        waiting_.push_back(std::move(holder));
        return;
      }
      held_ = true;
    }
    executor_->Post(std::move(holder));
  }

  /// Take the mutex if it is free, for something short: until Unlock the caller holds it.
  bool TryLock() {
    std::lock_guard lock(mutex_);
    return !std::exchange(held_, true);
  }

  void Unlock() {
    Executor::Task next;
    {
      std::lock_guard lock(mutex_);
      FIRTH_CHECK(held_);
      if (waiting_.empty()) {
        held_ = false;
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    executor_->Post(std::move(next));
  }

 private:
  Executor* const executor_;
  std::mutex mutex_;
  bool held_ = false;                   // guarded by mutex_
  std::deque<Executor::Task> waiting_;  // guarded by mutex_
};

}  // namespace firth
