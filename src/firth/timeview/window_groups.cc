#include "firth/timeview/window_groups.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace firth::timeview {
namespace {

/// Threads that help one call at most.
constexpr size_t kHelpersMost = 2;

/// As many as there are processors beside that of the caller: who waits for one that is not running
/// waits for all that it has begun.
size_t HelpersAtOnce() {
  static const size_t others = std::max(1U, std::thread::hardware_concurrency()) - 1;
  return std::min(kHelpersMost, others);
}

/// The groups of one call. Helpers hold it for as long as they like; what it refers to is the
/// caller's, and is touched only between taking a group and giving it back.
class Groups {
 public:
  Groups(SnapshotReader* reader, int64_t start, uint64_t width, std::span<Statistics> out)
      : reader_(reader),
        start_(start),
        width_(width),
        out_(out),
        groups_((out.size() + kWindowsOfGroup - 1) / kWindowsOfGroup),
        statuses_(groups_) {}

  /// Work until all groups are begun.
  void Help(size_t helper) {
    while (const auto group = Take()) {
      std::unique_ptr<SnapshotReader>& reader = readers_[helper];
      if (!reader) reader = std::make_unique<SnapshotReader>(reader_->shared_state());
      Finish(*group, Summarise(*group, reader.get()));
    }
  }

  /// The same, and wait for those of others. Gives the windows that were summarised.
  Result<size_t> Work() {
    while (const auto group = Take()) Finish(*group, Summarise(*group, reader_));
    std::unique_lock lock(mutex_);
    all_done_.wait(lock, [this] { return working_ == 0; });
    for (std::unique_ptr<SnapshotReader>& reader : readers_) reader.reset();
    for (size_t group = 0; group < next_; ++group) ARROW_RETURN_NOT_OK(statuses_[group]);
    return std::min(out_.size(), next_ * kWindowsOfGroup);
  }

 private:
  std::optional<size_t> Take() {
    std::lock_guard lock(mutex_);
    if (ended_ || next_ == groups_) return std::nullopt;
    ++working_;
    return next_++;
  }

  /// Whether there is more to be done after it: it went well, and most of it is not empty.
  struct Summarised {
    Status status;
    bool go_on = false;
  };
  void Finish(size_t group, Summarised summarised) {
    std::lock_guard lock(mutex_);
    statuses_[group] = std::move(summarised.status);
    ended_ |= !summarised.go_on;
    if (--working_ == 0) all_done_.notify_all();
  }

  Summarised Summarise(size_t group, SnapshotReader* reader) const {
    const size_t first = group * kWindowsOfGroup;
    const auto out = out_.subspan(first, std::min(kWindowsOfGroup, out_.size() - first));
    std::array<int64_t, kWindowsOfGroup + 1> edges;
    for (size_t i = 0; i <= out.size(); ++i) {
      edges[i] = start_ + static_cast<int64_t>((first + i) * width_);
    }
    Status status = reader->SeekRanges(std::span(edges).first(out.size() + 1));
    StatisticsSum sum;
    size_t empty = 0;
    for (size_t i = 0; status.ok() && i < out.size(); ++i) {
      sum.Clear();
      status = reader->SummariseRange(i, &sum);
      empty += sum.empty() ? 1 : 0;
      out[i] = sum.Total();
    }
    const bool go_on = status.ok() && 2 * empty <= out.size();
    return {std::move(status), go_on};
  }

  SnapshotReader* const reader_;
  const int64_t start_;
  const uint64_t width_;
  const std::span<Statistics> out_;
  const size_t groups_;
  std::array<std::unique_ptr<SnapshotReader>, kHelpersMost> readers_;  // each its helper's
  std::mutex mutex_;
  std::condition_variable all_done_;
  std::vector<Status> statuses_;  // guarded by mutex_
  size_t next_ = 0;               // guarded by mutex_
  size_t working_ = 0;            // guarded by mutex_
  bool ended_ = false;            // guarded by mutex_
};

}  // namespace

Result<size_t> SummariseTogether(SnapshotReader* reader, int64_t start, uint64_t width,
                                 std::span<Statistics> out) {
  const auto groups = std::make_shared<Groups>(reader, start, width, out);
  Executor* const helpers = reader->state().source->helpers();
  for (size_t i = 0; helpers != nullptr && i < HelpersAtOnce(); ++i) {
    helpers->Post([groups, i] { groups->Help(i); });
  }
  return groups->Work();
}

}  // namespace firth::timeview
