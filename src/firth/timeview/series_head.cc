#include "firth/timeview/series_head.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firth/common/text.h"

namespace firth::timeview {

using internal::SnapshotState;

namespace {

/// Points that an edit needs to be worth a tree of its own, of the points that may wait.
constexpr size_t kLargePart = 4;

const std::shared_ptr<const Overlay>& EmptyOverlay() {
  static const auto empty = std::make_shared<const Overlay>();
  return empty;
}

/// The first `steps` steps of a run.
EditRun FirstSteps(const EditRun& run, size_t steps) {
  EditRun first;
  const auto points = static_cast<ptrdiff_t>(run.PointsBegin(steps));
  first.steps.assign(run.steps.begin(), run.steps.begin() + static_cast<ptrdiff_t>(steps));
  first.times.assign(run.times.begin(), run.times.begin() + points);
  first.values.assign(run.values.begin(), run.values.begin() + points);
  return first;
}

Removal RemovalOf(const EditRun& run, size_t step, int64_t revision) {
  Removal removal{.revision = revision};
  if (run.steps[step].kind == Edit::Kind::kRemove) {
    removal.kind = Removal::Kind::kRange;
    removal.range = {run.steps[step].start, run.steps[step].end};
  } else {
    removal.kind = Removal::Kind::kTimes;
    const auto times = run.Points(step).times;
    removal.times.assign(times.begin(), times.end());
  }
  return removal;
}

bool RemovesPoints(const EditRun::Step& step) {
  return step.kind == Edit::Kind::kRemove || step.replace;
}

/// Does a step touch nothing before `end`, where the points before it end?
bool ComesBehind(const EditRun& run, size_t step, int64_t end) {
  if (run.steps[step].kind == Edit::Kind::kRemove) return run.steps[step].start >= end;
  const PointSpan points = run.Points(step);
  return points.empty() || points.times.front() >= end;
}

}  // namespace

HeadInfo SeriesHead::Info() const {
  std::lock_guard lock(mutex_);
  return {.revision = latest(),
          .tree_revision = tree_revision_,
          .tree_points = root_.statistics.count,
          .pending_points = pending_.run.times.size(),
          .pending_bytes = pending_.run.MemoryBytes() + pending_.ends.capacity() * sizeof(int64_t)};
}

Result<std::shared_ptr<const SnapshotState>> SeriesHead::Pin(
    std::shared_ptr<const NodeSource> source, int64_t revision) const {
  auto state = std::make_shared<SnapshotState>();
  state->series = id_;
  state->source = std::move(source);
  state->overlay = EmptyOverlay();
  std::lock_guard lock(mutex_);
  if (revision == kLatestRevision) revision = latest();
  if (revision < kEmptyRevision || revision > latest()) {
    return Error(Code::kNotFound, Reason::kVersionNotFound,
                 "series " + UuidToText(id_.view()) + " has revisions " +
                     std::to_string(kEmptyRevision) + " to " + std::to_string(latest()) + ", not " +
                     std::to_string(revision));
  }
  state->revision = revision;
  if (revision >= tree_revision_) {
    state->root = root_;
    state->tree_end = tree_end_;
    state->overlay = OverlayOf(static_cast<size_t>(revision - tree_revision_));
    return state;
  }
  const History::Place place = history_.Find(revision);
  switch (place.item->kind) {
    case HistoryItem::Kind::kCuts:
      state->root = place.root == nullptr ? root_ : place.root->root;
      state->limit = place.item->cuts[static_cast<size_t>(revision - place.item->first)];
      state->tree_end = state->limit;
      break;
    case HistoryItem::Kind::kRoot:
      state->root = place.item->root;
      state->tree_end = place.item->end;
      break;
    case HistoryItem::Kind::kEdits: {
      state->root = place.root->root;
      state->tree_end = place.root->end;
      auto overlay = std::make_shared<Overlay>();
      overlay->Apply(*place.item->edits, 0, static_cast<size_t>(revision - place.item->first + 1),
                     state->tree_end);
      state->overlay = std::move(overlay);
      break;
    }
    case HistoryItem::Kind::kStep:
      FIRTH_CHECK(false);
  }
  return state;
}

std::shared_ptr<const Overlay> SeriesHead::OverlayOf(size_t steps) const {
  if (steps == 0) return EmptyOverlay();
  if (overlay_ && overlay_steps_ == steps) return overlay_;
  auto overlay = std::make_shared<Overlay>();
  size_t done = 0;
  if (overlay_ && overlay_steps_ < steps) {
    *overlay = *overlay_;
    done = overlay_steps_;
  }
  overlay->Apply(pending_.run, done, steps, tree_end_);
  if (steps == pending_.run.steps.size()) {
    overlay_ = overlay;
    overlay_steps_ = steps;
  }
  return overlay;
}

Result<std::vector<Removal>> SeriesHead::RemovalsBetween(int64_t from, int64_t to) const {
  std::vector<Removal> removals;
  std::lock_guard lock(mutex_);
  for (const HistoryItem& item : history_.items()) {
    if (!item.removes || item.last <= from || item.first > to) continue;
    if (item.kind == HistoryItem::Kind::kStep) {
      removals.push_back({.kind = Removal::Kind::kStep, .revision = item.first});
      continue;
    }
    for (size_t i = 0; i < item.edits->steps.size(); ++i) {
      const int64_t revision = item.first + static_cast<int64_t>(i);
      if (revision <= from || revision > to || !RemovesPoints(item.edits->steps[i])) continue;
      removals.push_back(RemovalOf(*item.edits, i, revision));
    }
  }
  for (size_t i = pending_.appends; i < pending_.run.steps.size(); ++i) {
    const int64_t revision = tree_revision_ + 1 + static_cast<int64_t>(i);
    if (revision <= from || revision > to || !RemovesPoints(pending_.run.steps[i])) continue;
    removals.push_back(RemovalOf(pending_.run, i, revision));
  }
  return removals;
}

void SeriesHead::Accept(const Edit& edit) {
  std::lock_guard lock(mutex_);
  FIRTH_CHECK(edit.series == id_ && edit.revision == latest() + 1);
  const int64_t end_before = end();
  pending_.run.Append(edit);
  const size_t step = pending_.run.steps.size() - 1;
  if (pending_.appends == step && ComesBehind(pending_.run, step, end_before)) ++pending_.appends;
  const PointSpan points = pending_.run.Points(step);
  pending_.ends.push_back(points.empty() ? end_before
                                         : std::max(end_before, points.times.back() + 1));
}

bool SeriesHead::Full(size_t pending_points_max) const {
  const size_t steps = pending_.run.steps.size();
  return pending_.run.times.size() >= pending_points_max || steps >= pending_points_max ||
         (steps > 0 && pending_.run.Points(steps - 1).size() >= pending_points_max / kLargePart);
}

Status SeriesHead::Grow(const NodeSource& source, const TreeShape& shape, size_t pending_points_max,
                        std::vector<NodeAddress>* replaced) {
  const size_t steps = pending_.run.steps.size();
  if (steps == 0) return Status::OK();
  // A large edit that would make the tree keep edits goes in alone: no others have to be kept for
  // it.
  if (steps > 1 && pending_.appends < steps &&
      pending_.run.Points(steps - 1).size() >= pending_points_max / kLargePart) {
    ARROW_RETURN_NOT_OK(GrowBy(source, shape, steps - 1, replaced));
    return GrowBy(source, shape, 1, replaced);
  }
  return GrowBy(source, shape, steps, replaced);
}

Status SeriesHead::GrowBy(const NodeSource& source, const TreeShape& shape, size_t steps,
                          std::vector<NodeAddress>* replaced) {
  const int64_t revision = tree_revision_ + static_cast<int64_t>(steps);
  Overlay overlay;
  overlay.Apply(pending_.run, 0, steps, tree_end_);
  ARROW_ASSIGN_OR_RAISE(MergedTree merged, MergeTree(source, shape, root_, revision, overlay));

  std::lock_guard lock(mutex_);
  if (steps <= pending_.appends) {
    for (size_t i = 0; i < steps; ++i) {
      history_.AddCut(tree_revision_ + 1 + static_cast<int64_t>(i), pending_.ends[i]);
    }
    replaced->insert(replaced->end(), merged.replaced.begin(), merged.replaced.end());
  } else {
    history_.AddRoot(tree_revision_, root_, tree_end_);
    if (steps == 1) {
      history_.AddStep(revision, RemovesPoints(pending_.run.steps.front()));
    } else {
      history_.AddEdits(tree_revision_ + 1,
                        std::make_shared<EditRun>(FirstSteps(pending_.run, steps)));
    }
    history_.AddCut(revision, pending_.ends[steps - 1]);
  }
  root_ = std::move(merged.root);
  tree_end_ = pending_.ends[steps - 1];
  tree_revision_ = revision;
  DropPending(steps);
  overlay_.reset();
  return Status::OK();
}

void SeriesHead::DropPending(size_t steps) {
  if (steps == pending_.run.steps.size()) {
    pending_ = {};
    return;
  }
  Pending rest;
  const EditRun& run = pending_.run;
  const size_t points = run.PointsBegin(steps);
  rest.run.steps.assign(run.steps.begin() + static_cast<ptrdiff_t>(steps), run.steps.end());
  for (EditRun::Step& step : rest.run.steps) step.points_end -= static_cast<uint32_t>(points);
  rest.run.times.assign(run.times.begin() + static_cast<ptrdiff_t>(points), run.times.end());
  rest.run.values.assign(run.values.begin() + static_cast<ptrdiff_t>(points), run.values.end());
  rest.ends.assign(pending_.ends.begin() + static_cast<ptrdiff_t>(steps), pending_.ends.end());
  int64_t end_before = pending_.ends[steps - 1];
  while (rest.appends < rest.run.steps.size() && ComesBehind(rest.run, rest.appends, end_before)) {
    end_before = rest.ends[rest.appends++];
  }
  pending_ = std::move(rest);
}

}  // namespace firth::timeview
