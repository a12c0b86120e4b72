// Streams of windows. Each window is summarised by itself; where one is empty the next point is
// looked up, so that a gap of any length costs one look.

#include <algorithm>
#include <utility>

#include "firth/timeview/snapshot_state.h"

namespace firth::timeview {
namespace {

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
      sum_.Clear();
      ARROW_RETURN_NOT_OK(reader_.Summarise(StartOf(next_), StartOf(next_ + 1), &sum_));
      if (sum_.empty()) ARROW_RETURN_NOT_OK(FindNextPoint());
      batch->Add(StartOf(next_++), sum_.Total());
    }
    return Status::OK();
  }

 private:
  // The last window ends within the time line, so this cannot overflow.
  int64_t StartOf(uint64_t window) const { return start_ + static_cast<int64_t>(window * width_); }
  Status FindNextPoint() {
    ARROW_ASSIGN_OR_RAISE(const auto point, reader_.FirstFrom(StartOf(next_ + 1)));
    empty_until_ = point ? static_cast<uint64_t>(point->time - start_) / width_ : windows_;
    return Status::OK();
  }

  SnapshotReader reader_;
  const int64_t start_;
  const uint64_t width_;
  const uint64_t windows_;
  uint64_t next_ = 0;
  uint64_t empty_until_ = 0;
  StatisticsSum sum_;
};

/// Windows that are cells of a grid of powers of two, empty ones left out.
class AlignedWindowCursor : public WindowCursor {
 public:
  AlignedWindowCursor(std::shared_ptr<const internal::SnapshotState> state, int64_t start,
                      int64_t end, int point_width)
      : reader_(std::move(state)),
        mask_(point_width == 63 ? INT64_MIN : -(int64_t{1} << point_width)),
        next_(start & mask_),
        end_(end & mask_) {}

  Status Next(size_t rows_max, WindowBatch* batch) override {
    FIRTH_CHECK(rows_max > 0);
    batch->Clear();
    while (next_ < end_ && batch->size() < rows_max) {
      // Both are multiples of the width and the end is the greater, so the window's end is at most
      // that: no overflow.
      const int64_t window_end =
          static_cast<int64_t>(static_cast<uint64_t>(next_) - static_cast<uint64_t>(mask_));
      sum_.Clear();
      ARROW_RETURN_NOT_OK(reader_.Summarise(next_, window_end, &sum_));
      if (!sum_.empty()) {
        batch->Add(next_, sum_.Total());
        next_ = window_end;
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const auto point, reader_.FirstFrom(window_end));
      next_ = point ? point->time & mask_ : end_;
    }
    return Status::OK();
  }

 private:
  SnapshotReader reader_;
  const int64_t mask_;  // also the width, negated
  int64_t next_;
  const int64_t end_;
  StatisticsSum sum_;
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
