// A thread that calls DuckDB for one query, so that who asked can be answered even when a call does
// not end: a function that works on one row is not interrupted, however long it takes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

namespace firth::query {

class Watch;

/// One thread calls it at a time. It may be destroyed by a call of its own.
class Worker {
 public:
  Worker();
  /// Waits for the thread, unless that was given up.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Run `call` on the thread and wait for its end. False: `watch` told it to end, and it did not
  /// within `grace_ns`: nobody waits for it any more. It goes on, and keeps alive what it holds;
  /// every later Run is false at once. `call` must not touch what it does not hold.
  bool Run(std::function<void()> call, const Watch& watch, int64_t grace_ns);
  bool given_up() const { return given_up_; }

 private:
  struct State;
  static void Work(const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_;
  std::thread thread_;  // begun by the first Run
  bool given_up_ = false;
};

}  // namespace firth::query
