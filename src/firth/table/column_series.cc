#include "firth/table/column_series.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/scalar.h>

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
constexpr size_t kKnownMax = 1'000'000;
constexpr size_t kKeysMax = 100'000;

bool IsNumber(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || type.id() == Type::FLOAT || type.id() == Type::DOUBLE;
}

SeriesId IdOf(EditionId edition, const std::string& column, const std::vector<std::string>& key) {
  std::string name;
  AppendBe<int64_t>(&name, edition.value);
  name += column;
  for (const std::string& value : key) {
    name.push_back('\0');
    AppendBe<uint64_t>(&name, value.size());
    name += value;
  }
  return SeriesId::From(NameUuid(kNameSpace, name));
}

/// May an id be one of ours?
bool IsNameUuid(const SeriesId& id) {
  return (static_cast<uint8_t>(id.bytes[6]) >> 4) == 5;
}

ColumnSeriesPtr Make(const TablePtr& table, const std::string& column,
                     const std::vector<std::string>& key) {
  auto series = std::make_shared<ColumnSeries>();
  auto info = std::make_shared<SeriesInfo>();
  info->id = IdOf(table->current->id, column, key);
  info->collection = table->path;
  std::string name = column;
  for (size_t i = 0; i < key.size(); ++i) {
    name += (i == 0 ? "[" : ",") + key[i];
    info->annotations[table->current->spec.series_by[i]] = key[i];
  }
  if (!key.empty()) name += "]";
  info->tags = {{"name", name}, {"unit", ""}, {"ingress", ""}, {"distiller", ""}};
  series->info = std::move(info);
  series->table = table;
  series->column = column;
  series->key = key;
  return series;
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The columns of a table that are series; none of a table of series.
std::vector<std::string> ColumnsOf(const TableInfo& table) {
  std::vector<std::string> columns;
  if (!table.current.has_value() || IsCollection(*table.current)) return columns;
  const EditionInfo& edition = *table.current;
  for (const auto& field : edition.newest().schema->fields()) {
    const std::string& name = field->name();
    if (!IsNumber(*field->type()) || name == edition.spec.time_column) continue;
    if (Has(edition.spec.series_by, name)) continue;
    if (!edition.spec.values.empty() && !Has(edition.spec.values, name)) continue;
    columns.push_back(name);
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

/// The texts of these columns' values, column by column; null is the empty text.
Result<std::vector<std::shared_ptr<arrow::StringArray>>> TextsOf(
    const arrow::RecordBatch& rows, const std::vector<std::string>& columns) {
  std::vector<std::shared_ptr<arrow::StringArray>> texts;
  for (const std::string& name : columns) {
    ARROW_ASSIGN_OR_RAISE(const auto text,
                          arrow::compute::Cast(*rows.GetColumnByName(name), arrow::utf8()));
    texts.push_back(std::static_pointer_cast<arrow::StringArray>(text));
  }
  return texts;
}

std::string_view TextAt(const arrow::StringArray& texts, int64_t row) {
  return texts.IsNull(row) ? std::string_view() : texts.GetView(row);
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

Result<std::shared_ptr<const ColumnSeriesStore::Keys>> ColumnSeriesStore::KeysOf(
    const TablePtr& table) {
  const EditionInfo& edition = *table->current;
  auto keys = std::make_shared<Keys>();
  if (edition.spec.series_by.empty()) {
    keys->insert(std::vector<std::string>());
    return keys;
  }
  ARROW_ASSIGN_OR_RAISE(const auto commits, CommitsOf(*table));
  const CommitId last = commits.empty() ? CommitId(0) : commits.back();
  {
    std::lock_guard lock(mutex_);
    const auto kept = keys_.find(edition.id);
    if (kept != keys_.end() && kept->second.commit == last) return kept->second.keys;
  }
  if (!commits.empty()) {
    ARROW_ASSIGN_OR_RAISE(
        const auto scanner,
        database_->Scan(access::Internal(),
                        {.table = table, .columns = edition.spec.series_by, .as_of = last}));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const auto batch, scanner->Next());
      if (!batch.has_value()) break;
      ARROW_ASSIGN_OR_RAISE(const auto texts, TextsOf(*batch->rows, edition.spec.series_by));
      std::vector<std::string> key(texts.size());
      for (int64_t i = 0; i < batch->rows->num_rows() && keys->size() < kKeysMax; ++i) {
        for (size_t c = 0; c < texts.size(); ++c) key[c] = TextAt(*texts[c], i);
        keys->insert(key);
      }
    }
  }
  std::lock_guard lock(mutex_);
  keys_[edition.id] = {.commit = last, .keys = keys};
  return keys;
}

void ColumnSeriesStore::Remember(const std::vector<ColumnSeriesPtr>& series) {
  std::lock_guard lock(mutex_);
  if (known_.size() + series.size() > kKnownMax) {
    known_.clear();
    learnt_ = CommitId(-1);
  }
  for (const auto& one : series) {
    known_[one->info->id] = {.table = one->table->id, .column = one->column, .key = one->key};
  }
}

Result<std::vector<ColumnSeriesPtr>> ColumnSeriesStore::Find(const access::Caller& caller,
                                                             const Path& prefix) {
  ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(caller, prefix));
  std::vector<ColumnSeriesPtr> found;
  for (const TablePtr& table : tables) {
    const auto columns = ColumnsOf(*table);
    if (columns.empty()) continue;
    // Their names tell values of rows.
    if (!table->current->spec.series_by.empty() &&
        !database_->CheckRight(caller, access::kRead, *table).ok()) {
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const auto keys, KeysOf(table));
    for (const auto& key : *keys) {
      for (const std::string& column : columns) found.push_back(Make(table, column, key));
    }
  }
  Remember(found);
  return found;
}

Result<bool> ColumnSeriesStore::Learn() {
  ARROW_ASSIGN_OR_RAISE(const CommitId now, database_->catalog()->LastCommit());
  std::vector<TablePtr> keyed;
  {
    std::lock_guard lock(mutex_);
    if (learnt_ == now) keyed = keyed_;
    if (learnt_ == now && keyed.empty()) return false;
  }
  if (keyed.empty()) {
    ARROW_RETURN_NOT_OK(Find(access::Internal(), Path{}).status());
    ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(access::Internal(), Path{}));
    std::lock_guard lock(mutex_);
    keyed_.clear();
    for (const TablePtr& table : tables) {
      if (!ColumnsOf(*table).empty() && !table->current->spec.series_by.empty()) {
        keyed_.push_back(table);
      }
    }
    learnt_ = now;
    return true;
  }
  // Rows may have come with new values.
  for (const TablePtr& table : keyed) {
    ARROW_ASSIGN_OR_RAISE(const auto keys, KeysOf(table));
    std::vector<ColumnSeriesPtr> found;
    for (const auto& key : *keys) {
      for (const std::string& column : ColumnsOf(*table)) found.push_back(Make(table, column, key));
    }
    Remember(found);
  }
  return true;
}

Result<ColumnSeriesPtr> ColumnSeriesStore::Get(const access::Caller& caller, const SeriesId& id) {
  if (!IsNameUuid(id)) return nullptr;
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::optional<Place> place;
    {
      std::lock_guard lock(mutex_);
      const auto found = known_.find(id);
      if (found != known_.end()) place = found->second;
    }
    if (place.has_value()) {
      const auto table = database_->GetTable(caller, place->table);
      // Another edition of it has other series.
      if (table.ok() && Has(ColumnsOf(**table), place->column) &&
          (*table)->current->spec.series_by.size() == place->key.size() &&
          IdOf((*table)->current->id, place->column, place->key) == id) {
        return Make(*table, place->column, place->key);
      }
      if (table.ok()) return nullptr;
    }
    if (attempt == 0) {
      ARROW_ASSIGN_OR_RAISE(const bool more, Learn());
      if (!more) break;
    }
  }
  return nullptr;
}

Result<std::vector<CommitId>> ColumnSeriesStore::CommitsOf(const TableInfo& table) {
  std::set<CommitId> commits;
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        database_->catalog()->ListPartitions(table.current->id));
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      ARROW_ASSIGN_OR_RAISE(const auto entries,
                            database_->log()->List(partition.LogOf(b), CommitId(0), catalog::kNow));
      for (const log::EntryFacts& facts : entries) {
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
  for (const std::string& name : edition.spec.series_by) add(name);
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
    ARROW_ASSIGN_OR_RAISE(const auto texts, TextsOf(rows, edition.spec.series_by));
    const auto is_ours = [&](int64_t row) {
      for (size_t c = 0; c < texts.size(); ++c) {
        if (TextAt(*texts[c], row) != series.key[c]) return false;
      }
      return true;
    };
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
      if (!is_ours(i)) {
        // A row that moved to another series has left this one.
        if (!keys.empty()) current.erase(keys[place]);
        continue;
      }
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
  arrow::FieldVector fields = {arrow::field(edition.spec.time_column, time_type),
                               arrow::field(series.column, type)};
  arrow::ArrayVector columns = {stamps, numbers};
  for (size_t i = 0; i < series.key.size(); ++i) {
    const std::string& name = edition.spec.series_by[i];
    const auto of = edition.newest().schema->GetFieldByName(name)->type();
    ARROW_ASSIGN_OR_RAISE(const auto texts,
                          arrow::MakeArrayFromScalar(arrow::StringScalar(series.key[i]), count));
    ARROW_ASSIGN_OR_RAISE(auto values_of, arrow::compute::Cast(*texts, of));
    fields.push_back(arrow::field(name, of));
    columns.push_back(std::move(values_of));
  }
  const auto rows = arrow::RecordBatch::Make(arrow::schema(fields), count, columns);
  ARROW_RETURN_NOT_OK(database_->AppendRows(caller, series.table, {rows}, {}).status());
  return LatestRevision(series);
}

}  // namespace firth::table
