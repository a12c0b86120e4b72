#include "firth/timeview/series_head.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firth/common/text.h"
#include "firth/timeview/record.h"

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

/// The points of a step that come before `end`, as times.
std::shared_ptr<const EditRun> LateOf(const EditRun& run, size_t step, int64_t end) {
  const auto times = run.Points(step).times;
  const auto late = std::lower_bound(times.begin(), times.end(), end) - times.begin();
  if (late == 0) return nullptr;
  auto out = std::make_shared<EditRun>();
  out->times.assign(times.begin(), times.begin() + late);
  out->values.assign(out->times.size(), 0);
  out->steps.push_back({.points_end = static_cast<uint32_t>(late)});
  return out;
}

/// The tree without the points at these times.
Result<NodeLink> LeaveOut(const NodeSource& source, const NodeLink& root, int64_t revision,
                          std::vector<int64_t> times) {
  std::sort(times.begin(), times.end());
  Overlay holes;
  for (const int64_t time : times) {
    if (!holes.holes.empty() && holes.holes.back().end == time) {
      ++holes.holes.back().end;
    } else {
      holes.holes.push_back({time, time + 1});
    }
  }
  ARROW_ASSIGN_OR_RAISE(MergedTree merged, MergeTree(source, {}, root, revision, holes));
  return std::move(merged.root);
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

/// Memory of the nodes at and below a link that are in no file and of this revision.
size_t BytesOf(const NodeLink& link, int64_t revision) {
  if (!link.node || link.node->revision != revision) return 0;
  size_t bytes = link.node->MemoryBytes();
  for (const NodeLink& below : link.node->links) bytes += BytesOf(below, revision);
  return bytes;
}

constexpr int kHistoryLevelsMax = 16;

}  // namespace

// | i64 tree revision | i64 tree end | link: root | u8 levels | an index for each | history
// | edits that wait
Result<std::shared_ptr<SeriesHead>> SeriesHead::Decode(const SeriesId& id, Bytes payload,
                                                       const NodeAddress& record) {
  auto head = std::make_shared<SeriesHead>(id);
  ByteReader in(payload);
  head->record_ = record;
  head->tree_revision_ = in.Le<int64_t>();
  head->tree_end_ = in.Le<int64_t>();
  head->root_ = DecodeLink(&in);
  const int level_count = in.Le<uint8_t>();
  if (!in.ok() || level_count > kHistoryLevelsMax || head->tree_revision_ < kEmptyRevision) {
    return Malformed("the head of a series");
  }
  std::vector<std::vector<HistoryBlock>> levels;
  for (int i = 0; i < level_count; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto level, DecodeHistoryIndex(&in));
    levels.push_back(std::move(level));
  }
  ARROW_ASSIGN_OR_RAISE(auto items, DecodeHistory(&in));
  ARROW_ASSIGN_OR_RAISE(head->history_, History::Make(std::move(levels), std::move(items)));
  Pending& pending = head->pending_;
  ARROW_ASSIGN_OR_RAISE(pending.run, DecodeEdits(in.rest()));
  for (size_t i = 0; i < pending.run.steps.size(); ++i) pending.NoteStep(head->end());
  return head;
}

Result<HeadImage> SeriesHead::Write(HeadWriter* writer, PayloadEncoder* encoder,
                                    bool record) const {
  HeadImage image{.root = root_, .history = history_};
  writer->Begin(id_);
  ARROW_ASSIGN_OR_RAISE(image.root, writer->WriteTree(root_));
  ARROW_ASSIGN_OR_RAISE(const std::string history, writer->WriteHistory(&image.history));
  if (!record) return image;
  std::string payload;
  AppendLe(&payload, tree_revision_);
  AppendLe(&payload, tree_end_);
  encoder->EncodeLink(image.root, &payload);
  payload.push_back(static_cast<char>(image.history.levels().size()));
  for (const auto& level : image.history.levels()) {
    payload += encoder->EncodeHistoryIndex(level);
  }
  payload += history;
  payload += encoder->EncodeEdits(pending_.run);
  ARROW_ASSIGN_OR_RAISE(image.record, writer->WriteSeries(AsBytes(payload)));
  return image;
}

void SeriesHead::Commit(HeadImage image) {
  if (image.record.known()) record_ = image.record;
  dirty_bytes_ = 0;
  // What goes is freed after the lock.
  std::lock_guard lock(mutex_);
  std::swap(root_, image.root);
  std::swap(history_, image.history);
}

HeadInfo SeriesHead::Info() const {
  std::lock_guard lock(mutex_);
  return {.revision = latest(),
          .tree_revision = tree_revision_,
          .tree_points = root_.statistics.count,
          .pending_points = pending_.run.times.size(),
          .grow_error = grow_error_};
}

SeriesHead::Roots SeriesHead::GetRoots() const {
  std::lock_guard lock(mutex_);
  return {.root = root_, .revision = tree_revision_, .history = history_};
}

Result<std::shared_ptr<const SnapshotState>> SeriesHead::Pin(
    std::shared_ptr<const FileNodeSource> source, int64_t revision) const {
  auto state = std::make_shared<SnapshotState>();
  state->series = id_;
  state->source = source;
  state->overlay = EmptyOverlay();
  History history;
  NodeLink growing;
  {
    std::lock_guard lock(mutex_);
    if (revision == kLatestRevision) revision = latest();
    if (revision < kEmptyRevision || revision > latest()) {
      return Error(Code::kNotFound, Reason::kVersionNotFound,
                   "series " + UuidToText(id_.view()) + " has revisions " +
                       std::to_string(kEmptyRevision) + " to " + std::to_string(latest()) +
                       ", not " + std::to_string(revision));
    }
    state->revision = revision;
    if (revision >= tree_revision_) {
      state->root = root_;
      state->tree_end = tree_end_;
      state->overlay = OverlayOf(static_cast<size_t>(revision - tree_revision_));
      return state;
    }
    history = history_;
    growing = root_;
  }
  const HistoryReader reader(*source, history);
  ARROW_ASSIGN_OR_RAISE(const HistoryPlace place, reader.Find(revision));
  if (place.item.kind == HistoryItem::Kind::kCuts) {
    state->root = place.root ? place.root->root : growing;
    state->limit = place.item.cuts[static_cast<size_t>(revision - place.item.first)];
    state->tree_end = state->limit;
    std::vector<int64_t> late;
    ARROW_RETURN_NOT_OK(reader.VisitLate(revision, place.root ? place.root->first : INT64_MAX,
                                         [&](const HistoryItem& item) -> Status {
                                           ARROW_ASSIGN_OR_RAISE(const auto times,
                                                                 reader.Edits(item));
                                           for (const int64_t time : times->times) {
                                             if (time < state->limit) late.push_back(time);
                                           }
                                           return Status::OK();
                                         }));
    if (!late.empty()) {
      ARROW_ASSIGN_OR_RAISE(state->root, LeaveOut(*source, state->root, revision, std::move(late)));
    }
  } else if (place.item.kind == HistoryItem::Kind::kRoot) {
    state->root = place.item.root;
    state->tree_end = place.item.end;
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto edits, reader.Edits(place.item));
    state->root = place.root->root;
    state->tree_end = place.root->end;
    auto overlay = std::make_shared<Overlay>();
    overlay->Apply(*edits, 0, static_cast<size_t>(revision - place.item.first + 1),
                   state->tree_end);
    state->overlay = std::move(overlay);
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

Result<std::vector<Removal>> SeriesHead::RemovalsBetween(const FileNodeSource& source, int64_t from,
                                                         int64_t to) const {
  std::vector<Removal> removals;
  std::vector<Removal> pending;
  const auto add = [from, to](const EditRun& run, size_t step, int64_t revision,
                              std::vector<Removal>* out) {
    if (revision <= from || revision > to || !RemovesPoints(run.steps[step])) return;
    out->push_back(RemovalOf(run, step, revision));
  };
  History history;
  {
    std::lock_guard lock(mutex_);
    history = history_;
    for (size_t i = pending_.appends; i < pending_.run.steps.size(); ++i) {
      add(pending_.run, i, tree_revision_ + 1 + static_cast<int64_t>(i), &pending);
    }
  }
  const HistoryReader reader(source, history);
  ARROW_RETURN_NOT_OK(reader.VisitRemovals(from, to, [&](const HistoryItem& item) -> Status {
    if (item.kind == HistoryItem::Kind::kStep) {
      removals.push_back({.kind = Removal::Kind::kStep, .revision = item.first});
      return Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(const auto edits, reader.Edits(item));
    for (size_t i = 0; i < edits->steps.size(); ++i) {
      add(*edits, i, item.first + static_cast<int64_t>(i), &removals);
    }
    return Status::OK();
  }));
  removals.insert(removals.end(), pending.begin(), pending.end());
  return removals;
}

void SeriesHead::Pending::NoteStep(int64_t end_before) {
  const size_t step = ends.size();
  if (appends == step && ComesBehind(run, step, end_before)) ++appends;
  const PointSpan points = run.Points(step);
  ends.push_back(points.empty() ? end_before : std::max(end_before, points.times.back() + 1));
}

void SeriesHead::Accept(const Edit& edit) {
  std::lock_guard lock(mutex_);
  FIRTH_CHECK(edit.series == id_ && edit.revision == latest() + 1);
  const int64_t end_before = end();
  pending_.run.Append(edit);
  pending_.NoteStep(end_before);
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
  const bool alone = steps > 1 && pending_.appends < steps &&
                     pending_.run.Points(steps - 1).size() >= pending_points_max / kLargePart;
  Status grown = GrowBy(source, shape, alone ? steps - 1 : steps, replaced);
  if (grown.ok() && alone) grown = GrowBy(source, shape, 1, replaced);
  std::lock_guard lock(mutex_);
  grow_error_ = grown;
  return grown;
}

Status SeriesHead::GrowBy(const NodeSource& source, const TreeShape& shape, size_t steps,
                          std::vector<NodeAddress>* replaced) {
  const int64_t revision = tree_revision_ + static_cast<int64_t>(steps);
  Overlay overlay;
  overlay.Apply(pending_.run, 0, steps, tree_end_);
  ARROW_ASSIGN_OR_RAISE(MergedTree merged, MergeTree(source, shape, root_, revision, overlay));
  dirty_bytes_ += BytesOf(merged.root, revision);
  std::vector<std::shared_ptr<const EditRun>> late;
  const bool undoable = !merged.met_equal && CanUndo(overlay, shape, steps, &late);

  std::lock_guard lock(mutex_);
  if (undoable) {
    for (size_t i = 0; i < steps; ++i) {
      const int64_t made = tree_revision_ + 1 + static_cast<int64_t>(i);
      if (late[i]) {
        dirty_bytes_ += late[i]->MemoryBytes();
        history_.AddLate(made, std::move(late[i]));
      }
      history_.AddCut(made, pending_.ends[i]);
    }
    replaced->insert(replaced->end(), merged.replaced.begin(), merged.replaced.end());
  } else {
    history_.AddRoot(tree_revision_, root_, tree_end_);
    if (steps == 1) {
      history_.AddStep(revision, RemovesPoints(pending_.run.steps.front()));
    } else {
      auto edits = std::make_shared<EditRun>(FirstSteps(pending_.run, steps));
      dirty_bytes_ += edits->MemoryBytes();
      history_.AddEdits(tree_revision_ + 1, std::move(edits));
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

bool SeriesHead::CanUndo(const Overlay& overlay, const TreeShape& shape, size_t steps,
                         std::vector<std::shared_ptr<const EditRun>>* late) const {
  late->resize(steps);
  if (steps <= pending_.appends) return true;
  const EditRun& run = pending_.run;
  for (size_t i = 0; i < steps; ++i) {
    if (RemovesPoints(run.steps[i])) return false;
  }
  if (std::adjacent_find(overlay.times.begin(), overlay.times.end()) != overlay.times.end()) {
    return false;
  }
  size_t times = 0;
  size_t lists = 0;
  for (size_t i = 0; i < steps; ++i) {
    (*late)[i] = LateOf(run, i, i == 0 ? tree_end_ : pending_.ends[i - 1]);
    if (!(*late)[i]) continue;
    times += (*late)[i]->times.size();
    ++lists;
  }
  return history_.CanAddLate(times, lists, shape.late_times_max);
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
  for (size_t i = steps; i < run.steps.size(); ++i) rest.NoteStep(pending_.ends[i - 1]);
  pending_ = std::move(rest);
}

}  // namespace firth::timeview
