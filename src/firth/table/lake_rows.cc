// A table's rows as a query reads them: lake files, and the logs behind them.
#include <arrow/compute/cast.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "firth/lakeview/sorted_merge.h"
#include "firth/lakeview/stored_types.h"
#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/lake_store.h"

namespace firth::table {
namespace {

using arrow::Type;
using ReaderPtr = std::shared_ptr<arrow::RecordBatchReader>;

/// The hidden columns that files have.
arrow::FieldVector HiddenFields() {
  return {
      arrow::field(lakeview::kOffsetColumn, arrow::int64(), false),
      arrow::field(lakeview::kCommitColumn, arrow::int64(), false),
      arrow::field(lakeview::kTimeColumn, arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), false),
      arrow::field(lakeview::kChangeColumn, arrow::int32(), false)};
}

/// Where a hidden column stands among those of a scan, behind the table's own: it gives the bucket
/// first. -1: it is none.
int HiddenPlace(const std::string& name) {
  const auto fields = HiddenFields();
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i]->name() == name) return static_cast<int>(i) + 1;
  }
  return -1;
}

/// Of rows, those that meet a filter.
class FilteredRows : public arrow::RecordBatchReader {
 public:
  FilteredRows(ReaderPtr rows, schema::RowFilter filter)
      : rows_(std::move(rows)), filter_(std::move(filter)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    do {
      ARROW_RETURN_NOT_OK(rows_->ReadNext(rows));
      if (*rows == nullptr) return Status::OK();
      ARROW_ASSIGN_OR_RAISE(*rows, schema::FilterRows(*rows, filter_));
    } while ((*rows)->num_rows() == 0);
    return Status::OK();
  }

 private:
  const ReaderPtr rows_;
  const schema::RowFilter filter_;
};

/// Scanned rows, opened when they are first asked for.
class TailRows : public arrow::RecordBatchReader {
 public:
  using Open = std::function<Result<std::unique_ptr<Scanner>>(const std::vector<std::string>& names,
                                                              bool hidden)>;
  /// `first`: a column of the table.
  TailRows(std::shared_ptr<arrow::Schema> schema, const std::string& first, Open open)
      : schema_(std::move(schema)), open_(std::move(open)) {
    for (const auto& field : schema_->fields()) {
      const int hidden = schema::FieldId(*field) < 0 ? HiddenPlace(field->name()) : -1;
      hidden_ = hidden_ || hidden >= 0;
      places_.push_back(hidden);
      if (hidden < 0) names_.push_back(field->name());
    }
    if (names_.empty()) names_.push_back(first);
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    rows->reset();
    if (scanner_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(scanner_, open_(names_, hidden_));
    }
    ARROW_ASSIGN_OR_RAISE(const auto scanned, scanner_->Next());
    if (!scanned.has_value()) return Status::OK();
    if (!hidden_) {
      *rows = scanned->rows;
      return Status::OK();
    }
    std::vector<std::shared_ptr<arrow::Array>> columns;
    int next = 0;
    for (size_t i = 0; i < places_.size(); ++i) {
      const int at = places_[i] < 0 ? next++ : static_cast<int>(names_.size()) + places_[i];
      const auto& type = schema_->field(static_cast<int>(i))->type();
      const auto& column = scanned->rows->column(at);
      // A cast to an equal nested type would refuse a required field that is null with its parent.
      if (column->type()->Equals(*type)) {
        columns.push_back(column);
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const arrow::Datum cast, arrow::compute::Cast(column, type));
      columns.push_back(cast.make_array());
    }
    *rows = arrow::RecordBatch::Make(schema_, scanned->rows->num_rows(), std::move(columns));
    return Status::OK();
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const Open open_;
  std::vector<std::string> names_;  // of the table's columns
  std::vector<int> places_;         // of hidden columns; -1: the next of the table's
  bool hidden_ = false;
  std::unique_ptr<Scanner> scanner_;
};

/// Does DuckDB read what is stored of this type as that type, given a cast?
bool IsPlain(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::DURATION:
    case Type::NA:
    case Type::EXTENSION:
    case Type::DECIMAL256:
      return false;
    case Type::TIME64:
      return static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::MICRO;
    default:
      return std::all_of(type.fields().begin(), type.fields().end(),
                         [](const auto& field) { return IsPlain(*field->type()); });
  }
}

/// The columns of files with the schema `written` that are those of `newest`; nothing where DuckDB
/// would not read them as we do.
std::optional<std::vector<std::string>> PlainColumns(const arrow::Schema& newest,
                                                     const arrow::Schema& written) {
  std::vector<std::string> columns;
  for (const auto& field : newest.fields()) {
    if (!IsPlain(*field->type())) return std::nullopt;
    std::string& column = columns.emplace_back();
    if (schema::FieldId(*field) < 0) column = field->name();  // a hidden one
    for (const auto& old : written.fields()) {
      if (schema::FieldId(*old) != schema::FieldId(*field)) continue;
      column = old->name();
      // A cast of nested values goes by the names inside, which may have changed.
      if (field->type()->num_fields() > 0 &&
          !old->type()->Equals(*field->type(), /*check_metadata=*/true)) {
        return std::nullopt;
      }
    }
  }
  return columns;
}

/// Can a path stand in DuckDB's list of files as it is?
bool IsPlainPath(const std::string& path) {
  return !path.empty() && path.find_first_of("*?[]{}") == std::string::npos;
}

/// Columns of a schema, with their ids.
Result<std::shared_ptr<arrow::Schema>> Select(const arrow::Schema& schema,
                                              const std::vector<std::string>& names) {
  ARROW_ASSIGN_OR_RAISE(const auto columns, schema::ColumnIndices(schema, names));
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const int column : columns) fields.push_back(schema.field(column));
  return arrow::schema(std::move(fields));
}

}  // namespace

Result<std::vector<LogTail>> LakeStoreImpl::TailsOf(const EditionInfo& edition,
                                                    const lakeview::Snapshot* snapshot,
                                                    CommitId as_of) {
  ARROW_ASSIGN_OR_RAISE(const auto partitions, database_->catalog()->ListPartitions(edition.id));
  std::vector<LogTail> tails;
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const LogId log = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(log));
      Offset from = range.start;
      if (snapshot != nullptr) {
        const auto end = snapshot->ends.find(log);
        if (end != snapshot->ends.end()) from = std::max(from, end->second);
      }
      ARROW_ASSIGN_OR_RAISE(const Offset end, database_->log()->OffsetAfterCommit(log, as_of));
      if (from >= end) continue;
      ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, database_->log()->BytesBetween(log, from, end));
      tails.push_back({.log = log,
                       .where = {.partition = partition.id, .bucket = b},
                       .from = from,
                       .bytes = bytes});
    }
  }
  return tails;
}

Result<std::vector<lakeview::LakeFilePtr>> LakeStoreImpl::FilesOf(
    const EditionInfo& edition, const lakeview::Snapshot* snapshot) {
  std::vector<lakeview::LakeFilePtr> files;
  if (snapshot == nullptr) return files;
  ARROW_ASSIGN_OR_RAISE(const auto partitions, database_->catalog()->ListPartitions(edition.id));
  for (const auto& file : snapshot->files) {
    const LogId log = file->info.log;
    if (std::any_of(partitions.begin(), partitions.end(), [&](const PartitionInfo& partition) {
          return log >= partition.first_log && log < partition.LogOf(partition.bucket_count);
        })) {
      files.push_back(file);
    }
  }
  return files;
}

uint64_t LakeStoreImpl::BytesOf(const std::vector<LogTail>& tails) {
  uint64_t bytes = 0;
  for (const LogTail& tail : tails) bytes += tail.bytes;
  return bytes;
}

Status LakeStoreImpl::CheckWhole(const TablePtr& table) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  const auto snapshot = view_->Newest(edition->id);
  ARROW_ASSIGN_OR_RAISE(const auto partitions, database_->catalog()->ListPartitions(edition->id));
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const LogId log = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(log));
      if (range.start == Offset(0)) continue;
      const bool covered =
          snapshot != nullptr &&
          std::any_of(snapshot->files.begin(), snapshot->files.end(), [&](const auto& file) {
            return file->info.log == log && file->info.begin == Offset(0);
          });
      if (covered) continue;
      return Error(Code::kOutOfRange, Reason::kVersionNotFound,
                   "the past of table '" + table->path.ToString() +
                       "' cannot be read: its log no longer reaches back to its beginning");
    }
  }
  return Status::OK();
}

Result<LakeRows> LakeStoreImpl::RowsOf(const TablePtr& table, CommitId as_of, bool hidden) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  auto shown = edition->newest().schema->fields();
  if (hidden) {
    for (auto& field : HiddenFields()) {
      if (edition->newest().schema->GetFieldIndex(field->name()) >= 0) {
        return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                     "table '" + table->path.ToString() + "' has a column of its own called " +
                         field->name());
      }
      shown.push_back(std::move(field));
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto snapshot, Pin(table));
  NoteAsked(edition->id);
  ARROW_ASSIGN_OR_RAISE(auto tails, TailsOf(*edition, snapshot.get(), as_of));
  LakeRows rows{.schema = arrow::schema(std::move(shown)), .hold = snapshot};
  std::vector<lakeview::LakeFilePtr> others;
  ARROW_ASSIGN_OR_RAISE(const auto files, FilesOf(*edition, snapshot.get()));
  std::map<std::pair<SchemaId, bool>, query::ParquetRows> parts;
  for (const auto& file : files) {
    if (file->info.first_commit > as_of) continue;
    const catalog::SchemaInfo* written = edition->FindSchema(file->info.schema_id);
    const std::string path = LocalPath(file->path);
    // DuckDB would take numbers that stand for timestamps as ones of microseconds.
    auto columns = written == nullptr || !IsPlainPath(path) || !file->info.far_times.empty()
                       ? std::nullopt
                       : PlainColumns(*rows.schema, *written->schema);
    if (!columns.has_value()) {
      others.push_back(file);
      continue;
    }
    const bool all = file->info.last_commit <= as_of;
    query::ParquetRows& part = parts[{file->info.schema_id, all}];
    part.paths.push_back(path);
    part.columns = std::move(*columns);
    if (!all) part.at_most = {lakeview::kCommitColumn, as_of.value};
  }
  for (auto& [key, part] : parts) rows.parquet.push_back(std::move(part));
  // All rows are in files that DuckDB reads by itself: it plans better without an empty end.
  if (!rows.parquet.empty() && others.empty() && tails.empty()) return rows;
  rows.open_rest = [this, table, all = rows.schema, tails = std::move(tails),
                    others = std::move(others),
                    as_of](const std::vector<std::string>& names,
                           const schema::RowFilter& filter) -> Result<ReaderPtr> {
    const EditionInfo& current = *table->current;
    ARROW_ASSIGN_OR_RAISE(const auto schema, Select(*all, names));
    std::vector<ReaderPtr> readers;
    for (const auto& file : others) {
      ARROW_ASSIGN_OR_RAISE(readers.emplace_back(), OpenFile(current, file, schema, as_of));
    }
    for (const LogTail& tail : tails) {
      readers.push_back(std::make_shared<TailRows>(
          schema, all->field(0)->name(),
          [this, table, tail, as_of, filter](const std::vector<std::string>& columns,
                                             bool with_hidden) {
            return database_->Scan(access::Internal(), {.table = table,
                                                        .columns = columns,
                                                        .partition = tail.where.partition,
                                                        .bucket = tail.where.bucket,
                                                        .from = tail.from,
                                                        .as_of = as_of,
                                                        .hidden_columns = with_hidden,
                                                        .filter = filter});
          }));
    }
    ReaderPtr rest = lakeview::Chain(schema, std::move(readers));
    if (!filter.empty()) rest = std::make_shared<FilteredRows>(std::move(rest), filter);
    return rest;
  };
  return rows;
}

}  // namespace firth::table
