// Writing: what the engine knows of a table becomes the JSON that clients read.
#include <algorithm>
#include <utility>
#include <vector>

#include "firth/doors/fluss/aggregate_json.h"
#include "firth/doors/fluss/json.h"
#include "firth/doors/fluss/table_json.h"
#include "firth/doors/fluss/types.h"
#include "firth/schema/schema.h"

namespace firth::doors::fluss {
namespace {

constexpr int kJsonVersion = 1;

std::string AttributeOf(const catalog::Attributes& attributes, const char* name) {
  const auto found = attributes.find(name);
  return found == attributes.end() ? "" : found->second;
}

/// An attribute that this door wrote as a JSON object; an empty object where it is absent.
Json ObjectOf(const catalog::Attributes& attributes, const char* name) {
  const std::string text = AttributeOf(attributes, name);
  if (!text.empty()) {
    Result<Json> json = ParseJson(text);
    if (json.ok() && json->is_object()) return std::move(*json);
  }
  return Json::object();
}

Properties PropertiesIn(const catalog::Attributes& attributes, const char* name) {
  Properties properties;
  const Json object = ObjectOf(attributes, name);
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) properties[key] = value.get<std::string>();
  }
  return properties;
}

/// Add the members of `extra` that `*out` does not have.
void Merge(const Json& extra, JsonOut* out) {
  if (!extra.is_object()) return;
  for (const auto& [name, value] : extra.items()) {
    if (!out->contains(name)) (*out)[name] = value;
  }
}

JsonOut ColumnJson(const arrow::Field& field, const catalog::EditionSpec& spec) {
  JsonOut column = {{"name", field.name()}, {"data_type", TypeToJson(field)}};
  const std::string comment = MetadataOf(field, kCommentKey);
  if (!comment.empty()) column["comment"] = comment;
  column["id"] = schema::FieldId(field);
  const std::string text = MetadataOf(field, kExtraKey);
  Json extra = text.empty() ? Json::object() : ParseJson(text).ValueOr(Json::object());
  if (spec.merge == catalog::MergeRule::kAggregate) {
    // The table's own word is the one that rows are merged by.
    if (extra.is_object()) extra.erase(kAggregateMember);
    const auto function = spec.aggregates.find(field.name());
    if (function != spec.aggregates.end()) {
      column[kAggregateMember] = AggregateToJson(function->second);
    }
  }
  Merge(extra, &column);
  return column;
}

JsonOut SchemaObject(const catalog::EditionInfo& edition, const arrow::Schema& schema,
                     const catalog::Attributes& attributes) {
  JsonOut columns = JsonOut::array();
  for (const auto& field : schema.fields()) columns.push_back(ColumnJson(*field, edition.spec));
  JsonOut out = {{"version", kJsonVersion}, {"columns", std::move(columns)}};
  if (!edition.spec.key.empty()) out["primary_key"] = edition.spec.key;
  out["highest_field_id"] = edition.next_field_id - 1;
  Merge(ObjectOf(attributes, kExtraAttribute).value("schema", Json::object()), &out);
  return out;
}

/// The columns that a keyed table's clients choose the bucket by: its own, else the key without the
/// partition columns.
std::vector<std::string> BucketKeyOf(const catalog::EditionSpec& spec) {
  if (!spec.bucket_by.empty()) return spec.bucket_by;
  std::vector<std::string> rest;
  for (const auto& name : spec.key) {
    if (std::ranges::find(spec.partition_by, name) == spec.partition_by.end()) rest.push_back(name);
  }
  return rest;
}

}  // namespace

Properties PropertiesOf(const catalog::TableInfo& table) {
  if (!table.attributes.contains(kPropertiesAttribute)) {
    return DescribeSpec(table.current ? table.current->spec : catalog::EditionSpec());
  }
  return PropertiesIn(table.attributes, kPropertiesAttribute);
}

Status CheckRowFormats(const catalog::TableInfo& table) {
  const auto text = table.attributes.find(kPropertiesAttribute);
  if (text == table.attributes.end() || text->second.find(".format\"") == std::string::npos) {
    return Status::OK();
  }
  const bool keyed = table.current.has_value() && !table.current->spec.key.empty();
  return CheckRowFormats(PropertiesOf(table), keyed);
}

Properties CustomPropertiesOf(const catalog::Attributes& attributes) {
  return PropertiesIn(attributes, kCustomPropertiesAttribute);
}

std::string TableJson(const catalog::TableInfo& table) {
  const catalog::EditionInfo& edition = *table.current;
  const std::string comment = AttributeOf(table.attributes, kCommentAttribute);
  JsonOut out = {{"version", kJsonVersion}};
  out["schema"] = SchemaObject(edition, *edition.newest().schema, table.attributes);
  if (table.attributes.contains(kCommentAttribute)) out["comment"] = comment;
  out["partition_key"] = edition.spec.partition_by;
  out["bucket_key"] = BucketKeyOf(edition.spec);
  out["bucket_count"] = edition.spec.bucket_count;
  out["properties"] = PropertiesOf(table);
  out["custom_properties"] = CustomPropertiesOf(table.attributes);
  Merge(ObjectOf(table.attributes, kExtraAttribute).value("table", Json::object()), &out);
  return ToText(out);
}

std::string SchemaJson(const catalog::EditionInfo& edition, const catalog::SchemaInfo& schema,
                       const catalog::Attributes& attributes) {
  return ToText(SchemaObject(edition, *schema.schema, attributes));
}

std::string DatabaseJson(const catalog::Attributes& attributes) {
  JsonOut out = {{"version", kJsonVersion}};
  if (attributes.contains(kCommentAttribute)) {
    out["comment"] = AttributeOf(attributes, kCommentAttribute);
  }
  out["custom_properties"] = CustomPropertiesOf(attributes);
  return ToText(out);
}

}  // namespace firth::doors::fluss
