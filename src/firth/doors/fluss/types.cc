#include "firth/doors/fluss/types.h"

#include <arrow/util/key_value_metadata.h>

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "firth/doors/fluss/errors.h"
#include "firth/schema/schema.h"

namespace firth::doors::fluss {
namespace {

using FieldPtr = std::shared_ptr<arrow::Field>;
using TypePtr = std::shared_ptr<arrow::DataType>;

/// Marks a map's key whose type object does not say that it is never null.
constexpr char kNullableKey[] = "fluss.nullable";
constexpr int kDecimalDigitsMax = 38;
constexpr int kFractionDigitsMax = 9;
constexpr int64_t kLengthMax = INT32_MAX;

Status Fault(const std::string& what) {
  return Error(Code::kInvalidArgument, Reason::kInvalidSchema, what);
}

/// The unit that holds `precision` fraction digits, and the precision that a unit is shown as.
arrow::TimeUnit::type UnitOf(int64_t precision) {
  if (precision == 0) return arrow::TimeUnit::SECOND;
  if (precision <= 3) return arrow::TimeUnit::MILLI;
  return precision <= 6 ? arrow::TimeUnit::MICRO : arrow::TimeUnit::NANO;
}
int PrecisionOf(arrow::TimeUnit::type unit) {
  return static_cast<int>(unit) * 3;
}
static_assert(arrow::TimeUnit::SECOND == 0 && arrow::TimeUnit::NANO == 3);

TypePtr TimeType(arrow::TimeUnit::type unit) {
  return unit <= arrow::TimeUnit::MILLI ? arrow::time32(unit) : arrow::time64(unit);
}

/// Types without parameters.
const std::map<std::string, TypePtr>& PlainTypes() {
  static const std::map<std::string, TypePtr> types = {
      {"BOOLEAN", arrow::boolean()}, {"TINYINT", arrow::int8()}, {"SMALLINT", arrow::int16()},
      {"INTEGER", arrow::int32()},   {"BIGINT", arrow::int64()}, {"FLOAT", arrow::float32()},
      {"DOUBLE", arrow::float64()},  {"STRING", arrow::utf8()},  {"BYTES", arrow::binary()},
      {"DATE", arrow::date32()},
  };
  return types;
}

/// A parameter within bounds; `otherwise` where it is absent, unless that is negative.
Result<int64_t> Parameter(const Json& type, const char* name, int64_t least, int64_t most,
                          int64_t otherwise) {
  ARROW_ASSIGN_OR_RAISE(const std::optional<int64_t> given, OptionalInt(type, name));
  if (!given && otherwise >= 0) return otherwise;
  if (!given || *given < least || *given > most) {
    return Fault(std::string("a type's '") + name + "' must be from " + std::to_string(least) +
                 " to " + std::to_string(most));
  }
  return *given;
}

/// The Arrow type of a type object without children.
Result<TypePtr> LeafType(const std::string& name, const Json& type) {
  const auto plain = PlainTypes().find(name);
  if (plain != PlainTypes().end()) return plain->second;
  if (name == "CHAR") {
    ARROW_RETURN_NOT_OK(Parameter(type, "length", 1, kLengthMax, -1));
    return arrow::utf8();
  }
  if (name == "BINARY") {
    ARROW_ASSIGN_OR_RAISE(const int64_t length, Parameter(type, "length", 1, kLengthMax, 1));
    return arrow::fixed_size_binary(static_cast<int32_t>(length));
  }
  if (name == "DECIMAL") {
    ARROW_ASSIGN_OR_RAISE(const int64_t digits,
                          Parameter(type, "precision", 1, kDecimalDigitsMax, -1));
    ARROW_ASSIGN_OR_RAISE(const int64_t scale, Parameter(type, "scale", 0, digits, 0));
    return arrow::decimal128(static_cast<int32_t>(digits), static_cast<int32_t>(scale));
  }
  if (name == "TIME_WITHOUT_TIME_ZONE") {
    ARROW_ASSIGN_OR_RAISE(const int64_t digits,
                          Parameter(type, "precision", 0, kFractionDigitsMax, 0));
    return TimeType(UnitOf(digits));
  }
  if (name == "TIMESTAMP_WITHOUT_TIME_ZONE" || name == "TIMESTAMP_WITH_LOCAL_TIME_ZONE") {
    ARROW_ASSIGN_OR_RAISE(const int64_t digits,
                          Parameter(type, "precision", 0, kFractionDigitsMax, 6));
    const bool local = name == "TIMESTAMP_WITH_LOCAL_TIME_ZONE";
    return arrow::timestamp(UnitOf(digits), local ? "UTC" : "");
  }
  return Fault("unknown type '" + name.substr(0, 64) + "'");
}

Result<FieldPtr> FieldAt(const std::string& name, const Json& type, int depth);

/// A child's type object, which must be there.
Result<FieldPtr> Child(const std::string& name, const Json& parent, const char* member, int depth) {
  const auto found = parent.find(member);
  if (found == parent.end()) return Fault(std::string("a type lacks its '") + member + "'");
  return FieldAt(name, *found, depth + 1);
}

Result<TypePtr> RowType(const Json& type, int depth) {
  const auto found = type.find("fields");
  if (found == type.end() || !found->is_array()) return Fault("a ROW type lacks its 'fields'");
  if (found->empty() || found->size() > schema::kColumnsMax) {
    return Fault("a ROW type has from 1 to 4096 fields");
  }
  arrow::FieldVector fields;
  for (const Json& entry : *found) {
    ARROW_ASSIGN_OR_RAISE(const std::optional<std::string> name, OptionalText(entry, "name"));
    if (!name) return Fault("a field of a ROW type lacks its 'name'");
    ARROW_ASSIGN_OR_RAISE(FieldPtr field, Child(*name, entry, "field_type", depth));
    ARROW_ASSIGN_OR_RAISE(const auto comment, OptionalText(entry, "description"));
    fields.push_back(WithMetadata(field, kCommentKey, comment.value_or("")));
  }
  return arrow::struct_(std::move(fields));
}

Result<TypePtr> TypeAt(const std::string& name, const Json& type, int depth) {
  if (depth > schema::kNestingMax) return Fault("a type nests more than 16 deep");
  if (name == "ARRAY") {
    ARROW_ASSIGN_OR_RAISE(FieldPtr item, Child("item", type, "element_type", depth));
    return arrow::list(std::move(item));
  }
  if (name == "MAP") {
    ARROW_ASSIGN_OR_RAISE(FieldPtr key, Child("key", type, "key_type", depth));
    ARROW_ASSIGN_OR_RAISE(FieldPtr value, Child("value", type, "value_type", depth));
    // Arrow's map keys are never null, whatever their type object says; that is kept beside.
    if (key->nullable()) key = WithMetadata(key->WithNullable(false), kNullableKey, "true");
    return std::make_shared<arrow::MapType>(std::move(key), std::move(value));
  }
  if (name == "ROW") return RowType(type, depth);
  return LeafType(name, type);
}

Result<FieldPtr> FieldAt(const std::string& name, const Json& type, int depth) {
  if (!type.is_object()) return Fault("a type must be a JSON object");
  ARROW_ASSIGN_OR_RAISE(const std::optional<std::string> root, OptionalText(type, "type"));
  if (!root) return Fault("a type object lacks its 'type'");
  ARROW_ASSIGN_OR_RAISE(TypePtr arrow_type, TypeAt(*root, type, depth));
  ARROW_ASSIGN_OR_RAISE(const std::optional<bool> nullable, OptionalBool(type, "nullable"));
  const bool nested = arrow_type->num_fields() > 0;
  FieldPtr field = arrow::field(name, std::move(arrow_type), nullable.value_or(true));
  if (nested) return field;
  Json given = type;
  given.erase("nullable");
  if (Json shown = TypeToJson(*field->WithNullable(true)); shown == given) return field;
  return WithMetadata(field, kTypeKey, ToText(given));
}

/// What the field's own Arrow type, which is a served one without children, is called.
JsonOut LeafToJson(const arrow::DataType& type) {
  for (const auto& [name, plain] : PlainTypes()) {
    if (plain->Equals(type)) return {{"type", name}};
  }
  switch (type.id()) {
    case arrow::Type::FIXED_SIZE_BINARY:
      return {{"type", "BINARY"},
              {"length", static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width()}};
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return {{"type", "DECIMAL"}, {"precision", decimal.precision()}, {"scale", decimal.scale()}};
    }
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
      return {{"type", "TIME_WITHOUT_TIME_ZONE"},
              {"precision", PrecisionOf(static_cast<const arrow::TimeType&>(type).unit())}};
    case arrow::Type::TIMESTAMP: {
      const auto& stamp = static_cast<const arrow::TimestampType&>(type);
      return {{"type", stamp.timezone().empty() ? "TIMESTAMP_WITHOUT_TIME_ZONE"
                                                : "TIMESTAMP_WITH_LOCAL_TIME_ZONE"},
              {"precision", PrecisionOf(stamp.unit())}};
    }
    default:
      return {{"type", "STRING"}};
  }
}

/// The type object that was kept with the field, if it still describes its type.
std::optional<JsonOut> KeptType(const arrow::Field& field) {
  const std::string text = MetadataOf(field, kTypeKey);
  if (text.empty()) return std::nullopt;
  const Result<Json> kept = ParseJson(text);
  if (!kept.ok() || !kept->is_object()) return std::nullopt;
  const auto root = OptionalText(*kept, "type");
  if (!root.ok() || !*root) return std::nullopt;
  const Result<TypePtr> type = LeafType(**root, *kept);
  if (!type.ok() || !(*type)->Equals(*field.type())) return std::nullopt;
  JsonOut out = {{"type", **root}};
  for (const auto& [name, value] : kept->items()) {
    if (name != "type") out[name] = value;
  }
  return out;
}

JsonOut ServedToJson(const arrow::Field& field) {
  const arrow::DataType& type = *field.type();
  switch (type.id()) {
    case arrow::Type::LIST:
      return {{"type", "ARRAY"}, {"element_type", TypeToJson(*type.field(0))}};
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return {{"type", "MAP"},
              {"key_type", TypeToJson(*map.key_field())},
              {"value_type", TypeToJson(*map.item_field())}};
    }
    case arrow::Type::STRUCT: {
      JsonOut fields = JsonOut::array();
      for (const auto& child : type.fields()) {
        JsonOut entry = {{"name", child->name()}, {"field_type", TypeToJson(*child)}};
        const std::string comment = MetadataOf(*child, kCommentKey);
        if (!comment.empty()) entry["description"] = comment;
        entry["field_id"] = schema::FieldId(*child);
        fields.push_back(std::move(entry));
      }
      return {{"type", "ROW"}, {"fields", std::move(fields)}};
    }
    default:
      return KeptType(field).value_or(LeafToJson(type));
  }
}

TypePtr ServedDecimal(const TypePtr& type) {
  const auto& decimal = static_cast<const arrow::DecimalType&>(*type);
  const bool fits = decimal.precision() <= kDecimalDigitsMax && decimal.scale() >= 0 &&
                    decimal.scale() <= decimal.precision();
  if (!fits) return arrow::utf8();
  if (type->id() == arrow::Type::DECIMAL128) return type;
  return arrow::decimal128(decimal.precision(), decimal.scale());
}

FieldPtr ServedField(const FieldPtr& field) {
  TypePtr served = ServedType(field->type());
  return served == field->type() ? field : field->WithType(std::move(served));
}

}  // namespace

std::string MetadataOf(const arrow::Field& field, const std::string& key) {
  if (!field.HasMetadata()) return "";
  return field.metadata()->Get(key).ValueOr("");
}

FieldPtr WithMetadata(const FieldPtr& field, const std::string& key, const std::string& value) {
  if (value.empty()) return field;
  return field->WithMergedMetadata(arrow::key_value_metadata({key}, {value}));
}

Result<FieldPtr> FieldFromJson(const std::string& name, const Json& type) {
  return FieldAt(name, type, 1);
}

JsonOut TypeToJson(const arrow::Field& field) {
  const TypePtr served = ServedType(field.type());
  JsonOut out =
      served == field.type() ? ServedToJson(field) : ServedToJson(*field.WithType(served));
  if (field.nullable() || !MetadataOf(field, kNullableKey).empty()) return out;
  JsonOut marked = {{"type", out["type"]}, {"nullable", false}};
  for (const auto& [name, value] : out.items()) marked[name] = value;
  return marked;
}

TypePtr ServedType(const TypePtr& type) {
  switch (type->id()) {
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::DATE32:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return type;
    case arrow::Type::UINT8:
      return arrow::int16();
    case arrow::Type::UINT16:
      return arrow::int32();
    case arrow::Type::UINT32:
    case arrow::Type::DURATION:
      return arrow::int64();
    case arrow::Type::UINT64:
      return arrow::decimal128(20, 0);
    case arrow::Type::LARGE_BINARY:
      return arrow::binary();
    case arrow::Type::DATE64:
      return arrow::date32();
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return ServedDecimal(type);
    case arrow::Type::LIST: {
      const FieldPtr item = ServedField(type->field(0));
      return item == type->field(0) ? type : arrow::list(item);
    }
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::list(ServedField(type->field(0)));
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(*type);
      const FieldPtr key = ServedField(map.key_field());
      const FieldPtr item = ServedField(map.item_field());
      if (key == map.key_field() && item == map.item_field()) return type;
      return std::make_shared<arrow::MapType>(key, item);
    }
    case arrow::Type::STRUCT: {
      arrow::FieldVector fields;
      for (const auto& field : type->fields()) fields.push_back(ServedField(field));
      return fields == type->fields() ? type : arrow::struct_(std::move(fields));
    }
    default:
      return arrow::utf8();
  }
}

}  // namespace firth::doors::fluss
