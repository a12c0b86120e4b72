// Numeric columns of any table as series of points: what is in a table's rows, read as if it had
// been inserted into series, one a column; where the edition says which columns tell series apart,
// one a column and set of their values. Nothing is stored for it.
//
// A point's time is its row's: that of the time column, else of the commit. Nulls, NaN, infinities
// and times off the time line are no points. Of a table without a key, each commit is a revision;
// of one with a key there is one revision more with each commit, and the last one can be read: its
// current rows.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/table/database.h"
#include "firth/table/series.h"
#include "firth/timeview/snapshot.h"

namespace firth::table {

class DatabaseImpl;

/// A column that is a series.
struct ColumnSeries {
  SeriesPtr info;
  TablePtr table;
  std::string column;
  std::vector<std::string> key;  // the values, as text, of the columns that tell series apart
};
using ColumnSeriesPtr = std::shared_ptr<const ColumnSeries>;

/// Thread-safe. Calls block.
class ColumnSeriesStore {
 public:
  /// Points that one read holds in memory at most.
  static constexpr int64_t kPointsMax = int64_t{16} << 20;

  explicit ColumnSeriesStore(DatabaseImpl* database) : database_(database) {}

  /// The columns of the tables at or below a path that the caller may see.
  Result<std::vector<ColumnSeriesPtr>> Find(const access::Caller& caller, const Path& prefix);
  /// The column with this id; null if there is none that the caller may see. Takes no longer with
  /// more tables, unless one changed since the last call.
  Result<ColumnSeriesPtr> Get(const access::Caller& caller, const SeriesId& id);

  Result<int64_t> LatestRevision(const ColumnSeries& series);
  /// `empty` is a snapshot of that id without points. Errors: kVersionNotFound; kOverBudget.
  Result<Snapshot> Pin(const access::Caller& caller, const ColumnSeries& series,
                       const Snapshot& empty, int64_t revision);
  /// The ranges of time, in multiples of 2^resolution, that hold a point of the revisions (from,
  /// to].
  Result<std::unique_ptr<timeview::RangeCursor>> Changes(const access::Caller& caller,
                                                         const ColumnSeries& series, int64_t from,
                                                         int64_t to, int resolution);
  /// Append points as rows of the table, whose other columns are null. Errors: kUnimplemented for a
  /// table with a key, or without a time column; those of AppendRows.
  Result<int64_t> Append(const access::Caller& caller, const ColumnSeries& series,
                         std::span<const int64_t> times, std::span<const double> values);

 private:
  /// Points by revision.
  struct Points {
    struct Revision {
      std::vector<int64_t> times;
      std::vector<double> values;
    };
    std::vector<Revision> revisions;  // the first is kEmptyRevision + 1
    int64_t skipped = 0;
  };
  using PointsPtr = std::shared_ptr<const Points>;
  struct Kept {
    SeriesId id;
    CommitId commit;
    PointsPtr points;
  };

  /// The values of the columns that tell series apart; one without any where there are none.
  using Keys = std::set<std::vector<std::string>>;
  struct Place {
    TableId table;
    std::string column;
    std::vector<std::string> key;
  };
  struct KeptKeys {
    CommitId commit;
    std::shared_ptr<const Keys> keys;
  };

  Result<std::shared_ptr<const Keys>> KeysOf(const TablePtr& table);
  void Remember(const std::vector<ColumnSeriesPtr>& series);
  /// Learn the ids of all columns, if there may be new ones. Returns whether there may.
  Result<bool> Learn();

  /// The commits that wrote to a table, in order.
  Result<std::vector<CommitId>> CommitsOf(const TableInfo& table);
  Result<PointsPtr> PointsOf(const access::Caller& caller, const ColumnSeries& series);
  Result<PointsPtr> Read(const access::Caller& caller, const ColumnSeries& series,
                         const std::vector<CommitId>& commits);

  DatabaseImpl* const database_;
  std::mutex mutex_;
  std::unordered_map<SeriesId, Place> known_;  // guarded by mutex_
  CommitId learnt_{-1};          // guarded by mutex_; the catalog's, when all were learnt
  std::vector<TablePtr> keyed_;  // guarded by mutex_; then: tables with several series a column
  std::map<EditionId, KeptKeys> keys_;  // guarded by mutex_
  std::list<Kept> kept_;                // guarded by mutex_; the last used first
};

/// A refusal of what cannot be done to a column of a table.
Status NotOfAColumn(const char* what);

}  // namespace firth::table
