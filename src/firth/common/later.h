// Work that one thread hands to another, kept back until all of it is there.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace firth {

/// While one is in scope, what its thread gives to Do() is kept, and is done at the end of the
/// outermost scope: a thread that is woken for the first of many pieces of work would begin with
/// too little of it. For scopes that wait for nothing.
class Later {
 public:
  Later() { ++depth_; }
  ~Later() {
    if (--depth_ > 0) return;
    for (auto& task : std::exchange(tasks_, {})) task();
  }
  Later(const Later&) = delete;
  Later& operator=(const Later&) = delete;

  static bool IsOpen() { return depth_ > 0; }

  /// At once, where no scope is open.
  static void Do(std::function<void()> task) {
    if (depth_ == 0) return task();
    tasks_.push_back(std::move(task));
  }

 private:
  static inline thread_local int depth_ = 0;
  static inline thread_local std::vector<std::function<void()>> tasks_;
};

}  // namespace firth
