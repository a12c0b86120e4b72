// How tables get to their lake view.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "firth/lakeview/lake_view.h"
#include "firth/query/table_resolver.h"
#include "firth/table/in_work.h"
#include "firth/table/lake.h"

namespace firth::table {

class DatabaseImpl;

/// A table's rows up to a commit, some of them in files that DuckDB reads by itself.
struct LakeRows {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<query::ParquetRows> parquet;
  /// Opens the others, with these columns; without some that do not meet the filter. Null if there
  /// are none.
  std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>(
      const std::vector<std::string>& columns, const schema::RowFilter& filter)>
      open_rest;
  std::shared_ptr<const void> hold;
};

/// What of one log is not in files.
struct LogTail {
  LogId log;
  BucketRef where;
  Offset from;
  uint64_t bytes = 0;
};

class LakeStoreImpl : public LakeStore {
 public:
  explicit LakeStoreImpl(DatabaseImpl* database) : database_(database) {}

  Status Open(const DatabaseOptions& options);
  /// Begin to cut in the background, every `lake_interval_ns`.
  void Start();
  /// Begin nothing more, and wait for what was begun.
  void Stop();

  Result<LakeSnapshot> Cut(const Caller& caller, const TablePtr& table) override;
  Result<std::vector<LakeSnapshot>> Snapshots(const Caller& caller, const TablePtr& table) override;
  Result<LakeEnds> Ends(const Caller& caller, const TablePtr& table) override;
  Result<LakeFiles> Files(const Caller& caller, const TablePtr& table) override;

  Result<std::unique_ptr<RangeScanner>> ScanRange(const Caller& caller,
                                                  const RangeScanRequest& request) override;

  /// The newest snapshot, its files verified; null before the first cut and for editions without a
  /// lake view.
  Result<lakeview::SnapshotPtr> Pin(const TablePtr& table);
  /// While what is returned lives, no file goes that is named now or comes to be: for a backup.
  std::shared_ptr<void> Hold() { return view_->Hold(); }
  /// Which rows of a file are asked for; it may give more.
  struct FilePart {
    std::vector<int> groups;
    lakeview::KeySpans keys;                  // none: all of these groups
    std::shared_ptr<arrow::Field> sorted_by;  // the column that sorts the file first
  };
  /// The rows of a verified file up to a commit, with these columns of the newest schema (which
  /// have their ids), or hidden ones; without `part`, all.
  Result<std::shared_ptr<arrow::RecordBatchReader>> OpenFile(
      const EditionInfo& edition, const lakeview::LakeFilePtr& file,
      const std::shared_ptr<arrow::Schema>& columns, CommitId as_of,
      std::optional<FilePart> part = std::nullopt);
  /// All rows of a table's logs up to a commit: of files, and of the logs behind them; with
  /// `hidden`, followed by the hidden columns of lakeview/stored_types.h.
  Result<LakeRows> RowsOf(const TablePtr& table, CommitId as_of, bool hidden = false);
  /// Can the state of a keyed table at a past commit be told from its files and logs? Error
  /// kVersionNotFound where they no longer reach back to its beginning.
  Status CheckWhole(const TablePtr& table);
  /// Of each log of an edition, the rows below this offset are durably in files; a log that is not
  /// there has none in them. Does not block once it was asked.
  std::map<LogId, Offset> Absorbed(EditionId edition);
  /// Verify the files of an edition's newest snapshot against their hashes; how many there are.
  Result<uint64_t> CheckFiles(EditionId edition);
  /// The table was dropped: so are its files.
  Status Drop(const std::vector<EditionId>& editions);
  /// The path of one of our files as the operating system knows it; empty where it does not.
  std::string LocalPath(const std::string& path) const;

 private:
  /// The ends of an edition's logs that have rows of commits up to one; without a snapshot, all of
  /// them.
  Result<std::vector<LogTail>> TailsOf(const EditionInfo& edition,
                                       const lakeview::Snapshot* snapshot, CommitId as_of);
  /// The files of an edition's logs, without those of partitions that were dropped.
  Result<std::vector<lakeview::LakeFilePtr>> FilesOf(const EditionInfo& edition,
                                                     const lakeview::Snapshot* snapshot);
  static uint64_t BytesOf(const std::vector<LogTail>& tails);
  Result<lakeview::SnapshotPtr> CutEdition(const TablePtr& table);
  lakeview::LakeView::OpenLog LogOpener(const TablePtr& table);
  /// Rounds in the background. A timer that fires as we end holds them, not us.
  struct Rounds {
    InWork in_work;
    std::mutex mutex;
    bool stopped = false;  // guarded by mutex
    uint64_t timer = 0;    // guarded by mutex; of the next round
    bool IsStopped() {
      std::lock_guard lock(mutex);
      return stopped;
    }
  };

  enum class Due { kNothing, kLater, kNow };
  /// Somebody reads the rows of files: the next look at this edition is to keep them new.
  void NoteAsked(EditionId edition);
  /// Is there something of the table's logs that is not in files, and is it time?
  Result<Due> IsDue(const TablePtr& table);
  /// Take the editions whose logs grew since the last call into behind_.
  Status NoteGrown();
  void CutInBackground();
  void Schedule();

  DatabaseImpl* const database_;
  std::unique_ptr<lakeview::LakeView> view_;
  std::string local_folder_;
  Executor* background_ = nullptr;
  const Clock* clock_ = nullptr;
  int64_t interval_ns_ = 0;
  uint64_t behind_bytes_max_ = 0;
  int64_t behind_ns_max_ = 0;
  uint64_t hot_bytes_ = 0;
  uint64_t hot_behind_bytes_max_ = 0;
  int64_t hot_behind_ns_max_ = 0;
  // The round's own: what may be behind, so that logs at rest are not looked at again and again.
  CommitId looked_at_{0};
  std::map<EditionId, uint64_t> behind_;  // by how many bytes, when it was looked at last
  std::set<EditionId> asked_before_;      // whose files were read between the last two looks
  std::mutex asked_mutex_;
  std::set<EditionId> asked_;  // guarded by asked_mutex_; whose files were read since the last look
  const std::shared_ptr<Rounds> rounds_ = std::make_shared<Rounds>();
};

}  // namespace firth::table
