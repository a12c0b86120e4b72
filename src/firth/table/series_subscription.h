// Being told of inserts into series as they become visible.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "firth/table/series.h"

namespace firth::table {

/// Points that one insert made visible, ascending in time.
struct InsertedPoints {
  SeriesId series;
  int64_t revision = 0;
  timeview::PointBatch points;
};

/// Who is told of inserts. Thread-safe. It ends when it is destroyed.
class SeriesSubscription {
 public:
  virtual ~SeriesSubscription() = default;
  /// From the return on, every insert into these series that comes after is taken up: those of one
  /// series in the order of their revisions, none twice. Error kSeriesNotFound, then none is added.
  virtual Status Add(const access::Caller& caller, std::span<const SeriesId> series) = 0;
  virtual void Remove(std::span<const SeriesId> series) = 0;
  /// Take what waits, at most about `points_max` points but at least one insert; empty when nothing
  /// does. Does not block. Error kOverBudget when more waited than was allowed: it has ended then.
  virtual Result<std::vector<InsertedPoints>> Take(size_t points_max) = 0;
};

/// Begin to be told of inserts into series of a Database. `wake` is called when there is something
/// to take after there was nothing, and when more than `points_max` points wait; it must not block,
/// and may be called until the subscription is destroyed, which is before the Database is.
std::unique_ptr<SeriesSubscription> SubscribeToSeries(SeriesStore* series, size_t points_max,
                                                      std::function<void()> wake);

}  // namespace firth::table
