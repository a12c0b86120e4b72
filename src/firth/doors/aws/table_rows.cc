#include "firth/doors/aws/table_rows.h"

#include <arrow/array/array_nested.h>
#include <arrow/array/util.h>
#include <arrow/builder.h>
#include <arrow/compute/cast.h>
#include <arrow/type_traits.h>
#include <fmt/format.h>

#include "firth/format/json_text.h"

namespace firth::doors::aws {
namespace {

using arrow::Type;
using ArrayPtr = std::shared_ptr<arrow::Array>;
using TypePtr = std::shared_ptr<arrow::DataType>;

Status Mismatch(const std::string& column, const std::string& why) {
  return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
               fmt::format("column '{}': {}", column.substr(0, 64), why));
}

bool IsText(Type::type id) {
  return id == Type::STRING || id == Type::LARGE_STRING;
}
bool IsBytes(Type::type id) {
  return id == Type::BINARY || id == Type::LARGE_BINARY || id == Type::FIXED_SIZE_BINARY;
}
bool IsList(Type::type id) {
  return id == Type::LIST || id == Type::LARGE_LIST || id == Type::FIXED_SIZE_LIST;
}

/// May values of `from` be taken as `to` without losing anything that a check would not find?
bool MayBecome(const arrow::DataType& from, const arrow::DataType& to) {
  if (from.Equals(to)) return true;
  if (arrow::is_integer(from.id()) && arrow::is_integer(to.id())) return true;
  if (IsText(from.id()) && IsText(to.id())) return true;
  if (IsBytes(from.id()) && IsBytes(to.id())) return true;
  if (IsList(from.id()) && IsList(to.id())) {
    return MayBecome(*from.field(0)->type(), *to.field(0)->type());
  }
  if (from.id() == Type::MAP && to.id() == Type::MAP) {
    const auto& a = static_cast<const arrow::MapType&>(from);
    const auto& b = static_cast<const arrow::MapType&>(to);
    return MayBecome(*a.key_type(), *b.key_type()) && MayBecome(*a.item_type(), *b.item_type());
  }
  if (from.id() == Type::TIMESTAMP && to.id() == Type::TIMESTAMP) return true;
  return from.id() == Type::NA;
}

/// Are there nulls where `field` has no room for them, at any depth?
bool HasForbiddenNulls(const arrow::Array& values, const arrow::Field& field) {
  if (!field.nullable() && values.null_count() > 0) return true;
  if (field.type()->id() == Type::LIST) {
    const auto flat = static_cast<const arrow::ListArray&>(values).Flatten();
    return !flat.ok() || HasForbiddenNulls(**flat, *field.type()->field(0));
  }
  if (field.type()->id() == Type::MAP) {
    const auto& map = static_cast<const arrow::MapArray&>(values);
    const auto& type = static_cast<const arrow::MapType&>(*field.type());
    const int64_t begin = map.value_offset(0);
    const int64_t count = map.value_offset(map.length()) - begin;
    return HasForbiddenNulls(*map.keys()->Slice(begin, count), *type.key_field()) ||
           HasForbiddenNulls(*map.items()->Slice(begin, count), *type.item_field());
  }
  return false;
}

/// Lists and maps of nullable values as those of values that are not: only the type's word differs.
ArrayPtr Retyped(const ArrayPtr& values, const TypePtr& type) {
  if (values->type()->Equals(*type)) return values;
  auto data = values->data()->Copy();
  data->type = type;
  for (size_t i = 0; i < data->child_data.size(); ++i) {
    const ArrayPtr child = arrow::MakeArray(data->child_data[i]);
    data->child_data[i] = Retyped(child, type->field(static_cast<int>(i))->type())->data();
  }
  return arrow::MakeArray(data);
}

Result<ArrayPtr> FitColumn(ArrayPtr values, const arrow::Field& field) {
  const TypePtr& to = field.type();
  if (!MayBecome(*values->type(), *to)) {
    return Mismatch(field.name(), fmt::format("{} cannot be taken as {}",
                                              values->type()->ToString(), to->ToString()));
  }
  if (!values->type()->Equals(*to)) {
    auto cast = arrow::compute::Cast(*values, to, arrow::compute::CastOptions::Safe());
    if (!cast.ok()) {
      return Mismatch(field.name(), cast.status().message().substr(0, 256));
    }
    values = std::move(*cast);
  }
  if (HasForbiddenNulls(*values, field)) {
    return Mismatch(field.name(), "it has nulls, and the field is not nullable");
  }
  return values;
}

Result<ArrayPtr> ShowColumn(const ArrayPtr& values, const TypePtr& to);

/// A list's or map's children as they are shown, under the same offsets.
Result<ArrayPtr> ShowNested(const ArrayPtr& values, const TypePtr& to) {
  auto data = values->data()->Copy();
  if (to->id() == Type::LIST) {
    const auto& list = static_cast<const arrow::ListArray&>(*values);
    ARROW_ASSIGN_OR_RAISE(const auto shown, ShowColumn(list.values(), to->field(0)->type()));
    data->child_data[0] = shown->data();
  } else {
    const auto& map = static_cast<const arrow::MapArray&>(*values);
    const auto& type = static_cast<const arrow::MapType&>(*to);
    ARROW_ASSIGN_OR_RAISE(const auto keys, ShowColumn(map.keys(), type.key_type()));
    ARROW_ASSIGN_OR_RAISE(const auto items, ShowColumn(map.items(), type.item_type()));
    const auto pairs = std::make_shared<arrow::StructArray>(type.value_type(), keys->length(),
                                                            arrow::ArrayVector{keys, items});
    data->child_data[0] = pairs->data();
  }
  data->type = to;
  return arrow::MakeArray(data);
}

Result<ArrayPtr> ShowColumn(const ArrayPtr& values, const TypePtr& to) {
  const arrow::DataType& from = *values->type();
  if (from.Equals(*to)) return values;
  if (from.id() == Type::TIMESTAMP || from.id() == Type::DURATION) return values->View(to);
  if (to->id() == Type::LIST || to->id() == Type::MAP) return ShowNested(values, to);
  if (to->id() == Type::STRING && (arrow::is_nested(from.id()) || from.id() == Type::EXTENSION)) {
    return format::ToJsonText(values);
  }
  auto cast = arrow::compute::Cast(*values, to, arrow::compute::CastOptions::Safe());
  if (!cast.ok() && to->id() == Type::STRING) return format::ToJsonText(values);
  return cast;
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> FitFileRows(
    const arrow::RecordBatch& rows, const std::shared_ptr<arrow::Schema>& table) {
  arrow::ArrayVector columns;
  for (const auto& field : table->fields()) {
    ArrayPtr column = rows.GetColumnByName(field->name());
    if (column == nullptr) {
      if (!field->nullable()) return Mismatch(field->name(), "it is missing from the file");
      ARROW_ASSIGN_OR_RAISE(column, arrow::MakeArrayOfNull(field->type(), rows.num_rows()));
    } else {
      ARROW_ASSIGN_OR_RAISE(column, FitColumn(std::move(column), *field));
    }
    columns.push_back(Retyped(column, field->type()));
  }
  return arrow::RecordBatch::Make(table, rows.num_rows(), std::move(columns));
}

Result<std::shared_ptr<arrow::RecordBatch>> ShowRows(const arrow::RecordBatch& rows,
                                                     const TableShape& shape) {
  arrow::ArrayVector columns;
  for (const ShapeField& field : shape.fields) {
    const ArrayPtr column = rows.GetColumnByName(field.name);
    if (column == nullptr) {
      return Error(Code::kInternal, Reason::kColumnNotFound, "no column '" + field.name + "'");
    }
    ARROW_ASSIGN_OR_RAISE(auto shown, ShowColumn(column, field.type));
    columns.push_back(Retyped(shown, field.type));
  }
  return arrow::RecordBatch::Make(shape.schema(), rows.num_rows(), std::move(columns));
}

}  // namespace firth::doors::aws
