// Threads that help the readers of one time view, while it is there.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>

#include "firth/common/executor.h"

namespace firth::timeview {

/// Readers wait for nobody who helps them, so help may be at work for an answer that was given: it
/// ends before the view does. Thread-safe.
class ReadHelpers : public std::enable_shared_from_this<ReadHelpers> {
 public:
  explicit ReadHelpers(Executor* threads) : threads_(threads) {}

  /// Have one of the threads work, soon or never.
  void Post(std::function<void()> work);
  /// Let nothing more begin, and wait for what has begun.
  void Close();

 private:
  Executor* const threads_;
  std::mutex mutex_;
  std::condition_variable at_rest_;
  size_t working_ = 0;   // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace firth::timeview
