#include "firth/timeview/window_groups.h"

#include <algorithm>
#include <array>
#include <chrono>
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

/// How long a group of a helper is waited for. One that is being looked at takes no longer; a
/// helper that has lost its processor may be away for milliseconds.
constexpr auto kPatience = std::chrono::microseconds(200);

/// The groups of one call. Helpers hold it for as long as they like; of what is the caller's they
/// touch nothing but room for results, and that only until the call has ended.
class Groups {
 public:
  Groups(std::shared_ptr<const internal::SnapshotState> state, int64_t start, uint64_t width,
         std::span<Statistics> out)
      : state_(std::move(state)),
        start_(start),
        width_(width),
        windows_(out.size()),
        groups_((windows_ + kWindowsOfGroup - 1) / kWindowsOfGroup),
        out_(out) {}

  /// Work until all groups are begun.
  void Help() {
    std::unique_ptr<SnapshotReader> reader;
    while (const auto group = Take()) {
      if (!reader) reader = std::make_unique<SnapshotReader>(state_);
      Summarise(*group, reader.get());
    }
  }

  /// The same, then do what helpers do not bring soon. Gives the windows that were summarised.
  Result<size_t> Work(SnapshotReader* reader) {
    while (const auto group = Take()) Summarise(*group, reader);
    while (const auto group = TakeBack()) Summarise(*group, reader);
    std::lock_guard lock(mutex_);
    out_ = {};
    for (const Begun& group : begun_) ARROW_RETURN_NOT_OK(group.status);
    return std::min(windows_, begun_.size() * kWindowsOfGroup);
  }

 private:
  struct Begun {
    bool done = false;
    Status status;
  };

  std::optional<size_t> Take() {
    std::lock_guard lock(mutex_);
    if (ended_ || begun_.size() == groups_) return std::nullopt;
    begun_.emplace_back();
    return begun_.size() - 1;
  }

  /// A group that somebody else has begun and not done; none when all are done.
  std::optional<size_t> TakeBack() {
    std::unique_lock lock(mutex_);
    all_done_.wait_for(lock, kPatience, [this] { return done_ == begun_.size(); });
    const auto group =
        std::find_if(begun_.begin(), begun_.end(), [](const Begun& each) { return !each.done; });
    if (group == begun_.end()) return std::nullopt;
    return static_cast<size_t>(group - begun_.begin());
  }

  void Summarise(size_t group, SnapshotReader* reader) {
    const size_t first = group * kWindowsOfGroup;
    const size_t count = std::min(kWindowsOfGroup, windows_ - first);
    std::array<int64_t, kWindowsOfGroup + 1> edges;
    for (size_t i = 0; i <= count; ++i) {
      edges[i] = start_ + static_cast<int64_t>((first + i) * width_);
    }
    Status status = reader->SeekRanges(std::span(edges).first(count + 1));
    std::array<Statistics, kWindowsOfGroup> found;
    StatisticsSum sum;
    size_t empty = 0;
    for (size_t i = 0; status.ok() && i < count; ++i) {
      sum.Clear();
      status = reader->SummariseRange(i, &sum);
      empty += sum.empty() ? 1 : 0;
      found[i] = sum.Total();
    }
    std::lock_guard lock(mutex_);
    Begun& begun = begun_[group];
    // Who comes second brings the same.
    if (begun.done || out_.empty()) return;
    std::copy_n(found.begin(), count, out_.begin() + static_cast<ptrdiff_t>(first));
    // There is more to be done behind it if it went well, and most of it is not empty.
    ended_ |= !status.ok() || 2 * empty > count;
    begun = {.done = true, .status = std::move(status)};
    if (++done_ == begun_.size()) all_done_.notify_all();
  }

  const std::shared_ptr<const internal::SnapshotState> state_;
  const int64_t start_;
  const uint64_t width_;
  const size_t windows_;
  const size_t groups_;
  std::mutex mutex_;
  std::condition_variable all_done_;
  std::span<Statistics> out_;  // guarded by mutex_; none when the call has ended
  std::vector<Begun> begun_;   // guarded by mutex_
  size_t done_ = 0;            // guarded by mutex_
  bool ended_ = false;         // guarded by mutex_
};

}  // namespace

size_t HelpersAtOnce() {
  static const size_t others = std::max(1U, std::thread::hardware_concurrency()) - 1;
  return std::min(kHelpersMost, others);
}

Result<size_t> SummariseTogether(SnapshotReader* reader, int64_t start, uint64_t width,
                                 std::span<Statistics> out, size_t helpers_max) {
  const auto groups = std::make_shared<Groups>(reader->shared_state(), start, width, out);
  ReadHelpers* const helpers = reader->state().source->helpers();
  for (size_t i = 0; helpers != nullptr && i < helpers_max; ++i) {
    helpers->Post([groups] { groups->Help(); });
  }
  return groups->Work(reader);
}

}  // namespace firth::timeview
