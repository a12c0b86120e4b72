// Streams of windows. They are looked at in groups, so that what many of them need is waited for
// together; where windows are empty the next point is looked up, so that a gap of any length costs
// one look.

#include <algorithm>
#include <utility>

#include "firth/timeview/snapshot_state.h"
#include "firth/timeview/window_groups.h"

namespace firth::timeview {
namespace {

/// What summarised windows say about those to come.
struct Emptiness {
  size_t windows = 0;
  size_t empty = 0;
  bool at_end = false;  // is the last of them empty?
};

/// Of windows that were summarised together, at least one, the last group.
Emptiness LastGroup(std::span<const Statistics> windows) {
  const size_t rest = windows.size() % kWindowsOfGroup;
  const auto group = windows.last(rest == 0 ? kWindowsOfGroup : rest);
  const auto empty = std::count_if(group.begin(), group.end(),
                                   [](const Statistics& window) { return window.count == 0; });
  return {.windows = group.size(),
          .empty = static_cast<size_t>(empty),
          .at_end = group.back().count == 0};
}

/// How many windows to look at together: all that a reader takes at once, and few where most turn
/// out to be empty.
class GroupSize {
 public:
  size_t Of(size_t windows) const { return std::min(windows, size_); }
  /// Have few windows been empty of late?
  bool full() const { return size_ == kMost; }
  void Learn(const Emptiness& last) {
    if (2 * last.empty > last.windows) {
      size_ = std::max<size_t>(1, size_ / 4);
    } else {
      size_ = std::min(kMost, 2 * size_);
    }
  }

 private:
  static constexpr size_t kMost = RangeReader::kEdgesMax - 1;
  size_t size_ = kMost;
};

/// Windows of any width, from any start, empty ones included.
class PlainWindowCursor : public WindowCursor {
 public:
  PlainWindowCursor(std::shared_ptr<const internal::SnapshotState> state, int64_t start,
                    int64_t end, uint64_t width)
      : reader_(std::move(state)),
        start_(start),
        width_(width),
        windows_(static_cast<uint64_t>(end - start) / width) {}

  Status Next(size_t rows_max, WindowBatch* batch) override {
    FIRTH_CHECK(rows_max > 0);
    batch->Clear();
    while (next_ < windows_ && batch->size() < rows_max) {
      if (next_ < empty_until_) {
        batch->Add(StartOf(next_++), {});
        continue;
      }
      const uint64_t rows = std::min<uint64_t>(windows_ - next_, rows_max - batch->size());
      if (size_.full() && rows >= kWindowsShared) {
        ARROW_RETURN_NOT_OK(NextGroups(static_cast<size_t>(rows), batch));
      } else {
        ARROW_RETURN_NOT_OK(NextGroup(static_cast<size_t>(rows), batch));
      }
    }
    return Status::OK();
  }

 private:
  // The last window ends within the time line, so this cannot overflow.
  int64_t StartOf(uint64_t window) const { return start_ + static_cast<int64_t>(window * width_); }

  Status NextGroup(size_t rows, WindowBatch* batch) {
    const size_t count = size_.Of(rows);
    edges_.clear();
    for (size_t i = 0; i <= count; ++i) edges_.push_back(StartOf(next_ + i));
    ARROW_RETURN_NOT_OK(reader_.SeekRanges(edges_));
    size_t empty = 0;
    for (size_t i = 0; i < count; ++i) {
      sum_.Clear();
      ARROW_RETURN_NOT_OK(reader_.SummariseRange(i, &sum_));
      empty += sum_.empty() ? 1 : 0;
      batch->Add(edges_[i], sum_.Total());
    }
    next_ += count;
    return Step({.windows = count, .empty = empty, .at_end = sum_.empty()});
  }

  /// The same for many windows at once, which others may help with.
  Status NextGroups(size_t rows, WindowBatch* batch) {
    found_.resize(std::min(rows, kWindowsTogether));
    ARROW_ASSIGN_OR_RAISE(const size_t count,
                          SummariseTogether(&reader_, StartOf(next_), width_, found_));
    for (size_t i = 0; i < count; ++i) batch->Add(StartOf(next_ + i), found_[i]);
    next_ += count;
    return Step(LastGroup(std::span(found_).first(count)));
  }

  /// Go on behind windows of which these were the last.
  Status Step(const Emptiness& last) {
    size_.Learn(last);
    if (last.at_end) {
      ARROW_ASSIGN_OR_RAISE(const auto point, reader_.FirstFrom(StartOf(next_)));
      empty_until_ = point ? static_cast<uint64_t>(point->time - start_) / width_ : windows_;
    }
    return Status::OK();
  }

  SnapshotReader reader_;
  const int64_t start_;
  const uint64_t width_;
  const uint64_t windows_;
  uint64_t next_ = 0;
  uint64_t empty_until_ = 0;
  GroupSize size_;
  std::vector<int64_t> edges_;
  StatisticsSum sum_;
  std::vector<Statistics> found_;  // of windows that were looked at by several threads
};

/// Windows that are cells of a grid of powers of two, empty ones left out.
class AlignedWindowCursor : public WindowCursor {
 public:
  AlignedWindowCursor(std::shared_ptr<const internal::SnapshotState> state, int64_t start,
                      int64_t end, int point_width)
      : reader_(std::move(state)),
        point_width_(point_width),
        mask_(point_width == 63 ? INT64_MIN : -(int64_t{1} << point_width)),
        next_(start & mask_),
        end_(end & mask_) {}

  Status Next(size_t rows_max, WindowBatch* batch) override {
    FIRTH_CHECK(rows_max > 0);
    batch->Clear();
    while (next_ < end_ && batch->size() < rows_max) {
      const uint64_t rows = std::min<uint64_t>(Left(), rows_max - batch->size());
      if (size_.full() && rows >= kWindowsShared) {
        ARROW_RETURN_NOT_OK(NextGroups(static_cast<size_t>(rows), batch));
      } else {
        ARROW_RETURN_NOT_OK(NextGroup(static_cast<size_t>(rows), batch));
      }
    }
    return Status::OK();
  }

 private:
  // Start and end are multiples of the width and the end is the greater, so no edge overflows.
  uint64_t Left() const {
    return (static_cast<uint64_t>(end_) - static_cast<uint64_t>(next_)) >> point_width_;
  }

  Status NextGroup(size_t rows, WindowBatch* batch) {
    const size_t count = size_.Of(rows);
    edges_.clear();
    for (uint64_t i = 0; i <= count; ++i) {
      edges_.push_back(static_cast<int64_t>(static_cast<uint64_t>(next_) + (i << point_width_)));
    }
    ARROW_RETURN_NOT_OK(reader_.SeekRanges(edges_));
    size_t empty = 0;
    for (size_t i = 0; i < count; ++i) {
      sum_.Clear();
      ARROW_RETURN_NOT_OK(reader_.SummariseRange(i, &sum_));
      if (sum_.empty()) {
        ++empty;
      } else {
        batch->Add(edges_[i], sum_.Total());
      }
    }
    next_ = edges_.back();
    return Step({.windows = count, .empty = empty, .at_end = sum_.empty()});
  }

  Status NextGroups(size_t rows, WindowBatch* batch) {
    found_.resize(std::min(rows, kWindowsTogether));
    const uint64_t width = uint64_t{1} << point_width_;
    ARROW_ASSIGN_OR_RAISE(const size_t count, SummariseTogether(&reader_, next_, width, found_));
    for (size_t i = 0; i < count; ++i, next_ += static_cast<int64_t>(width)) {
      if (found_[i].count != 0) batch->Add(next_, found_[i]);
    }
    return Step(LastGroup(std::span(found_).first(count)));
  }

  Status Step(const Emptiness& last) {
    size_.Learn(last);
    if (last.at_end) {
      ARROW_ASSIGN_OR_RAISE(const auto point, reader_.FirstFrom(next_));
      next_ = point ? point->time & mask_ : end_;
    }
    return Status::OK();
  }

  SnapshotReader reader_;
  const int point_width_;
  const int64_t mask_;  // also the width, negated
  int64_t next_;
  const int64_t end_;
  GroupSize size_;
  std::vector<int64_t> edges_;
  StatisticsSum sum_;
  std::vector<Statistics> found_;
};

}  // namespace

std::unique_ptr<WindowCursor> MakeWindowCursor(std::shared_ptr<const internal::SnapshotState> state,
                                               int64_t start, int64_t end, uint64_t width) {
  return std::make_unique<PlainWindowCursor>(std::move(state), start, end, width);
}

std::unique_ptr<WindowCursor> MakeAlignedWindowCursor(
    std::shared_ptr<const internal::SnapshotState> state, int64_t start, int64_t end,
    int point_width) {
  return std::make_unique<AlignedWindowCursor>(std::move(state), start, end, point_width);
}

}  // namespace firth::timeview
