#include "firth/timeview/snapshot.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firth/timeview/snapshot_state.h"

namespace firth::timeview {

using internal::SnapshotState;

void WindowBatch::Clear() {
  starts.clear();
  min.clear();
  mean.clear();
  max.clear();
  count.clear();
  stddev.clear();
}

void WindowBatch::Add(int64_t start, const Statistics& statistics) {
  starts.push_back(start);
  min.push_back(statistics.min);
  mean.push_back(statistics.mean);
  max.push_back(statistics.max);
  count.push_back(statistics.count);
  stddev.push_back(statistics.stddev);
}

Snapshot::Snapshot(std::shared_ptr<const SnapshotState> state) : state_(std::move(state)) {
  FIRTH_CHECK(state_ && state_->source && state_->overlay);
}

const SeriesId& Snapshot::series() const {
  return state_->series;
}
int64_t Snapshot::revision() const {
  return state_->revision;
}

Result<std::optional<Point>> Snapshot::Nearest(int64_t time, Direction direction) const {
  SnapshotReader reader(state_);
  return direction == Direction::kForward ? reader.FirstFrom(time) : reader.LastBefore(time);
}

Result<Statistics> Snapshot::Summarise(int64_t start, int64_t end) const {
  ARROW_RETURN_NOT_OK(CheckRange(start, end));
  SnapshotReader reader(state_);
  StatisticsSum sum;
  ARROW_RETURN_NOT_OK(reader.Summarise(start, end, &sum));
  return sum.Total();
}

Result<std::unique_ptr<PointCursor>> Snapshot::Points(int64_t start, int64_t end) const {
  ARROW_RETURN_NOT_OK(CheckRange(start, end));
  return MakePointCursor(state_, start, end);
}

Result<std::unique_ptr<WindowCursor>> Snapshot::Windows(int64_t start, int64_t end,
                                                        uint64_t width) const {
  ARROW_RETURN_NOT_OK(CheckRange(start, end));
  if (width == 0 || width > uint64_t{1} << 63) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "a window is 1 to 2^63 ns wide, not " + std::to_string(width));
  }
  return MakeWindowCursor(state_, start, end, width);
}

Result<std::unique_ptr<WindowCursor>> Snapshot::AlignedWindows(int64_t start, int64_t end,
                                                               int point_width) const {
  ARROW_RETURN_NOT_OK(CheckRange(start, end));
  if (point_width < 0 || point_width > 63) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "a point width is 0 to 63, not " + std::to_string(point_width));
  }
  return MakeAlignedWindowCursor(state_, start, end, point_width);
}

Result<Snapshot> Snapshot::With(std::span<const Edit> edits) const {
  EditRun run;
  auto state = std::make_shared<SnapshotState>(*state_);
  for (const Edit& edit : edits) {
    if (edit.series != state->series || edit.revision != state->revision + 1) {
      return Error(Code::kFailedPrecondition, Reason::kVersionMismatch,
                   "an edit makes revision " + std::to_string(edit.revision) +
                       " of its series where " + std::to_string(state->revision + 1) +
                       " of this one is next");
    }
    ARROW_RETURN_NOT_OK(CheckEdit(edit));
    run.Append(edit);
    state->revision = edit.revision;
  }
  auto overlay = std::make_shared<Overlay>(*state->overlay);
  overlay->Apply(run, 0, run.steps.size(), state->tree_end);
  state->overlay = std::move(overlay);
  return Snapshot(std::move(state));
}

SnapshotReader::SnapshotReader(std::shared_ptr<const SnapshotState> state)
    : state_(std::move(state)),
      tree_(state_->source.get(), state_->root, state_->limit),
      ranges_(state_->source.get(), state_->root, state_->limit) {}

Status SnapshotReader::Summarise(int64_t start, int64_t end, StatisticsSum* sum) {
  const Overlay& overlay = *state_->overlay;
  ARROW_RETURN_NOT_OK(VisitOutside(overlay.holes, start, end, [&](int64_t from, int64_t to) {
    return tree_.Summarise(from, to, sum);
  }));
  AddOverlay(start, end, sum);
  return Status::OK();
}

Status SnapshotReader::SeekRanges(std::span<const int64_t> edges) {
  edges_.assign(edges.begin(), edges.end());
  return ranges_.Seek(edges);
}

Status SnapshotReader::SummariseRange(size_t i, StatisticsSum* sum) {
  const int64_t start = edges_[i];
  const int64_t end = edges_[i + 1];
  const auto& holes = state_->overlay->holes;
  const auto hole = std::upper_bound(holes.begin(), holes.end(), start,
                                     [](int64_t t, const TimeRange& h) { return t < h.end; });
  if (hole != holes.end() && hole->start < end) return Summarise(start, end, sum);
  ranges_.Summarise(i, sum);
  AddOverlay(start, end, sum);
  return Status::OK();
}

void SnapshotReader::AddOverlay(int64_t start, int64_t end, StatisticsSum* sum) const {
  const Overlay& overlay = *state_->overlay;
  if (overlay.times.empty()) return;
  const auto begin = std::lower_bound(overlay.times.begin(), overlay.times.end(), start);
  const auto stop = std::lower_bound(begin, overlay.times.end(), end);
  sum->Add(StatisticsOf(std::span(overlay.values)
                            .subspan(static_cast<size_t>(begin - overlay.times.begin()),
                                     static_cast<size_t>(stop - begin))));
}

Result<std::optional<Point>> SnapshotReader::FirstFrom(int64_t time) {
  const Overlay& overlay = *state_->overlay;
  std::optional<Point> of_tree;
  for (int64_t from = time;;) {
    ARROW_ASSIGN_OR_RAISE(of_tree, tree_.FirstFrom(from));
    if (!of_tree) break;
    const TimeRange* hole = overlay.HoleAt(of_tree->time);
    if (hole == nullptr) break;
    from = hole->end;
  }
  const auto next = std::lower_bound(overlay.times.begin(), overlay.times.end(), time);
  if (next == overlay.times.end() || (of_tree && of_tree->time <= *next)) return of_tree;
  return Point{*next, overlay.values[static_cast<size_t>(next - overlay.times.begin())]};
}

Result<std::optional<Point>> SnapshotReader::LastBefore(int64_t time) {
  const Overlay& overlay = *state_->overlay;
  std::optional<Point> of_tree;
  for (int64_t before = time;;) {
    ARROW_ASSIGN_OR_RAISE(of_tree, tree_.LastBefore(before));
    if (!of_tree) break;
    const TimeRange* hole = overlay.HoleAt(of_tree->time);
    if (hole == nullptr) break;
    before = hole->start;
  }
  const auto next = std::lower_bound(overlay.times.begin(), overlay.times.end(), time);
  if (next == overlay.times.begin()) return of_tree;
  const auto last = static_cast<size_t>(next - overlay.times.begin()) - 1;
  if (of_tree && of_tree->time > overlay.times[last]) return of_tree;
  return Point{overlay.times[last], overlay.values[last]};
}

}  // namespace firth::timeview
