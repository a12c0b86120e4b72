// Numeric columns of any table as series of points: what is in a table's rows, read as if it had
// been inserted into series, one a column; where the edition says which columns tell series apart,
// one a column and set of their values.
//
// A point's time is its row's: that of the time column, else of the commit. Nulls, NaN, infinities
// and times off the time line are no points. The points lie in a time view that is fed from the log
// (column_feed.h), but for some tables with a key (column_fold.h).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/table/column_feed.h"
#include "firth/table/column_fold.h"
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
  SeriesKey key;
};
using ColumnSeriesPtr = std::shared_ptr<const ColumnSeries>;

/// Thread-safe. Calls block.
class ColumnSeriesStore {
 public:
  ColumnSeriesStore(DatabaseImpl* database, ColumnFeed* feed)
      : database_(database), feed_(feed), fold_(database) {}

  /// The columns of the tables at or below a path that the caller may see.
  Result<std::vector<ColumnSeriesPtr>> Find(const access::Caller& caller, const Path& prefix);
  /// The same of the table at a path; none if there is no table.
  Result<std::vector<ColumnSeriesPtr>> FindIn(const access::Caller& caller, const Path& path);
  /// The tables with such columns whose path, as text, begins with `prefix`.
  Result<std::vector<Path>> Tables(const access::Caller& caller, const std::string& prefix);
  /// The column with this id; null if there is none that the caller may see. Takes no longer with
  /// more tables, unless one changed since the last call.
  Result<ColumnSeriesPtr> Get(const access::Caller& caller, const SeriesId& id);

  Result<int64_t> LatestRevision(const ColumnSeries& series);
  /// `empty` is a snapshot of that id without points. Errors: those of ColumnFeed and ColumnFold.
  Result<Snapshot> Pin(const access::Caller& caller, const ColumnSeries& series,
                       const Snapshot& empty, int64_t revision);
  Result<std::unique_ptr<timeview::RangeCursor>> Changes(const access::Caller& caller,
                                                         const ColumnSeries& series, int64_t from,
                                                         int64_t to, int resolution);
  /// Append points as rows of the table, whose other columns are null. Errors: kUnimplemented for a
  /// table with a key, or without a time column, and for a merge policy; those of AppendRows.
  Result<int64_t> Append(const access::Caller& caller, const ColumnSeries& series,
                         std::span<const int64_t> times, std::span<const double> values,
                         MergePolicy policy);
  /// Are its points fed into a time view? Then inserts can be subscribed to.
  static bool IsFed(const ColumnSeries& series) {
    return ColumnFeed::Takes(*series.table->current);  // NOLINT(bugprone-unchecked-optional-access)
  }

 private:
  struct Place {
    TableId table;
    std::string column;
    SeriesKey key;
  };

  static FedSeries FedOf(const ColumnSeries& series) {
    return {.table = series.table, .id = series.info->id};
  }
  /// The values of the columns that tell series apart; one without any where there are none.
  Result<std::vector<SeriesKey>> KeysOf(const TablePtr& table);
  /// Add a table's columns, if the caller may see them.
  Status AddColumns(const access::Caller& caller, const TablePtr& table,
                    std::vector<ColumnSeriesPtr>* found);
  void Remember(const std::vector<ColumnSeriesPtr>& series);
  /// Learn the ids of all columns, if there may be new ones. Returns whether there may.
  Result<bool> Learn();

  DatabaseImpl* const database_;
  ColumnFeed* const feed_;
  ColumnFold fold_;
  std::mutex mutex_;
  std::unordered_map<SeriesId, Place> known_;  // guarded by mutex_
  CommitId learnt_{-1};          // guarded by mutex_; the catalog's, when all were learnt
  std::vector<TablePtr> keyed_;  // guarded by mutex_; then: tables with several series a column
};

/// A refusal of what cannot be done to a column of a table.
Status NotOfAColumn(const char* what);

}  // namespace firth::table
