// The writes of one series that are decided and not yet applied.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "firth/timeview/series.h"

namespace firth::table {

/// Each write is decided on what the ones before it leave, durable or not, and becomes a revision
/// in the order of the decisions. Many wait for one sync. When one fails, those decided on top of
/// it fail, too (the log asks EpochIs in the order of commits), and new ones wait until they ended.
class SeriesWriter {
 public:
  /// A write with its points.
  struct Write {
    timeview::Edit edit;  // its spans are into the vectors below
    std::vector<int64_t> times;
    std::vector<double> values;
  };
  using WritePtr = std::shared_ptr<Write>;

  /// Begin to decide: one at a time. The lock is held until the write is on its way to the log.
  std::unique_lock<std::mutex> Decide() {
    std::unique_lock deciding(decide_mutex_);
    if (epoch_.load() != decided_epoch_) {
      WaitUntilIdle();
      decided_epoch_ = epoch_.load();
    }
    return deciding;
  }
  /// The writes that are on their way, in order. While deciding.
  std::vector<WritePtr> InFlight() const {
    std::lock_guard lock(mutex_);
    return {in_flight_.begin(), in_flight_.end()};
  }
  /// Put a decided write on its way. Returns the epoch that it depends on.
  uint64_t Add(WritePtr write) {
    std::lock_guard lock(mutex_);
    in_flight_.push_back(std::move(write));
    return decided_epoch_;
  }
  /// The first of those on their way was applied, or failed.
  void End() {
    std::lock_guard lock(mutex_);
    in_flight_.pop_front();
    if (in_flight_.empty()) idle_.notify_all();
  }
  /// A write failed: called at once, before the log looks at the next.
  void Fail() { epoch_.fetch_add(1); }
  bool EpochIs(uint64_t epoch) const { return epoch_.load() == epoch; }
  /// While deciding: nothing new comes.
  void WaitUntilIdle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return in_flight_.empty(); });
  }

 private:
  std::mutex decide_mutex_;     // taken before mutex_
  uint64_t decided_epoch_ = 0;  // guarded by decide_mutex_
  std::atomic<uint64_t> epoch_{0};
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<WritePtr> in_flight_;  // guarded by mutex_
};

}  // namespace firth::table
