#include "firth/timeview/time_view.h"

#include <algorithm>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/common/text.h"
#include "firth/timeview/changes.h"
#include "firth/timeview/series_head.h"

namespace firth::timeview {
namespace {

class TimeViewImpl : public TimeView {
 public:
  explicit TimeViewImpl(const TimeViewOptions& options)
      : options_(options), source_(std::make_shared<MemoryNodeSource>()) {}

  Status Apply(std::span<const Edit> edits, CommitId watermark) override {
    ARROW_RETURN_NOT_OK(Check(edits));
    std::vector<NodeAddress> replaced;
    for (const Edit& edit : edits) {
      if (edit.commit <= this->watermark()) continue;
      const auto head = HeadToWrite(edit.series);
      head->Accept(edit);
      if (head->Full(options_.series_pending_points_max)) {
        ARROW_RETURN_NOT_OK(head->Grow(*source_, {options_.leaf_points_max},
                                       options_.series_pending_points_max, &replaced));
      }
    }
    MoveWatermark(watermark);
    return Status::OK();
  }

  Status Obliterate(const SeriesId& series, CommitId watermark) override {
    {
      std::lock_guard lock(mutex_);
      heads_.erase(series);
    }
    MoveWatermark(watermark);
    return Status::OK();
  }

  Result<int64_t> LatestRevision(const SeriesId& series) override {
    return HeadToRead(series)->Info().revision;
  }

  Result<SeriesInfo> Info(const SeriesId& series) override {
    const HeadInfo info = HeadToRead(series)->Info();
    return SeriesInfo{.revision = info.revision,
                      .tree_revision = info.tree_revision,
                      .tree_points = info.tree_points,
                      .pending_points = info.pending_points};
  }

  Result<Snapshot> Pin(const SeriesId& series, int64_t revision) override {
    ARROW_ASSIGN_OR_RAISE(auto state, HeadToRead(series)->Pin(source_, revision));
    return Snapshot(std::move(state));
  }

  Result<std::unique_ptr<RangeCursor>> Changes(const SeriesId& series, int64_t from, int64_t to,
                                               int resolution) override {
    if (resolution < 0 || resolution > 63) {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "a resolution is 0 to 63, not " + std::to_string(resolution));
    }
    const auto head = HeadToRead(series);
    from = std::max(from, kEmptyRevision);
    ARROW_ASSIGN_OR_RAISE(const auto to_state, head->Pin(source_, to));
    if (from > to_state->revision) {
      return Error(Code::kInvalidArgument, Reason::kVersionNotFound,
                   "changes from revision " + std::to_string(from) + " to the earlier " +
                       std::to_string(to_state->revision));
    }
    ARROW_ASSIGN_OR_RAISE(const auto from_state, head->Pin(source_, from));
    // Points that were only added between the two revisions are in the second and not in the first.
    // Where points were removed, what was there is added revision by revision.
    ARROW_ASSIGN_OR_RAISE(const auto removals, head->RemovalsBetween(from, to_state->revision));
    std::vector<TimeRange> removed;
    for (const Removal& removal : removals) {
      switch (removal.kind) {
        case Removal::Kind::kRange: {
          ARROW_ASSIGN_OR_RAISE(auto before, head->Pin(source_, removal.revision - 1));
          ARROW_RETURN_NOT_OK(
              AddCellsWithPoints(std::move(before), removal.range, resolution, &removed));
          break;
        }
        case Removal::Kind::kTimes:
          AddCellsOf(removal.times, resolution, &removed);
          break;
        case Removal::Kind::kStep: {
          ARROW_ASSIGN_OR_RAISE(auto before, head->Pin(source_, removal.revision - 1));
          ARROW_ASSIGN_OR_RAISE(auto after, head->Pin(source_, removal.revision));
          const auto cursor = MakeDifferenceCursor(std::move(before), std::move(after), resolution);
          std::vector<TimeRange> batch;
          do {
            ARROW_RETURN_NOT_OK(cursor->Next(1024, &batch));
            removed.insert(removed.end(), batch.begin(), batch.end());
          } while (!batch.empty());
          break;
        }
      }
    }
    Normalise(&removed);
    return JoinRanges(MakeDifferenceCursor(from_state, to_state, resolution), std::move(removed));
  }

  Status Checkpoint() override { return Status::OK(); }
  Result<Reclaimed> Reclaim(uint64_t) override { return Reclaimed{}; }

  CommitId watermark() const override {
    std::lock_guard lock(mutex_);
    return watermark_;
  }
  CommitId base_watermark() const override { return CommitId(0); }

  TimeViewStats Stats() const override {
    std::lock_guard lock(mutex_);
    TimeViewStats stats;
    stats.series = stats.open_series = heads_.size();
    for (const auto& [id, head] : heads_) stats.pending_bytes += head->Info().pending_bytes;
    return stats;
  }

 private:
  using HeadPtr = std::shared_ptr<SeriesHead>;

  /// Check edits before any of them is applied.
  Status Check(std::span<const Edit> edits) {
    std::unordered_map<SeriesId, int64_t> latest;
    for (const Edit& edit : edits) {
      if (edit.commit <= watermark()) continue;
      if (edit.kind == Edit::Kind::kInsert) {
        ARROW_RETURN_NOT_OK(CheckPoints(edit.times, edit.values));
      } else {
        ARROW_RETURN_NOT_OK(CheckRange(edit.start, edit.end));
      }
      auto [entry, is_new] = latest.try_emplace(edit.series, 0);
      if (is_new) entry->second = HeadToRead(edit.series)->Info().revision;
      if (edit.revision != entry->second + 1) {
        return Error(Code::kFailedPrecondition, Reason::kVersionMismatch,
                     "commit " + std::to_string(edit.commit.value) + " makes revision " +
                         std::to_string(edit.revision) + " of series " +
                         UuidToText(edit.series.view()) + ", which has revision " +
                         std::to_string(entry->second));
      }
      entry->second = edit.revision;
    }
    return Status::OK();
  }

  HeadPtr HeadToRead(const SeriesId& series) {
    std::lock_guard lock(mutex_);
    const auto found = heads_.find(series);
    return found != heads_.end() ? found->second : std::make_shared<SeriesHead>(series);
  }
  HeadPtr HeadToWrite(const SeriesId& series) {
    std::lock_guard lock(mutex_);
    HeadPtr& head = heads_[series];
    if (!head) head = std::make_shared<SeriesHead>(series);
    return head;
  }
  void MoveWatermark(CommitId watermark) {
    std::lock_guard lock(mutex_);
    watermark_ = std::max(watermark_, watermark);
  }

  const TimeViewOptions options_;
  const std::shared_ptr<const NodeSource> source_;
  mutable std::mutex mutex_;
  std::unordered_map<SeriesId, HeadPtr> heads_;  // guarded by mutex_
  CommitId watermark_;                           // guarded by mutex_
};

}  // namespace

Result<std::unique_ptr<TimeView>> TimeView::Open(const TimeViewOptions& options) {
  return std::make_unique<TimeViewImpl>(options);
}

Status TimeView::Destroy(const TimeViewOptions&) {
  return Status::OK();
}

}  // namespace firth::timeview
