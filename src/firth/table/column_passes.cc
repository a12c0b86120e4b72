#include "firth/table/column_passes.h"

#include <iterator>
#include <utility>

namespace firth::table {

Status ColumnPasses::Run(const Take& take) {
  later_.push_back({});
  while (!later_.empty()) {
    const PlaceRange range = later_.back();
    later_.pop_back();
    ARROW_RETURN_NOT_OK(Pass(range, take));
  }
  return Status::OK();
}

void ColumnPasses::Later(PlaceRange range) {
  if (range.from < range.to && points_->MayHold(range)) later_.push_back(range);
}

Status ColumnPasses::Pass(PlaceRange range, const Take& take) {
  ++passes_;
  ARROW_ASSIGN_OR_RAISE(const Rows rows, open_(points_->ScannedFor(range)));
  PassedPoints passed;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, rows());
    if (!batch.has_value()) break;
    ARROW_RETURN_NOT_OK(points_->Add(*batch, keys_, &passed.points, range));
    if (passed.points.count < values_max_) continue;
    Cut(&passed.points, &range);
    if (passed.points.count < values_max_) continue;
    // One series alone: it has this pass for itself.
    const SeriesPlace only = passed.points.commits.begin()->second.begin()->first;
    Later({.from = range.from, .to = PlaceRange::PositionOf(only)});
    range.from = PlaceRange::PositionOf(only);
    passed.is_part = true;
    ARROW_RETURN_NOT_OK(take(std::exchange(passed, {})));
  }
  return take(std::move(passed));
}

void ColumnPasses::Cut(GatheredPoints* gathered, PlaceRange* range) {
  // There is one commit, and its series are in the order of their positions.
  auto& places = gathered->commits.begin()->second;
  auto kept = places.begin();
  uint64_t count = kept->second.times.size();
  uint64_t to = PlaceRange::PositionOf(kept->first) + 1;
  for (++kept; kept != places.end(); ++kept) {
    if (count + kept->second.times.size() > values_max_ / 2) break;
    count += kept->second.times.size();
    to = PlaceRange::PositionOf(kept->first) + 1;
  }
  Later({.from = to, .to = range->to});
  range->to = to;
  places.erase(kept, places.end());
  gathered->count = count;
}

}  // namespace firth::table
