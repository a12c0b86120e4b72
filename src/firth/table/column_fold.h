// Series that are columns of a keyed table whose log does not tell what each effect took away, or
// whose rows have no times of their own: the current rows are made of the whole log when they are
// asked for, and held in memory. There is one revision more with each commit, and the last one can
// be read.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "firth/table/column_points.h"
#include "firth/table/database.h"

namespace firth::table {

class DatabaseImpl;
struct ColumnSeries;

/// Thread-safe. Calls block.
class ColumnFold {
 public:
  /// Rows that one read looks at, at most.
  static constexpr int64_t kRowsMax = int64_t{16} << 20;

  explicit ColumnFold(DatabaseImpl* database) : database_(database) {}

  Result<std::vector<SeriesKey>> KeysOf(const TablePtr& table);
  Result<int64_t> LatestRevision(const ColumnSeries& series);
  /// `empty` is a snapshot of that id without points. Errors: kVersionNotFound; kOverBudget.
  Result<Snapshot> Pin(const ColumnSeries& series, const Snapshot& empty, int64_t revision);
  /// The ranges of time, in multiples of 2^resolution, that hold a point now.
  Result<std::unique_ptr<timeview::RangeCursor>> Changes(const ColumnSeries& series, int64_t from,
                                                         int64_t to, int resolution);

 private:
  using PointsPtr = std::shared_ptr<const timeview::PointBatch>;
  struct Kept {
    SeriesId id;
    CommitId commit;
    PointsPtr points;
  };
  struct KeptKeys {
    CommitId commit;
    std::vector<SeriesKey> keys;
  };
  struct Current {
    int64_t revision = 0;
    PointsPtr points;
  };

  /// The commits that wrote to a table, in order.
  Result<std::vector<CommitId>> CommitsOf(const TableInfo& table);
  Result<Current> CurrentOf(const ColumnSeries& series);
  Result<PointsPtr> Read(const ColumnSeries& series, CommitId last);

  DatabaseImpl* const database_;
  std::mutex mutex_;
  std::map<EditionId, KeptKeys> keys_;  // guarded by mutex_
  std::list<Kept> kept_;                // guarded by mutex_; the last used first
};

}  // namespace firth::table
