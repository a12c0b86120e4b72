// Reading: a client's JSON becomes a TableSpec.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "firth/doors/fluss/aggregate_json.h"
#include "firth/doors/fluss/errors.h"
#include "firth/doors/fluss/json.h"
#include "firth/doors/fluss/names.h"
#include "firth/doors/fluss/table_json.h"
#include "firth/doors/fluss/types.h"
#include "firth/schema/schema.h"

namespace firth::doors::fluss {
namespace {

using Names = std::vector<std::string>;

Status Fault(const std::string& what) {
  return Refusal(Wire::kInvalidTable, what);
}

/// Faults of JSON and of types, which carry no code of the protocol, are an invalid table.
Status AsTableFault(const Status& status) {
  return Fault("the table's description cannot be used: " + MessageOf(status));
}
template <typename T>
Result<T> AsTableFault(Result<T> result) {
  if (!result.ok()) return AsTableFault(result.status());
  return result;
}

/// The members of `object` that are not among `known`.
Json UnknownMembers(const Json& object, const std::set<std::string>& known) {
  Json unknown = Json::object();
  for (const auto& [name, value] : object.items()) {
    if (!known.contains(name)) unknown[name] = value;
  }
  return unknown;
}

/// What was read, before it is a TableSpec.
struct Description {
  arrow::FieldVector columns;
  std::map<std::string, std::string> aggregates;  // function by column
  TableShape shape;
  Names primary_key;
  Names partition_key;
  Names bucket_key;
  int64_t bucket_count = 1;
  Properties properties;
  catalog::Attributes attributes;
};

Result<std::shared_ptr<arrow::Field>> ReadColumn(const Json& column, TableShape* shape) {
  ARROW_ASSIGN_OR_RAISE(const auto name, OptionalText(column, "name"));
  if (!name || name->empty()) return Fault("a column lacks its 'name'");
  const auto type = column.find("data_type");
  if (type == column.end()) return Fault("the column '" + *name + "' lacks its 'data_type'");
  ARROW_ASSIGN_OR_RAISE(auto field, FieldFromJson(*name, *type));
  shape->column_types[*name] = (*type)["type"].get<std::string>();
  ARROW_ASSIGN_OR_RAISE(const auto comment, OptionalText(column, "comment"));
  field = WithMetadata(field, kCommentKey, comment.value_or(""));
  // Ids are given by the server, whatever a client proposes.
  const Json extra = UnknownMembers(column, {"name", "data_type", "comment", "id"});
  return WithMetadata(field, kExtraKey, extra.empty() ? "" : ToText(extra));
}

Status ReadColumns(const Json& schema, Description* out) {
  static const std::set<std::string> reserved = {
      "__offset", "__timestamp", "__bucket", "_change_type", "_log_offset", "_commit_timestamp"};
  const auto columns = schema.find("columns");
  if (columns == schema.end() || !columns->is_array() || columns->empty()) {
    return Fault("a table has at least one column");
  }
  if (columns->size() > schema::kColumnsMax) return Fault("a table has at most 4096 columns");
  for (const Json& column : *columns) {
    if (!column.is_object()) return Fault("a column must be a JSON object");
    ARROW_ASSIGN_OR_RAISE(auto field, AsTableFault(ReadColumn(column, &out->shape)));
    ARROW_ASSIGN_OR_RAISE(std::string function, AggregateFromJson(column));
    if (!function.empty()) out->aggregates.emplace(field->name(), std::move(function));
    if (reserved.contains(field->name())) {
      return Fault("the column name '" + field->name() + "' is reserved");
    }
    out->columns.push_back(std::move(field));
  }
  if (out->shape.column_types.size() != out->columns.size()) {
    return Fault("two columns have one name");
  }
  return Status::OK();
}

bool Contains(const Names& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// Columns that a key names: there, once each, and not of a nested type.
Status CheckKey(const Names& key, const char* what, const Description& table) {
  std::set<std::string> seen;
  for (const auto& name : key) {
    const auto type = table.shape.column_types.find(name);
    if (type == table.shape.column_types.end()) {
      return Fault(std::string(what) + " column '" + name + "' is not a column of the table");
    }
    if (!seen.insert(name).second) {
      return Fault(std::string(what) + " names the column '" + name + "' twice");
    }
    if (type->second == "ARRAY" || type->second == "MAP" || type->second == "ROW") {
      return Fault(std::string(what) + " column '" + name + "' cannot be of type " + type->second);
    }
  }
  return Status::OK();
}

Status CheckKeys(Description* table) {
  ARROW_RETURN_NOT_OK(CheckKey(table->primary_key, "primary key", *table));
  ARROW_RETURN_NOT_OK(CheckKey(table->partition_key, "partition key", *table));
  ARROW_RETURN_NOT_OK(CheckKey(table->bucket_key, "bucket key", *table));
  for (const auto& name : table->bucket_key) {
    if (Contains(table->partition_key, name)) {
      return Fault("bucket key column '" + name + "' cannot be a partition key column too");
    }
  }
  if (table->primary_key.empty()) return Status::OK();
  for (const auto& name : table->partition_key) {
    if (!Contains(table->primary_key, name)) {
      return Fault("partition key column '" + name + "' must be in the primary key");
    }
  }
  Names rest = table->primary_key;
  std::erase_if(rest, [&](const auto& name) { return Contains(table->partition_key, name); });
  if (rest.empty()) {
    return Fault("the primary key must have a column that is not in the partition key");
  }
  if (table->bucket_key.empty()) table->bucket_key = rest;
  for (const auto& name : table->bucket_key) {
    if (!Contains(rest, name)) {
      return Fault("bucket key column '" + name + "' must be in the primary key");
    }
  }
  for (auto& column : table->columns) {
    if (Contains(table->primary_key, column->name())) column = column->WithNullable(false);
  }
  return Status::OK();
}

Status ReadSchema(const Json& schema, Description* out, Json* extra) {
  ARROW_RETURN_NOT_OK(ReadColumns(schema, out));
  ARROW_ASSIGN_OR_RAISE(out->primary_key, AsTableFault(TextList(schema, "primary_key")));
  out->shape.keyed = !out->primary_key.empty();
  for (const auto& name : out->primary_key) {
    if (!out->aggregates.contains(name)) continue;
    return Fault("the primary key column '" + name + "' cannot have an aggregate function");
  }
  ARROW_ASSIGN_OR_RAISE(const Names counted,
                        AsTableFault(TextList(schema, "auto_increment_column")));
  if (!counted.empty()) return Fault("columns that count by themselves are not served");
  const Json unknown = UnknownMembers(
      schema, {"version", "columns", "primary_key", "auto_increment_column", "highest_field_id"});
  if (!unknown.empty()) (*extra)["schema"] = unknown;
  return Status::OK();
}

Status CheckBucketCount(int64_t count) {
  if (count < 1) return Refusal(Wire::kInvalidConfig, "bucket count must be at least 1");
  if (count > table::kBucketsMax) {
    return Refusal(Wire::kTooManyBuckets, "Bucket count " + std::to_string(count) +
                                              " exceeds the maximum limit " +
                                              std::to_string(table::kBucketsMax) + ".");
  }
  return Status::OK();
}

void SetDefaults(Description* table) {
  table->properties.try_emplace("table.replication.factor", "1");
  if (!table->shape.keyed) return;
  table->properties.try_emplace("table.kv.format-version", "2");
  if (table->properties.contains("table.merge-engine")) {
    table->properties.try_emplace("table.delete.behavior", "IGNORE");
  }
}

Result<Description> Read(const Json& json) {
  if (!json.is_object()) return Fault("a table's description must be a JSON object");
  const auto schema = json.find("schema");
  if (schema == json.end() || !schema->is_object()) return Fault("the table lacks its 'schema'");
  Description table;
  Json extra = Json::object();
  ARROW_RETURN_NOT_OK(ReadSchema(*schema, &table, &extra));
  ARROW_ASSIGN_OR_RAISE(table.partition_key, AsTableFault(TextList(json, "partition_key")));
  ARROW_ASSIGN_OR_RAISE(table.bucket_key, AsTableFault(TextList(json, "bucket_key")));
  ARROW_RETURN_NOT_OK(CheckKeys(&table));
  ARROW_ASSIGN_OR_RAISE(const auto count, AsTableFault(OptionalInt(json, "bucket_count")));
  table.bucket_count = count.value_or(1);
  ARROW_RETURN_NOT_OK(CheckBucketCount(table.bucket_count));
  ARROW_ASSIGN_OR_RAISE(table.properties, AsTableFault(TextMap(json, "properties")));
  table.shape.partition_keys = table.partition_key;
  SetDefaults(&table);
  ARROW_RETURN_NOT_OK(CheckProperties(table.properties, table.shape));

  ARROW_ASSIGN_OR_RAISE(const auto comment, AsTableFault(OptionalText(json, "comment")));
  if (comment) table.attributes[kCommentAttribute] = *comment;
  ARROW_ASSIGN_OR_RAISE(const auto custom, AsTableFault(TextMap(json, "custom_properties")));
  SetProperties(table.properties, custom, &table.attributes);
  const Json unknown =
      UnknownMembers(json, {"version", "schema", "comment", "partition_key", "bucket_key",
                            "bucket_count", "properties", "custom_properties"});
  if (!unknown.empty()) extra["table"] = unknown;
  if (!extra.empty()) table.attributes[kExtraAttribute] = ToText(extra);
  return table;
}

}  // namespace

void SetProperties(const Properties& properties, const Properties& custom,
                   catalog::Attributes* attributes) {
  (*attributes)[kPropertiesAttribute] = ToText(Json(properties));
  (*attributes)[kCustomPropertiesAttribute] = ToText(Json(custom));
}

Result<table::TableSpec> ParseTable(std::string_view text) {
  ARROW_ASSIGN_OR_RAISE(const Json json, AsTableFault(ParseJson(text)));
  ARROW_ASSIGN_OR_RAISE(Description description, Read(json));
  table::TableSpec spec;
  spec.schema = arrow::schema(std::move(description.columns));
  if (const Status checked = schema::CheckSchema(*spec.schema); !checked.ok()) {
    return AsTableFault(checked);
  }
  spec.attributes = std::move(description.attributes);
  spec.edition.key = std::move(description.primary_key);
  spec.edition.partition_by = std::move(description.partition_key);
  spec.edition.bucket_by = std::move(description.bucket_key);
  spec.edition.bucket_count = static_cast<int32_t>(description.bucket_count);
  ARROW_RETURN_NOT_OK(ApplyProperties(description.properties, &spec.edition));
  // Elsewhere functions are only kept, with what else this door does not know of a column.
  if (spec.edition.merge == catalog::MergeRule::kAggregate) {
    spec.edition.aggregates = std::move(description.aggregates);
  }
  return spec;
}

Result<catalog::Attributes> ParseDatabase(std::string_view text) {
  catalog::Attributes attributes;
  if (text.empty()) return attributes;
  const auto fault = [](const Status& status) {
    return Refusal(Wire::kInvalidDatabase,
                   "the database's description cannot be used: " + MessageOf(status));
  };
  const Result<Json> json = ParseJson(text);
  if (!json.ok()) return fault(json.status());
  const auto comment = OptionalText(*json, "comment");
  if (!comment.ok()) return fault(comment.status());
  const auto custom = TextMap(*json, "custom_properties");
  if (!custom.ok()) return fault(custom.status());
  if (*comment) attributes[kCommentAttribute] = **comment;
  attributes[kCustomPropertiesAttribute] = ToText(Json(*custom));
  return attributes;
}

}  // namespace firth::doors::fluss
