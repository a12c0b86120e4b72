// The REST call that makes a table: its schema, properties and split points.
#include <arrow/type_traits.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "firth/common/text.h"
#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/errors.h"
#include "firth/doors/aws/table_shape.h"

namespace firth::doors::aws {
namespace {

using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr size_t kSplitPointsMax = 100'000;

Status Invalid(std::string why) {
  return Fault("invalid_request", std::move(why));
}

Result<TypePtr> PrimitiveType(const json& name) {
  if (name == "IntType") return arrow::int32();
  if (name == "LongType") return arrow::int64();
  if (name == "StringType") return arrow::utf8();
  if (name == "ByteArrayType") return arrow::binary();
  return Invalid("unknown type " + JsonText(name).substr(0, 64) +
                 ": there are IntType, LongType, StringType, ByteArrayType, ListType and MapType");
}

Result<TypePtr> TypeOf(const json& type) {
  if (!type.is_object()) return PrimitiveType(type);
  if (type.size() != 1) return Invalid("a type has one member, ListType or MapType");
  const std::string kind = type.begin().key();
  const json& inner = type.begin().value();
  const auto member = [&](const char* name) -> Result<TypePtr> {
    if (!inner.is_object() || !inner.contains(name)) {
      return Invalid(fmt::format("{} needs {}", kind, name));
    }
    return PrimitiveType(inner[name]);
  };
  if (kind == "ListType") {
    ARROW_ASSIGN_OR_RAISE(auto element, member("elementType"));
    return arrow::list(arrow::field("element", element, false));
  }
  if (kind == "MapType") {
    ARROW_ASSIGN_OR_RAISE(auto key, member("keyType"));
    ARROW_ASSIGN_OR_RAISE(auto value, member("valueType"));
    return std::make_shared<arrow::MapType>(arrow::field("key", key, false),
                                            arrow::field("value", value, false));
  }
  return Invalid("unknown type " + kind.substr(0, 64));
}

/// Append the fields of one of the three lists.
Status ReadFields(const json& schema, const char* list, bool is_key, arrow::FieldVector* fields,
                  std::set<std::string>* names) {
  const auto found = schema.find(list);
  if (found == schema.end() || found->is_null()) return Status::OK();
  if (!found->is_array()) return Invalid(fmt::format("{} is to be a list", list));
  for (const json& field : *found) {
    if (!field.is_object() || !field.contains("name") || !field["name"].is_string() ||
        !field.contains("type")) {
      return Invalid(fmt::format("a field of {} has a name and a type", list));
    }
    const std::string name = field["name"].get<std::string>();
    if (name.empty() || !names->insert(name).second) {
      return Invalid("field names are not empty and unique; found '" + name.substr(0, 64) + "'");
    }
    auto type = TypeOf(field["type"]);
    if (!type.ok())
      return Invalid("field '" + name.substr(0, 64) + "': " + type.status().message());
    bool nullable = false;
    if (field.contains("nullable")) {
      if (!field["nullable"].is_boolean()) return Invalid("nullable is true or false");
      nullable = field["nullable"].get<bool>();
    }
    if (is_key && (nullable || arrow::is_nested((*type)->id()))) {
      return Invalid("the key field '" + name.substr(0, 64) +
                     "' has a plain type and is not nullable");
    }
    fields->push_back(arrow::field(name, *type, nullable));
  }
  return Status::OK();
}

Status CheckProperties(const json& properties) {
  for (const auto& [name, value] : properties.items()) {
    if (!value.is_string())
      return Invalid("the property " + name.substr(0, 64) + " is to be a text");
    const std::string text = value.get<std::string>();
    const bool applied_on_reads = name == "sleeper.table.filters" ||
                                  name == "sleeper.table.aggregations" ||
                                  name == "sleeper.table.iterator.class.name";
    if (applied_on_reads && !text.empty()) {
      // Taking and not applying it would change what reads answer.
      return Invalid("this server does not apply " + name);
    }
  }
  return Status::OK();
}

Status CheckSplitPoints(const json& points, const arrow::DataType& type, int row_keys) {
  if (points.is_null()) return Status::OK();
  if (!points.is_array() || points.size() > kSplitPointsMax) {
    return Invalid("splitPoints is a list of texts");
  }
  if (points.empty()) return Status::OK();
  if (row_keys != 1) return Invalid("split points need a table with one row key");
  std::string last_text;
  int64_t last_number = 0;
  bool first = true;
  for (const json& point : points) {
    if (!point.is_string()) return Invalid("a split point is a text");
    std::string text = point.get<std::string>();
    bool rises = false;
    if (type.id() == arrow::Type::INT32 || type.id() == arrow::Type::INT64) {
      const auto number = ParseInt64(text);
      const bool fits = number.ok() && (type.id() == arrow::Type::INT64 ||
                                        (*number >= INT32_MIN && *number <= INT32_MAX));
      if (!fits)
        return Invalid("the split point '" + text.substr(0, 64) + "' is not of the key's type");
      rises = first || *number > last_number;
      last_number = *number;
    } else {
      if (type.id() == arrow::Type::BINARY) {
        auto bytes = FromBase64(text);
        if (!bytes.ok()) return Invalid("a split point of a ByteArray key is base64");
        text = std::move(*bytes);
      }
      rises = first || text > last_text;
      last_text = std::move(text);
    }
    if (!rises) return Invalid("split points rise strictly");
    first = false;
  }
  return Status::OK();
}

bool IsTableName(const std::string& name) {
  return !name.empty() && name.size() <= 128 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
         });
}

json TypeJson(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::INT32:
      return "IntType";
    case arrow::Type::INT64:
      return "LongType";
    case arrow::Type::BINARY:
      return "ByteArrayType";
    case arrow::Type::LIST:
      return {{"ListType", {{"elementType", TypeJson(*type.field(0)->type())}}}};
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return {
          {"MapType",
           {{"keyType", TypeJson(*map.key_type())}, {"valueType", TypeJson(*map.item_type())}}}};
    }
    default:
      return "StringType";
  }
}

}  // namespace

Result<NewTable> ReadNewTable(const json& request) {
  if (!request.is_object()) return Invalid("the body is to be a JSON object");
  const auto properties = request.find("properties");
  const auto schema = request.find("schema");
  if (properties == request.end() || !properties->is_object())
    return Invalid("properties is missing");
  if (schema == request.end() || !schema->is_object()) return Invalid("schema is missing");
  ARROW_RETURN_NOT_OK(CheckProperties(*properties));
  NewTable table;
  table.name = properties->value("sleeper.table.name", "");
  if (!IsTableName(table.name)) {
    return Invalid("sleeper.table.name has 1 to 128 letters, digits, '_', '-' and '.'");
  }
  arrow::FieldVector fields;
  std::set<std::string> names;
  ARROW_RETURN_NOT_OK(ReadFields(*schema, "rowKeyFields", true, &fields, &names));
  const size_t row_keys = fields.size();
  if (row_keys == 0) return Invalid("a schema has at least one row key");
  ARROW_RETURN_NOT_OK(ReadFields(*schema, "sortKeyFields", true, &fields, &names));
  const size_t keys = fields.size();
  ARROW_RETURN_NOT_OK(ReadFields(*schema, "valueFields", false, &fields, &names));
  const json points = request.contains("splitPoints") ? request["splitPoints"] : json();
  ARROW_RETURN_NOT_OK(CheckSplitPoints(points, *fields[0]->type(), static_cast<int>(row_keys)));
  for (size_t i = 0; i < keys; ++i) table.spec.edition.order.push_back(fields[i]->name());
  table.spec.schema = arrow::schema(std::move(fields));
  table.spec.attributes["aws.row_keys"] = std::to_string(row_keys);
  table.spec.attributes["aws.properties"] = JsonText(*properties);
  if (points.is_array() && !points.empty())
    table.spec.attributes["aws.split_points"] = JsonText(points);
  return table;
}

json SchemaJson(const TableShape& shape) {
  json schema{{"rowKeyFields", json::array()},
              {"sortKeyFields", json::array()},
              {"valueFields", json::array()}};
  for (size_t i = 0; i < shape.fields.size(); ++i) {
    const ShapeField& field = shape.fields[i];
    const auto at = static_cast<int>(i);
    const char* list = at < shape.row_keys ? "rowKeyFields"
                       : at < shape.keys() ? "sortKeyFields"
                                           : "valueFields";
    schema[list].push_back(
        {{"name", field.name}, {"type", TypeJson(*field.type)}, {"nullable", field.nullable}});
  }
  return schema;
}

}  // namespace firth::doors::aws
