// What a table's specification must be.
#include <algorithm>
#include <set>

#include "firth/keyview/merge.h"
#include "firth/schema/key.h"
#include "firth/schema/row.h"
#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

Status CheckColumns(const arrow::Schema& schema, const std::vector<std::string>& columns,
                    const char* role) {
  std::set<std::string> seen;
  for (const std::string& column : columns) {
    if (schema.GetFieldIndex(column) < 0) {
      return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
                   std::string("the ") + role + " column '" + column.substr(0, 64) +
                       "' is not in the schema");
    }
    if (!seen.insert(column).second) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   std::string("the ") + role + " column '" + column + "' is named twice");
    }
  }
  return Status::OK();
}

Status CheckSortable(const arrow::Schema& schema, const std::vector<std::string>& columns) {
  std::vector<std::shared_ptr<arrow::DataType>> types;
  for (const std::string& column : columns) {
    types.push_back(schema.GetFieldByName(column)->type());
  }
  return schema::KeyEncoder::Make(std::move(types)).status();
}

bool IsTime(const arrow::DataType& type) {
  return type.id() == arrow::Type::TIMESTAMP || type.id() == arrow::Type::INT64;
}

/// Columns and functions that a merge rule names: were they found wrong by the first write only,
/// the table could take none.
Status CheckMerge(const EditionSpec& edition, const std::shared_ptr<arrow::Schema>& schema) {
  if (edition.merge_columns.empty() && edition.aggregates.empty()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto codec, schema::RowCodec::Make(schema));
  return keyview::MergeDecider::Make(edition, std::move(codec), {}).status();
}

}  // namespace

Status CheckSpec(TableSpec* spec, int32_t* next_field_id) {
  EditionSpec& edition = spec->edition;
  if (spec->schema == nullptr) {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema, "a table needs a schema");
  }
  ARROW_RETURN_NOT_OK(schema::CheckSchema(*spec->schema));
  if (edition.bucket_count < 1) {
    return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
                 "a table has at least one bucket, not " + std::to_string(edition.bucket_count));
  }
  if (edition.bucket_count > kBucketsMax) {
    return Error(Code::kInvalidArgument, Reason::kTooManyBuckets,
                 "a table has at most " + std::to_string(kBucketsMax) + " buckets, not " +
                     std::to_string(edition.bucket_count));
  }
  ARROW_RETURN_NOT_OK(CheckColumns(*spec->schema, edition.key, "key"));
  ARROW_RETURN_NOT_OK(CheckColumns(*spec->schema, edition.order, "order"));
  ARROW_RETURN_NOT_OK(CheckColumns(*spec->schema, edition.partition_by, "partition"));
  ARROW_RETURN_NOT_OK(CheckColumns(*spec->schema, edition.bucket_by, "bucket"));
  ARROW_RETURN_NOT_OK(CheckSortable(*spec->schema, edition.key));
  ARROW_RETURN_NOT_OK(CheckSortable(*spec->schema, edition.order));
  ARROW_RETURN_NOT_OK(CheckSortable(*spec->schema, edition.bucket_by));
  ARROW_RETURN_NOT_OK(CheckSortable(*spec->schema, edition.partition_by));
  const auto in_key = [&](const std::string& column) {
    return std::find(edition.key.begin(), edition.key.end(), column) != edition.key.end();
  };
  if (!edition.key.empty()) {
    if (!std::all_of(edition.partition_by.begin(), edition.partition_by.end(), in_key)) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "the partition columns of a keyed table must be part of its key");
    }
    if (!std::all_of(edition.bucket_by.begin(), edition.bucket_by.end(), in_key)) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "the bucket columns of a keyed table must be part of its key");
    }
    if (edition.bucket_by.empty()) {
      // A key must always find the same bucket; within a partition that is by what the partition
      // does not say.
      for (const std::string& column : edition.key) {
        const auto& by = edition.partition_by;
        if (std::find(by.begin(), by.end(), column) == by.end())
          edition.bucket_by.push_back(column);
      }
      if (edition.bucket_by.empty()) edition.bucket_by = edition.key;
    }
    if (edition.merge == catalog::MergeRule::kNone) edition.merge = catalog::MergeRule::kLastWrite;
  } else if (edition.merge != catalog::MergeRule::kNone) {
    return Error(Code::kInvalidArgument, Reason::kInvalidProperty, "a merge rule needs a key");
  }
  if (!edition.time_column.empty()) {
    ARROW_RETURN_NOT_OK(CheckColumns(*spec->schema, {edition.time_column}, "time"));
    if (!IsTime(*spec->schema->GetFieldByName(edition.time_column)->type())) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "the time column '" + edition.time_column + "' must be a timestamp or int64 ns");
    }
  }
  const catalog::Lifetime& kept = edition.log_lifetime;
  if (kept.by == catalog::LifetimeBy::kColumn && kept.column != edition.time_column) {
    return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
                 "a log is kept by its rows' commit time, record time or size: column '" +
                     kept.column.substr(0, 64) + "' is not the time column");
  }
  if (kept.duration_ns.value_or(1) <= 0 || kept.bytes.value_or(1) <= 0) {
    return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
                 "a log's lifetime is above 0; leave it out to keep the log for ever");
  }
  // Nulls have no place in a key.
  auto fields = spec->schema->fields();
  for (auto& field : fields) {
    if (in_key(field->name())) field = field->WithNullable(false);
  }
  spec->schema = schema::AssignFieldIds(arrow::schema(std::move(fields), spec->schema->metadata()),
                                        next_field_id);
  return edition.key.empty() ? Status::OK() : CheckMerge(edition, spec->schema);
}

}  // namespace firth::table
