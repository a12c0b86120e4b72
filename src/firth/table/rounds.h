// Something that is done over and over in the background, until it is stopped.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/table/in_work.h"

namespace firth::table {

/// Thread-safe.
class Rounds {
 public:
  /// Call `round` every `interval_ns`, the next one after the last has ended. Called once.
  void Start(Executor* executor, const Clock* clock, int64_t interval_ns,
             std::function<void()> round) {
    Schedule(std::make_shared<Plan>(Plan{executor, clock, interval_ns, std::move(round)}));
  }
  /// Begin no more, and wait for the one that was begun.
  void Stop() {
    std::shared_ptr<Plan> plan;
    {
      std::lock_guard lock(shared_->mutex);
      shared_->stopped = true;
      plan = shared_->plan;
      if (plan != nullptr) plan->executor->Cancel(shared_->timer);
    }
    shared_->in_work.Wait();
  }
  bool IsStopped() const {
    std::lock_guard lock(shared_->mutex);
    return shared_->stopped;
  }

 private:
  struct Plan {
    Executor* executor;
    const Clock* clock;
    int64_t interval_ns;
    std::function<void()> round;
  };
  /// A timer that fires as we end holds this, not us.
  struct Shared {
    InWork in_work;
    std::mutex mutex;
    bool stopped = false;        // guarded by mutex
    uint64_t timer = 0;          // guarded by mutex
    std::shared_ptr<Plan> plan;  // guarded by mutex
  };

  void Schedule(const std::shared_ptr<Plan>& plan) {
    std::lock_guard lock(shared_->mutex);
    if (shared_->stopped) return;
    shared_->plan = plan;
    shared_->timer = plan->executor->PostAt(plan->clock->MonotonicNs() + plan->interval_ns,
                                            [this, plan, shared = shared_] {
                                              {
                                                std::lock_guard inner(shared->mutex);
                                                if (shared->stopped) return;
                                                shared->in_work.Begin();
                                              }
                                              plan->round();
                                              Schedule(plan);
                                              shared->in_work.End();
                                            });
  }

  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace firth::table
