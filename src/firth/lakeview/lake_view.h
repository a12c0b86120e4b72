// The lake view: Parquet files cut from the logs of editions, and the snapshots that name them.
//
// At rest: folder/<edition>/<number>.parquet, and one manifest for the newest snapshot of an
// edition, which the catalog names (lake/<edition>/head) by its length and hash. Files are written,
// synced and named in a synced folder before the catalog names their manifest; what it does not
// name is removed at the next start. Numbers come from a sequence of the catalog, so no name is
// used twice.
//
// Rows of a table's log are never changed: every file keeps all rows of its range of offsets, with
// their commits, also when files are merged. So the rows of any commit up to the newest snapshot's
// are found in its files.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/clock.h"
#include "firth/common/status.h"
#include "firth/lakeview/iceberg.h"
#include "firth/lakeview/snapshot.h"
#include "firth/store/file_system.h"

namespace firth::lakeview {

struct LakeViewOptions {
  store::FileSystem* files = nullptr;
  catalog::Catalog* catalog = nullptr;
  const Clock* clock = nullptr;
  std::string folder = "lake";
  /// The folder of the operating system that `files` are in; empty: there is none, and other
  /// engines are told of nothing.
  std::string local_folder;
  /// Rows that a cut holds in memory at most, in bytes; a batch of the log is held whole.
  uint64_t buffer_bytes_max = uint64_t{48} << 20;
  int64_t buffer_rows_max = 1 << 20;
  /// Files of a log with as many adjacent ones of their level become one of the next.
  int merge_files = 8;
  /// Files are not merged into larger ones than this.
  int64_t file_rows_max = int64_t{16} << 20;
  uint64_t file_bytes_max = uint64_t{512} << 20;
  /// How long a file stays that the newest snapshot does without.
  int64_t keep_ns = int64_t{3600} * 1'000'000'000;
  /// Snapshots of an edition whose commit and time are remembered.
  int64_t snapshots_max = 1000;
};

/// A log to be cut: its rows end at `end`.
struct LogEnd {
  LogId log;
  Offset start;
  Offset end;
};

/// A snapshot as it is remembered: past ones have no files of their own.
struct SnapshotRecord {
  int64_t id = 0;
  CommitId commit{0};
  int64_t time_ns = 0;
  int64_t rows = 0;
};

/// Thread-safe. All calls may block.
class LakeView {
 public:
  /// Rows of a log with offsets in [from, to), under the edition's newest schema and then the
  /// hidden columns (stored_types.h).
  using OpenLog = std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>(
      LogId log, Offset from, Offset to)>;

  /// Read the catalog and the manifests, and remove files that nothing names. A manifest that is
  /// damaged is left aside, and the edition is cut anew from its log.
  static Result<std::unique_ptr<LakeView>> Open(const LakeViewOptions& options);
  virtual ~LakeView() = default;

  /// The newest snapshot, or null before the first cut.
  virtual SnapshotPtr Newest(EditionId edition) = 0;
  /// The same, with every file checked against its hash once since it was opened; a damaged one is
  /// cut anew from the log. Error kDataLoss names a file that is damaged and cannot be.
  virtual Result<SnapshotPtr> NewestVerified(const catalog::EditionInfo& edition,
                                             const OpenLog& open) = 0;

  /// Absorb all logs of the edition up to `commit`, at which they end where `logs` says, and
  /// publish that. Logs that are not listed are no longer the edition's. Gives the newest snapshot:
  /// an earlier one where no log has grown. Errors: kInvalidSchema, kInvalidArgument for rows that
  /// files cannot hold; kDiskFull; kIo; what `open` gives. On error the snapshot before it stays.
  virtual Result<SnapshotPtr> Cut(const catalog::EditionInfo& edition, CommitId commit,
                                  const std::vector<LogEnd>& logs, const OpenLog& open) = 0;

  /// Merge one run of files, if any is due; false when none is.
  virtual Result<bool> MergeOnce(const catalog::EditionInfo& edition) = 0;

  /// Tell other engines of the newest snapshot: write its Iceberg metadata (iceberg.h), unless they
  /// were told. With `if_cheap` only if the last time was long ago compared with what it took. Does
  /// nothing for an edition with a column that Iceberg has no type for.
  virtual Status PublishTables(const catalog::EditionInfo& edition, bool if_cheap) = 0;
  /// Where the newest published metadata is, as the operating system knows it; empty: nothing was
  /// published since the start.
  virtual std::string PublishedMetadata(EditionId edition, Reading reading) = 0;

  /// Snapshots that are remembered, oldest first.
  virtual Result<std::vector<SnapshotRecord>> Snapshots(EditionId edition) = 0;

  /// While what is returned lives, no file goes that the newest snapshot of an edition names or
  /// comes to name: for who copies them. Must not outlive the view.
  virtual std::shared_ptr<void> Hold() = 0;

  /// Forget an edition, with its files.
  virtual Status Drop(EditionId edition) = 0;

  virtual store::FileSystem* files() const = 0;
};

}  // namespace firth::lakeview
