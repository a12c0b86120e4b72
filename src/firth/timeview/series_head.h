// The head of a series in memory: its growing tree, the edits that wait in front of it, and its
// history.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "firth/timeview/history.h"
#include "firth/timeview/merge.h"
#include "firth/timeview/node.h"
#include "firth/timeview/overlay.h"
#include "firth/timeview/snapshot_state.h"

namespace firth::timeview {

/// Points that a revision removed, for the list of changes.
struct Removal {
  enum class Kind : uint8_t { kRange, kTimes, kStep };

  Kind kind = Kind::kRange;
  int64_t revision = 0;        // the one that removed them
  TimeRange range;             // kRange: any in it
  std::vector<int64_t> times;  // kTimes: any at these, sorted
};

/// What a reader needs of a head; cheap to copy.
struct HeadInfo {
  int64_t revision = kEmptyRevision;
  int64_t tree_revision = kEmptyRevision;
  uint64_t tree_points = 0;
  uint64_t pending_points = 0;
  size_t pending_bytes = 0;
};

/// Readers and one writer; each says which calls are whose.
class SeriesHead {
 public:
  explicit SeriesHead(const SeriesId& id) : id_(id) {}

  const SeriesId& id() const { return id_; }
  HeadInfo Info() const;

  // --- Readers.
  /// Pin a revision (kLatestRevision: the last). Error kVersionNotFound.
  Result<std::shared_ptr<const internal::SnapshotState>> Pin(
      std::shared_ptr<const NodeSource> source, int64_t revision) const;
  /// The removals of revisions in (from, to].
  Result<std::vector<Removal>> RemovalsBetween(int64_t from, int64_t to) const;

  // --- The writer.
  /// Take an edit that was checked and makes the next revision.
  void Accept(const Edit& edit);
  /// Should what waits go into the tree? Yes, when it has `pending_points_max` points or edits, or
  /// the last edit alone a quarter of that.
  bool Full(size_t pending_points_max) const;
  /// Move all that waits into the tree. On error nothing has changed. Appends to `replaced` the
  /// nodes of files that are no longer reachable from any revision.
  Status Grow(const NodeSource& source, const TreeShape& shape, size_t pending_points_max,
              std::vector<NodeAddress>* replaced);

 private:
  /// Edits beyond the tree, with what of their effect is known early.
  struct Pending {
    EditRun run;
    std::vector<int64_t>
        ends;            // after each: there are no points at or after it, the tree's included
    size_t appends = 0;  // how many of the first came behind all points before them
  };

  int64_t latest() const {
    return tree_revision_ + static_cast<int64_t>(pending_.run.steps.size());
  }
  /// No points at or after it, at the latest revision.
  int64_t end() const { return pending_.ends.empty() ? tree_end_ : pending_.ends.back(); }
  /// What the first `steps` edits that wait do to the tree.
  std::shared_ptr<const Overlay> OverlayOf(size_t steps) const;
  /// Move the first `steps` edits that wait into the tree.
  Status GrowBy(const NodeSource& source, const TreeShape& shape, size_t steps,
                std::vector<NodeAddress>* replaced);
  /// Forget the first `steps` edits that wait.
  void DropPending(size_t steps);

  const SeriesId id_;
  mutable std::mutex mutex_;
  // Guarded by mutex_. Only the writer changes them, so it alone reads them without.
  int64_t tree_revision_ = kEmptyRevision;
  NodeLink root_;
  int64_t tree_end_ = kTimeMin;
  History history_;
  Pending pending_;
  // Guarded by mutex_: the overlay of the first edits that wait, from the last time it was needed.
  mutable std::shared_ptr<const Overlay> overlay_;
  mutable size_t overlay_steps_ = 0;
};

}  // namespace firth::timeview
