#include "firth/timeview/series_head.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firth/common/text.h"
#include "firth/timeview/number_range.h"
#include "firth/timeview/record.h"

namespace firth::timeview {

using internal::SnapshotState;

namespace {

/// What edits in files do is kept for the next reader where it is no more points. There may be as
/// many of them as heads in memory.
constexpr size_t kOverlayKept = 1024;

/// The tree without the points at these times, which are sorted.
Result<NodeLink> LeaveOut(const NodeSource& source, const NodeLink& root, int64_t revision,
                          std::span<const int64_t> times) {
  Overlay holes;
  for (const int64_t time : times) {
    if (!holes.holes.empty() && holes.holes.back().end == time) {
      ++holes.holes.back().end;
    } else {
      holes.holes.push_back({time, time + 1});
    }
  }
  ARROW_ASSIGN_OR_RAISE(MergedTree merged, MergeTree(source, {}, root, revision, {}, holes.holes));
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

/// The steps of a run from `first` on as a part of a head, not yet anywhere.
HeadPart PartOf(const EditRun& run, size_t first) {
  return {.steps = static_cast<uint32_t>(run.steps.size() - first),
          .points = static_cast<uint32_t>(run.times.size() - run.PointsBegin(first)),
          .removes = std::any_of(run.steps.begin() + static_cast<ptrdiff_t>(first), run.steps.end(),
                                 [](const EditRun::Step& step) { return step.removes(); })};
}

constexpr int kHistoryLevelsMax = 16;

}  // namespace

// | i64 tree revision | i64 tree end | link: root | u8 levels | an index for each | history
// | edits that wait
Result<std::shared_ptr<SeriesHead>> SeriesHead::Decode(const SeriesId& id, Bytes payload,
                                                       const NodeAddress& record) {
  auto head = std::make_shared<SeriesHead>(id);
  ByteReader in(payload);
  ARROW_RETURN_NOT_OK(head->DecodeFront(&in));
  EditRun& run = head->pending_.run;
  ARROW_ASSIGN_OR_RAISE(run, DecodeEdits(in.rest()));
  const Effect effect = head->EffectOf(run.steps.size());
  head->end_ = effect.ends.empty() ? head->tree_end_ : effect.ends.back();
  head->parts_ = {PartOf(run, 0)};
  head->parts_.back().record = record;
  return head;
}

Status SeriesHead::DecodeFront(ByteReader* in) {
  tree_revision_ = in->Le<int64_t>();
  tree_end_ = in->Le<int64_t>();
  root_ = DecodeLink(in);
  const int level_count = in->Le<uint8_t>();
  if (!in->ok() || level_count > kHistoryLevelsMax || tree_revision_ < kEmptyRevision) {
    return Malformed("the head of a series");
  }
  std::vector<std::vector<HistoryBlock>> levels;
  for (int i = 0; i < level_count; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto level, DecodeHistoryIndex(in));
    levels.push_back(std::move(level));
  }
  ARROW_ASSIGN_OR_RAISE(auto items, DecodeHistory(in));
  ARROW_ASSIGN_OR_RAISE(history_, History::Make(std::move(levels), std::move(items)));
  return Status::OK();
}

Result<EditRun> SeriesHead::DecodeWaiting(Bytes payload) {
  SeriesHead head{SeriesId{}};
  ByteReader in(payload);
  ARROW_RETURN_NOT_OK(head.DecodeFront(&in));
  return DecodeEdits(in.rest());
}

Result<std::shared_ptr<SeriesHead>> SeriesHead::Load(const SeriesId& id,
                                                     const FileNodeSource& source,
                                                     const NodeAddress& record) {
  const auto load = [&](const NodeAddress& address) -> Result<FileNodeSource::Loaded> {
    ARROW_ASSIGN_OR_RAISE(auto loaded, source.LoadHead(address));
    if (loaded.header.series == id) return loaded;
    return source.AddPlace(Malformed("the head of another series"), address);
  };
  ARROW_ASSIGN_OR_RAISE(const auto last, load(record));
  if (last.header.kind == RecordKind::kSeries) {
    auto head = Decode(id, last.payload, record);
    if (!head.ok()) return source.AddPlace(head.status(), record);
    // As below: many heads may be looked at that nobody writes to.
    if ((*head)->pending_steps() > 0) (*head)->DropWritten();
    return head;
  }
  ByteReader in(last.payload);
  auto index = DecodeHeadPartIndex(record, &in);
  if (!index.ok()) return source.AddPlace(index.status(), record);
  const NodeAddress whole = index->parts.front().record;
  ARROW_ASSIGN_OR_RAISE(const auto first, load(whole));
  if (first.header.kind != RecordKind::kSeries) {
    return source.AddPlace(Malformed("a part in place of a head"), whole);
  }
  auto head = std::make_shared<SeriesHead>(id);
  ByteReader front(first.payload);
  const Status decoded = head->DecodeFront(&front);
  if (!decoded.ok()) return source.AddPlace(decoded, whole);
  // The edits stay where they are until somebody wants them.
  head->end_ = index->end;
  head->parts_ = std::move(index->parts);
  head->pending_.parts_before = head->parts_.size();
  for (const HeadPart& part : head->parts_) {
    head->pending_.steps_before += part.steps;
    head->pending_.points_before += part.points;
  }
  return head;
}

Result<HeadImage> SeriesHead::Write(const FileNodeSource& source, HeadWriter* writer,
                                    PayloadEncoder* encoder, bool record) const {
  FIRTH_CHECK(tail_.empty());
  HeadImage image;
  writer->Begin(id_);
  if (!record) {
    ARROW_RETURN_NOT_OK(WriteTree(writer, &image).status());
    return image;
  }
  FIRTH_CHECK(!grown_ || pending_.steps_before == 0);
  const size_t written = StepsWritten();
  const bool is_base = !parts_.empty() && !grown_;  // is there what a part can be added to?
  if (is_base && written == pending_.steps()) return image;
  if (is_base && parts_.size() < kHeadPartsMax) {
    ARROW_RETURN_NOT_OK(WritePart(writer, encoder, written, &image));
  } else if (pending_.steps_before == 0) {
    ARROW_RETURN_NOT_OK(WriteWhole(writer, encoder, pending_.run, &image));
  } else {
    auto all = LoadEdits(source, std::span(parts_).first(pending_.parts_before));
    // What cannot be read stays where it is, and is named when somebody wants it.
    if (!all.ok()) {
      ARROW_RETURN_NOT_OK(WritePart(writer, encoder, written, &image));
    } else {
      all->AppendSteps(pending_.run, 0);
      ARROW_RETURN_NOT_OK(WriteWhole(writer, encoder, *all, &image));
    }
  }
  return image;
}

Result<std::string> SeriesHead::WriteTree(HeadWriter* writer, HeadImage* image) const {
  HeadImage::Tree& tree = image->tree.emplace(HeadImage::Tree{.root = {}, .history = history_});
  ARROW_ASSIGN_OR_RAISE(tree.root, writer->WriteTree(root_));
  return writer->WriteHistory(&tree.history);
}

Status SeriesHead::WriteWhole(HeadWriter* writer, PayloadEncoder* encoder, const EditRun& waiting,
                              HeadImage* image) const {
  ARROW_ASSIGN_OR_RAISE(const std::string history, WriteTree(writer, image));
  std::string payload;
  AppendLe(&payload, tree_revision_);
  AppendLe(&payload, tree_end_);
  const HeadImage::Tree& tree = *image->tree;
  encoder->EncodeLink(tree.root, &payload);
  payload.push_back(static_cast<char>(tree.history.levels().size()));
  for (const auto& level : tree.history.levels()) {
    payload += encoder->EncodeHistoryIndex(level);
  }
  payload += history;
  payload += encoder->EncodeEdits(waiting, CodedFor::kWaiting);
  image->part = PartOf(waiting, 0);
  ARROW_ASSIGN_OR_RAISE(image->part.record, writer->WriteSeries(AsBytes(payload)));
  for (const HeadPart& part : parts_) image->dead.push_back(part.record);
  image->whole = true;
  return Status::OK();
}

Status SeriesHead::WritePart(HeadWriter* writer, PayloadEncoder* encoder, size_t written,
                             HeadImage* image) const {
  const size_t first = written - pending_.steps_before;
  image->part = PartOf(pending_.run, first);
  std::string payload;
  EncodeHeadPartIndex(end_, parts_, image->part, &payload);
  payload += encoder->EncodeEdits(pending_.run, CodedFor::kWaiting, first);
  ARROW_ASSIGN_OR_RAISE(image->part.record,
                        writer->WritePart(tree_revision_ + 1 + static_cast<int64_t>(written),
                                          latest(), AsBytes(payload)));
  return Status::OK();
}

size_t SeriesHead::StepsWritten() const {
  size_t steps = 0;
  for (const HeadPart& part : parts_) steps += part.steps;
  return steps;
}

void SeriesHead::Commit(HeadImage image) {
  dirty_bytes_ = 0;
  // What goes is freed after the lock.
  std::lock_guard lock(mutex_);
  if (image.tree) {
    std::swap(root_, image.tree->root);
    std::swap(history_, image.tree->history);
  }
  if (image.whole) parts_.clear();
  if (image.part.record.known()) parts_.push_back(image.part);
  if (!image.whole) return;
  grown_ = false;
  if (pending_.steps_before > 0) DropPendingLocked();
}

void SeriesHead::DropWritten() {
  FIRTH_CHECK(!grown_ && StepsWritten() == pending_.steps());
  std::lock_guard lock(mutex_);
  DropPendingLocked();
  overlay_.reset();
}

void SeriesHead::DropPendingLocked() {
  pending_ = {.parts_before = parts_.size(),
              .steps_before = pending_.steps(),
              .points_before = pending_points(),
              .run = {}};
}

Status SeriesHead::BringPending(const FileNodeSource& source) {
  if (pending_.steps_before == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(EditRun all,
                        LoadEdits(source, std::span(parts_).first(pending_.parts_before)));
  all.AppendSteps(pending_.run, 0);
  std::lock_guard lock(mutex_);
  pending_ = {.run = std::move(all)};
  return Status::OK();
}

bool SeriesHead::HasPart(const NodeAddress& record) const {
  std::lock_guard lock(mutex_);
  return std::any_of(parts_.begin(), parts_.end(),
                     [&](const HeadPart& part) { return part.record == record; });
}

HeadInfo SeriesHead::Info() const {
  std::lock_guard lock(mutex_);
  return {.revision = latest(),
          .tree_revision = tree_revision_,
          .tree_points = root_.statistics.count + tail_.size(),
          .pending_points = pending_points(),
          .grow_error = grow_error_};
}

SeriesHead::Roots SeriesHead::GetRoots() const {
  std::lock_guard lock(mutex_);
  return {.root = root_, .revision = tree_revision_, .history = history_};
}

std::shared_ptr<const SeriesHead> SeriesHead::Copy() const {
  auto copy = std::make_shared<SeriesHead>(id_);
  std::lock_guard lock(mutex_);
  copy->tree_revision_ = tree_revision_;
  copy->root_ = root_;
  copy->tail_ = tail_;
  copy->tree_end_ = tree_end_;
  copy->history_ = history_;
  copy->pending_ = pending_;
  copy->end_ = end_;
  copy->parts_ = parts_;
  copy->grown_ = grown_;
  copy->overlay_ = overlay_;
  copy->overlay_steps_ = overlay_steps_;
  return copy;
}

Result<std::shared_ptr<const SnapshotState>> SeriesHead::Pin(
    std::shared_ptr<const FileNodeSource> source, int64_t revision) const {
  auto state = std::make_shared<SnapshotState>();
  state->series = id_;
  state->source = source;
  state->overlay = TreeTail().overlay();
  History history;
  NodeLink growing;
  TreeTail tail;
  std::vector<HeadPart> parts;  // and what comes behind them, where the edits are not in memory
  EditRun run;
  int64_t tree_revision = 0;
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
      if (state->overlay) return state;
      parts.assign(parts_.begin(), parts_.begin() + static_cast<ptrdiff_t>(pending_.parts_before));
      run = pending_.run;
      tree_revision = tree_revision_;
    }
    history = history_;
    growing = root_;
    tail = tail_;
  }
  if (!parts.empty()) {
    ARROW_ASSIGN_OR_RAISE(EditRun all, LoadEdits(*source, parts));
    all.AppendSteps(run, 0);
    const auto steps = static_cast<size_t>(revision - tree_revision);
    auto overlay = std::make_shared<Overlay>();
    overlay->Apply(all, 0, steps, state->tree_end);
    state->overlay = overlay;
    KeepOverlay(std::move(overlay), tree_revision, steps);
    return state;
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
    std::sort(late.begin(), late.end());
    if (!place.root) state->overlay = tail.Before(state->limit, late);
    if (!late.empty()) {
      ARROW_ASSIGN_OR_RAISE(state->root, LeaveOut(*source, state->root, revision, late));
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
  if (steps == 0) return tail_.overlay();
  if (overlay_ && overlay_steps_ == steps) return overlay_;
  const size_t before = pending_.steps_before;
  const size_t done = overlay_ && overlay_steps_ < steps ? overlay_steps_ : 0;
  if (done < before) return nullptr;
  auto overlay = std::make_shared<Overlay>(done > 0 ? *overlay_ : *tail_.overlay());
  overlay->Apply(pending_.run, done - before, steps - before, tree_end_);
  if (steps == pending_.steps()) {
    overlay_ = overlay;
    overlay_steps_ = steps;
  }
  return overlay;
}

void SeriesHead::KeepOverlay(std::shared_ptr<const Overlay> overlay, int64_t tree_revision,
                             size_t steps) const {
  if (overlay->times.size() > kOverlayKept) return;
  std::lock_guard lock(mutex_);
  if (tree_revision != tree_revision_ || (overlay_ && overlay_steps_ >= steps)) return;
  overlay_ = std::move(overlay);
  overlay_steps_ = steps;
}

Result<std::vector<Removal>> SeriesHead::RemovalsBetween(const FileNodeSource& source, int64_t from,
                                                         int64_t to) const {
  std::vector<Removal> removals;
  std::vector<Removal> pending;
  const auto add = [from, to](const EditRun& run, size_t step, int64_t revision,
                              std::vector<Removal>* out) {
    if (revision <= from || revision > to || !run.steps[step].removes()) return;
    out->push_back(RemovalOf(run, step, revision));
  };
  History history;
  std::vector<HeadPart> parts;
  int64_t revision = 0;  // of the first edit that is in memory
  EditRun run;
  {
    std::lock_guard lock(mutex_);
    history = history_;
    parts.assign(parts_.begin(), parts_.begin() + static_cast<ptrdiff_t>(pending_.parts_before));
    run = pending_.run;
    revision = tree_revision_ + 1 + static_cast<int64_t>(pending_.steps_before);
  }
  if (std::any_of(parts.begin(), parts.end(), [](const HeadPart& part) { return part.removes; })) {
    ARROW_ASSIGN_OR_RAISE(EditRun all, LoadEdits(source, parts));
    revision -= static_cast<int64_t>(all.steps.size());
    all.AppendSteps(run, 0);
    run = std::move(all);
  }
  for (size_t i = 0; i < run.steps.size(); ++i) {
    add(run, i, revision + static_cast<int64_t>(i), &pending);
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

void SeriesHead::Accept(const Edit& edit) {
  std::lock_guard lock(mutex_);
  FIRTH_CHECK(edit.series == id_ && edit.revision == latest() + 1);
  pending_.run.Append(edit);
  const PointSpan points = pending_.run.Points(pending_.run.steps.size() - 1);
  if (!points.empty()) end_ = std::max(end_, points.times.back() + 1);
}

}  // namespace firth::timeview
