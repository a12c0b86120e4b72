#include "firth/doors/fluss/batch_shape.h"

#include <arrow/compute/cast.h>
#include <arrow/record_batch.h>

#include <string>
#include <utility>

#include "firth/common/bytes.h"
#include "firth/doors/fluss/errors.h"
#include "firth/doors/fluss/types.h"
#include "firth/log/batch.h"
#include "firth/schema/schema.h"
#include "firth/table/row_routing.h"

namespace firth::doors::fluss {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr size_t kBaseOffsetAt = 0;
constexpr size_t kCommitTimeAt = 13;

Bytes BytesOf(const arrow::Buffer& buffer) {
  return {reinterpret_cast<const std::byte*>(buffer.data()), static_cast<size_t>(buffer.size())};
}

bool IsServed(const std::shared_ptr<arrow::DataType>& type) {
  return ServedType(type) == type;
}

bool IsServed(const arrow::Schema& schema) {
  for (const auto& field : schema.fields()) {
    if (!IsServed(field->type())) return false;
  }
  return true;
}

/// Put what the log assigned into a batch that was made anew. The checksum leaves these bytes out.
Result<std::shared_ptr<arrow::Buffer>> Stamp(const std::shared_ptr<arrow::Buffer>& batch,
                                             const log::StoredEntry& entry) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> stamped, batch->CopySlice(0, batch->size()));
  StoreLe(stamped->mutable_data() + kBaseOffsetAt, entry.base_offset.value);
  StoreLe(stamped->mutable_data() + kCommitTimeAt, entry.commit_time_ns / kNsPerMs);
  return stamped;
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> CastToServed(const arrow::RecordBatch& rows) {
  arrow::FieldVector fields = rows.schema()->fields();
  arrow::ArrayVector columns = rows.columns();
  for (size_t i = 0; i < fields.size(); ++i) {
    const auto served = ServedType(fields[i]->type());
    if (served == fields[i]->type()) continue;
    ARROW_ASSIGN_OR_RAISE(columns[i], arrow::compute::Cast(*columns[i], served));
    fields[i] = fields[i]->WithType(served);
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields)), rows.num_rows(),
                                  std::move(columns));
}

Result<BatchShape> BatchShape::Make(const catalog::TablePtr& table, Options options) {
  if (options.columns) {
    const int count = table->current->newest().schema->num_fields();
    int last = -1;
    for (const int column : *options.columns) {
      if (column < 0 || column >= count) {
        return Refusal(Wire::kInvalidProjection, "the projected column " + std::to_string(column) +
                                                     " is not one of the table's " +
                                                     std::to_string(count));
      }
      if (column <= last) {
        return Refusal(Wire::kInvalidProjection, "projected columns must ascend");
      }
      last = column;
    }
  }
  return BatchShape(table, std::move(options));
}

bool BatchShape::CanSlice(const arrow::Schema& source) const {
  const arrow::Schema& newest = *table_->current->newest().schema;
  for (const int column : *options_.columns) {
    if (column >= source.num_fields()) return false;
    const auto& have = source.field(column);
    const auto& want = newest.field(column);
    const bool same =
        schema::FieldId(*have) == schema::FieldId(*want) && have->type()->Equals(*want->type());
    if (!same || !IsServed(have->type())) return false;
  }
  return true;
}

Result<std::shared_ptr<arrow::Buffer>> BatchShape::Of(const log::StoredEntry& entry) const {
  if (entry.kind == log::EntryKind::kMark) return nullptr;
  if (entry.kind != log::EntryKind::kRows) {
    return Error(Code::kUnimplemented, Reason::kNone,
                 "the rows at offset " + std::to_string(entry.base_offset.value) +
                     " lie in a file, which cannot be fetched as a batch");
  }
  if (entry.rows == 0) return entry.body;
  const catalog::EditionInfo& edition = *table_->current;
  const catalog::SchemaInfo* source = edition.FindSchema(entry.schema_id);
  if (source == nullptr) {
    return Error(Code::kDataLoss, Reason::kSchemaNotFound,
                 "the batch at offset " + std::to_string(entry.base_offset.value) +
                     " has the schema " + std::to_string(entry.schema_id.value) +
                     ", which the table does not have");
  }
  if (options_.columns) {
    if (!CanSlice(*source->schema)) return Remake(entry, *source, edition.newest());
    return log::ProjectBatch(BytesOf(*entry.body), *source->schema, *options_.columns);
  }
  const catalog::SchemaInfo& target = options_.reads_older_schemas ? *source : edition.newest();
  if (target.id == source->id && IsServed(*source->schema)) return entry.body;
  return Remake(entry, *source, target);
}

Result<std::shared_ptr<arrow::Buffer>> BatchShape::Remake(const log::StoredEntry& entry,
                                                          const catalog::SchemaInfo& source,
                                                          const catalog::SchemaInfo& target) const {
  ARROW_ASSIGN_OR_RAISE(const log::BatchHeader header,
                        log::ParseTrustedBatch(BytesOf(*entry.body)));
  ARROW_ASSIGN_OR_RAISE(auto rows, log::DecodeBatch(entry.body, source.schema));
  ARROW_ASSIGN_OR_RAISE(rows, schema::Project(*rows, target.schema));
  if (options_.columns) {
    ARROW_ASSIGN_OR_RAISE(rows, rows->SelectColumns(*options_.columns));
  }
  ARROW_ASSIGN_OR_RAISE(rows, CastToServed(*rows));
  std::vector<log::Change> changes;
  if (!header.append_only) {
    for (const std::byte change : header.changes) {
      changes.push_back(static_cast<log::Change>(change));
    }
  }
  const log::EncodeOptions options{.schema_id = target.id,
                                   .compression = table::CompressionOf(table_->current->spec),
                                   .writer_id = entry.writer_id,
                                   .sequence = entry.sequence};
  ARROW_ASSIGN_OR_RAISE(const auto batch, log::EncodeBatch(*rows, changes, options));
  return Stamp(batch, entry);
}

}  // namespace firth::doors::fluss
