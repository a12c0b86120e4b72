// Two trees are walked side by side over their common grid. Cells where both lead to the same nodes
// and no edit waits are passed over; where one side is empty the other's points give the cells;
// where both end in leaves the points themselves are compared. A cell of the resolution that was
// found to differ is not looked at again, so a wide cell costs one difference.

#include "firth/timeview/changes.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

namespace firth::timeview {
namespace {

using internal::SnapshotState;
using StatePtr = std::shared_ptr<const SnapshotState>;

/// The grid that changes are rounded to.
struct Grid {
  int resolution;

  int64_t CellOf(int64_t time) const {
    return resolution == 63 ? (time < 0 ? INT64_MIN : 0) : time & -(int64_t{1} << resolution);
  }
  /// The end of a cell; that of the last one of width 2^63 cannot be written and is one less.
  int64_t EndOf(int64_t cell) const {
    if (resolution == 63) return cell < 0 ? 0 : INT64_MAX;
    return cell + (int64_t{1} << resolution);
  }
};

void AddRange(TimeRange range, std::vector<TimeRange>* ranges) {
  if (!ranges->empty() && range.start >= ranges->back().start &&
      range.start <= ranges->back().end) {
    ranges->back().end = std::max(ranges->back().end, range.end);
  } else {
    ranges->push_back(range);
  }
}

/// One of the two trees, as the walk sees it.
class Side {
 public:
  explicit Side(StatePtr state) : state_(std::move(state)), reader_(state_) {}

  const SnapshotState& state() const { return *state_; }
  const StatePtr& shared_state() const { return state_; }
  SnapshotReader& reader() { return reader_; }

  /// Does an edit over the tree touch [start, end)?
  bool Edited(int64_t start, int64_t end) const {
    const Overlay& overlay = *state_->overlay;
    const auto point = std::lower_bound(overlay.times.begin(), overlay.times.end(), start);
    if (point != overlay.times.end() && *point < end) return true;
    const auto hole = std::upper_bound(overlay.holes.begin(), overlay.holes.end(), start,
                                       [](int64_t t, const TimeRange& h) { return t < h.end; });
    return hole != overlay.holes.end() && hole->start < end;
  }
  bool HasNewPoints(int64_t start, int64_t end) const {
    const auto& times = state_->overlay->times;
    const auto point = std::lower_bound(times.begin(), times.end(), start);
    return point != times.end() && *point < end;
  }
  Result<NodePtr> Get(const NodeLink& link) const { return state_->source->Get(link); }

 private:
  StatePtr state_;
  SnapshotReader reader_;
};

class DifferenceCursor : public RangeCursor {
 public:
  DifferenceCursor(StatePtr from, StatePtr to, int resolution)
      : from_(std::move(from)), to_(std::move(to)), grid_{resolution} {
    Push({.width = kRootWidth,
          .start = kTimeMin,
          .from = from_.state().root,
          .to = to_.state().root});
  }

  Status Next(size_t rows_max, std::vector<TimeRange>* batch) override {
    FIRTH_CHECK(rows_max > 0);
    batch->clear();
    // The last range that was found may still grow.
    while (found_.size() <= rows_max && !frames_.empty()) ARROW_RETURN_NOT_OK(Step());
    size_t rows = std::min(found_.size(), rows_max);
    batch->assign(found_.begin(), found_.begin() + static_cast<ptrdiff_t>(rows));
    found_.erase(found_.begin(), found_.begin() + static_cast<ptrdiff_t>(rows));
    return Status::OK();
  }

 private:
  /// A cell of the trees' grid; or, with `fill`, a range where only that side has points.
  struct Frame {
    int width = 0;
    int64_t start = 0;
    NodeLink from;
    NodeLink to;
    Side* fill = nullptr;
    int64_t end = 0;
  };

  /// The end of a cell of the trees' grid.
  static int64_t EndOf(const Frame& frame) { return frame.start + (int64_t{1} << frame.width); }

  /// Has the cell of the resolution that holds all of [start, end) been found?
  bool Done(int64_t start, int64_t end) const {
    return found_cell_ && grid_.CellOf(start) == *found_cell_ && end <= grid_.EndOf(*found_cell_);
  }
  void Emit(int64_t time) {
    const int64_t cell = grid_.CellOf(time);
    if (found_cell_ && *found_cell_ == cell) return;
    found_cell_ = cell;
    AddRange({cell, grid_.EndOf(cell)}, &found_);
  }

  void Push(Frame frame) {
    const int64_t end = EndOf(frame);
    // What lies behind a side's limit is not there.
    if (frame.start >= from_.state().limit) frame.from = {};
    if (frame.start >= to_.state().limit) frame.to = {};
    const bool same =
        frame.from.empty() ? frame.to.empty() : !frame.to.empty() && frame.from.Same(frame.to);
    const bool same_limit = frame.from.empty() ||
                            std::min(from_.state().limit, end) == std::min(to_.state().limit, end);
    if (same && same_limit && !from_.Edited(frame.start, end) && !to_.Edited(frame.start, end)) {
      return;
    }
    frames_.push_back(std::move(frame));
  }

  Status Step() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.fill != nullptr) return Fill(std::move(frame));
    const int64_t end = EndOf(frame);
    if (Done(frame.start, end)) return Status::OK();
    const bool from_has = !frame.from.empty() || from_.HasNewPoints(frame.start, end);
    const bool to_has = !frame.to.empty() || to_.HasNewPoints(frame.start, end);
    if (!from_has && !to_has) return Status::OK();
    if (!from_has || !to_has) {
      frame.fill = from_has ? &from_ : &to_;
      frame.end = end;
      frames_.push_back(std::move(frame));
      return Status::OK();
    }
    const bool from_inner = !frame.from.empty() && frame.from.kind == NodeKind::kInner;
    const bool to_inner = !frame.to.empty() && frame.to.kind == NodeKind::kInner;
    if (from_inner || to_inner) return Descend(frame);
    return Compare(frame.start, end);
  }

  /// Find the next cell with points of one side, and leave the rest for later.
  Status Fill(Frame frame) {
    ARROW_ASSIGN_OR_RAISE(const auto point, frame.fill->reader().FirstFrom(frame.start));
    if (!point || point->time >= frame.end) return Status::OK();
    Emit(point->time);
    frame.start = grid_.EndOf(grid_.CellOf(point->time));
    if (frame.start < frame.end) frames_.push_back(std::move(frame));
    return Status::OK();
  }

  /// The links of one side to the cells below a cell: its own, or the leaf that is above them all.
  Status LinksBelow(const Side& side, const NodeLink& link, std::vector<NodeLink>* below) {
    below->assign(kFanOut, NodeLink{});
    if (link.empty()) return Status::OK();
    if (link.kind != NodeKind::kInner) {
      std::fill(below->begin(), below->end(), link);
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const NodePtr node, side.Get(link));
    for (const NodeLink& child : node->links) {
      std::fill(below->begin() + child.slot_begin, below->begin() + child.slot_end, child);
    }
    return Status::OK();
  }

  Status Descend(const Frame& frame) {
    ARROW_RETURN_NOT_OK(LinksBelow(from_, frame.from, &from_below_));
    ARROW_RETURN_NOT_OK(LinksBelow(to_, frame.to, &to_below_));
    const int width = WidthBelow(frame.width);
    for (size_t slot = size_t{1} << (frame.width - width); slot-- > 0;) {
      Push({.width = width,
            .start = frame.start + (static_cast<int64_t>(slot) << width),
            .from = from_below_[slot],
            .to = to_below_[slot]});
    }
    return Status::OK();
  }

  /// Compare the points of both sides in [start, end), time by time.
  Status Compare(int64_t start, int64_t end) {
    PointStream from(from_.shared_state(), start, end);
    PointStream to(to_.shared_state(), start, end);
    ARROW_RETURN_NOT_OK(from.Load());
    ARROW_RETURN_NOT_OK(to.Load());
    while (!Done(start, end) && (from.valid() || to.valid())) {
      const int64_t time = !to.valid()     ? from.time()
                           : !from.valid() ? to.time()
                                           : std::min(from.time(), to.time());
      bool differs = false;
      while (from.At(time) && to.At(time)) {
        differs = differs || from.bits() != to.bits();
        ARROW_RETURN_NOT_OK(from.Advance());
        ARROW_RETURN_NOT_OK(to.Advance());
      }
      for (PointStream* rest : {&from, &to}) {
        while (rest->At(time)) {
          differs = true;
          ARROW_RETURN_NOT_OK(rest->Advance());
        }
      }
      if (differs) Emit(time);
    }
    return Status::OK();
  }

  /// Points one by one.
  class PointStream {
   public:
    PointStream(StatePtr state, int64_t start, int64_t end)
        : cursor_(MakePointCursor(std::move(state), start, end)) {}
    Status Load() {
      next_ = 0;
      return cursor_->Next(4096, &batch_);
    }
    bool valid() const { return next_ < batch_.size(); }
    bool At(int64_t time) const { return valid() && batch_.times[next_] == time; }
    int64_t time() const { return batch_.times[next_]; }
    uint64_t bits() const { return std::bit_cast<uint64_t>(batch_.values[next_]); }
    Status Advance() {
      if (++next_ < batch_.size()) return Status::OK();
      return Load();
    }

   private:
    std::unique_ptr<PointCursor> cursor_;
    PointBatch batch_;
    size_t next_ = 0;
  };

  Side from_;
  Side to_;
  const Grid grid_;
  std::vector<Frame> frames_;  // what is still to be walked, the first on top
  std::vector<TimeRange> found_;
  std::optional<int64_t> found_cell_;  // the last one
  std::vector<NodeLink> from_below_;   // scratch
  std::vector<NodeLink> to_below_;
};

class JoiningCursor : public RangeCursor {
 public:
  JoiningCursor(std::unique_ptr<RangeCursor> cursor, std::vector<TimeRange> ranges)
      : cursor_(std::move(cursor)), ranges_(std::move(ranges)) {}

  Status Next(size_t rows_max, std::vector<TimeRange>* batch) override {
    batch->clear();
    while (!done_ && joint_.size() <= rows_max) {
      if (next_ == batch_.size() && !cursor_done_) {
        ARROW_RETURN_NOT_OK(cursor_->Next(1024, &batch_));
        next_ = 0;
        cursor_done_ = batch_.empty();
      }
      const bool has_batch = next_ < batch_.size();
      const bool has_range = next_range_ < ranges_.size();
      if (!has_batch && !has_range) {
        done_ = true;
      } else if (has_batch && (!has_range || batch_[next_].start <= ranges_[next_range_].start)) {
        AddRange(batch_[next_++], &joint_);
      } else {
        AddRange(ranges_[next_range_++], &joint_);
      }
    }
    const size_t rows = std::min(joint_.size(), rows_max);
    batch->assign(joint_.begin(), joint_.begin() + static_cast<ptrdiff_t>(rows));
    joint_.erase(joint_.begin(), joint_.begin() + static_cast<ptrdiff_t>(rows));
    return Status::OK();
  }

 private:
  std::unique_ptr<RangeCursor> cursor_;
  std::vector<TimeRange> ranges_;
  size_t next_range_ = 0;
  std::vector<TimeRange> batch_;
  size_t next_ = 0;
  bool cursor_done_ = false;
  bool done_ = false;
  std::vector<TimeRange> joint_;  // the last one may still grow
};

}  // namespace

std::unique_ptr<RangeCursor> MakeDifferenceCursor(StatePtr from, StatePtr to, int resolution) {
  return std::make_unique<DifferenceCursor>(std::move(from), std::move(to), resolution);
}

std::unique_ptr<RangeCursor> JoinRanges(std::unique_ptr<RangeCursor> cursor,
                                        std::vector<TimeRange> ranges) {
  return std::make_unique<JoiningCursor>(std::move(cursor), std::move(ranges));
}

Status AddCellsWithPoints(StatePtr state, TimeRange range, int resolution,
                          std::vector<TimeRange>* ranges) {
  const Grid grid{resolution};
  SnapshotReader reader(std::move(state));
  for (int64_t at = range.start; at < range.end;) {
    ARROW_ASSIGN_OR_RAISE(const auto point, reader.FirstFrom(at));
    if (!point || point->time >= range.end) break;
    const int64_t cell = grid.CellOf(point->time);
    at = grid.EndOf(cell);
    AddRange({cell, at}, ranges);
  }
  return Status::OK();
}

void AddCellsOf(const std::vector<int64_t>& times, int resolution, std::vector<TimeRange>* ranges) {
  const Grid grid{resolution};
  for (const int64_t time : times) {
    const int64_t cell = grid.CellOf(time);
    AddRange({cell, grid.EndOf(cell)}, ranges);
  }
}

void Normalise(std::vector<TimeRange>* ranges) {
  std::sort(ranges->begin(), ranges->end(),
            [](const TimeRange& a, const TimeRange& b) { return a.start < b.start; });
  std::vector<TimeRange> joint;
  for (const TimeRange& range : *ranges) AddRange(range, &joint);
  *ranges = std::move(joint);
}

}  // namespace firth::timeview
