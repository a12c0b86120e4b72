// An executor's tasks that one thread brings together, run together.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "firth/common/executor.h"
#include "firth/common/later.h"

namespace firth {

/// An Executor in front of another. What a thread posts while it has a Later open becomes one task
/// of the other's, which has a Later open itself: it is run by one thread, one after another, and
/// what all of it hands over goes on together. So many small tasks of one origin wake one thread
/// instead of several, which would then wait for each other's results. Anything else is passed on.
class Together : public Executor {
 public:
  explicit Together(Executor* executor) : executor_(executor) {}

  void Post(Task task) override {
    if (!Later::IsOpen()) return executor_->Post(std::move(task));
    for (const Gathering& one : gatherings_) {
      if (one.by == this) return one.tasks->push_back(std::move(task));
    }
    const auto tasks = std::make_shared<std::vector<Task>>();
    tasks->push_back(std::move(task));
    gatherings_.push_back({.by = this, .tasks = tasks});
    Later::Do([this, tasks] {
      std::erase_if(gatherings_, [&](const Gathering& one) { return one.tasks == tasks; });
      executor_->Post([tasks] {
        const Later later;
        for (Task& one : *tasks) std::exchange(one, nullptr)();
      });
    });
  }
  uint64_t PostAt(int64_t at_ns, Task task) override {
    return executor_->PostAt(at_ns, std::move(task));
  }
  void Cancel(uint64_t timer) override { executor_->Cancel(timer); }

 private:
  struct Gathering {
    const Together* by;
    std::shared_ptr<std::vector<Task>> tasks;
  };

  static inline thread_local std::vector<Gathering> gatherings_;
  Executor* const executor_;
};

}  // namespace firth
