#include "firth/timeview/time_view.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/timeview/base.h"
#include "firth/timeview/changes.h"
#include "firth/timeview/helpers.h"
#include "firth/timeview/liveness.h"
#include "firth/timeview/open_series.h"

namespace firth::timeview {
namespace {

/// A series whose tree cannot grow, because what it needs to read is damaged, may have so many
/// times the points waiting that another one may.
constexpr size_t kStuckFactor = 64;
/// Where a head has all the parts that it may have, its tree grows for so many times fewer points.
constexpr size_t kPartsFactor = 8;
/// The tail of a tree may have so many times the points that may wait outside it.
constexpr size_t kTailFactor = 4;
/// Nodes and edits that a checkpoint writes at once.
constexpr size_t kCheckpointBytes = size_t{8} << 20;

class TimeViewImpl : public TimeView {
 public:
  TimeViewImpl(const TimeViewOptions& options, std::unique_ptr<Base> base)
      : options_(options),
        base_(std::move(base)),
        open_(base_.get(), options.open_series_max),
        watermark_(base_->watermark().value) {}

  void SetHelpers(Executor* helpers) { base_->SetHelpers(helpers); }

  Status Apply(std::span<const Edit> edits, CommitId watermark) override {
    ARROW_RETURN_NOT_OK(base_->failed());
    std::vector<HeadPtr> heads;
    ARROW_RETURN_NOT_OK(Check(edits, &heads));
    for (size_t i = 0; i < edits.size(); ++i) {
      if (heads[i]) Accept(edits[i], heads[i]);
    }
    MoveWatermark(watermark);
    return MakeRoom();
  }

  Status Obliterate(const SeriesId& series, CommitId watermark) override {
    ARROW_RETURN_NOT_OK(base_->failed());
    ARROW_ASSIGN_OR_RAISE(const auto in_files, base_->directory().Find(series));
    const HeadPtr head = open_.FindOpen(series);
    if (head) {
      pending_bytes_ -= head->pending_bytes();
      dirty_bytes_ -= head->dirty_bytes();
    }
    if (in_files || (head && head->Info().revision > kEmptyRevision)) base_->AddSeries(-1);
    if (in_files) base_->Obliterate(series);
    open_.Remove(series);
    MoveWatermark(watermark);
    return Status::OK();
  }

  Result<int64_t> LatestRevision(const SeriesId& series) override {
    ARROW_ASSIGN_OR_RAISE(const HeadPtr head, open_.Find(series));
    return head->Info().revision;
  }

  Result<int64_t> NextRevision(const SeriesId& series) override {
    ARROW_RETURN_NOT_OK(base_->failed());
    ARROW_ASSIGN_OR_RAISE(const HeadPtr head, open_.Find(series));
    const HeadInfo info = head->Info();
    if (info.pending_points >= kStuckFactor * options_.series_pending_points_max) {
      ARROW_RETURN_NOT_OK(info.grow_error);
    }
    return info.revision + 1;
  }

  Result<SeriesInfo> Info(const SeriesId& series) override {
    ARROW_ASSIGN_OR_RAISE(const HeadPtr head, open_.Find(series));
    const HeadInfo info = head->Info();
    return SeriesInfo{.revision = info.revision,
                      .tree_revision = info.tree_revision,
                      .tree_points = info.tree_points,
                      .pending_points = info.pending_points};
  }

  Result<Snapshot> Pin(const SeriesId& series, int64_t revision) override {
    ARROW_ASSIGN_OR_RAISE(auto state, PinState(series, revision));
    return Snapshot(std::move(state));
  }

  Result<std::unique_ptr<RangeCursor>> Changes(const SeriesId& series, int64_t from, int64_t to,
                                               int resolution) override {
    if (resolution < 0 || resolution > 63) {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "a resolution is 0 to 63, not " + std::to_string(resolution));
    }
    // All of it is read of one head: the series may vanish, or grow, meanwhile.
    ARROW_ASSIGN_OR_RAISE(const HeldHead held, Hold(series));
    from = std::max(from, kEmptyRevision);
    ARROW_ASSIGN_OR_RAISE(auto to_state, held.Pin(to));
    if (from > to_state->revision) {
      return Error(Code::kInvalidArgument, Reason::kVersionNotFound,
                   "changes from revision " + std::to_string(from) + " to the earlier " +
                       std::to_string(to_state->revision));
    }
    ARROW_ASSIGN_OR_RAISE(auto from_state, held.Pin(from));
    // Points that were only added between the two revisions are in the second and not in the first.
    // Where points were removed, what was there is added revision by revision.
    std::vector<TimeRange> removed;
    ARROW_RETURN_NOT_OK(AddRemovals(held, from, to_state->revision, resolution, &removed));
    return JoinRanges(MakeDifferenceCursor(std::move(from_state), std::move(to_state), resolution),
                      std::move(removed));
  }

  Status Checkpoint() override {
    ARROW_RETURN_NOT_OK(base_->failed());
    // Nodes are written soon after they were made: they are in the processor's cache then, and
    // there are never many of them.
    std::vector<HeadPtr> batch;
    size_t bytes = 0;
    for (HeadPtr& head : open_.Changed()) {
      if (IsWorthATree(*head)) Grow(head, 0);
      bytes += head->dirty_bytes() + head->pending_bytes();
      batch.push_back(std::move(head));
      if (bytes < kCheckpointBytes) continue;
      ARROW_RETURN_NOT_OK(Write(batch, true));
      batch.clear();
      bytes = 0;
    }
    ARROW_RETURN_NOT_OK(Write(batch, true));
    ARROW_RETURN_NOT_OK(base_->Publish(CommitId(watermark_.load())));
    open_.Trim();
    return Status::OK();
  }

  Result<Reclaimed> Reclaim(uint64_t bytes_max) override {
    ARROW_RETURN_NOT_OK(Checkpoint());
    Liveness liveness(base_.get(), &open_);
    return base_->Reclaim(bytes_max, [&](const RecordHeader& header, const NodeAddress& address) {
      return liveness.IsLive(header, address);
    });
  }

  CommitId watermark() const override { return CommitId(watermark_.load()); }
  CommitId base_watermark() const override { return base_->watermark(); }

  TimeViewStats Stats() const override {
    TimeViewStats stats;
    base_->AddStats(&stats);
    stats.open_series = open_.size();
    stats.pending_bytes = PendingBytes();
    stats.dirty_bytes = dirty_bytes_.load();
    stats.trees_written = trees_.load();
    return stats;
  }

 private:
  /// Check all edits before any is applied, and find their heads; none for those that were applied.
  Status Check(std::span<const Edit> edits, std::vector<HeadPtr>* heads) {
    const CommitId applied(watermark_.load());
    // Of each series: its head, and the revision that it will have. Of one edit there is no need to
    // look for another of its series.
    std::unordered_map<SeriesId, std::pair<HeadPtr, int64_t>> latest;
    std::pair<HeadPtr, int64_t> only;
    heads->resize(edits.size());
    for (size_t i = 0; i < edits.size(); ++i) {
      const Edit& edit = edits[i];
      if (edit.commit <= applied) continue;
      if (!edit.checked) ARROW_RETURN_NOT_OK(CheckEdit(edit));
      auto& [head, revision] = edits.size() == 1 ? only : latest[edit.series];
      if (!head) {
        bool is_new = false;
        ARROW_ASSIGN_OR_RAISE(head, open_.FindOrMake(edit.series, &is_new));
        revision = head->Info().revision;
      }
      if (edit.revision != ++revision) {
        return Error(Code::kFailedPrecondition, Reason::kVersionMismatch,
                     "commit " + std::to_string(edit.commit.value) + " makes revision " +
                         std::to_string(edit.revision) + " of series " +
                         UuidToText(edit.series.view()) + ", whose next is " +
                         std::to_string(revision));
      }
      (*heads)[i] = head;
    }
    return Status::OK();
  }

  void Accept(const Edit& edit, const HeadPtr& head) {
    if (edit.revision == kEmptyRevision + 1) base_->AddSeries(1);
    const size_t bytes_before = head->pending_bytes();
    head->Accept(edit);
    pending_bytes_ += head->pending_bytes() - bytes_before;
    open_.MarkChanged(head);
    if (head->Full(options_.series_pending_points_max)) {
      // A tree that cannot grow is tried again only now and then: each try reads what is damaged.
      const size_t points = head->pending_points();
      if (head->grow_error().ok() || points % kStuckFactor == 0) {
        Grow(head, kTailFactor * options_.series_pending_points_max);
      }
    } else if (!head->marks.queued) {
      head->marks.queued = true;
      queue_.push_back(head->id());
    }
  }

  TreeShape Shape(size_t tail_points_max) {
    return {.leaf_points_max = options_.leaf_points_max,
            .late_times_max = options_.late_times_max,
            .tail_points_max = tail_points_max,
            .room = base_->grow_room()};
  }

  /// Move a head's edits into its tree, whose tail may have so many points. If that fails they wait
  /// on.
  void Grow(const HeadPtr& head, size_t tail_points_max) {
    const size_t pending_before = head->pending_bytes();
    const size_t dirty_before = head->dirty_bytes();
    std::vector<NodeAddress> replaced;
    const Status grown = head->Grow(*base_->Source(), Shape(tail_points_max),
                                    options_.series_pending_points_max, &replaced);
    base_->AddDead(replaced);
    // What waited may have been written with its head at a checkpoint: now the head is another.
    open_.MarkChanged(head);
    pending_bytes_ += head->pending_bytes() - pending_before;
    dirty_bytes_ += head->dirty_bytes() - dirty_before;
    ++trees_;
    if (!grown.ok()) {
      logging::Error("timeview", "the tree of series {} cannot grow: {}",
                     UuidToText(head->id().view()), grown.ToString());
    }
  }

  Status Write(const std::vector<HeadPtr>& heads, bool records) {
    const auto count = [&](uint64_t sign) {
      for (const HeadPtr& head : heads) {
        dirty_bytes_ += sign * head->dirty_bytes();
        pending_bytes_ += sign * head->pending_bytes();
      }
    };
    count(~uint64_t{0});
    Status written;
    std::vector<NodeAddress> replaced;
    for (const HeadPtr& head : heads) {
      if (written.ok()) written = head->Settle(*base_->Source(), Shape(0), &replaced);
    }
    base_->AddDead(replaced);
    if (written.ok()) written = base_->WriteHeads(heads, records);
    count(1);
    if (written.ok() && records) {
      for (const HeadPtr& head : heads) open_.MarkWritten(head);
    }
    return written;
  }

  uint64_t PendingBytes() const { return pending_bytes_.load() - open_.pending_bytes_gone(); }

  /// Keep within the limits. A full disk is no reason to fail here: memory grows until there is
  /// room.
  Status MakeRoom() {
    if (PendingBytes() > std::max(options_.pending_bytes_max, drop_again_)) {
      ARROW_RETURN_NOT_OK(DropPending());
    }
    if (dirty_bytes_.load() > std::max(options_.dirty_bytes_max, write_again_)) {
      std::vector<HeadPtr> dirty = open_.Changed();
      std::erase_if(dirty, [](const HeadPtr& head) { return head->dirty_bytes() == 0; });
      const Status written = Write(dirty, false);
      // Where there is no room on the disk it is not tried each time.
      write_again_ = written.ok() ? 0 : dirty_bytes_.load() + options_.dirty_bytes_max / 8;
      ARROW_RETURN_NOT_OK(Forgive(written));
    }
    if (open_.size() > std::max<size_t>(options_.open_series_max, evict_again_)) {
      std::vector<HeadPtr> evicted = open_.ChangedToEvict();
      const Status written = evicted.empty() ? Status::OK() : Write(evicted, true);
      evicted.clear();  // a head that somebody holds stays
      open_.Trim();
      ForgetQueued();
      evict_again_ = written.ok() ? 0 : open_.size() + options_.open_series_max / 8;
      ARROW_RETURN_NOT_OK(Forgive(written));
    }
    return Status::OK();
  }

  /// Does so much wait that it goes into the tree, rather than to be written with the head? A tree
  /// that grows writes its path and its last leaf again, a head with many parts all of them.
  bool IsWorthATree(const SeriesHead& head) const {
    const size_t waiting = std::max(head.pending_points(), head.pending_steps());
    return waiting >= options_.head_points_max ||
           (head.parts() >= kHeadPartsMax && waiting >= options_.head_points_max / kPartsFactor);
  }

  /// Let no edits wait in memory that did so for longest, until there is room for many others.
  Status DropPending() {
    const uint64_t low = options_.pending_bytes_max - options_.pending_bytes_max / 4;
    std::vector<HeadPtr> heads;
    uint64_t bytes = 0;
    while (PendingBytes() > low + bytes && !queue_.empty()) {
      HeadPtr head = open_.FindOpen(queue_.front());
      queue_.pop_front();
      // One that was let go and came again may stand here twice.
      if (!head || !std::exchange(head->marks.queued, false)) continue;
      if (IsWorthATree(*head)) {
        Grow(head, 0);
      } else if (head->pending_bytes() > 0) {
        bytes += head->pending_bytes();
        heads.push_back(std::move(head));
      }
    }
    const Status written = heads.empty() ? Status::OK() : Write(heads, true);
    for (const HeadPtr& head : heads) {
      if (written.ok()) {
        pending_bytes_ -= head->pending_bytes();
        head->DropWritten();
      } else {
        head->marks.queued = true;
        queue_.push_back(head->id());
      }
    }
    // Where there is no room on the disk it is not tried each time.
    drop_again_ = written.ok() ? 0 : PendingBytes() + options_.pending_bytes_max / 8;
    return Forgive(written);
  }

  /// Take from the queue what was let go, when it is much of it.
  void ForgetQueued() {
    if (queue_.size() < 2 * open_.size()) return;
    std::erase_if(queue_, [this](const SeriesId& series) {
      const HeadPtr head = open_.FindOpen(series);
      return !head || !head->marks.queued;
    });
  }

  /// A full disk is told once, until there is room.
  Status Forgive(const Status& status) {
    const bool told = std::exchange(told_full_, ReasonOf(status) == Reason::kDiskFull);
    if (status.ok()) return status;
    if (!told) logging::Error("timeview", "nodes stay in memory: {}", status.ToString());
    return ReasonOf(status) == Reason::kDiskFull ? Status::OK() : status;
  }

  Result<std::shared_ptr<const internal::SnapshotState>> PinState(const SeriesId& series,
                                                                  int64_t revision) {
    for (;;) {
      // The files before the head: where the series vanishes meanwhile, a head that was found
      // before them could lead to what they have no more.
      const auto source = base_->Source();
      ARROW_ASSIGN_OR_RAISE(const HeadPtr head, open_.Find(series));
      auto state = head->Pin(source, revision);
      // What the head leads to may have moved while it was read.
      if (base_->IsCurrent(source)) return state;
    }
  }

  /// A head as it stood, and files that have all that it leads to, whatever becomes of the series.
  struct HeldHead {
    std::shared_ptr<const FileNodeSource> source;
    std::shared_ptr<const SeriesHead> head;

    Result<std::shared_ptr<const internal::SnapshotState>> Pin(int64_t revision) const {
      return head->Pin(source, revision);
    }
  };
  Result<HeldHead> Hold(const SeriesId& series) {
    for (;;) {
      HeldHead held{.source = base_->Source(), .head = nullptr};
      ARROW_ASSIGN_OR_RAISE(const HeadPtr head, open_.Find(series));
      held.head = head->Copy();
      if (base_->IsCurrent(held.source)) return held;
    }
  }

  /// Add the cells in which revisions of (from, to] removed points.
  static Status AddRemovals(const HeldHead& held, int64_t from, int64_t to, int resolution,
                            std::vector<TimeRange>* cells) {
    ARROW_ASSIGN_OR_RAISE(const auto removals, held.head->RemovalsBetween(*held.source, from, to));
    for (const Removal& removal : removals) {
      switch (removal.kind) {
        case Removal::Kind::kRange: {
          ARROW_ASSIGN_OR_RAISE(auto before, held.Pin(removal.revision - 1));
          ARROW_RETURN_NOT_OK(
              AddCellsWithPoints(std::move(before), removal.range, resolution, cells));
          break;
        }
        case Removal::Kind::kTimes:
          AddCellsOf(removal.times, resolution, cells);
          break;
        case Removal::Kind::kStep: {
          ARROW_ASSIGN_OR_RAISE(auto before, held.Pin(removal.revision - 1));
          ARROW_ASSIGN_OR_RAISE(auto after, held.Pin(removal.revision));
          const auto cursor = MakeDifferenceCursor(std::move(before), std::move(after), resolution);
          std::vector<TimeRange> batch;
          do {
            ARROW_RETURN_NOT_OK(cursor->Next(1024, &batch));
            cells->insert(cells->end(), batch.begin(), batch.end());
          } while (!batch.empty());
          break;
        }
      }
    }
    Normalise(cells);
    return Status::OK();
  }

  void MoveWatermark(CommitId watermark) {
    watermark_.store(std::max(watermark_.load(), watermark.value));
  }

  const TimeViewOptions options_;
  const std::unique_ptr<Base> base_;
  OpenSeries open_;
  std::atomic<int64_t> watermark_;
  std::atomic<uint64_t> pending_bytes_{0};  // of edits, those of heads that were let go included
  std::atomic<uint64_t> dirty_bytes_{0};
  std::atomic<uint64_t> trees_{0};
  // The writer's: series with edits that wait, in the order in which they began to. May name some
  // that have none any more.
  std::deque<SeriesId> queue_;
  // After a try that failed: not before there are so many bytes of nodes outside files, of edits
  // in memory, or heads.
  uint64_t write_again_ = 0;
  uint64_t drop_again_ = 0;
  size_t evict_again_ = 0;
  bool told_full_ = false;
};

}  // namespace

Result<std::unique_ptr<TimeView>> TimeView::Open(const TimeViewOptions& options) {
  ARROW_ASSIGN_OR_RAISE(auto base, Base::Open(options));
  return std::make_unique<TimeViewImpl>(options, std::move(base));
}

void SetHelpers(TimeView* view, Executor* helpers) {
  static_cast<TimeViewImpl*>(view)->SetHelpers(helpers);  // there is no other kind
}

Status TimeView::Destroy(const TimeViewOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const bool exists, options.files->Exists(options.folder));
  if (!exists) return Status::OK();
  // The manifest goes first: without it the others mean nothing.
  ARROW_RETURN_NOT_OK(options.files->Remove(options.folder + "/" + kManifestName));
  ARROW_RETURN_NOT_OK(options.files->SyncFolder(options.folder));
  ARROW_ASSIGN_OR_RAISE(const auto present, options.files->List(options.folder));
  for (const store::FileInfo& file : present) {
    if (file.is_folder) continue;
    ARROW_RETURN_NOT_OK(options.files->Remove(options.folder + "/" + file.name));
  }
  return options.files->SyncFolder(options.folder);
}

}  // namespace firth::timeview
