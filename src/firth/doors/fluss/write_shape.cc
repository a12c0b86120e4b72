#include "firth/doors/fluss/write_shape.h"

#include <arrow/compute/cast.h>
#include <arrow/record_batch.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/fluss/errors.h"
#include "firth/doors/fluss/types.h"
#include "firth/log/batch.h"
#include "firth/table/row_routing.h"

namespace firth::doors::fluss {
namespace {

Status DoesNotFit(const arrow::Field& field, const std::string& why) {
  return Error(Code::kInvalidArgument, Reason::kBadValue,
               "column '" + field.name() + "' is of type " + field.type()->ToString() +
                   ", which does not hold a value that was sent: " + why);
}

/// Keeps what was made anew, beside what else the records point into.
class MadeRecords : public arrow::Buffer {
 public:
  MadeRecords(std::deque<std::string> made, std::shared_ptr<arrow::Buffer> sent)
      : arrow::Buffer(sent->data(), sent->size()), made_(std::move(made)), sent_(std::move(sent)) {}

 private:
  const std::deque<std::string> made_;
  const std::shared_ptr<arrow::Buffer> sent_;
};

bool IsServed(const std::shared_ptr<arrow::Field>& field) {
  return ServedType(field->type()) == field->type();
}

/// Does a client choose the bucket of a row by other bytes than the table does?
Status CheckBuckets(const table::TableInfo& table) {
  const catalog::EditionSpec& spec = table.current->spec;
  if (spec.key.empty() || spec.bucket_count == 1) return Status::OK();
  for (const std::string& name : spec.bucket_by) {
    const auto field = table.current->newest().schema->GetFieldByName(name);
    FIRTH_CHECK(field != nullptr);
    if (IsServed(field)) continue;
    return Refusal(Wire::kInvalidTable,
                   "the rows of this table are spread over its buckets by column '" + name +
                       "', whose type, " + field->type()->ToString() +
                       ", this protocol does not have: write to it by another one");
  }
  return Status::OK();
}

}  // namespace

Result<WriteShape> WriteShape::Make(const table::TablePtr& table) {
  WriteShape shape;
  shape.compression_ = table::CompressionOf(table->current->spec);
  const bool keyed = !table->current->spec.key.empty();
  for (const catalog::SchemaInfo& held : table->current->schemas) {
    if (std::ranges::all_of(held.schema->fields(), IsServed)) continue;
    arrow::FieldVector fields = held.schema->fields();
    for (auto& field : fields) field = field->WithType(ServedType(field->type()));
    Types& types = shape.remade_[held.id];
    types.sent = arrow::schema(std::move(fields));
    types.stored = held.schema;
    if (!keyed) continue;
    ARROW_ASSIGN_OR_RAISE(types.sent_rows, schema::RowCodec::Make(types.sent));
    ARROW_ASSIGN_OR_RAISE(types.stored_rows, schema::RowCodec::Make(types.stored));
  }
  if (keyed && !shape.remade_.empty()) {
    ARROW_RETURN_NOT_OK(CheckBuckets(*table));
    ARROW_ASSIGN_OR_RAISE(shape.keys_, ServedKeys::Make(*table->current));
  }
  return shape;
}

Result<std::shared_ptr<arrow::RecordBatch>> WriteShape::Cast(const Types& types,
                                                             const arrow::RecordBatch& rows) const {
  arrow::ArrayVector columns = rows.columns();
  for (size_t c = 0; c < columns.size(); ++c) {
    const auto& field = types.stored->field(static_cast<int>(c));
    if (columns[c]->type()->Equals(*field->type())) continue;
    auto cast = arrow::compute::Cast(*columns[c], field->type());
    if (!cast.ok()) return DoesNotFit(*field, cast.status().message());
    columns[c] = std::move(*cast);
  }
  return arrow::RecordBatch::Make(types.stored, rows.num_rows(), std::move(columns));
}

Status WriteShape::Remake(table::UpsertBatch* batch) const {
  std::deque<std::string> made;  // whose strings never move
  if (keys_ != nullptr) {
    for (table::UpsertRecord& record : batch->records) {
      ARROW_ASSIGN_OR_RAISE(auto key, keys_->Stored(record.key, /*prefix=*/false));
      if (!key) {
        return Error(Code::kInvalidArgument, Reason::kBadValue,
                     "a key has a value that the type of the table's column does not hold");
      }
      record.key = made.emplace_back(std::move(*key));
    }
  }
  const auto found = remade_.find(batch->schema_id);
  std::vector<std::string_view> sent;
  for (const table::UpsertRecord& record : batch->records) {
    if (found != remade_.end() && !record.row.empty()) sent.push_back(record.row);
  }
  if (!sent.empty()) {
    const Types& types = found->second;
    ARROW_ASSIGN_OR_RAISE(const auto rows, types.sent_rows->Decode(sent));
    ARROW_ASSIGN_OR_RAISE(const auto cast, Cast(types, *rows));
    std::vector<std::string> stored;
    ARROW_RETURN_NOT_OK(types.stored_rows->Encode(*cast, &stored));
    size_t next = 0;
    for (table::UpsertRecord& record : batch->records) {
      if (!record.row.empty()) record.row = made.emplace_back(std::move(stored[next++]));
    }
  }
  batch->owner = std::make_shared<MadeRecords>(std::move(made), std::move(batch->owner));
  return Status::OK();
}

Result<std::shared_ptr<arrow::Buffer>> WriteShape::Remake(
    const std::shared_ptr<arrow::Buffer>& batch) const {
  ARROW_ASSIGN_OR_RAISE(const log::BatchHeader header,
                        log::ParseBatch(Bytes(reinterpret_cast<const std::byte*>(batch->data()),
                                              static_cast<size_t>(batch->size()))));
  const auto found = remade_.find(header.schema_id);
  if (found == remade_.end() || header.rows == 0 || !header.append_only) return batch;
  const Types& types = found->second;
  ARROW_RETURN_NOT_OK(log::CheckMessage(header, *types.sent));
  ARROW_ASSIGN_OR_RAISE(const auto rows, log::DecodeBatch(batch, types.sent));
  ARROW_ASSIGN_OR_RAISE(const auto cast, Cast(types, *rows));
  return log::EncodeBatch(*cast, {},
                          {.schema_id = header.schema_id,
                           .compression = compression_,
                           .writer_id = header.writer_id,
                           .sequence = header.sequence});
}

}  // namespace firth::doors::fluss
