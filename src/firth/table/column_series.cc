#include "firth/table/column_series.h"

#include <arrow/array.h>
#include <arrow/array/util.h>
#include <arrow/compute/cast.h>
#include <arrow/scalar.h>

#include <algorithm>

#include "firth/common/bytes.h"
#include "firth/common/name_uuid.h"
#include "firth/table/database_impl.h"
#include "firth/table/series_rows.h"

namespace firth::table {
namespace {

/// The name space of columns' ids.
constexpr std::string_view kNameSpace{
    "\x0b\xd7\x1f\x5c\x8a\x43\x4d\x6e\x9b\x60\x71\x1e\x52\xc4\x3a\x90", 16};
constexpr size_t kKnownMax = 1'000'000;

bool IsNumber(const arrow::DataType& type) {
  return arrow::is_integer(type.id()) || type.id() == arrow::Type::FLOAT ||
         type.id() == arrow::Type::DOUBLE;
}

/// May an id be one of ours?
bool IsNameUuid(const SeriesId& id) {
  return (static_cast<uint8_t>(id.bytes[6]) >> 4) == 5;
}

ColumnSeriesPtr Make(const TablePtr& table, const std::string& column,
                     const std::vector<std::string>& key) {
  auto series = std::make_shared<ColumnSeries>();
  auto info = std::make_shared<SeriesInfo>();
  info->id = ColumnSeriesId(table->current->id, column, key);
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

}  // namespace

SeriesId ColumnSeriesId(EditionId edition, const std::string& column, const SeriesKey& key) {
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

std::vector<std::string> SeriesColumns(const TableInfo& table) {
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

Status NotOfAColumn(const char* what) {
  return Error(Code::kUnimplemented, Reason::kNone,
               std::string("this series is a column of a table: it cannot be ") + what);
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
  for (const TablePtr& table : tables) ARROW_RETURN_NOT_OK(AddColumns(caller, table, &found));
  Remember(found);
  return found;
}

Status ColumnSeriesStore::AddColumns(const access::Caller& caller, const TablePtr& table,
                                     std::vector<ColumnSeriesPtr>* found) {
  const auto columns = SeriesColumns(*table);
  if (columns.empty()) return Status::OK();
  // Their names tell values of rows.
  if (!table->current->spec.series_by.empty() &&
      !database_->CheckRight(caller, access::kRead, *table).ok()) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto keys, KeysOf(table));
  for (const auto& key : keys) {
    for (const std::string& column : columns) found->push_back(Make(table, column, key));
  }
  return Status::OK();
}

Result<std::vector<ColumnSeriesPtr>> ColumnSeriesStore::FindIn(const access::Caller& caller,
                                                               const Path& path) {
  std::vector<ColumnSeriesPtr> found;
  const auto table = database_->GetTable(caller, path);
  if (ReasonOf(table.status()) == Reason::kTableNotFound || path.empty()) return found;
  if (CodeOf(table.status()) == Code::kPermissionDenied) return found;
  ARROW_RETURN_NOT_OK(table.status());
  ARROW_RETURN_NOT_OK(AddColumns(caller, *table, &found));
  Remember(found);
  return found;
}

Result<std::vector<Path>> ColumnSeriesStore::Tables(const access::Caller& caller,
                                                    const std::string& prefix) {
  ARROW_ASSIGN_OR_RAISE(const auto tables, database_->ListTables(caller, Path{}));
  std::vector<Path> found;
  for (const TablePtr& table : tables) {
    if (!table->path.ToString().starts_with(prefix) || SeriesColumns(*table).empty()) continue;
    std::vector<ColumnSeriesPtr> columns;
    if (!table->current->spec.series_by.empty()) {
      ARROW_RETURN_NOT_OK(AddColumns(caller, table, &columns));
      if (columns.empty()) continue;
    }
    found.push_back(table->path);
  }
  return found;
}

Result<std::vector<SeriesKey>> ColumnSeriesStore::KeysOf(const TablePtr& table) {
  if (table->current->spec.series_by.empty()) return std::vector<SeriesKey>(1);
  return ColumnFeed::Takes(*table->current) ? feed_->KeysOf(table) : fold_.KeysOf(table);
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
      if (!SeriesColumns(*table).empty() && !table->current->spec.series_by.empty()) {
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
    for (const auto& key : keys) {
      for (const std::string& column : SeriesColumns(*table))
        found.push_back(Make(table, column, key));
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
      if (table.ok() && Has(SeriesColumns(**table), place->column) &&
          (*table)->current->spec.series_by.size() == place->key.size() &&
          ColumnSeriesId((*table)->current->id, place->column, place->key) == id) {
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

Result<int64_t> ColumnSeriesStore::LatestRevision(const ColumnSeries& series) {
  return IsFed(series) ? feed_->LatestRevision(FedOf(series)) : fold_.LatestRevision(series);
}

Result<Snapshot> ColumnSeriesStore::Pin(const access::Caller& caller, const ColumnSeries& series,
                                        const Snapshot& empty, int64_t revision) {
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *series.table));
  return IsFed(series) ? feed_->Pin(FedOf(series), revision) : fold_.Pin(series, empty, revision);
}

Result<std::unique_ptr<timeview::RangeCursor>> ColumnSeriesStore::Changes(
    const access::Caller& caller, const ColumnSeries& series, int64_t from, int64_t to,
    int resolution) {
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *series.table));
  return IsFed(series) ? feed_->Changes(FedOf(series), from, to, resolution)
                       : fold_.Changes(series, from, to, resolution);
}

Result<int64_t> ColumnSeriesStore::Append(const access::Caller& caller, const ColumnSeries& series,
                                          std::span<const int64_t> times,
                                          std::span<const double> values, MergePolicy policy) {
  const EditionInfo& edition = *series.table->current;
  if (policy != MergePolicy::kNever) {
    return NotOfAColumn("inserted into with a merge policy: rows are appended as they are");
  }
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
      arrow::compute::Cast(*wrap(times.data(), time_type->id() == arrow::Type::INT64
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
