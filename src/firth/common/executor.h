// Threads, as a parameter: the engine posts work and timers to an Executor and starts no thread
// itself. With a ManualExecutor the whole engine runs in one thread, in order, from a seed.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "firth/common/clock.h"

namespace firth {

/// Run tasks, each once. Thread-safe. A task may post further tasks and must not throw.
class Executor {
 public:
  using Task = std::function<void()>;

  virtual ~Executor() = default;
  /// Run `task` soon. Tasks of a one-threaded executor run in the order of their posting.
  virtual void Post(Task task) = 0;
  /// Run `task` when the monotonic clock has reached `at_ns`. Returns an id for Cancel.
  virtual uint64_t PostAt(int64_t at_ns, Task task) = 0;
  /// Forget a timer. A task that has begun is not stopped.
  virtual void Cancel(uint64_t timer) = 0;
};

/// A named pool of threads, which its destructor stops.
class ThreadPool : public Executor {
 public:
  ThreadPool(std::string name, size_t threads, const Clock* clock);
  ~ThreadPool() override;

  /// Finish the tasks that were posted, drop timers, and join. Tasks may go on posting meanwhile,
  /// so the pool must still be reachable by them: its owner stops it before letting go of the
  /// pointer. What is posted afterwards never runs. One thread stops a pool, and not one of its
  /// own; a second time does nothing.
  void Stop();

  void Post(Task task) override;
  uint64_t PostAt(int64_t at_ns, Task task) override;
  void Cancel(uint64_t timer) override;
  /// Tasks that wait for a thread; for metrics.
  size_t Backlog() const;

 private:
  void Run();

  const std::string name_;
  const Clock* const clock_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;                               // guarded by mutex_
  std::map<std::pair<int64_t, uint64_t>, Task> timers_;  // guarded by mutex_
  uint64_t next_timer_ = 1;                              // guarded by mutex_
  bool stopping_ = false;                                // guarded by mutex_
  bool stopped_ = false;                                 // guarded by mutex_
  std::vector<std::thread> threads_;
};

/// Runs tasks only when told to, in the caller's thread, in order of posting. Timers fire by the
/// ManualClock: when nothing else is left, RunUntilIdle may move the clock to the next timer.
class ManualExecutor : public Executor {
 public:
  explicit ManualExecutor(ManualClock* clock) : clock_(clock) {}

  void Post(Task task) override;
  uint64_t PostAt(int64_t at_ns, Task task) override;
  void Cancel(uint64_t timer) override;

  /// Run one task or one due timer; false when there is none.
  bool RunOne();
  /// Run until nothing is left; with `advance`, moving the clock from timer to timer up to
  /// `horizon_ns` (monotonic).
  void RunUntilIdle(bool advance = false, int64_t horizon_ns = INT64_MAX);
  /// Drop everything that waits, as a crash would.
  void Clear();

 private:
  ManualClock* const clock_;
  std::deque<Task> tasks_;
  std::map<std::pair<int64_t, uint64_t>, Task> timers_;
  uint64_t next_timer_ = 1;
};

}  // namespace firth
