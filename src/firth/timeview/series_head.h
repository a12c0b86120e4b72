// The head of a series in memory: its growing tree, the edits that wait in front of it, and its
// history.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "firth/timeview/head_part.h"
#include "firth/timeview/head_writer.h"
#include "firth/timeview/history.h"
#include "firth/timeview/history_reader.h"
#include "firth/timeview/merge.h"
#include "firth/timeview/node.h"
#include "firth/timeview/overlay.h"
#include "firth/timeview/snapshot_state.h"
#include "firth/timeview/tree_tail.h"

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
  struct Tree {
    NodeLink root;
    History history;
  };
  std::optional<Tree> tree;       // if root and history are others than before
  bool whole = false;             // the head was written as a whole
  HeadPart part;                  // the last of the head, if one was written
  std::vector<NodeAddress> dead;  // records that are not needed any more
};

/// Readers and one writer; each says which calls are whose.
class SeriesHead {
 public:
  explicit SeriesHead(const SeriesId& id) : id_(id) {}
  /// A head that was written, whose last part is there. Errors: as FileNodeSource::Load.
  static Result<std::shared_ptr<SeriesHead>> Load(const SeriesId& id, const FileNodeSource& source,
                                                  const NodeAddress& record);
  /// A head that was written as a whole. Error kDataLoss / kChecksumMismatch, without a place.
  static Result<std::shared_ptr<SeriesHead>> Decode(const SeriesId& id, Bytes payload,
                                                    const NodeAddress& record);
  /// Only the edits of it that wait.
  static Result<EditRun> DecodeWaiting(Bytes payload);

  const SeriesId& id() const { return id_; }
  HeadInfo Info() const;

  // --- Readers.
  /// Pin a revision (kLatestRevision: the last). Errors: kVersionNotFound; as FileNodeSource::Load.
  Result<std::shared_ptr<const internal::SnapshotState>> Pin(
      std::shared_ptr<const FileNodeSource> source, int64_t revision) const;
  /// The removals of revisions in (from, to].
  Result<std::vector<Removal>> RemovalsBetween(const FileNodeSource& source, int64_t from,
                                               int64_t to) const;
  /// The nodes of the tree that grows, its revision, and what came before, as they stand.
  struct Roots {
    NodeLink root;
    int64_t revision = 0;
    History history;
  };
  Roots GetRoots() const;
  /// A head of its own that stays as this one stands, for its readers.
  std::shared_ptr<const SeriesHead> Copy() const;
  /// Is a record one of those that the head was written to, as they are now?
  bool HasPart(const NodeAddress& record) const;

  // --- The writer.
  /// Take an edit that was checked and makes the next revision.
  void Accept(const Edit& edit);
  /// Should what waits go into the tree? Yes, when it has `pending_points_max` points or edits, or
  /// the last edit alone a quarter of that.
  bool Full(size_t pending_points_max) const;
  /// Move all that waits into the tree. On error what was not moved waits on. Appends to `replaced`
  /// the nodes of files that are no longer reachable from any revision.
  Status Grow(const FileNodeSource& source, const TreeShape& shape, size_t pending_points_max,
              std::vector<NodeAddress>* replaced);
  /// Put all points of the tree into nodes, as must be before it is written. Appends to `replaced`
  /// as Grow.
  Status Settle(const NodeSource& source, const TreeShape& shape,
                std::vector<NodeAddress>* replaced);
  /// Write what is in no file; if `record`, the head, too, or what came since it was written.
  /// Nothing changes before Commit.
  Result<HeadImage> Write(const FileNodeSource& source, HeadWriter* writer, PayloadEncoder* encoder,
                          bool record) const;
  /// What Write gave can be read now.
  void Commit(HeadImage image);
  /// Forget the edits that wait, which are all written.
  void DropWritten();

  size_t pending_points() const { return pending_.points_before + pending_.run.times.size(); }
  size_t pending_steps() const { return pending_.steps(); }
  /// Records that the head was written to.
  size_t parts() const { return parts_.size(); }
  /// Memory of those edits.
  size_t pending_bytes() const { return pending_.run.MemoryBytes(); }
  /// Memory of nodes and edits that are in no file.
  size_t dirty_bytes() const { return dirty_bytes_; }
  const Status& grow_error() const { return grow_error_; }

  /// The writer's notes.
  struct Marks {
    bool changed = false;  // since the head was written
    bool listed = false;   // among those that changed
    bool queued = false;   // among those whose edits may be moved into their trees
  };
  Marks marks;

 private:
  /// Edits beyond the tree.
  struct Pending {
    // The first are only in parts of the head that were written, so many of those.
    size_t parts_before = 0;
    size_t steps_before = 0;
    size_t points_before = 0;
    EditRun run;  // the others

    size_t steps() const { return steps_before + run.steps.size(); }
  };
  /// What the first edits that wait do, one after another.
  struct Effect {
    std::vector<int64_t> ends;  // after each: there are no points at or after it
    size_t appends = 0;         // how many of the first came behind all points before them
  };

  int64_t latest() const { return tree_revision_ + static_cast<int64_t>(pending_.steps()); }
  /// The effect of the first `steps` edits that wait, all in memory.
  Effect EffectOf(size_t steps) const;
  /// What the first `steps` edits that wait do to the tree; null if some of them are not in memory.
  std::shared_ptr<const Overlay> OverlayOf(size_t steps) const;
  /// Remember it for later, if the tree is still that of `tree_revision`.
  void KeepOverlay(std::shared_ptr<const Overlay> overlay, int64_t tree_revision,
                   size_t steps) const;
  /// Read what a head that is written as a whole holds before the edits that wait.
  Status DecodeFront(ByteReader* in);
  /// Have all edits that wait in memory.
  Status BringPending(const FileNodeSource& source);
  /// Move the first `steps` edits that wait, which are in memory, into the tree.
  Status GrowBy(const NodeSource& source, const TreeShape& shape, size_t steps,
                std::vector<NodeAddress>* replaced);
  /// The tree of `revision`: that which grows, with these points, and without what was in these
  /// holes, in which case there is no tail.
  struct GrownTree {
    MergedTree nodes;
    TreeTail tail;
  };
  Result<GrownTree> MergeEdits(const NodeSource& source, const TreeShape& shape, int64_t revision,
                               PointSpan points, std::span<const TimeRange> holes,
                               bool appends) const;
  /// Can the first `steps` edits that wait, which together add `points`, be told from the tree that
  /// they make? `late`: the times that each of them added between others.
  bool CanUndo(PointSpan points, const Effect& effect, const TreeShape& shape,
               std::vector<std::span<const int64_t>>* late) const;
  /// Edits that wait and are written, the first ones.
  size_t StepsWritten() const;
  void DropPendingLocked();
  /// Write what the tree and the history lead to; gives the newest part of the history.
  Result<std::string> WriteTree(HeadWriter* writer, HeadImage* image) const;
  /// Write the head as a whole, with these edits, or the edits behind the first `written` as a
  /// part.
  Status WriteWhole(HeadWriter* writer, PayloadEncoder* encoder, const EditRun& waiting,
                    HeadImage* image) const;
  Status WritePart(HeadWriter* writer, PayloadEncoder* encoder, size_t written,
                   HeadImage* image) const;

  const SeriesId id_;
  mutable std::mutex mutex_;
  // Guarded by mutex_. Only the writer changes them, so it alone reads them without.
  int64_t tree_revision_ = kEmptyRevision;
  NodeLink root_;
  TreeTail tail_;  // with it, the tree has all its points
  int64_t tree_end_ = kTimeMin;
  History history_;
  Pending pending_;
  int64_t end_ = kTimeMin;       // there are no points at or after it, with what waits
  std::vector<HeadPart> parts_;  // the records that the head was written to
  bool grown_ = false;           // since: what waits is in none of them
  Status grow_error_;
  // Guarded by mutex_: the overlay of the first edits that wait, from the last time it was needed.
  mutable std::shared_ptr<const Overlay> overlay_;
  mutable size_t overlay_steps_ = 0;
  // The writer's.
  size_t dirty_bytes_ = 0;
};

}  // namespace firth::timeview
