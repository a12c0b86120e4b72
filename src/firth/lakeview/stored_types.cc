#include "firth/lakeview/stored_types.h"

#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/extension_type.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "firth/schema/schema.h"
#include "firth/schema/types.h"

namespace firth::lakeview {
namespace {

using arrow::Type;
using TypePtr = std::shared_ptr<arrow::DataType>;
using FieldPtr = std::shared_ptr<arrow::Field>;

constexpr int32_t kItemsOfField = 64;

FieldPtr WithStoredId(const FieldPtr& field, int32_t id) {
  const auto found = field->metadata();
  const auto metadata =
      found == nullptr ? std::make_shared<arrow::KeyValueMetadata>() : found->Copy();
  ARROW_UNUSED(metadata->Set(kParquetIdKey, std::to_string(id)));
  return field->WithMetadata(metadata);
}

/// Microseconds in a unit of a timestamp; 1 also for finer ones.
int64_t TicksOfMicro(const arrow::TimestampType& type) {
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND:
      return 1'000'000;
    case arrow::TimeUnit::MILLI:
      return 1000;
    case arrow::TimeUnit::MICRO:
    case arrow::TimeUnit::NANO:
      break;
  }
  return 1;
}

/// Has a column a timestamp that microseconds do not hold?
bool HasFarTimes(const arrow::ArrayData& column) {
  if (column.type->id() == Type::EXTENSION) {
    auto storage = column.Copy();
    storage->type = static_cast<const arrow::ExtensionType&>(*column.type).storage_type();
    return HasFarTimes(*storage);
  }
  if (column.type->id() == Type::TIMESTAMP) {
    const int64_t micros = TicksOfMicro(static_cast<const arrow::TimestampType&>(*column.type));
    if (micros == 1) return false;
    // The greatest ones stand for infinity in DuckDB.
    const int64_t most = (INT64_MAX - 1) / micros;
    const auto* values = column.GetValues<int64_t>(1);
    for (int64_t i = 0; i < column.length; ++i) {
      if ((values[i] > most || values[i] < -most) && column.IsValid(i)) return true;
    }
    return false;
  }
  // Items that no row holds do no harm: the column is then stored so without need.
  return std::any_of(column.child_data.begin(), column.child_data.end(),
                     [](const auto& child) { return HasFarTimes(*child); });
}

TypePtr StoredLeaf(const TypePtr& type, bool far) {
  switch (type->id()) {
    case Type::INT8:
    case Type::INT16:
    case Type::UINT8:
    case Type::UINT16:
      return arrow::int32();
    case Type::UINT32:
      return arrow::int64();
    case Type::UINT64:
      return arrow::decimal128(20, 0);
    case Type::TIME32:
      return arrow::time64(arrow::TimeUnit::MICRO);
    case Type::TIME64:
      return static_cast<const arrow::Time64Type&>(*type).unit() == arrow::TimeUnit::NANO
                 ? arrow::int64()
                 : type;
    case Type::DURATION:
      return arrow::int64();
    case Type::TIMESTAMP: {
      const auto& timestamp = static_cast<const arrow::TimestampType&>(*type);
      if (far && TicksOfMicro(timestamp) > 1) return arrow::int64();
      if (timestamp.unit() != arrow::TimeUnit::SECOND) return type;
      return arrow::timestamp(arrow::TimeUnit::MILLI, timestamp.timezone());
    }
    default:
      return type;
  }
}

/// Numbers what has no id of its own below one field.
struct Items {
  int32_t field = 0;
  bool far = false;  // are timestamps stored as numbers?
  int32_t next = 0;
};

Result<FieldPtr> StoredField(const FieldPtr& field, bool far);

Result<TypePtr> StoredType(const TypePtr& outer, Items* items) {
  const TypePtr type = schema::StorageTypePtr(outer);
  if (type->num_fields() == 0) return StoredLeaf(type, items->far);
  std::vector<FieldPtr> children;
  if (type->id() == Type::STRUCT) {
    for (const auto& child : type->fields()) {
      ARROW_ASSIGN_OR_RAISE(children.emplace_back(), StoredField(child, items->far));
    }
    return schema::WithChildren(*type, std::move(children));
  }
  std::vector<FieldPtr> parts = type->fields();
  if (type->id() == Type::MAP) {
    const auto& map = static_cast<const arrow::MapType&>(*type);
    parts = {map.key_field(), map.item_field()};
  }
  for (const auto& part : parts) {
    if (items->next >= kItemsOfField) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema, "lists are nested too deep");
    }
    const int32_t id = kItemIdFirst + kItemsOfField * items->field + items->next++;
    ARROW_ASSIGN_OR_RAISE(const TypePtr inner, StoredType(part->type(), items));
    children.push_back(WithStoredId(part->WithType(inner), id));
  }
  return schema::WithChildren(*type, std::move(children));
}

Result<FieldPtr> StoredField(const FieldPtr& field, bool far) {
  const int32_t id = schema::FieldId(*field);
  if (id < 0 || id >= kItemIdFirst / kItemsOfField) {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "the column '" + field->name().substr(0, 64) + "' has the field id " +
                     std::to_string(id) + ", for which a lake file has no room");
  }
  Items items{.field = id, .far = far};
  ARROW_ASSIGN_OR_RAISE(const TypePtr type, StoredType(field->type(), &items));
  return WithStoredId(field->WithType(type), id);
}

Result<std::shared_ptr<arrow::Array>> CastTo(const std::shared_ptr<arrow::Array>& column,
                                             const TypePtr& type) {
  const TypePtr& from = column->type();
  if (from->Equals(*type)) return column;
  // Numbers of ticks: what holds them has their width.
  const auto is_ticks = [](const arrow::DataType& t) {
    return t.id() == Type::DURATION || t.id() == Type::TIME64;
  };
  if ((is_ticks(*from) && type->id() == Type::INT64) ||
      (from->id() == Type::INT64 && is_ticks(*type))) {
    return column->View(type);
  }
  return arrow::compute::Cast(*column, type, arrow::compute::CastOptions::Safe());
}

/// The same values under a type that differs in nothing but metadata. (Array::View refuses nulls of
/// required fields, which rows have where what holds the fields is itself null.)
std::shared_ptr<arrow::ArrayData> Retyped(const arrow::ArrayData& data, const TypePtr& type) {
  auto out = data.Copy();
  out->type = type;
  for (size_t i = 0; i < out->child_data.size(); ++i) {
    out->child_data[i] = Retyped(*out->child_data[i], type->field(static_cast<int>(i))->type());
  }
  return out;
}

}  // namespace

int32_t StoredId(const arrow::Field& field) {
  if (field.metadata() == nullptr) return -1;
  const auto text = field.metadata()->Get(kParquetIdKey);
  int32_t id = -1;
  if (text.ok()) std::from_chars(text->data(), text->data() + text->size(), id);
  return id;
}

void NoteFarTimes(const arrow::RecordBatch& rows, FieldIds* far) {
  for (int i = 0; i < rows.num_columns(); ++i) {
    const int32_t id = schema::FieldId(*rows.schema()->field(i));
    if (id >= 0 && !far->contains(id) && HasFarTimes(*rows.column_data(i))) far->insert(id);
  }
}

Result<std::shared_ptr<arrow::Schema>> StoredSchema(const arrow::Schema& table,
                                                    const FieldIds& far) {
  const std::vector<FieldPtr> hidden = {
      arrow::field(kOffsetColumn, arrow::int64(), false),
      arrow::field(kCommitColumn, arrow::int64(), false),
      arrow::field(kTimeColumn, arrow::timestamp(arrow::TimeUnit::NANO, "UTC"), false),
      arrow::field(kChangeColumn, arrow::int32(), false)};
  std::vector<FieldPtr> fields;
  for (const auto& field : table.fields()) {
    for (const auto& own : hidden) {
      if (field->name() == own->name()) {
        return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                     "a column is called " + own->name() + ", which lake files use themselves");
      }
    }
    ARROW_ASSIGN_OR_RAISE(fields.emplace_back(),
                          StoredField(field, far.contains(schema::FieldId(*field))));
  }
  for (size_t i = 0; i < hidden.size(); ++i) {
    fields.push_back(WithStoredId(hidden[i], kHiddenIdFirst + static_cast<int32_t>(i)));
  }
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<arrow::RecordBatch>> ToStored(const arrow::RecordBatch& rows,
                                                     const std::shared_ptr<arrow::Schema>& stored) {
  if (rows.num_columns() != stored->num_fields()) {
    return Error(Code::kInternal, Reason::kNone,
                 "rows for a lake file have " + std::to_string(rows.num_columns()) +
                     " columns, not " + std::to_string(stored->num_fields()));
  }
  std::vector<std::shared_ptr<arrow::Array>> columns;
  for (int i = 0; i < rows.num_columns(); ++i) {
    auto column = rows.column(i);
    if (column->type_id() == Type::EXTENSION) {
      column = static_cast<const arrow::ExtensionArray&>(*column).storage();
    }
    auto cast = CastTo(column, stored->field(i)->type());
    if (!cast.ok()) {
      return Error(Code::kInvalidArgument, Reason::kNone,
                   "the column '" + stored->field(i)->name().substr(0, 64) +
                       "' has a value that a lake file cannot hold: " + MessageOf(cast.status()));
    }
    columns.push_back(std::move(*cast));
  }
  return arrow::RecordBatch::Make(stored, rows.num_rows(), std::move(columns));
}

Result<std::shared_ptr<arrow::Array>> FromStored(const std::shared_ptr<arrow::Array>& column,
                                                 const TypePtr& type) {
  const TypePtr storage = schema::StorageTypePtr(type);
  ARROW_ASSIGN_OR_RAISE(auto cast, CastTo(column, storage));
  if (storage->num_fields() > 0 && !cast->type()->Equals(*storage, /*check_metadata=*/true)) {
    cast = arrow::MakeArray(Retyped(*cast->data(), storage));  // the ids of nested fields
  }
  if (type->id() == Type::EXTENSION) return arrow::ExtensionType::WrapArray(type, cast);
  return cast;
}

}  // namespace firth::lakeview
