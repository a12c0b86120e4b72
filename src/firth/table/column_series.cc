#include "firth/table/column_series.h"

#include <arrow/array.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "firth/common/bytes.h"
#include "firth/common/logging.h"
#include "firth/common/name_uuid.h"
#include "firth/schema/key.h"
#include "firth/table/database_impl.h"
#include "firth/table/series_rows.h"

namespace firth::table {
namespace {

using arrow::Type;

/// The name space of columns' ids.
constexpr std::string_view kNameSpace{
    "\x0b\xd7\x1f\x5c\x8a\x43\x4d\x6e\x9b\x60\x71\x1e\x52\xc4\x3a\x90", 16};
constexpr size_t kKeptMax = 4;
constexpr size_t kKnownMax = 100'000;

bool IsNumber(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || type.id() == Type::FLOAT || type.id() == Type::DOUBLE;
}

SeriesId IdOf(EditionId edition, const std::string& column) {
  std::string name;
  AppendBe<int64_t>(&name, edition.value);
  return SeriesId::From(NameUuid(kNameSpace, name + column));
}

ColumnSeriesPtr Make(const TablePtr& table, const std::string& column) {
  auto series = std::make_shared<ColumnSeries>();
  auto info = std::make_shared<SeriesInfo>();
  info->id = IdOf(table->current->id, column);
  info->collection = table->path;
  info->tags = {{"name", column}, {"unit", ""}, {"ingress", ""}, {"distiller", ""}};
  series->info = std::move(info);
  series->table = table;
  series->column = column;
  return series;
}

/// The columns of a table that are series; none of a table of series.
std::vector<std::string> ColumnsOf(const TableInfo& table) {
  std::vector<std::string> columns;
  if (!table.current.has_value() || IsCollection(*table.current)) return columns;
  const EditionInfo& edition = *table.current;
  for (const auto& field : edition.newest().schema->fields()) {
    if (IsNumber(*field->type()) && field->name() != edition.spec.time_column) {
      columns.push_back(field->name());
    }
  }
  return columns;
}

/// Times of rows in ns; nothing where a row has none, or none that nanoseconds can say.
Result<std::vector<std::optional<int64_t>>> TimesOf(const arrow::Array& column) {
  int64_t unit_ns = 1;
  if (column.type_id() == Type::TIMESTAMP) {
    static constexpr int64_t kNs[] = {1'000'000'000, 1'000'000, 1'000, 1};
    unit_ns =
        kNs[static_cast<int>(static_cast<const arrow::TimestampType&>(*column.type()).unit())];
  }
  const auto* values = column.data()->GetValues<int64_t>(1);
  std::vector<std::optional<int64_t>> times(static_cast<size_t>(column.length()));
  for (int64_t i = 0; i < column.length(); ++i) {
    int64_t ns = 0;
    if (column.IsNull(i) || __builtin_mul_overflow(values[i], unit_ns, &ns)) continue;
    times[static_cast<size_t>(i)] = ns;
  }
  return times;
}

bool OnTheLine(int64_t time) {
  return time >= timeview::kTimeMin && time <= timeview::kTimeLast;
}

class Ranges : public timeview::RangeCursor {
 public:
  explicit Ranges(std::vector<timeview::TimeRange> ranges) : ranges_(std::move(ranges)) {}
  Status Next(size_t rows_max, std::vector<timeview::TimeRange>* batch) override {
    batch->clear();
    while (next_ < ranges_.size() && batch->size() < rows_max) batch->push_back(ranges_[next_++]);
    return Status::OK();
  }

 private:
  const std::vector<timeview::TimeRange> ranges_;
  size_t next_ = 0;
};

Status NoRevision(int64_t revision, int64_t latest) {
  return Error(Code::kNotFound, Reason::kVersionNotFound,
               "there is no version " + std::to_string(revision) + "; the latest is " +
                   std::to_string(latest));
}

}  // namespace

Status NotOfAColumn(const char* what) {
  return Error(Code::kUnimplemented, Reason::kNone,
               std::string("this series is a column of a table: it cannot be ") + what);
}

Result<std::vector<ColumnSeriesPtr>> ColumnSeriesStore::Find(const access::Caller& caller,
                                                             const Path& prefix) {
  ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(caller, prefix));
  std::vector<ColumnSeriesPtr> found;
  for (const TablePtr& table : tables) {
    for (const std::string& column : ColumnsOf(*table)) found.push_back(Make(table, column));
  }
  std::lock_guard lock(mutex_);
  if (known_.size() > kKnownMax) known_.clear();
  for (const auto& series : found) known_[series->info->id] = {series->table->id, series->column};
  return found;
}

Result<ColumnSeriesPtr> ColumnSeriesStore::Get(const access::Caller& caller, const SeriesId& id) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::optional<std::pair<TableId, std::string>> place;
    {
      std::lock_guard lock(mutex_);
      const auto found = known_.find(id);
      if (found != known_.end()) place = found->second;
    }
    if (place.has_value()) {
      const auto table = database_->GetTable(caller, place->first);
      if (table.ok()) {
        // Another edition of it has other series.
        for (const std::string& column : ColumnsOf(**table)) {
          if (column == place->second && IdOf((*table)->current->id, column) == id) {
            return Make(*table, column);
          }
        }
      }
    }
    if (attempt == 0) ARROW_RETURN_NOT_OK(Find(caller, Path{}).status());
  }
  return nullptr;
}

Result<std::vector<CommitId>> ColumnSeriesStore::CommitsOf(const TableInfo& table) {
  std::set<CommitId> commits;
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        database_->catalog()->ListPartitions(table.current->id));
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      for (const log::EntryFacts& facts :
           database_->log()->List(partition.LogOf(b), CommitId(0), catalog::kNow)) {
        if (facts.rows > 0) commits.insert(facts.commit);
      }
    }
  }
  return std::vector<CommitId>(commits.begin(), commits.end());
}

Result<int64_t> ColumnSeriesStore::LatestRevision(const ColumnSeries& series) {
  ARROW_ASSIGN_OR_RAISE(const auto commits, CommitsOf(*series.table));
  return timeview::kEmptyRevision + static_cast<int64_t>(commits.size());
}

Result<ColumnSeriesStore::PointsPtr> ColumnSeriesStore::Read(const access::Caller& caller,
                                                             const ColumnSeries& series,
                                                             const std::vector<CommitId>& commits) {
  const EditionInfo& edition = *series.table->current;
  const arrow::Schema& schema = *edition.newest().schema;
  auto points = std::make_shared<Points>();
  points->revisions.resize(commits.size());
  if (commits.empty()) return points;
  std::vector<std::string> columns = {series.column};
  const auto add = [&](const std::string& name) {
    if (std::find(columns.begin(), columns.end(), name) == columns.end()) columns.push_back(name);
  };
  if (!edition.spec.time_column.empty()) add(edition.spec.time_column);
  std::vector<std::shared_ptr<arrow::DataType>> key_types;
  for (const std::string& name : edition.spec.key) {
    add(name);
    key_types.push_back(schema.GetFieldByName(name)->type());
  }
  ARROW_ASSIGN_OR_RAISE(const auto encoder, schema::KeyEncoder::Make(key_types));
  ARROW_ASSIGN_OR_RAISE(const auto scanner, database_->Scan(caller, {.table = series.table,
                                                                     .columns = columns,
                                                                     .as_of = commits.back()}));
  // Of a table with a key: the last point of each key, if it has one.
  std::unordered_map<std::string, std::optional<timeview::Point>> current;
  int64_t count = 0;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, scanner->Next());
    if (!batch.has_value()) break;
    const arrow::RecordBatch& rows = *batch->rows;
    ARROW_ASSIGN_OR_RAISE(
        const auto values,
        arrow::compute::Cast(*rows.GetColumnByName(series.column), arrow::float64(),
                             arrow::compute::CastOptions::Unsafe()));
    const auto& numbers = static_cast<const arrow::DoubleArray&>(*values);
    std::vector<std::optional<int64_t>> times;
    if (!edition.spec.time_column.empty()) {
      ARROW_ASSIGN_OR_RAISE(times, TimesOf(*rows.GetColumnByName(edition.spec.time_column)));
    }
    std::vector<std::string> keys;
    if (!edition.spec.key.empty()) {
      arrow::ArrayVector key_columns;
      for (const auto& name : edition.spec.key) key_columns.push_back(rows.GetColumnByName(name));
      ARROW_RETURN_NOT_OK(encoder.Encode(key_columns, &keys));
    }
    const auto at = std::lower_bound(commits.begin(), commits.end(), batch->commit);
    auto& revision = points->revisions[static_cast<size_t>(at - commits.begin())];
    for (int64_t i = 0; i < rows.num_rows(); ++i) {
      const auto place = static_cast<size_t>(i);
      const std::optional<int64_t> time =
          edition.spec.time_column.empty() ? std::optional(batch->commit_time_ns) : times[place];
      const double value = numbers.IsNull(i) ? NAN : numbers.Value(i);
      const bool is_point = time.has_value() && OnTheLine(*time) && std::isfinite(value);
      if (!keys.empty()) {
        const bool gone =
            !batch->changes.empty() && (batch->changes[place] == log::Change::kDelete ||
                                        batch->changes[place] == log::Change::kUpdateBefore);
        const bool passed =
            !batch->changes.empty() && batch->changes[place] == log::Change::kAppend;
        if (passed) continue;  // it did not become current
        auto& held = current[keys[place]];
        held = gone || !is_point ? std::nullopt
                                 : std::optional(timeview::Point{.time = *time, .value = value});
        if (!gone && !is_point) ++points->skipped;
      } else if (is_point) {
        revision.times.push_back(*time);
        revision.values.push_back(value);
      } else {
        ++points->skipped;
      }
      if (++count > kPointsMax) {
        return Error(Code::kResourceExhausted, Reason::kOverBudget,
                     "the column has more than " + std::to_string(kPointsMax) +
                         " rows: too many to be read as a series");
      }
    }
  }
  for (const auto& [key, point] : current) {
    if (!point.has_value()) continue;
    points->revisions.back().times.push_back(point->time);
    points->revisions.back().values.push_back(point->value);
  }
  if (points->skipped > 0) {
    logging::Info("table", "{} rows of '{}' have no point in column '{}'", points->skipped,
                  series.table->path.ToString(), series.column);
  }
  return points;
}

Result<ColumnSeriesStore::PointsPtr> ColumnSeriesStore::PointsOf(const access::Caller& caller,
                                                                 const ColumnSeries& series) {
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *series.table));
  ARROW_ASSIGN_OR_RAISE(const auto commits, CommitsOf(*series.table));
  const CommitId last = commits.empty() ? CommitId(0) : commits.back();
  {
    std::lock_guard lock(mutex_);
    for (auto at = kept_.begin(); at != kept_.end(); ++at) {
      if (at->id != series.info->id || at->commit != last) continue;
      kept_.splice(kept_.begin(), kept_, at);
      return at->points;
    }
  }
  ARROW_ASSIGN_OR_RAISE(PointsPtr points, Read(caller, series, commits));
  std::lock_guard lock(mutex_);
  kept_.remove_if([&](const Kept& kept) { return kept.id == series.info->id; });
  kept_.push_front({.id = series.info->id, .commit = last, .points = points});
  if (kept_.size() > kKeptMax) kept_.pop_back();
  return points;
}

Result<Snapshot> ColumnSeriesStore::Pin(const access::Caller& caller, const ColumnSeries& series,
                                        const Snapshot& empty, int64_t revision) {
  ARROW_ASSIGN_OR_RAISE(const PointsPtr points, PointsOf(caller, series));
  const int64_t latest = timeview::kEmptyRevision + static_cast<int64_t>(points->revisions.size());
  if (revision == timeview::kLatestRevision) revision = latest;
  const bool keyed = !series.table->current->spec.key.empty();
  if (revision < timeview::kEmptyRevision || revision > latest ||
      (keyed && revision != latest && revision != timeview::kEmptyRevision)) {
    return NoRevision(revision, latest);
  }
  std::vector<timeview::Edit> edits;
  for (int64_t r = timeview::kEmptyRevision + 1; r <= revision; ++r) {
    const auto& own = points->revisions[static_cast<size_t>(r - timeview::kEmptyRevision - 1)];
    timeview::Edit& edit = edits.emplace_back();
    edit.series = series.info->id;
    edit.revision = r;
    edit.commit = CommitId(r);
    edit.times = own.times;
    edit.values = own.values;
  }
  return edits.empty() ? empty : empty.With(edits);
}

Result<std::unique_ptr<timeview::RangeCursor>> ColumnSeriesStore::Changes(
    const access::Caller& caller, const ColumnSeries& series, int64_t from, int64_t to,
    int resolution) {
  ARROW_ASSIGN_OR_RAISE(const PointsPtr points, PointsOf(caller, series));
  const int64_t latest = timeview::kEmptyRevision + static_cast<int64_t>(points->revisions.size());
  if (to == timeview::kLatestRevision) to = latest;
  if (to > latest || from > latest) return NoRevision(std::max(from, to), latest);
  if (resolution < 0 || resolution > 63 || from > to) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "a resolution is 0 to 63, and the first version not above the second");
  }
  const int64_t width = resolution >= 62 ? int64_t{1} << 62 : int64_t{1} << resolution;
  std::set<int64_t> starts;
  for (int64_t r = std::max(from, timeview::kEmptyRevision) + 1; r <= to; ++r) {
    for (const int64_t time :
         points->revisions[static_cast<size_t>(r - timeview::kEmptyRevision - 1)].times) {
      starts.insert((time >= 0 ? time / width : -((width - 1 - time) / width)) * width);
    }
  }
  std::vector<timeview::TimeRange> ranges;
  for (const int64_t start : starts) {
    if (!ranges.empty() && ranges.back().end == start) {
      ranges.back().end += width;
    } else {
      ranges.push_back({.start = start, .end = start + width});
    }
  }
  return std::make_unique<Ranges>(std::move(ranges));
}

Result<int64_t> ColumnSeriesStore::Append(const access::Caller& caller, const ColumnSeries& series,
                                          std::span<const int64_t> times,
                                          std::span<const double> values) {
  const EditionInfo& edition = *series.table->current;
  if (!edition.spec.key.empty()) return NotOfAColumn("inserted into, since the table has a key");
  if (edition.spec.time_column.empty()) {
    return NotOfAColumn("inserted into, since the table has no time column");
  }
  const auto time_type = edition.newest().schema->GetFieldByName(edition.spec.time_column)->type();
  const auto type = edition.newest().schema->GetFieldByName(series.column)->type();
  const auto count = static_cast<int64_t>(times.size());
  const auto wrap = [&](const void* data, const std::shared_ptr<arrow::DataType>& of) {
    return arrow::MakeArray(arrow::ArrayData::Make(
        of, count,
        {nullptr, std::make_shared<arrow::Buffer>(static_cast<const uint8_t*>(data), count * 8)},
        0));
  };
  ARROW_ASSIGN_OR_RAISE(
      const auto stamps,
      arrow::compute::Cast(*wrap(times.data(), time_type->id() == Type::INT64
                                                   ? arrow::int64()
                                                   : arrow::timestamp(arrow::TimeUnit::NANO)),
                           time_type, arrow::compute::CastOptions::Safe()));
  ARROW_ASSIGN_OR_RAISE(const auto numbers,
                        arrow::compute::Cast(*wrap(values.data(), arrow::float64()), type,
                                             arrow::compute::CastOptions::Safe()));
  const auto schema = arrow::schema(
      {arrow::field(edition.spec.time_column, time_type), arrow::field(series.column, type)});
  ARROW_RETURN_NOT_OK(database_
                          ->AppendRows(caller, series.table,
                                       {arrow::RecordBatch::Make(schema, count, {stamps, numbers})},
                                       {})
                          .status());
  return LatestRevision(series);
}

}  // namespace firth::table
