// Tasks one at a time, in order, on an executor that has many threads.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/later.h"

namespace firth {

/// Thread-safe. What was posted is run even after the strand itself is gone.
class Strand {
 public:
  explicit Strand(Executor* executor) : state_(std::make_shared<State>(executor)) {}

  void Post(Executor::Task task) {
    std::vector<Executor::Task> tasks;
    tasks.push_back(std::move(task));
    PostAll(std::move(tasks));
  }

  /// Post each; waking a thread once costs less than once for each.
  void PostAll(std::vector<Executor::Task> tasks) {
    if (tasks.empty()) return;
    {
      std::lock_guard lock(state_->mutex);
      for (auto& task : tasks) state_->tasks.push_back(std::move(task));
      if (state_->running) return;
      state_->running = true;
    }
    // What this thread brings with it shall be run in the same go.
    Later::Do([state = state_] { state->executor->Post([state] { Run(state); }); });
  }

 private:
  struct State {
    explicit State(Executor* e) : executor(e) {}
    Executor* const executor;
    std::mutex mutex;
    std::deque<Executor::Task> tasks;  // guarded by mutex
    bool running = false;              // guarded by mutex
  };

  /// Run what is there now, then give the thread back before going on.
  static void Run(const std::shared_ptr<State>& state) {
    std::deque<Executor::Task> tasks;
    {
      std::lock_guard lock(state->mutex);
      tasks.swap(state->tasks);
    }
    for (auto& task : tasks) task();
    std::lock_guard lock(state->mutex);
    if (state->tasks.empty()) {
      state->running = false;
    } else {
      state->executor->Post([state] { Run(state); });
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace firth
