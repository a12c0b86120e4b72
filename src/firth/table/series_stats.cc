#include "firth/table/series_stats.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "firth/table/database_impl.h"
#include "firth/table/series_store.h"

namespace firth::table {
namespace {

/// Of so many series points are counted.
constexpr size_t kCountedMax = 1000;

/// Add the points that a series holds now.
Status CountPoints(timeview::TimeView* view, const SeriesId& id, SeriesStats* stats) {
  ARROW_ASSIGN_OR_RAISE(const Snapshot now, view->Pin(id, timeview::kLatestRevision));
  ARROW_ASSIGN_OR_RAISE(const timeview::Statistics all,
                        now.Summarise(timeview::kTimeMin, timeview::kTimeTop));
  stats->points.rows += static_cast<int64_t>(all.count);
  return Status::OK();
}

/// So many series were counted: estimate the rest.
void Extrapolate(size_t counted, SeriesStats* stats) {
  if (static_cast<size_t>(stats->series) <= counted) return;
  stats->points.rows_exact = false;
  stats->points.rows =
      static_cast<int64_t>(static_cast<double>(stats->points.rows) *
                           static_cast<double>(stats->series) / static_cast<double>(counted));
}

}  // namespace

Result<std::optional<SeriesStats>> ColumnFeed::StatsOf(const TableInfo& table) const {
  SeriesStats stats;
  std::vector<SeriesId> counted;
  double share = 0;
  {
    std::lock_guard lock(mutex_);
    const Fed* const fed = FindFed(table.current->id);
    if (fed == nullptr || fed->runs.empty()) return std::nullopt;
    ARROW_RETURN_NOT_OK(fed->broken);
    std::set<std::string> columns;
    for (const Run& run : fed->runs) columns.insert(run.columns.begin(), run.columns.end());
    const std::vector<std::string> keys = fed->keys.Copy();
    stats.series = static_cast<int64_t>(columns.size() * keys.size());
    for (const std::string& column : columns) {
      for (const std::string& encoded : keys) {
        if (counted.size() == kCountedMax) break;
        ARROW_ASSIGN_OR_RAISE(const SeriesKey key, SeriesKeys::Decode(encoded));
        counted.push_back(InnerOf(*fed, ColumnSeriesId(fed->edition, column, key)));
      }
    }
    stats.points.watermark = WatermarkOf(*fed);
    stats.points.base = fed->base;
    uint64_t all = 0;
    for (const auto& [edition, one] : editions_) all += one->points;
    if (all > 0) share = static_cast<double>(fed->points) / static_cast<double>(all);
  }
  for (const SeriesId& id : counted) ARROW_RETURN_NOT_OK(CountPoints(view_.get(), id, &stats));
  Extrapolate(counted.size(), &stats);
  const timeview::TimeViewStats files = view_->Stats();
  stats.points.bytes =
      static_cast<uint64_t>(static_cast<double>(files.file_bytes - files.dead_bytes) * share);
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        database_->catalog()->ListPartitions(table.current->id));
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const LogId log = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(log));
      if (range.last_commit <= stats.points.watermark) continue;
      ARROW_ASSIGN_OR_RAISE(const Offset from,
                            database_->log()->OffsetAfterCommit(log, stats.points.watermark));
      ARROW_ASSIGN_OR_RAISE(const uint64_t bytes,
                            database_->log()->BytesBetween(log, from, range.end));
      stats.points.lag_bytes += bytes;
    }
  }
  // Commits that wrote nothing to this table are in it, too.
  if (stats.points.lag_bytes == 0) stats.points.watermark = database_->LastCommit();
  return stats;
}

Result<std::optional<SeriesStats>> SeriesStoreImpl::StatsOf(const access::Caller& caller,
                                                            const TableInfo& table) {
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kSee, table));
  if (!table.current.has_value()) return std::nullopt;
  if (!HoldsSeries(*table.current)) return column_feed_.StatsOf(table);
  SeriesStats stats{.points = {.watermark = view_->watermark(), .base = view_->base_watermark()}};
  size_t counted = 0;
  ARROW_RETURN_NOT_OK(
      facts_.VisitCollection(table.path, [&](const SeriesPtr& series) -> Result<bool> {
        ++stats.series;
        if (counted == kCountedMax) return true;
        ++counted;
        ARROW_RETURN_NOT_OK(CountPoints(view_.get(), series->id, &stats));
        return true;
      }));
  Extrapolate(counted, &stats);
  return stats;
}

Result<std::optional<SeriesStats>> StatsOfSeries(SeriesStore* series, const access::Caller& caller,
                                                 const TablePtr& table) {
  // This room makes every SeriesStore there is.
  return static_cast<SeriesStoreImpl*>(series)->StatsOf(caller, *table);
}

}  // namespace firth::table
