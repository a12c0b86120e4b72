// The time view: for each series a copy-on-write tree over time, with statistics in every inner
// node, compressed points in its leaves, and every revision readable for ever (after Andersen and
// Culler, "BTrDB: Optimizing Storage System Design for Timeseries Processing", FAST 2016).
//
// The log in front of it is the only write-ahead log. The caller applies the log's edits in the
// order of their commits; the view keeps recent ones in memory, builds trees of them, and now and
// then publishes a base: durable files and, in one manifest, the commit up to which they hold
// everything (the watermark). After a restart the caller applies the edits after the watermark
// again. If the folder is lost the watermark is 0. docs/formats/timeview.md has the files.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"
#include "firth/timeview/series.h"
#include "firth/timeview/snapshot.h"

namespace firth::timeview {

/// Sizes and limits. All bytes are of memory, unless they are of a file.
struct TimeViewOptions {
  store::FileSystem* files = nullptr;
  std::string folder = "timeview";  // in `files`; nobody else writes there
  /// Decoded nodes that were read from files, all series together.
  uint64_t node_cache_bytes = uint64_t{256} << 20;
  /// Nodes that are not in files yet. Over it, nodes are written ahead of the next checkpoint.
  uint64_t dirty_bytes_max = uint64_t{64} << 20;
  /// Edits that are not in trees yet, all series together. Over it, the oldest go into theirs, or
  /// are written and forgotten until somebody wants them.
  uint64_t pending_bytes_max = uint64_t{64} << 20;
  /// Points of one series that wait outside its tree; an edit of at least a quarter of it goes in at
  /// once. Where some come late, up to four times as many points of the tree are in no node of it.
  uint32_t series_pending_points_max = 16384;
  /// Fewer points of one series than this are rather written with its head than put into its tree;
  /// an eighth of that where the head has all the parts that it may have.
  uint32_t head_points_max = 8192;
  /// Series whose heads are kept in memory.
  uint32_t open_series_max = 100'000;
  /// Points of a leaf at most; tests make it small. Trees of another shape go on being read.
  uint32_t leaf_points_max = 1536;
  /// Times of late points that earlier revisions leave out of one tree, before a root is kept.
  uint32_t late_times_max = 512 << 10;
  /// A node file is closed when it has grown to this.
  uint64_t file_bytes_max = uint64_t{256} << 20;
};

/// What is known of a series without reading its points.
struct SeriesInfo {
  int64_t revision = kEmptyRevision;       // the latest
  int64_t tree_revision = kEmptyRevision;  // up to which the tree holds everything
  uint64_t tree_points = 0;
  uint64_t pending_points = 0;  // inserted after tree_revision
};

struct TimeViewStats {
  uint64_t series = 0;         // in the last base
  uint64_t open_series = 0;    // heads in memory
  uint64_t pending_bytes = 0;  // edits outside the trees
  uint64_t dirty_bytes = 0;    // nodes outside the files
  uint64_t cache_bytes = 0;
  uint64_t cache_hits = 0;
  uint64_t cache_misses = 0;
  uint64_t files = 0;
  uint64_t file_bytes = 0;
  uint64_t dead_bytes = 0;     // of those, known to be reachable from nowhere
  uint64_t written_bytes = 0;  // to files since the view was opened
  uint64_t trees_written = 0;  // new roots since the view was opened
};

/// What Reclaim did.
struct Reclaimed {
  uint64_t files = 0;  // rewritten or removed
  uint64_t freed_bytes = 0;
  bool more = false;  // there was more to look at than it was allowed to
};

/// Reads are thread-safe and see every edit whose Apply has returned. There is one writer: Apply,
/// Obliterate, Checkpoint and Reclaim are called by one thread at a time. All calls may block.
class TimeView {
 public:
  /// Open the last base, or begin anew where there is none. Files that no base names are removed.
  /// Errors: kDataLoss / kChecksumMismatch or kFileMissing for a damaged base (Destroy, then replay
  /// the log from its start); kFailedPrecondition / kFormatTooNew.
  static Result<std::unique_ptr<TimeView>> Open(const TimeViewOptions& options);
  /// Remove everything in the folder of a view that is not open.
  static Status Destroy(const TimeViewOptions& options);
  virtual ~TimeView() = default;

  /// Apply edits in the order given; on return every read sees them, and the watermark is
  /// `watermark` (it never goes back). Nothing is durable before the next Checkpoint. Edits whose
  /// commit is not after the watermark are passed over, so a replay may begin early. Each other
  /// edit makes the revision after its series' latest. Different series are different snapshots: a
  /// reader may pin one series with and another without a commit that touches both, while Apply
  /// runs. Errors, upon which nothing was applied: kInvalidArgument / kTimeOutOfRange, kBadValue;
  /// kFailedPrecondition / kVersionMismatch for a revision out of turn; kDataLoss, kIo when a
  /// series cannot be read; what the last failed sync gave.
  virtual Status Apply(std::span<const Edit> edits, CommitId watermark) = 0;

  /// Forget a series and all its revisions; an unknown one is fine. Snapshots that are pinned go
  /// on. Its space comes back by Reclaim. The caller never uses its id again. Errors: as Apply.
  virtual Status Obliterate(const SeriesId& series, CommitId watermark) = 0;

  /// The revision of the last edit that was applied; kEmptyRevision for a series without any.
  virtual Result<int64_t> LatestRevision(const SeriesId& series) = 0;
  /// The revision that the next edit is to make, asked before it is written to the log. Errors:
  /// kDataLoss, kIo of a series whose tree could not take anything in for so long that too much
  /// waits outside it; what the last failed sync gave.
  virtual Result<int64_t> NextRevision(const SeriesId& series) = 0;
  virtual Result<SeriesInfo> Info(const SeriesId& series) = 0;

  /// Pin a revision (kLatestRevision: the last one). Error kNotFound / kVersionNotFound for a
  /// revision below kEmptyRevision or above the latest. A series that is not known has revision
  /// kEmptyRevision.
  virtual Result<Snapshot> Pin(const SeriesId& series, int64_t revision) = 0;

  /// Stream the times at which the points differ between any two successive revisions of
  /// (from, to], as ranges whose ends are multiples of 2^resolution (0 to 63), ascending, which
  /// neither overlap nor touch; a range at the end of the time line may reach beyond it. `from`
  /// below kEmptyRevision counts as that, `to` may be kLatestRevision. Time: what changed, not what
  /// is stored. Errors: kInvalidArgument for a bad resolution or from > to; kNotFound /
  /// kVersionNotFound.
  virtual Result<std::unique_ptr<RangeCursor>> Changes(const SeriesId& series, int64_t from,
                                                       int64_t to, int resolution) = 0;

  /// Write what is not in files yet and publish it, with the watermark, as the new base: on return
  /// it is durable, and a crash at any instant leaves the old base or the new one. Errors:
  /// kDiskFull (nothing is lost, call again when there is room), kIo. After a failed sync the view
  /// is only good for reading: every further Apply and Checkpoint fails; open it anew.
  virtual Status Checkpoint() = 0;

  /// Rewrite or remove files that are mostly dead, at most about `bytes_max` of them, and publish
  /// that. Calls Checkpoint first. Errors: as Checkpoint; kDataLoss names a damaged file, which
  /// stays as it is.
  virtual Result<Reclaimed> Reclaim(uint64_t bytes_max) = 0;

  /// The commit up to which edits were applied, and that of the last base.
  virtual CommitId watermark() const = 0;
  virtual CommitId base_watermark() const = 0;
  virtual TimeViewStats Stats() const = 0;
};

}  // namespace firth::timeview
