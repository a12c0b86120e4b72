#include "firth/table/row_routing.h"

#include <arrow/array/util.h>
#include <arrow/compute/cast.h>

#include <algorithm>
#include <map>

#include "firth/schema/row.h"
#include "firth/schema/schema.h"
#include "firth/schema/take_rows.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

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

}  // namespace

arrow::Compression::type CompressionOf(const EditionSpec& spec) {
  if (spec.compression == "lz4") return arrow::Compression::LZ4_FRAME;
  if (spec.compression == "none") return arrow::Compression::UNCOMPRESSED;
  return arrow::Compression::ZSTD;
}

Result<std::shared_ptr<arrow::RecordBatch>> FitRows(const arrow::RecordBatch& rows,
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

Result<std::vector<RoutedRows>> RouteRows(const EditionSpec& spec,
                                          const std::shared_ptr<arrow::RecordBatch>& rows,
                                          int32_t bucket_otherwise) {
  std::vector<RoutedRows> routed;
  if (spec.partition_by.empty() && (spec.bucket_by.empty() || spec.bucket_count == 1)) {
    routed.push_back({.bucket = std::min(bucket_otherwise, spec.bucket_count - 1), .rows = rows});
    return routed;
  }
  ARROW_ASSIGN_OR_RAISE(const Places places, Spread(spec, *rows, bucket_otherwise));
  for (const auto& [place, indices] : places) {
    ARROW_ASSIGN_OR_RAISE(auto part, schema::TakeRows(rows, indices));
    routed.push_back({.partition = place.first, .bucket = place.second, .rows = std::move(part)});
  }
  return routed;
}

}  // namespace firth::table
