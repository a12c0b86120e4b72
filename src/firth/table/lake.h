// Files cut from tables' logs: Parquet that every lake engine reads, and the snapshots that name
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/table/database.h"

namespace firth::table {

/// What the files of a table held at one commit.
struct LakeSnapshot {
  int64_t id = 0;       // rising within an edition; 0: nothing was cut yet
  CommitId commit{0};   // every row of commits up to it, and none of a later one
  int64_t time_ns = 0;  // when it was made
  int64_t rows = 0;     // of the log: of a keyed table, its changes
};

/// The files of the newest snapshot.
struct LakeFiles {
  LakeSnapshot snapshot;
  uint64_t bytes = 0;
  std::vector<std::string>
      paths;  // in the store's files; absolute where those are a local folder's
  /// Iceberg metadata (format 2) of every row of the logs, and of the current rows, as the
  /// operating system knows them; empty where there are none. They may be of an earlier snapshot.
  std::string history_metadata;
  std::string current_metadata;
  std::shared_ptr<const void> hold;  // while this is kept, the files are not removed
};

/// How far a snapshot reaches in one log: up to `end`, without it.
struct LakeEnd {
  BucketRef where;
  Offset end;
};

/// The newest snapshot, and how far it reaches in each log that it has rows of.
struct LakeEnds {
  LakeSnapshot snapshot;
  std::vector<LakeEnd> logs;
};

/// Keys in [from, to), in the bytes of schema/key.h over the columns that sort the table or the
/// first ones of them (SortKey). An empty `to`: to the end.
struct KeyRange {
  std::string from;
  std::string to;
};

struct RangeScanRequest {
  TablePtr table;
  std::vector<std::string> columns;  // empty: all, in schema order
  std::vector<KeyRange> ranges;      // in any order; they may overlap; none: all rows
  CommitId as_of = catalog::kNow;    // rows of commits up to this
  /// Only rows behind this position of an earlier scan, whose commit is then read as well.
  std::string after;
};

/// Rows in the order of the table's sort columns, ties in the order of their logs and offsets. One
/// thread at a time. Blocks.
class RangeScanner {
 public:
  virtual ~RangeScanner() = default;
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// The next rows, at least one; null at the end.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
  /// Where row `row` of the last batch stands: a scan after it goes on with the next one, whatever
  /// was written, cut or merged meanwhile. Opaque.
  virtual Result<std::string> PositionOf(int64_t row) const = 0;
  virtual CommitId as_of() const = 0;
};

/// The names of the columns that sort a table's files and range scans: its key, else its order.
std::vector<std::string> SortColumns(const TableInfo& table);
/// The key of values of the sort columns, or of the first ones of them, for KeyRange: all rows that
/// begin with them have keys in [key, schema::PrefixEnd(key)). Errors: kInvalidArgument for values
/// of other types.
Result<std::string> SortKey(const TableInfo& table,
                            const std::vector<std::shared_ptr<arrow::Scalar>>& values);

/// Lives as long as the Database. Thread-safe. All calls block.
class LakeStore {
 public:
  virtual ~LakeStore() = default;

  /// Bring the table's files, and what other engines are told of them, up to the last commit.
  /// Right: read. Errors: kViewAbsent for a table whose edition keeps no lake view, and those of
  /// lakeview::LakeView::Cut.
  virtual Result<LakeSnapshot> Cut(const Caller& caller, const TablePtr& table) = 0;
  /// Snapshots that are remembered, oldest first. Right: read.
  virtual Result<std::vector<LakeSnapshot>> Snapshots(const Caller& caller,
                                                      const TablePtr& table) = 0;
  /// Of the newest snapshot; its id is 0 where nothing was cut yet. Right: read.
  virtual Result<LakeEnds> Ends(const Caller& caller, const TablePtr& table) = 0;
  /// The newest snapshot's files, verified. Right: read.
  virtual Result<LakeFiles> Files(const Caller& caller, const TablePtr& table) = 0;
  /// Read ranges in sort order, from files and the logs behind them: every row of commits up to
  /// one; of a keyed table the rows that were current then. Bounded memory: where much is not in
  /// files yet, they are cut first. Right: read. Errors: kFailedPrecondition for a table without
  /// sort columns, kInvalidArgument for a bad position, kColumnNotFound.
  virtual Result<std::unique_ptr<RangeScanner>> ScanRange(const Caller& caller,
                                                          const RangeScanRequest& request) = 0;
};

}  // namespace firth::table
