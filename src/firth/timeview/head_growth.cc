// How what waits in front of a tree gets into it.

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "firth/timeview/number_range.h"
#include "firth/timeview/record.h"
#include "firth/timeview/series_head.h"

namespace firth::timeview {

namespace {

/// Points that an edit needs to be worth a tree of its own, of the points that may wait.
constexpr size_t kLargePart = 4;

/// The first `steps` steps of a run.
EditRun FirstSteps(const EditRun& run, size_t steps) {
  EditRun first;
  const auto points = static_cast<ptrdiff_t>(run.PointsBegin(steps));
  first.steps.assign(run.steps.begin(), run.steps.begin() + static_cast<ptrdiff_t>(steps));
  first.times.assign(run.times.begin(), run.times.begin() + points);
  first.values.assign(run.values.begin(), run.values.begin() + points);
  return first;
}

/// The times of a step that come before `end`.
std::span<const int64_t> LateOf(const EditRun& run, size_t step, int64_t end) {
  const auto times = run.Points(step).times;
  return {times.begin(), std::lower_bound(times.begin(), times.end(), end)};
}

/// Does a step touch nothing before `end`, where the points before it end?
bool ComesBehind(const EditRun& run, size_t step, int64_t end) {
  if (run.steps[step].kind == Edit::Kind::kRemove) return run.steps[step].start >= end;
  const PointSpan points = run.Points(step);
  return points.empty() || points.times.front() >= end;
}

/// Memory of the nodes at and below a link that are in no file and of this revision.
size_t BytesOf(const NodeLink& link, int64_t revision) {
  if (!link.node || link.node->revision != revision) return 0;
  size_t bytes = link.node->MemoryBytes();
  for (const NodeLink& below : link.node->links) bytes += BytesOf(below, revision);
  return bytes;
}

}  // namespace

SeriesHead::Effect SeriesHead::EffectOf(size_t steps) const {
  const EditRun& run = pending_.run;
  Effect effect;
  effect.ends.reserve(steps);
  int64_t end = tree_end_;
  for (size_t i = 0; i < steps; ++i) {
    if (effect.appends == i && ComesBehind(run, i, end)) ++effect.appends;
    const PointSpan points = run.Points(i);
    if (!points.empty()) end = std::max(end, points.times.back() + 1);
    effect.ends.push_back(end);
  }
  return effect;
}

bool SeriesHead::Full(size_t pending_points_max) const {
  const size_t steps = pending_.run.steps.size();
  return pending_points() >= pending_points_max || pending_steps() >= pending_points_max ||
         (steps > 0 && pending_.run.Points(steps - 1).size() >= pending_points_max / kLargePart);
}

Status SeriesHead::Grow(const FileNodeSource& source, const TreeShape& shape,
                        size_t pending_points_max, std::vector<NodeAddress>* replaced) {
  Status grown = BringPending(source);
  const size_t steps = pending_.run.steps.size();
  if (grown.ok() && steps == 0) return grown;
  if (grown.ok()) {
    // A large edit that would make the tree keep edits goes in alone: no others have to be kept for
    // it.
    const bool alone = steps > 1 &&
                       pending_.run.Points(steps - 1).size() >= pending_points_max / kLargePart &&
                       EffectOf(steps).appends < steps;
    grown = GrowBy(source, shape, alone ? steps - 1 : steps, replaced);
    if (grown.ok() && alone) grown = GrowBy(source, shape, 1, replaced);
  }
  std::lock_guard lock(mutex_);
  grow_error_ = grown;
  return grown;
}

Status SeriesHead::GrowBy(const NodeSource& source, const TreeShape& shape, size_t steps,
                          std::vector<NodeAddress>* replaced) {
  FIRTH_CHECK(shape.room != nullptr);
  const int64_t revision = tree_revision_ + static_cast<int64_t>(steps);
  const EditRun& run = pending_.run;
  const Effect effect = EffectOf(steps);
  const bool appends = effect.appends == steps;
  Overlay overlay;
  PointSpan points = PointSpan{run.times, run.values}.Sub(0, run.PointsBegin(steps));
  if (run.Removes() || (steps > 1 && !appends)) {
    overlay.Apply(run, 0, steps, tree_end_);
    points = overlay.points();
  }
  // Else they are in order as they stand: those of one edit, or of edits each of which comes behind
  // the one before it.
  std::vector<std::span<const int64_t>> late;
  bool undoable = CanUndo(points, effect, shape, &late);
  // A tree that is kept has all its points, as has one that loses some.
  if (!undoable || !overlay.holes.empty()) ARROW_RETURN_NOT_OK(Settle(source, shape, replaced));
  ARROW_ASSIGN_OR_RAISE(GrownTree grown,
                        MergeEdits(source, shape, revision, points, overlay.holes, appends));
  if (grown.nodes.met_equal && undoable) {
    undoable = false;
    if (!tail_.empty()) {
      ARROW_RETURN_NOT_OK(Settle(source, shape, replaced));
      ARROW_ASSIGN_OR_RAISE(grown,
                            MergeEdits(source, shape, revision, points, overlay.holes, appends));
    }
  }
  dirty_bytes_ += BytesOf(grown.nodes.root, revision);
  dirty_bytes_ += grown.tail.MemoryBytes() - tail_.MemoryBytes();
  std::vector<std::shared_ptr<const std::string>> late_coded(late.size());
  for (size_t i = 0; undoable && i < late.size(); ++i) {
    if (late[i].empty()) continue;
    late_coded[i] = std::make_shared<const std::string>(shape.room->encoder->EncodeLate(late[i]));
    dirty_bytes_ += late_coded[i]->size();
  }

  std::lock_guard lock(mutex_);
  if (undoable) {
    for (size_t i = 0; i < steps; ++i) {
      const int64_t made = tree_revision_ + 1 + static_cast<int64_t>(i);
      if (late_coded[i]) history_.AddLate(made, std::move(late_coded[i]), late[i].size());
      history_.AddCut(made, effect.ends[i]);
    }
    replaced->insert(replaced->end(), grown.nodes.replaced.begin(), grown.nodes.replaced.end());
  } else {
    history_.AddRoot(tree_revision_, root_, tree_end_);
    if (steps == 1) {
      history_.AddStep(revision, pending_.run.steps.front().removes());
    } else {
      auto edits = std::make_shared<EditRun>(FirstSteps(pending_.run, steps));
      dirty_bytes_ += edits->MemoryBytes();
      history_.AddEdits(tree_revision_ + 1, std::move(edits));
    }
    history_.AddCut(revision, effect.ends.back());
  }
  root_ = std::move(grown.nodes.root);
  tail_ = std::move(grown.tail);
  tree_end_ = effect.ends.back();
  tree_revision_ = revision;
  grown_ = true;
  EditRun rest;
  if (steps < pending_.run.steps.size()) rest.AppendSteps(pending_.run, steps);
  pending_ = {.run = std::move(rest)};
  overlay_.reset();
  return Status::OK();
}

Result<SeriesHead::GrownTree> SeriesHead::MergeEdits(const NodeSource& source,
                                                     const TreeShape& shape, int64_t revision,
                                                     PointSpan points,
                                                     std::span<const TimeRange> holes,
                                                     bool appends) const {
  // Leaves that nothing is likely to come to any more are coded at once: those before the last
  // point, or, where points come late, those before the last that was there. What came behind that
  // is the tail.
  TreeShape growing = shape;
  growing.coded_before = appends && !points.empty() ? points.times.back() : tree_end_;
  PointSpan settled = points;
  if (!appends && holes.empty()) {
    const auto& times = points.times;
    auto fresh = std::lower_bound(times.begin(), times.end(), tree_end_);
    if (static_cast<size_t>(times.end() - fresh) > shape.tail_points_max) {
      fresh = times.end() - static_cast<ptrdiff_t>(shape.tail_points_max);
      // Points of one time stay together.
      if (fresh != times.begin()) fresh = std::upper_bound(fresh, times.end(), *std::prev(fresh));
    }
    settled = points.Sub(0, static_cast<size_t>(fresh - times.begin()));
  }
  GrownTree grown;
  // No hole is in the tail.
  FIRTH_CHECK(tail_.empty() || holes.empty());
  ARROW_ASSIGN_OR_RAISE(grown.nodes, MergeTree(TreeTail::Source(source, tail_), growing, root_,
                                               revision, settled, holes, tail_.points()));
  ARROW_ASSIGN_OR_RAISE(grown.tail, TreeTail::Make(source, grown.nodes.root,
                                                   points.Sub(settled.size(), points.size())));
  return grown;
}

Status SeriesHead::Settle(const NodeSource& source, const TreeShape& shape,
                          std::vector<NodeAddress>* replaced) {
  if (tail_.empty()) return Status::OK();
  TreeShape growing = shape;
  growing.coded_before = tail_.points().times.back();
  const TreeTail::Source held(source, tail_);
  ARROW_ASSIGN_OR_RAISE(MergedTree merged,
                        MergeTree(held, growing, root_, tree_revision_, tail_.points(), {}));
  FIRTH_CHECK(!merged.met_equal);
  replaced->insert(replaced->end(), merged.replaced.begin(), merged.replaced.end());
  const size_t before = BytesOf(root_, tree_revision_);
  dirty_bytes_ += std::max(BytesOf(merged.root, tree_revision_), before) - before;
  dirty_bytes_ -= tail_.MemoryBytes();
  TreeTail gone;  // freed after the lock
  std::lock_guard lock(mutex_);
  std::swap(tail_, gone);
  std::swap(root_, merged.root);
  overlay_.reset();
  return Status::OK();
}

bool SeriesHead::CanUndo(PointSpan points, const Effect& effect, const TreeShape& shape,
                         std::vector<std::span<const int64_t>>* late) const {
  const size_t steps = effect.ends.size();
  late->resize(steps);
  if (steps == effect.appends) return true;
  const EditRun& run = pending_.run;
  for (size_t i = 0; i < steps; ++i) {
    if (run.steps[i].removes()) return false;
  }
  const bool is_distinct = steps == 1 && run.steps.front().distinct;
  if (!is_distinct && !AreDistinct(points.times)) return false;
  size_t times = 0;
  size_t lists = 0;
  for (size_t i = 0; i < steps; ++i) {
    (*late)[i] = LateOf(run, i, i == 0 ? tree_end_ : effect.ends[i - 1]);
    times += (*late)[i].size();
    lists += (*late)[i].empty() ? 0 : 1;
  }
  return history_.CanAddLate(times, lists, shape.late_times_max);
}

}  // namespace firth::timeview
