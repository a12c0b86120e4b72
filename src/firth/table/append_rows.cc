// Appending Arrow rows: fitted to the table's columns, spread over partitions and buckets, encoded
// once, in one commit.
#include <arrow/array/builder_primitive.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/cast.h>

#include <map>

#include "firth/schema/row.h"
#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

// Rows of one encoded batch: large enough to compress well, small enough to be a unit of reading.
constexpr int64_t kBatchRows = 64 * 1024;

arrow::Compression::type CompressionOf(const EditionSpec& spec) {
  if (spec.compression == "lz4") return arrow::Compression::LZ4_FRAME;
  if (spec.compression == "none") return arrow::Compression::UNCOMPRESSED;
  return arrow::Compression::ZSTD;
}

/// `rows` with the table's columns, in its order and types.
Result<std::shared_ptr<arrow::RecordBatch>> Fit(const arrow::RecordBatch& rows,
                                                const std::shared_ptr<arrow::Schema>& schema) {
  for (const auto& field : rows.schema()->fields()) {
    if (schema->GetFieldIndex(field->name()) < 0) {
      return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
                   "the table has no column '" + field->name().substr(0, 64) + "'");
    }
  }
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (const auto& field : schema->fields()) {
    std::shared_ptr<arrow::Array> column = rows.GetColumnByName(field->name());
    if (column == nullptr) {
      ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(field->type(), rows.num_rows()));
    }
    if (!column->type()->Equals(*field->type())) {
      auto cast = arrow::compute::Cast(column, field->type(), arrow::compute::CastOptions::Safe());
      if (!cast.ok()) {
        return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                     "column '" + field->name() + "' of type " + column->type()->ToString() +
                         " does not fit " + field->type()->ToString() + ": " +
                         cast.status().message());
      }
      column = cast->make_array();
    }
    if (!field->nullable() && column->null_count() > 0) {
      return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                   "column '" + field->name() + "' must not be null");
    }
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(schema, rows.num_rows(), std::move(columns));
}

/// Rows of one batch that go to one place.
using Places = std::map<std::pair<std::vector<std::string>, int32_t>, std::vector<int64_t>>;

Result<Places> Spread(const EditionSpec& spec, const arrow::RecordBatch& rows,
                      int32_t bucket_otherwise) {
  Places places;
  const auto count = static_cast<size_t>(rows.num_rows());
  std::vector<std::string> keys(count);
  if (!spec.bucket_by.empty() && spec.bucket_count > 1) {
    ARROW_ASSIGN_OR_RAISE(const auto columns,
                          schema::ColumnIndices(*rows.schema(), spec.bucket_by));
    ARROW_RETURN_NOT_OK(schema::AppendCompactKey(rows, columns, &keys));
  }
  ARROW_ASSIGN_OR_RAISE(const auto partition_columns,
                        schema::ColumnIndices(*rows.schema(), spec.partition_by));
  for (size_t i = 0; i < count; ++i) {
    std::vector<std::string> values;
    for (const int column : partition_columns) {
      ARROW_ASSIGN_OR_RAISE(const auto value,
                            rows.column(column)->GetScalar(static_cast<int64_t>(i)));
      ARROW_ASSIGN_OR_RAISE(std::string text, PartitionText(*value));
      values.push_back(std::move(text));
    }
    const int32_t bucket = spec.bucket_by.empty() || spec.bucket_count == 1
                               ? std::min(bucket_otherwise, spec.bucket_count - 1)
                               : schema::BucketOf(keys[i], spec.bucket_count);
    places[{std::move(values), bucket}].push_back(static_cast<int64_t>(i));
  }
  return places;
}

Result<std::shared_ptr<arrow::RecordBatch>> TakeRows(
    const std::shared_ptr<arrow::RecordBatch>& rows, const std::vector<int64_t>& indices) {
  if (indices.size() == static_cast<size_t>(rows->num_rows())) return rows;
  arrow::Int64Builder builder;
  ARROW_RETURN_NOT_OK(builder.AppendValues(indices));
  ARROW_ASSIGN_OR_RAISE(const auto at, builder.Finish());
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum taken, arrow::compute::Take(rows, at));
  return taken.record_batch();
}

}  // namespace

Result<CommitId> DatabaseImpl::AppendRows(
    const Caller& caller, const TablePtr& table,
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
    const AppendRowsOptions& options) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kWrite, *table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  if (edition->sealed) {
    return Error(Code::kFailedPrecondition, Reason::kEditionSealed,
                 "the edition is sealed: it takes no more writes");
  }
  if (!edition->spec.key.empty()) {
    return Error(Code::kFailedPrecondition, Reason::kKeyed,
                 "table '" + table->path.ToString() + "' has a key: upsert into it");
  }
  const EditionSpec& spec = edition->spec;
  log::CommitDraft draft;
  const auto add = [&](const std::shared_ptr<arrow::RecordBatch>& part,
                       const std::vector<std::string>& values, int32_t bucket) -> Status {
    auto partition = catalog_->FindPartition(edition->id, values);
    if (!partition.ok() && ReasonOf(partition.status()) == Reason::kPartitionNotFound &&
        options.create_partitions && !values.empty()) {
      partition = CreatePartition(caller, *table, values);
      if (ReasonOf(partition.status()) == Reason::kPartitionExists) {
        partition = catalog_->FindPartition(edition->id, values);
      }
    }
    ARROW_RETURN_NOT_OK(partition.status());
    for (int64_t at = 0; at < part->num_rows(); at += kBatchRows) {
      const auto slice = part->Slice(at, kBatchRows);
      ARROW_ASSIGN_OR_RAISE(
          auto body, log::EncodeBatch(*slice, {}, {.schema_id = edition->newest().id,
                                                   .compression = CompressionOf(spec)}));
      log::EntryDraft entry;
      entry.log = partition->LogOf(bucket);
      entry.schema_id = edition->newest().id;
      entry.rows = static_cast<uint32_t>(slice->num_rows());
      entry.offsets = entry.rows;
      ARROW_ASSIGN_OR_RAISE(const TimeRange range, RecordTimes(*edition, *slice));
      entry.record_time_min_ns = range.min_ns;
      entry.record_time_max_ns = range.max_ns;
      entry.body = std::move(body);
      draft.entries.push_back(std::move(entry));
    }
    return Status::OK();
  };
  for (const auto& batch : rows) {
    if (batch->num_rows() == 0) continue;
    ARROW_ASSIGN_OR_RAISE(const auto fitted, Fit(*batch, edition->newest().schema));
    const bool one_place =
        spec.partition_by.empty() && (spec.bucket_by.empty() || spec.bucket_count == 1);
    if (one_place) {
      ARROW_RETURN_NOT_OK(
          add(fitted, {}, std::min(options.bucket_otherwise, spec.bucket_count - 1)));
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const Places places, Spread(spec, *fitted, options.bucket_otherwise));
    for (const auto& [place, indices] : places) {
      ARROW_ASSIGN_OR_RAISE(const auto part, TakeRows(fitted, indices));
      ARROW_RETURN_NOT_OK(add(part, place.first, place.second));
    }
  }
  if (draft.entries.empty()) return log_->LastCommit();
  ARROW_ASSIGN_OR_RAISE(const log::CommitResult made, CommitAndWait(std::move(draft)));
  return made.id;
}

}  // namespace firth::table
