#include "firth/doors/fluss/value_shape.h"

#include <arrow/compute/cast.h>

#include <utility>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/doors/fluss/types.h"

namespace firth::doors::fluss {
namespace {

/// The type of a column in the values that clients get. They know times of day in whole
/// milliseconds, whatever their type says; stored ones may be finer.
std::shared_ptr<arrow::DataType> ValueType(const std::shared_ptr<arrow::DataType>& type) {
  const auto served = ServedType(type);
  const auto value_field = [](const std::shared_ptr<arrow::Field>& field) {
    return field->WithType(ValueType(field->type()));
  };
  switch (served->id()) {
    case arrow::Type::TIME64:
      return arrow::time32(arrow::TimeUnit::MILLI);
    case arrow::Type::STRUCT: {
      arrow::FieldVector fields;
      bool other = false;
      for (const auto& field : served->fields()) {
        fields.push_back(value_field(field));
        other |= fields.back()->type() != field->type();
      }
      return other ? arrow::struct_(std::move(fields)) : served;
    }
    default:  // lists and maps hold whole milliseconds
      return served;
  }
}

Result<std::shared_ptr<arrow::RecordBatch>> CastTo(const arrow::RecordBatch& rows,
                                                   const std::shared_ptr<arrow::Schema>& schema) {
  arrow::compute::CastOptions options;
  options.allow_time_truncate = true;
  arrow::ArrayVector columns = rows.columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto& type = schema->field(static_cast<int>(i))->type();
    if (columns[i]->type() == type) continue;
    options.to_type = type;
    ARROW_ASSIGN_OR_RAISE(columns[i], arrow::compute::Cast(*columns[i], type, options));
  }
  return arrow::RecordBatch::Make(schema, rows.num_rows(), std::move(columns));
}

}  // namespace

Result<ValueShape> ValueShape::Make(const catalog::TablePtr& table) {
  ValueShape shape;
  for (const catalog::SchemaInfo& held : table->current->schemas) {
    arrow::FieldVector fields = held.schema->fields();
    bool other = false;
    for (auto& field : fields) {
      const auto served = ValueType(field->type());
      if (served == field->type()) continue;
      other = true;
      field = field->WithType(served);
    }
    if (!other) continue;
    Codecs& codecs = shape.remade_[held.id];
    ARROW_ASSIGN_OR_RAISE(codecs.stored, schema::RowCodec::Make(held.schema));
    ARROW_ASSIGN_OR_RAISE(codecs.served, schema::RowCodec::Make(arrow::schema(std::move(fields))));
  }
  return shape;
}

Result<std::string> ValueShape::Of(const table::StoredRow& row) const {
  if (!Remakes(row.schema_id())) return row.value;
  return Remake(row.schema_id(), row.row());
}

Result<std::string> ValueShape::Remake(SchemaId id, std::string_view row) const {
  const Codecs& codecs = remade_.at(id);
  ARROW_ASSIGN_OR_RAISE(const auto stored, codecs.stored->Decode({row}));
  ARROW_ASSIGN_OR_RAISE(const auto served, CastTo(*stored, codecs.served->schema()));
  std::vector<std::string> rows;
  ARROW_RETURN_NOT_OK(codecs.served->Encode(*served, &rows));
  std::string value;
  AppendLe(&value, static_cast<int16_t>(id.value));
  return value + rows.front();
}

}  // namespace firth::doors::fluss
