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
  /// The newest snapshot's files, verified. Right: read.
  virtual Result<LakeFiles> Files(const Caller& caller, const TablePtr& table) = 0;
};

}  // namespace firth::table
