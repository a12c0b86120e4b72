// What a pinned revision is made of, and reading it as one: a tree up to a limit, and edits over
// it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "firth/timeview/node.h"
#include "firth/timeview/overlay.h"
#include "firth/timeview/range_reader.h"
#include "firth/timeview/series.h"
#include "firth/timeview/snapshot.h"
#include "firth/timeview/tree_reader.h"

namespace firth::timeview {

namespace internal {

/// Immutable.
struct SnapshotState {
  SeriesId series;
  int64_t revision = kEmptyRevision;
  std::shared_ptr<const NodeSource> source;
  NodeLink root;
  /// Points of the tree at or after it belong to later revisions.
  int64_t limit = kTimeTop;
  /// The tree has no points of this revision at or after it.
  int64_t tree_end = kTimeMin;
  std::shared_ptr<const Overlay> overlay;  // never null

  /// There are no points at or after it.
  int64_t points_end() const {
    return overlay->times.empty() ? tree_end : std::max(tree_end, overlay->times.back() + 1);
  }
};

}  // namespace internal

/// Answers about the points of a snapshot. One thread at a time. Errors: as NodeSource::Get.
class SnapshotReader {
 public:
  explicit SnapshotReader(std::shared_ptr<const internal::SnapshotState> state);

  /// Add the parts of a summary of [start, end) to `sum`.
  Status Summarise(int64_t start, int64_t end, StatisticsSum* sum);
  /// Look at ranges that follow each other, between these edges, at most RangeReader::kEdgesMax.
  Status SeekRanges(std::span<const int64_t> edges);
  /// Add the parts of a summary of the `i`th of them to `sum`.
  Status SummariseRange(size_t i, StatisticsSum* sum);
  Result<std::optional<Point>> FirstFrom(int64_t time);
  Result<std::optional<Point>> LastBefore(int64_t time);

  const internal::SnapshotState& state() const { return *state_; }
  const std::shared_ptr<const internal::SnapshotState>& shared_state() const { return state_; }

 private:
  std::shared_ptr<const internal::SnapshotState> state_;
  void AddOverlay(int64_t start, int64_t end, StatisticsSum* sum) const;

  TreeReader tree_;
  RangeReader ranges_;
  std::vector<int64_t> edges_;
};

/// The cursors of Snapshot; ranges were checked.
std::unique_ptr<PointCursor> MakePointCursor(std::shared_ptr<const internal::SnapshotState> state,
                                             int64_t start, int64_t end);
std::unique_ptr<WindowCursor> MakeWindowCursor(std::shared_ptr<const internal::SnapshotState> state,
                                               int64_t start, int64_t end, uint64_t width);
std::unique_ptr<WindowCursor> MakeAlignedWindowCursor(
    std::shared_ptr<const internal::SnapshotState> state, int64_t start, int64_t end,
    int point_width);

}  // namespace firth::timeview
