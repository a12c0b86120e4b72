// How the series of a table stand.
#pragma once

#include <cstdint>
#include <optional>

#include "firth/table/database.h"
#include "firth/table/series.h"
#include "firth/table/view_stats.h"

namespace firth::table {

struct SeriesStats {
  int64_t series = 0;
  /// Of many series the points of some are counted, and the rest estimated. `bytes` are the part of
  /// the view's files that falls to these points: about, since series share files; 0 for a
  /// collection of series of their own, whose part nobody counts.
  ViewStats points;
};

/// Nothing for a table that has no series, or whose columns nobody asked for as such. Blocks: it
/// counts. Right: see.
Result<std::optional<SeriesStats>> StatsOfSeries(SeriesStore* series, const access::Caller& caller,
                                                 const TablePtr& table);

}  // namespace firth::table
