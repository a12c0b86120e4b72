// The head of a series in memory: its growing tree, the edits that wait in front of it, and its
// history.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "firth/timeview/head_writer.h"
#include "firth/timeview/history.h"
#include "firth/timeview/history_reader.h"
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

struct HeadInfo {
  int64_t revision = kEmptyRevision;
  int64_t tree_revision = kEmptyRevision;
  uint64_t tree_points = 0;
  uint64_t pending_points = 0;
  Status grow_error;  // with which the tree last failed to grow, until it grows
};

/// What a head is after it was written: as it was, but all its nodes are in files.
struct HeadImage {
  NodeLink root;
  History history;
  NodeAddress record;  // of the head itself, if that was written
};

/// Readers and one writer; each says which calls are whose.
class SeriesHead {
 public:
  explicit SeriesHead(const SeriesId& id) : id_(id) {}
  /// A head that was written. Error kDataLoss / kChecksumMismatch.
  static Result<std::shared_ptr<SeriesHead>> Decode(const SeriesId& id, Bytes payload,
                                                    const NodeAddress& record);

  const SeriesId& id() const { return id_; }
  HeadInfo Info() const;

  // --- Readers.
  /// Pin a revision (kLatestRevision: the last). Errors: kVersionNotFound; as FileNodeSource::Load.
  Result<std::shared_ptr<const internal::SnapshotState>> Pin(
      std::shared_ptr<const FileNodeSource> source, int64_t revision) const;
  /// The removals of revisions in (from, to].
  Result<std::vector<Removal>> RemovalsBetween(const FileNodeSource& source, int64_t from,
                                               int64_t to) const;
  /// The tree that grows, its revision, and what came before, as they stand.
  struct Roots {
    NodeLink root;
    int64_t revision = 0;
    History history;
  };
  Roots GetRoots() const;

  // --- The writer.
  /// Take an edit that was checked and makes the next revision.
  void Accept(const Edit& edit);
  /// Should what waits go into the tree? Yes, when it has `pending_points_max` points or edits, or
  /// the last edit alone a quarter of that.
  bool Full(size_t pending_points_max) const;
  /// Move all that waits into the tree. On error what was not moved waits on. Appends to `replaced`
  /// the nodes of files that are no longer reachable from any revision.
  Status Grow(const NodeSource& source, const TreeShape& shape, size_t pending_points_max,
              std::vector<NodeAddress>* replaced);
  /// Write what is in no file, and the head itself if `record`. Nothing changes before Commit.
  Result<HeadImage> Write(HeadWriter* writer, PayloadEncoder* encoder, bool record) const;
  /// What Write gave can be read now.
  void Commit(HeadImage image);

  size_t pending_points() const { return pending_.run.times.size(); }
  size_t pending_steps() const { return pending_.run.steps.size(); }
  size_t pending_bytes() const {
    return pending_.run.MemoryBytes() + pending_.ends.capacity() * sizeof(int64_t);
  }
  /// Memory of nodes and edits that are in no file.
  size_t dirty_bytes() const { return dirty_bytes_; }
  /// Where the head was written last.
  const NodeAddress& record() const { return record_; }
  const Status& grow_error() const { return grow_error_; }

  /// The writer's notes.
  struct Marks {
    bool changed = false;  // since the head was written
    bool queued = false;   // among those whose edits may be moved into their trees
  };
  Marks marks;

 private:
  /// Edits beyond the tree, with what of their effect is known early.
  struct Pending {
    EditRun run;
    std::vector<int64_t>
        ends;            // after each: there are no points at or after it, the tree's included
    size_t appends = 0;  // how many of the first came behind all points before them

    /// Note the last step of the run, before which the points ended at `end_before`.
    void NoteStep(int64_t end_before);
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
  /// Can the first `steps` edits that wait be told from the tree that they make? `late`: the times
  /// that each of them added between others.
  bool CanUndo(const Overlay& overlay, const TreeShape& shape, size_t steps,
               std::vector<std::shared_ptr<const EditRun>>* late) const;
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
  Status grow_error_;
  // Guarded by mutex_: the overlay of the first edits that wait, from the last time it was needed.
  mutable std::shared_ptr<const Overlay> overlay_;
  mutable size_t overlay_steps_ = 0;
  // The writer's.
  size_t dirty_bytes_ = 0;
  NodeAddress record_;
};

}  // namespace firth::timeview
