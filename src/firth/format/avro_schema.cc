#include "firth/format/avro_schema.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "firth/common/json_depth.h"
#include "firth/schema/schema.h"

namespace firth::format {
namespace {

using nlohmann::json;
using Kind = AvroNode::Kind;

constexpr int kDepthMax = 32;
constexpr int64_t kNodesMax = 4 * schema::kFieldsMax;

Status Bad(const std::string& why) {
  return Error(Code::kInvalidArgument, Reason::kInvalidSchema, "the Avro schema " + why);
}

AvroNode Leaf(Kind kind, std::shared_ptr<arrow::DataType> type, int64_t bytes_min) {
  return {.kind = kind, .type = std::move(type), .bytes_min = bytes_min};
}

class Parser {
 public:
  Result<AvroNode> Parse(const json& schema, int depth) {
    if (depth > kDepthMax) return Bad("is nested too deeply");
    if (++nodes_ > kNodesMax) return Bad("has too many types");
    if (schema.is_array()) return Union(schema, depth);
    if (schema.is_string()) return Named(schema.get<std::string>(), json::object(), depth);
    if (!schema.is_object() || !schema.contains("type")) return Bad("has a type that is none");
    const json& type = schema["type"];
    if (!type.is_string()) return Parse(type, depth + 1);
    return Named(type.get<std::string>(), schema, depth);
  }

 private:
  Result<AvroNode> Union(const json& branches, int depth) {
    if (branches.size() == 1) return Parse(branches[0], depth + 1);
    const bool first = branches.size() == 2 && branches[0] == "null";
    const bool second = branches.size() == 2 && branches[1] == "null";
    if (first == second) return Bad("has a union that is not of null and one type");
    ARROW_ASSIGN_OR_RAISE(AvroNode node, Parse(branches[first ? 1 : 0], depth + 1));
    if (node.null_branch >= 0) return Bad("has a union in a union");
    node.null_branch = first ? 0 : 1;
    node.bytes_min = 1;
    return node;
  }

  Result<AvroNode> Named(const std::string& name, const json& schema, int depth) {
    if (name == "null") return Leaf(Kind::kNull, arrow::null(), 0);
    if (name == "boolean") return Leaf(Kind::kBoolean, arrow::boolean(), 1);
    if (name == "int") return Leaf(Kind::kInt, Int(schema), 1);
    if (name == "long") return Leaf(Kind::kLong, Long(schema), 1);
    if (name == "float") return Leaf(Kind::kFloat, arrow::float32(), 4);
    if (name == "double") return Leaf(Kind::kDouble, arrow::float64(), 8);
    if (name == "string") return Leaf(Kind::kText, arrow::utf8(), 1);
    if (name == "bytes") return Decimal(schema, Leaf(Kind::kText, arrow::binary(), 1));
    if (name == "array" || name == "map") {
      const char* of = name == "array" ? "items" : "values";
      if (!schema.contains(of)) return Bad("has a collection of nothing");
      ARROW_ASSIGN_OR_RAISE(AvroNode child, Parse(schema[of], depth + 1));
      const bool nullable = child.null_branch >= 0 || child.kind == Kind::kNull;
      auto field = arrow::field("item", child.type, nullable);
      AvroNode node = Leaf(name == "array" ? Kind::kArray : Kind::kMap, nullptr, 1);
      node.type = name == "array" ? arrow::list(field)
                                  : arrow::map(arrow::utf8(), field->WithName("value"));
      node.children.push_back(std::move(child));
      return node;
    }
    if (name == "record" || name == "enum" || name == "fixed") return Define(name, schema, depth);
    const auto known = known_.find(name);
    if (known != known_.end()) {
      nodes_ += 1 + static_cast<int64_t>(known->second.children.size());
      if (nodes_ > kNodesMax) return Bad("has too many types");
      return known->second;
    }
    return Bad("names the type '" + name.substr(0, 64) + "', which is not known here");
  }

  static std::string LogicalType(const json& schema) {
    const auto found = schema.find("logicalType");
    return found != schema.end() && found->is_string() ? found->get<std::string>() : "";
  }

  static std::shared_ptr<arrow::DataType> Int(const json& schema) {
    const std::string logical = LogicalType(schema);
    if (logical == "date") return arrow::date32();
    if (logical == "time-millis") return arrow::time32(arrow::TimeUnit::MILLI);
    return arrow::int32();
  }

  static std::shared_ptr<arrow::DataType> Long(const json& schema) {
    std::string logical = LogicalType(schema);
    if (logical == "time-micros") return arrow::time64(arrow::TimeUnit::MICRO);
    const bool local = logical.starts_with("local-");
    if (local) logical = logical.substr(6);
    const std::string zone = local ? "" : "UTC";
    if (logical == "timestamp-millis") return arrow::timestamp(arrow::TimeUnit::MILLI, zone);
    if (logical == "timestamp-micros") return arrow::timestamp(arrow::TimeUnit::MICRO, zone);
    if (logical == "timestamp-nanos") return arrow::timestamp(arrow::TimeUnit::NANO, zone);
    return arrow::int64();
  }

  /// The node, or a decimal if that is what its bytes stand for.
  static Result<AvroNode> Decimal(const json& schema, AvroNode node) {
    if (LogicalType(schema) != "decimal") return node;
    const auto precision = schema.find("precision");
    if (precision == schema.end() || !precision->is_number_integer()) return node;
    const int64_t scale =
        schema.value("scale", json(0)).is_number_integer() ? schema.value("scale", int64_t{0}) : -1;
    const auto digits = precision->get<int64_t>();
    if (digits < 1 || digits > 38 || scale < 0 || scale > digits) return node;
    node.kind = Kind::kDecimal;
    node.type = arrow::decimal128(static_cast<int32_t>(digits), static_cast<int32_t>(scale));
    return node;
  }

  Result<AvroNode> Define(const std::string& kind, const json& schema, int depth) {
    const auto name = schema.find("name");
    if (name == schema.end() || !name->is_string()) return Bad("has a " + kind + " without a name");
    AvroNode node;
    if (kind == "fixed") {
      const auto size = schema.find("size");
      constexpr int64_t kFixedMax = 1 << 20;
      if (size == schema.end() || !size->is_number_integer() || size->get<int64_t>() < 1 ||
          size->get<int64_t>() > kFixedMax) {
        return Bad("has a fixed without a size from 1 to 1 MiB");
      }
      node = Leaf(Kind::kFixed, nullptr, size->get<int64_t>());
      node.bytes = size->get<int32_t>();
      node.type = arrow::fixed_size_binary(node.bytes);
      ARROW_ASSIGN_OR_RAISE(node, Decimal(schema, std::move(node)));
    } else if (kind == "enum") {
      const auto symbols = schema.find("symbols");
      if (symbols == schema.end() || !symbols->is_array()) return Bad("has an enum of nothing");
      node = Leaf(Kind::kEnum, arrow::utf8(), 1);
      for (const json& symbol : *symbols) {
        if (!symbol.is_string()) return Bad("has a symbol that is no text");
        node.symbols.push_back(symbol.get<std::string>());
      }
    } else {
      ARROW_ASSIGN_OR_RAISE(node, Record(schema, depth));
    }
    known_[name->get<std::string>()] = node;
    const auto space = schema.find("namespace");
    if (space != schema.end() && space->is_string()) {
      known_[space->get<std::string>() + "." + name->get<std::string>()] = node;
    }
    return node;
  }

  Result<AvroNode> Record(const json& schema, int depth) {
    const auto listed = schema.find("fields");
    if (listed == schema.end() || !listed->is_array()) return Bad("has a record without fields");
    AvroNode node = Leaf(Kind::kRecord, nullptr, 0);
    arrow::FieldVector fields;
    for (const json& field : *listed) {
      if (!field.is_object() || !field.contains("name") || !field["name"].is_string() ||
          !field.contains("type")) {
        return Bad("has a field without a name or a type");
      }
      ARROW_ASSIGN_OR_RAISE(AvroNode child, Parse(field["type"], depth + 1));
      const bool nullable = child.null_branch >= 0 || child.kind == Kind::kNull;
      fields.push_back(arrow::field(field["name"].get<std::string>(), child.type, nullable));
      node.bytes_min += child.bytes_min;
      node.children.push_back(std::move(child));
    }
    node.type = arrow::struct_(std::move(fields));
    return node;
  }

  std::map<std::string, AvroNode> known_;
  int64_t nodes_ = 0;
};

}  // namespace

Result<AvroNode> ParseAvroSchema(std::string_view text) {
  if (JsonDepth(text) > kJsonDepthMax) return Bad("is nested too deeply");
  const json schema = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (schema.is_discarded()) return Bad("is not JSON");
  try {
    ARROW_ASSIGN_OR_RAISE(AvroNode top, Parser().Parse(schema, 0));
    if (top.kind == Kind::kRecord && top.null_branch < 0) return top;
    return Bad("is not that of a record");
  } catch (const json::exception& error) {
    return Bad(std::string("cannot be read: ") + error.what());
  }
}

}  // namespace firth::format
