#include "firth/doors/beneath/record_type.h"

#include <nlohmann/json.hpp>

#include <array>
#include <map>
#include <set>
#include <utility>

#include "firth/common/text.h"

namespace firth::doors::beneath {
namespace {

using OrderedJson = nlohmann::ordered_json;

Status Refuse(std::string message) {
  return Error(Code::kInvalidArgument, Reason::kInvalidSchema, std::move(message));
}

std::string Shown(std::string_view name) {
  return std::string(name.substr(0, 64));
}

struct NamedKind {
  std::string_view name;
  Kind kind;
};
constexpr std::array<NamedKind, 11> kPrimitives{{{"String", Kind::kString},
                                                 {"Bytes", Kind::kBytes},
                                                 {"Boolean", Kind::kBoolean},
                                                 {"Int", Kind::kInt64},
                                                 {"Int64", Kind::kInt64},
                                                 {"Int32", Kind::kInt32},
                                                 {"Float", Kind::kFloat64},
                                                 {"Float64", Kind::kFloat64},
                                                 {"Float32", Kind::kFloat32},
                                                 {"Numeric", Kind::kNumeric},
                                                 {"Timestamp", Kind::kTimestamp}}};

/// The N of "BytesN", or 0.
int32_t FixedSizeOf(std::string_view name, std::string_view stem) {
  if (name.size() <= stem.size() || !name.starts_with(stem)) return 0;
  const std::string_view digits = name.substr(stem.size());
  if (digits[0] == '0' || digits.size() > 7) return 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return 0;
  }
  return static_cast<int32_t>(ParseInt64(digits).ValueOr(0));
}

TypePtr MakeFixed(int32_t size) {
  auto type = std::make_shared<Type>();
  type->kind = Kind::kFixed;
  type->size = size;
  type->name = "bytes" + std::to_string(size);
  return type;
}

class AvroWriter {
 public:
  explicit AvroWriter(bool docs) : docs_(docs) {}

  OrderedJson Write(const Type& type) {
    switch (type.kind) {
      case Kind::kString:
        return "string";
      case Kind::kBytes:
        return "bytes";
      case Kind::kBoolean:
        return "boolean";
      case Kind::kInt32:
        return "int";
      case Kind::kInt64:
        return "long";
      case Kind::kFloat32:
        return "float";
      case Kind::kFloat64:
        return "double";
      case Kind::kNumeric:
        return {{"type", "bytes"}, {"logicalType", "decimal"}, {"precision", 128}, {"scale", 0}};
      case Kind::kTimestamp:
        return {{"type", "long"}, {"logicalType", "timestamp-millis"}};
      case Kind::kUuid:
        return {{"type", "string"}, {"logicalType", "uuid"}};
      case Kind::kArray: {
        OrderedJson item = Write(*type.item);
        if (type.item_nullable) item = OrderedJson::array({"null", std::move(item)});
        return {{"type", "array"}, {"items", std::move(item)}};
      }
      case Kind::kFixed: {
        if (!written_.insert(type.name).second) return type.name;
        return {{"type", "fixed"}, {"name", type.name}, {"size", type.size}};
      }
      case Kind::kEnum: {
        if (!written_.insert(type.name).second) return type.name;
        OrderedJson out{{"type", "enum"}, {"name", type.name}};
        if (docs_ && !type.doc.empty()) out["doc"] = type.doc;
        out["symbols"] = type.symbols;
        return out;
      }
      case Kind::kRecord:
        return WriteRecord(type);
    }
    return nullptr;
  }

 private:
  OrderedJson WriteRecord(const Type& type) {
    if (!written_.insert(type.name).second) return type.name;
    OrderedJson out{{"type", "record"}, {"name", type.name}};
    if (docs_ && !type.doc.empty()) out["doc"] = type.doc;
    OrderedJson fields = OrderedJson::array();
    for (const Field& field : type.fields) {
      OrderedJson shown = Write(*field.type);
      if (field.nullable) shown = OrderedJson::array({"null", std::move(shown)});
      OrderedJson entry{{"name", field.name}, {"type", std::move(shown)}};
      if (docs_ && !field.doc.empty()) entry["doc"] = field.doc;
      fields.push_back(std::move(entry));
    }
    out["fields"] = std::move(fields);
    return out;
  }

  const bool docs_;
  std::set<std::string> written_;
};

/// Reads Avro's JSON. Recursion is bounded by kTypeDepthMax.
class AvroReader {
 public:
  Result<TypePtr> Read(const OrderedJson& json, int depth) {
    if (depth > kTypeDepthMax) return Refuse("the Avro schema is nested too deep");
    if (json.is_string()) return Named(json.get<std::string>());
    if (json.is_array()) return Refuse("a union is only allowed as [\"null\", X], for a field");
    if (!json.is_object())
      return Refuse("a type of the Avro schema is neither a name nor an object");
    const auto type = json.find("type");
    if (type == json.end()) return Refuse("a type of the Avro schema has no \"type\"");
    if (!type->is_string()) return Read(*type, depth + 1);
    const std::string word = type->get<std::string>();
    if (word == "record") return Record(json, depth);
    if (word == "enum") return Enum(json);
    if (word == "fixed") return Fixed(json);
    if (word == "array") return Array(json, depth);
    if (word == "map" || word == "null" || word == "error") {
      return Refuse("the Avro type \"" + word + "\" is not supported");
    }
    const auto logical = json.find("logicalType");
    if (logical != json.end()) return Logical(json, word, *logical);
    return Named(word);
  }

 private:
  static std::string Text(const OrderedJson& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
  }

  Result<TypePtr> Named(const std::string& word) {
    static const std::map<std::string, Kind, std::less<>> kPlain{
        {"string", Kind::kString}, {"bytes", Kind::kBytes}, {"boolean", Kind::kBoolean},
        {"int", Kind::kInt32},     {"long", Kind::kInt64},  {"float", Kind::kFloat32},
        {"double", Kind::kFloat64}};
    if (const auto plain = kPlain.find(word); plain != kPlain.end()) return MakeType(plain->second);
    const auto named = named_.find(word);
    if (named == named_.end() || named->second == nullptr) {
      return Refuse("the Avro schema uses the unknown or recursive type \"" + Shown(word) + "\"");
    }
    return named->second;
  }

  Result<TypePtr> Logical(const OrderedJson& json, const std::string& word,
                          const OrderedJson& logical) {
    const std::string name = logical.is_string() ? logical.get<std::string>() : "";
    if (name == "decimal" && word == "bytes") {
      const auto scale = json.find("scale");
      if (scale != json.end() && *scale != 0) return Refuse("decimals must have the scale 0");
      return MakeType(Kind::kNumeric);
    }
    if (name == "uuid" && word == "string") return MakeType(Kind::kUuid);
    if (name == "timestamp-millis" && word == "long") return MakeType(Kind::kTimestamp);
    return Refuse("the logical type \"" + Shown(name) + "\" on \"" + Shown(word) +
                  "\" is not supported");
  }

  Status Declare(const std::string& name) {
    if (!named_.emplace(name, nullptr).second) {
      return Refuse("the Avro schema declares \"" + Shown(name) + "\" twice");
    }
    return Status::OK();
  }

  Result<TypePtr> Fixed(const OrderedJson& json) {
    const std::string name = Text(json, "name");
    const int32_t size = FixedSizeOf(name, "bytes");
    const auto given = json.find("size");
    if (size == 0 || given == json.end() || *given != size) {
      return Refuse("a fixed type must be named \"bytesN\" after its size N");
    }
    const auto found = named_.find(name);
    if (found == named_.end()) named_[name] = MakeFixed(size);
    return named_[name];
  }

  Result<TypePtr> Enum(const OrderedJson& json) {
    auto type = std::make_shared<Type>();
    type->kind = Kind::kEnum;
    type->name = Text(json, "name");
    type->doc = Text(json, "doc");
    ARROW_RETURN_NOT_OK(Declare(type->name));
    const auto symbols = json.find("symbols");
    if (symbols == json.end() || !symbols->is_array()) return Refuse("an enum needs symbols");
    for (const auto& symbol : *symbols) {
      if (!symbol.is_string()) return Refuse("the symbols of an enum are names");
      type->symbols.push_back(symbol.get<std::string>());
    }
    named_[type->name] = type;
    return named_[type->name];
  }

  Result<TypePtr> Array(const OrderedJson& json, int depth) {
    const auto items = json.find("items");
    if (items == json.end()) return Refuse("an array needs items");
    auto type = std::make_shared<Type>();
    type->kind = Kind::kArray;
    ARROW_ASSIGN_OR_RAISE(type->item, Read(*items, depth + 1));
    return type;
  }

  Result<TypePtr> Record(const OrderedJson& json, int depth) {
    auto type = std::make_shared<Type>();
    type->kind = Kind::kRecord;
    type->name = Text(json, "name");
    type->doc = Text(json, "doc");
    ARROW_RETURN_NOT_OK(Declare(type->name));
    const auto fields = json.find("fields");
    if (fields == json.end() || !fields->is_array()) return Refuse("a record needs fields");
    for (const auto& entry : *fields) {
      if (!entry.is_object() || !entry.contains("type")) {
        return Refuse("a field of a record needs a name and a type");
      }
      Field field{.name = Text(entry, "name"), .doc = Text(entry, "doc")};
      const OrderedJson* shown = &entry["type"];
      if (shown->is_array()) {
        if (shown->size() != 2 || (*shown)[0] != "null" || (*shown)[1] == "null") {
          return Refuse("a union is only allowed as [\"null\", X]: field '" + Shown(field.name) +
                        "'");
        }
        field.nullable = true;
        shown = &(*shown)[1];
      }
      ARROW_ASSIGN_OR_RAISE(field.type, Read(*shown, depth + 1));
      type->fields.push_back(std::move(field));
    }
    named_[type->name] = type;
    return named_[type->name];
  }

  std::map<std::string, TypePtr, std::less<>> named_;
};

/// Counts fields with all nested types spread out, up to a bound.
struct Spread {
  int fields = 0;
  Status Count(const Type& type, int depth) {
    if (depth > kTypeDepthMax) return Refuse("types are nested too deep");
    if (type.kind == Kind::kArray) {
      if (type.item->kind == Kind::kArray) return Refuse("a list of lists is not supported");
      return Count(*type.item, depth + 1);
    }
    for (const Field& field : type.fields) {
      if (++fields > kTypeFieldsMax) {
        return Refuse("a table has at most " + std::to_string(kTypeFieldsMax) +
                      " fields, with those of nested types");
      }
      ARROW_RETURN_NOT_OK(Count(*field.type, depth + 1));
    }
    return Status::OK();
  }
};

bool IsTypeName(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return true;
}

Status CheckEnum(const Type& type) {
  std::set<std::string> seen;
  if (type.symbols.empty()) return Refuse("enum '" + Shown(type.name) + "' has no symbols");
  for (const auto& symbol : type.symbols) {
    if (!IsTypeName(symbol)) return Refuse("'" + Shown(symbol) + "' cannot be a symbol of an enum");
    if (!seen.insert(symbol).second) {
      return Refuse("enum '" + Shown(type.name) + "' has the symbol '" + Shown(symbol) + "' twice");
    }
  }
  return Status::OK();
}

Status CheckNames(const Type& type, std::set<const Type*>* done) {
  if (type.kind == Kind::kArray) return CheckNames(*type.item, done);
  if (type.kind != Kind::kRecord && type.kind != Kind::kEnum) return Status::OK();
  if (!done->insert(&type).second) return Status::OK();
  if (!IsTypeName(type.name)) {
    return Refuse("'" + Shown(type.name) +
                  "' cannot name a type: letters, digits and underscores, at most " +
                  std::to_string(kNameBytesMax));
  }
  if (IsPrimitiveName(type.name) || FixedSizeOf(type.name, "bytes") > 0) {
    return Refuse("'" + Shown(type.name) +
                  "' cannot be declared: it is the name of a primitive type");
  }
  if (type.kind == Kind::kEnum) return CheckEnum(type);
  if (type.fields.empty()) return Refuse("type '" + Shown(type.name) + "' has no fields");
  std::set<std::string> seen;
  for (const Field& field : type.fields) {
    if (!IsPlainName(field.name, kNameBytesMax) || field.name.starts_with("__")) {
      return Refuse(
          "'" + Shown(field.name) +
          "' cannot name a field: lower-case letters, digits and underscores, at most 64, "
          "and not two underscores first");
    }
    if (!seen.insert(field.name).second) {
      return Refuse("type '" + Shown(type.name) + "' has the field '" + Shown(field.name) +
                    "' twice");
    }
    ARROW_RETURN_NOT_OK(CheckNames(*field.type, done));
  }
  return Status::OK();
}

/// What shows a column of another door, or text.
TypePtr ShownType(const arrow::DataType& type, const std::string& name, int depth);

TypePtr ShownRecord(const arrow::FieldVector& fields, const std::string& name, int depth) {
  auto record = std::make_shared<Type>();
  record->kind = Kind::kRecord;
  record->name = name;
  for (const auto& field : fields) {
    record->fields.push_back(
        {.name = field->name(),
         .type = ShownType(*field->type(), name + "_" + field->name(), depth + 1),
         .nullable = field->nullable()});
  }
  return record;
}

TypePtr ShownType(const arrow::DataType& type, const std::string& name, int depth) {
  if (depth > kTypeDepthMax) return MakeType(Kind::kString);
  switch (type.id()) {
    case arrow::Type::BOOL:
      return MakeType(Kind::kBoolean);
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
      return MakeType(Kind::kInt32);
    case arrow::Type::INT64:
    case arrow::Type::UINT32:
      return MakeType(Kind::kInt64);
    case arrow::Type::FLOAT:
      return MakeType(Kind::kFloat32);
    case arrow::Type::DOUBLE:
      return MakeType(Kind::kFloat64);
    case arrow::Type::UINT64:
      return MakeType(Kind::kNumeric);
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return MakeType(static_cast<const arrow::DecimalType&>(type).scale() == 0 ? Kind::kNumeric
                                                                                : Kind::kString);
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
      return MakeType(Kind::kBytes);
    case arrow::Type::FIXED_SIZE_BINARY:
      return MakeFixed(static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width());
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(type).unit();
      const bool coarse = unit == arrow::TimeUnit::SECOND || unit == arrow::TimeUnit::MILLI;
      return MakeType(coarse ? Kind::kTimestamp : Kind::kString);
    }
    case arrow::Type::STRUCT:
      return ShownRecord(type.fields(), name, depth);
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST: {
      auto list = std::make_shared<Type>();
      list->kind = Kind::kArray;
      list->item = ShownType(*type.field(0)->type(), name + "_item", depth + 1);
      list->item_nullable = type.field(0)->nullable();
      return list;
    }
    default:
      return MakeType(Kind::kString);
  }
}

}  // namespace

TypePtr MakeType(Kind kind) {
  auto type = std::make_shared<Type>();
  type->kind = kind;
  return type;
}

TypePtr PrimitiveNamed(std::string_view name) {
  if (name == "UUID") return MakeType(Kind::kUuid);
  for (const auto& primitive : kPrimitives) {
    if (primitive.name == name) return MakeType(primitive.kind);
  }
  const int32_t size = FixedSizeOf(name, "Bytes");
  return size == 0 ? nullptr : MakeFixed(size);
}

bool IsPrimitiveName(std::string_view name) {
  return PrimitiveNamed(name) != nullptr;
}

bool IsPlainName(std::string_view name, size_t bytes_max) {
  if (name.empty() || name.size() > bytes_max) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || c == '_';
    if (!letter && (i == 0 || c < '0' || c > '9')) return false;
  }
  return true;
}

std::string AvroText(const Type& record, bool docs) {
  return AvroWriter(docs).Write(record).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Result<TypePtr> ParseAvro(std::string_view json) {
  if (json.size() > kSchemaTextBytesMax) return Refuse("the schema is longer than 256 KiB");
  const auto depth_ok = [](int depth, OrderedJson::parse_event_t, OrderedJson&) {
    if (depth > 6 * kTypeDepthMax) throw std::length_error("nested too deep");
    return true;
  };
  OrderedJson parsed;
  try {
    parsed = OrderedJson::parse(json, depth_ok);
  } catch (const std::exception&) {
    return Refuse("the Avro schema is not JSON, or nested too deep");
  }
  TypePtr type;
  try {
    ARROW_ASSIGN_OR_RAISE(type, AvroReader().Read(parsed, 0));
  } catch (const nlohmann::json::exception&) {
    return Refuse("the Avro schema is not well formed");
  }
  if (type->kind != Kind::kRecord) return Refuse("the Avro schema must be a record");
  ARROW_RETURN_NOT_OK(CheckRecordType(*type));
  return type;
}

Status CheckRecordType(const Type& record) {
  Spread spread;
  ARROW_RETURN_NOT_OK(spread.Count(record, 0));
  std::set<const Type*> done;
  return CheckNames(record, &done);
}

Status CheckKey(const Type& record, const std::vector<std::string>& key) {
  if (key.empty()) return Refuse("the schema has no key: mark one or more fields with @key");
  std::set<std::string> seen;
  for (const auto& name : key) {
    if (!seen.insert(name).second) return Refuse("the key names '" + Shown(name) + "' twice");
    const Field* field = nullptr;
    for (const Field& candidate : record.fields) {
      if (candidate.name == name) field = &candidate;
    }
    if (field == nullptr) return Refuse("the key field '" + Shown(name) + "' is not in the schema");
    if (field->nullable) return Refuse("the key field '" + name + "' must be required: add a `!`");
    switch (field->type->kind) {
      case Kind::kString:
      case Kind::kBytes:
      case Kind::kFixed:
      case Kind::kInt32:
      case Kind::kInt64:
      case Kind::kTimestamp:
      case Kind::kUuid:
        break;
      default:
        return Refuse("the field '" + name + "' is of a type that cannot be in a key");
    }
  }
  return Status::OK();
}

std::shared_ptr<arrow::DataType> ArrowType(const Type& type) {
  switch (type.kind) {
    case Kind::kString:
    case Kind::kNumeric:
    case Kind::kUuid:
    case Kind::kEnum:
      return arrow::utf8();
    case Kind::kBytes:
      return arrow::binary();
    // A null of a wide fixed type takes its whole width in an array.
    case Kind::kFixed:
      return type.size <= 256 ? arrow::fixed_size_binary(type.size) : arrow::binary();
    case Kind::kBoolean:
      return arrow::boolean();
    case Kind::kInt32:
      return arrow::int32();
    case Kind::kInt64:
      return arrow::int64();
    case Kind::kFloat32:
      return arrow::float32();
    case Kind::kFloat64:
      return arrow::float64();
    case Kind::kTimestamp:
      return arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
    case Kind::kArray:
      return arrow::list(arrow::field("item", ArrowType(*type.item), type.item_nullable));
    case Kind::kRecord: {
      arrow::FieldVector fields;
      for (const Field& field : type.fields) {
        fields.push_back(arrow::field(field.name, ArrowType(*field.type),
                                      field.nullable || field.type->null_is_empty));
      }
      return arrow::struct_(std::move(fields));
    }
  }
  return arrow::null();
}

std::shared_ptr<arrow::Schema> ArrowSchema(const Type& record) {
  arrow::FieldVector fields = ArrowType(record)->fields();
  fields.push_back(
      arrow::field(kTimeColumn, arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), true));
  return arrow::schema(std::move(fields));
}

ShownColumns RecordTypeOf(const arrow::Schema& schema, std::string_view name) {
  ShownColumns shown;
  arrow::FieldVector fields;
  for (const auto& field : schema.fields()) {
    if (field->name().starts_with("__")) continue;
    shown.columns.push_back(field->name());
    fields.push_back(field);
  }
  shown.record = ShownRecord(fields, std::string(name), 0);
  return shown;
}

}  // namespace firth::doors::beneath
