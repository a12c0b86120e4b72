// What changed between two revisions of a series.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "firth/timeview/snapshot.h"
#include "firth/timeview/snapshot_state.h"

namespace firth::timeview {

/// Stream the cells of 2^resolution ns in which the points of two snapshots of one series differ,
/// as ranges. Where both have the same nodes nothing is read.
std::unique_ptr<RangeCursor> MakeDifferenceCursor(
    std::shared_ptr<const internal::SnapshotState> from,
    std::shared_ptr<const internal::SnapshotState> to, int resolution);

/// Stream `ranges`, which are sorted and do not touch, joined with what `cursor` gives.
std::unique_ptr<RangeCursor> JoinRanges(std::unique_ptr<RangeCursor> cursor,
                                        std::vector<TimeRange> ranges);

/// Add the cells that hold points of a snapshot in [start, end) to `ranges`.
Status AddCellsWithPoints(std::shared_ptr<const internal::SnapshotState> state, TimeRange range,
                          int resolution, std::vector<TimeRange>* ranges);
/// Add the cells of these times.
void AddCellsOf(const std::vector<int64_t>& times, int resolution, std::vector<TimeRange>* ranges);
/// Sort ranges and join those that overlap or touch.
void Normalise(std::vector<TimeRange>* ranges);

}  // namespace firth::timeview
