#include "firth/doors/flight/edition_json.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/flight/duration_text.h"
#include "firth/doors/flight/type_text.h"
#include "firth/schema/schema.h"

namespace firth::doors::flight {
namespace {

using catalog::EditionSpec;
using catalog::Lifetime;
using nlohmann::json;

// In the order of the enums.
const std::vector<std::string> kMergeRules = {"none", "last", "first", "greatest", "aggregate"};
const std::vector<std::string> kLogImages = {"full", "after", "input"};
const std::vector<std::string> kLifetimeBys = {"commit", "record", "column"};
const std::vector<std::string> kCompressions = {"zstd", "lz4", "none"};

constexpr std::array<std::pair<const char*, uint32_t>, 3> kViews = {
    {{"key", catalog::kKeyView}, {"time", catalog::kTimeView}, {"lake", catalog::kLakeView}}};

// Lists of columns and lifetimes are many and alike: one row each.
constexpr std::array<std::pair<const char*, std::vector<std::string> EditionSpec::*>, 7>
    kColumnLists = {{{"key", &EditionSpec::key},
                     {"order", &EditionSpec::order},
                     {"partition_by", &EditionSpec::partition_by},
                     {"bucket_by", &EditionSpec::bucket_by},
                     {"merge_columns", &EditionSpec::merge_columns},
                     {"series_by", &EditionSpec::series_by},
                     {"values", &EditionSpec::values}}};
constexpr std::array<std::pair<const char*, Lifetime EditionSpec::*>, 3> kLifetimes = {
    {{"log_lifetime", &EditionSpec::log_lifetime},
     {"key_lifetime", &EditionSpec::key_lifetime},
     {"lake_lifetime", &EditionSpec::lake_lifetime}}};

Result<Lifetime> LifetimeFromJson(const json& object, const std::string& where) {
  Lifetime lifetime;
  Fields fields(object, where);
  if (fields.Has("duration")) {
    ARROW_ASSIGN_OR_RAISE(lifetime.duration_ns, ParseDuration(fields.Text("duration")));
  }
  if (fields.Has("bytes")) lifetime.bytes = fields.Number("bytes", 0);
  lifetime.by = static_cast<catalog::LifetimeBy>(fields.Choice("by", kLifetimeBys, 0));
  lifetime.column = fields.Text("column");
  ARROW_RETURN_NOT_OK(fields.Check());
  return lifetime;
}

json LifetimeToJson(const Lifetime& lifetime) {
  json object = json::object();
  if (lifetime.duration_ns) object["duration"] = DurationToText(*lifetime.duration_ns);
  if (lifetime.bytes) object["bytes"] = *lifetime.bytes;
  object["by"] = kLifetimeBys[static_cast<size_t>(lifetime.by)];
  if (!lifetime.column.empty()) object["column"] = lifetime.column;
  return object;
}

uint32_t ReadViews(Fields* fields) {
  uint32_t views = 0;
  for (const std::string& name : fields->Texts("views")) {
    const auto found = std::find_if(kViews.begin(), kViews.end(),
                                    [&](const auto& view) { return name == view.first; });
    if (found == kViews.end()) {
      fields->Wrong("views", "a list of key, time and lake");
    } else {
      views |= found->second;
    }
  }
  return views;
}

Result<std::shared_ptr<arrow::Field>> ColumnFromJson(const json& object) {
  Fields fields(object, "a column of the schema");
  const std::string name = fields.NeedText("name");
  const std::string type_text = fields.NeedText("type");
  const bool nullable = fields.Flag("nullable", true);
  fields.Any("id");  // describe gives it; a new table has its own
  ARROW_RETURN_NOT_OK(fields.Check());
  ARROW_ASSIGN_OR_RAISE(auto type, ParseType(type_text));
  return arrow::field(name, std::move(type), nullable);
}

}  // namespace

Result<std::shared_ptr<arrow::Schema>> SchemaFromJson(const json& value) {
  if (value.is_string()) return ParseSchemaText(value.get_ref<const std::string&>());
  if (!value.is_array()) {
    return Error(
        Code::kInvalidArgument, Reason::kInvalidSchema,
        "a schema is text like \"id:int64,name:text\" or a list of {name, type, nullable}");
  }
  std::vector<std::shared_ptr<arrow::Field>> columns;
  for (const json& item : value) {
    ARROW_ASSIGN_OR_RAISE(auto column, ColumnFromJson(item));
    columns.push_back(std::move(column));
  }
  return arrow::schema(std::move(columns));
}

json SchemaToJson(const arrow::Schema& schema) {
  json list = json::array();
  for (const auto& field : schema.fields()) {
    list.push_back({{"name", field->name()},
                    {"type", TypeToText(*field->type())},
                    {"nullable", field->nullable()},
                    {"id", schema::FieldId(*field)}});
  }
  return list;
}

void ReadEdition(Fields* fields, EditionSpec* spec) {
  for (const auto& [name, member] : kColumnLists) {
    if (fields->Has(name)) spec->*member = fields->Texts(name);
  }
  for (const auto& [name, member] : kLifetimes) {
    if (!fields->Has(name)) continue;
    auto lifetime = LifetimeFromJson(fields->Any(name), std::string("`") + name + "`");
    if (lifetime.ok()) {
      spec->*member = *std::move(lifetime);
    } else {
      fields->Fail(lifetime.status());
    }
  }
  spec->time_column = fields->Text("time_column", spec->time_column);
  const int64_t buckets = fields->Number("buckets", spec->bucket_count);
  if (buckets < 1 || buckets > INT32_MAX) fields->Wrong("buckets", "1 or more");
  spec->bucket_count = static_cast<int32_t>(buckets);
  spec->merge = static_cast<catalog::MergeRule>(
      fields->Choice("merge", kMergeRules, static_cast<int>(spec->merge)));
  if (fields->Has("aggregates")) spec->aggregates = fields->TextMap("aggregates");
  spec->image = static_cast<catalog::LogImage>(
      fields->Choice("image", kLogImages, static_cast<int>(spec->image)));
  spec->ignore_deletes = fields->Flag("ignore_deletes", spec->ignore_deletes);
  spec->refuse_deletes = fields->Flag("refuse_deletes", spec->refuse_deletes);
  if (fields->Has("views")) spec->views = ReadViews(fields);
  if (fields->Has("compression")) {
    spec->compression =
        kCompressions[static_cast<size_t>(fields->Choice("compression", kCompressions, 0))];
  }
}

json EditionToJson(const EditionSpec& spec) {
  const EditionSpec plain;
  json object = {{"buckets", spec.bucket_count}, {"compression", spec.compression}};
  for (const auto& [name, member] : kColumnLists) {
    if (!(spec.*member).empty()) object[name] = spec.*member;
  }
  for (const auto& [name, member] : kLifetimes) {
    if (!(spec.*member == Lifetime())) object[name] = LifetimeToJson(spec.*member);
  }
  if (!spec.time_column.empty()) object["time_column"] = spec.time_column;
  if (spec.merge != plain.merge) object["merge"] = kMergeRules[static_cast<size_t>(spec.merge)];
  if (!spec.aggregates.empty()) object["aggregates"] = spec.aggregates;
  if (spec.image != plain.image) object["image"] = kLogImages[static_cast<size_t>(spec.image)];
  if (spec.ignore_deletes) object["ignore_deletes"] = true;
  if (spec.refuse_deletes) object["refuse_deletes"] = true;
  for (const auto& [name, view] : kViews) {
    if ((spec.views & view) != 0) object["views"].push_back(name);
  }
  return object;
}

}  // namespace firth::doors::flight
