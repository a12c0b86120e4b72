// Several streams side by side, joined on time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "firth/common/status.h"
#include "firth/table/series.h"

namespace firth::doors::btrdb {

/// Rows of a join: a column a stream, NaN where it has no point.
struct JoinedBatch {
  std::vector<int64_t> times;
  std::vector<std::vector<double>> columns;

  size_t size() const { return times.size(); }
};

/// A full outer join of pinned streams over [start, end), ascending in time. The k-th points of one
/// time share a row. With a snap period P each stream gives at most one point to each time start +
/// k*P before `end`: that nearest to it in [-P/2, P/2), of two equally near the earlier, of equal
/// times the last; times that no stream has a point for are left out. Errors: as
/// timeview::Snapshot.
class JoinCursor : public timeview::Cursor<JoinedBatch> {
 public:
  /// `snap_period` 0: times as they are. The range was checked.
  static Result<std::unique_ptr<JoinCursor>> Open(const std::vector<timeview::Snapshot>& streams,
                                                  int64_t start, int64_t end, int64_t snap_period);
};

}  // namespace firth::doors::btrdb
