// The stream of points of a snapshot: those of the tree that are in no hole, merged with those of
// the overlay, which come behind the tree's of equal time.

#include <algorithm>
#include <utility>

#include "firth/timeview/snapshot_state.h"

namespace firth::timeview {
namespace {

/// Rows for which room is made at once; more of it grows as they come.
constexpr size_t kRowsReserved = 65'536;

class MergingPointCursor : public PointCursor {
 public:
  MergingPointCursor(std::shared_ptr<const internal::SnapshotState> state, int64_t start,
                     int64_t end)
      : state_(std::move(state)),
        leaves_(state_->source.get(), state_->root, start, std::min(end, state_->limit)) {
    const auto& times = state_->overlay->times;
    over_ =
        static_cast<size_t>(std::lower_bound(times.begin(), times.end(), start) - times.begin());
    over_end_ =
        static_cast<size_t>(std::lower_bound(times.begin(), times.end(), end) - times.begin());
  }

  Status Next(size_t rows_max, PointBatch* batch) override {
    FIRTH_CHECK(rows_max > 0);
    batch->Clear();
    batch->times.reserve(std::min(rows_max, kRowsReserved));
    batch->values.reserve(std::min(rows_max, kRowsReserved));
    const Overlay& overlay = *state_->overlay;
    while (batch->size() < rows_max) {
      if (at_ == run_end_) ARROW_RETURN_NOT_OK(NextRun());
      const size_t room = rows_max - batch->size();
      const bool tree_has = at_ < run_end_;
      if (over_ == over_end_) {
        if (!tree_has) break;
        TakeFromLeaf(std::min(run_end_, at_ + room), batch);
      } else if (tree_has && leaf_->times[at_] <= overlay.times[over_]) {
        const auto begin = leaf_->times.begin();
        const auto end = static_cast<size_t>(
            std::upper_bound(begin + static_cast<ptrdiff_t>(at_),
                             begin + static_cast<ptrdiff_t>(run_end_), overlay.times[over_]) -
            begin);
        TakeFromLeaf(std::min(end, at_ + room), batch);
      } else {
        size_t end = over_end_;
        if (tree_has) {
          end = static_cast<size_t>(
              std::lower_bound(overlay.times.begin() + static_cast<ptrdiff_t>(over_),
                               overlay.times.begin() + static_cast<ptrdiff_t>(over_end_),
                               leaf_->times[at_]) -
              overlay.times.begin());
        }
        TakeFromOverlay(std::min(end, over_ + room), batch);
      }
    }
    return Status::OK();
  }

 private:
  /// Find the next run of points of a leaf that are in no hole; none at the end.
  Status NextRun() {
    for (;;) {
      while (at_ < leaf_end_) {
        const std::span<const int64_t> times = leaf_->times;
        const auto& holes = state_->overlay->holes;
        const auto hole = std::upper_bound(holes.begin(), holes.end(), times[at_],
                                           [](int64_t t, const TimeRange& h) { return t < h.end; });
        if (hole == holes.end()) {
          run_end_ = leaf_end_;
          return Status::OK();
        }
        const auto index = [&](int64_t time) {
          return static_cast<size_t>(
              std::lower_bound(times.begin() + static_cast<ptrdiff_t>(at_),
                               times.begin() + static_cast<ptrdiff_t>(leaf_end_), time) -
              times.begin());
        };
        if (hole->start <= times[at_]) {
          at_ = run_end_ = index(hole->end);
          continue;
        }
        run_end_ = index(hole->start);
        return Status::OK();
      }
      ARROW_ASSIGN_OR_RAISE(LeafCursor::Found found, leaves_.Next());
      leaf_ = std::move(found.leaf);
      at_ = run_end_ = found.begin;
      leaf_end_ = found.end;
      if (!leaf_) return Status::OK();
    }
  }

  void TakeFromLeaf(size_t end, PointBatch* batch) {
    Take(leaf_->times, leaf_->values, at_, end, batch);
    at_ = end;
  }
  void TakeFromOverlay(size_t end, PointBatch* batch) {
    Take(state_->overlay->times, state_->overlay->values, over_, end, batch);
    over_ = end;
  }
  static void Take(std::span<const int64_t> times, std::span<const double> values, size_t begin,
                   size_t end, PointBatch* batch) {
    const auto from = static_cast<ptrdiff_t>(begin);
    const auto to = static_cast<ptrdiff_t>(end);
    batch->times.insert(batch->times.end(), times.begin() + from, times.begin() + to);
    batch->values.insert(batch->values.end(), values.begin() + from, values.begin() + to);
  }

  std::shared_ptr<const internal::SnapshotState> state_;
  LeafCursor leaves_;
  NodePtr leaf_;
  size_t at_ = 0;        // in the leaf: the next point
  size_t run_end_ = 0;   // up to which none is in a hole
  size_t leaf_end_ = 0;  // up to which they are asked for
  size_t over_ = 0;      // the next point of the overlay
  size_t over_end_ = 0;
};

}  // namespace

std::unique_ptr<PointCursor> MakePointCursor(std::shared_ptr<const internal::SnapshotState> state,
                                             int64_t start, int64_t end) {
  return std::make_unique<MergingPointCursor>(std::move(state), start, end);
}

}  // namespace firth::timeview
