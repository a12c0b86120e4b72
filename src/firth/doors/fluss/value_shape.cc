#include "firth/doors/fluss/value_shape.h"

#include <utility>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/doors/fluss/batch_shape.h"
#include "firth/doors/fluss/types.h"

namespace firth::doors::fluss {

Result<ValueShape> ValueShape::Make(const catalog::TablePtr& table) {
  ValueShape shape;
  for (const catalog::SchemaInfo& held : table->current->schemas) {
    arrow::FieldVector fields = held.schema->fields();
    bool other = false;
    for (auto& field : fields) {
      const auto served = ServedType(field->type());
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
  const auto found = remade_.find(row.schema_id());
  if (found == remade_.end()) return row.value;
  ARROW_ASSIGN_OR_RAISE(const auto stored, found->second.stored->Decode({row.row()}));
  ARROW_ASSIGN_OR_RAISE(const auto served, CastToServed(*stored));
  std::vector<std::string> rows;
  ARROW_RETURN_NOT_OK(found->second.served->Encode(*served, &rows));
  std::string value;
  AppendLe(&value, static_cast<int16_t>(row.schema_id().value));
  return value + rows.front();
}

}  // namespace firth::doors::fluss
