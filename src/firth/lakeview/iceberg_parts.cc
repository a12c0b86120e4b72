#include "firth/lakeview/iceberg_parts.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include "firth/format/avro.h"
#include "firth/lakeview/stored_types.h"

namespace firth::lakeview {
namespace {

using arrow::Type;
using format::AvroEncoder;
using nlohmann::json;

Result<json> TypeToJson(const arrow::DataType& type, int32_t* last_id);

Result<json> FieldToJson(const arrow::Field& field, int32_t* last_id) {
  const int32_t id = StoredId(field);
  *last_id = std::max(*last_id, id);
  auto type = TypeToJson(*field.type(), last_id);
  if (!type.ok()) {
    return Error(CodeOf(type.status()), ReasonOf(type.status()),
                 "the column '" + field.name().substr(0, 64) + "': " + MessageOf(type.status()));
  }
  return json{{"id", id}, {"name", field.name()}, {"required", !field.nullable()}, {"type", *type}};
}

Result<json> NestedToJson(const arrow::DataType& type, int32_t* last_id) {
  if (type.id() == Type::STRUCT) {
    json fields = json::array();
    for (const auto& field : type.fields()) {
      ARROW_ASSIGN_OR_RAISE(json made, FieldToJson(*field, last_id));
      fields.push_back(std::move(made));
    }
    return json{{"type", "struct"}, {"fields", std::move(fields)}};
  }
  if (type.id() == Type::MAP) {
    const auto& map = static_cast<const arrow::MapType&>(type);
    ARROW_ASSIGN_OR_RAISE(const json key, FieldToJson(*map.key_field(), last_id));
    ARROW_ASSIGN_OR_RAISE(const json value, FieldToJson(*map.item_field(), last_id));
    return json{{"type", "map"},
                {"key-id", key["id"]},
                {"key", key["type"]},
                {"value-id", value["id"]},
                {"value-required", value["required"]},
                {"value", value["type"]}};
  }
  ARROW_ASSIGN_OR_RAISE(const json item, FieldToJson(*type.field(0), last_id));
  return json{{"type", "list"},
              {"element-id", item["id"]},
              {"element-required", item["required"]},
              {"element", item["type"]}};
}

Result<json> TypeToJson(const arrow::DataType& type, int32_t* last_id) {
  switch (type.id()) {
    case Type::BOOL:
      return "boolean";
    case Type::INT32:
      return "int";
    case Type::INT64:
      return "long";
    case Type::FLOAT:
      return "float";
    case Type::DOUBLE:
      return "double";
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      if (decimal.scale() < 0) break;
      return "decimal(" + std::to_string(decimal.precision()) + ", " +
             std::to_string(decimal.scale()) + ")";
    }
    case Type::DATE32:
    case Type::DATE64:
      return "date";
    case Type::TIME64:
      return "time";
    case Type::TIMESTAMP:
      return static_cast<const arrow::TimestampType&>(type).timezone().empty() ? "timestamp"
                                                                               : "timestamptz";
    case Type::STRING:
    case Type::LARGE_STRING:
      return "string";
    case Type::BINARY:
    case Type::LARGE_BINARY:
      return "binary";
    case Type::FIXED_SIZE_BINARY:
      return "fixed[" +
             std::to_string(static_cast<const arrow::FixedSizeBinaryType&>(type).byte_width()) +
             "]";
    case Type::STRUCT:
    case Type::MAP:
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
      return NestedToJson(type, last_id);
    default:
      break;
  }
  return Error(Code::kUnimplemented, Reason::kNone,
               "Iceberg has no type for " + type.ToString().substr(0, 64));
}

json Field(const char* name, int id, json type) {
  return {{"name", name}, {"type", std::move(type)}, {"field-id", id}};
}

json Optional(const char* name, int id, json type) {
  return {{"name", name},
          {"type", json::array({"null", std::move(type)})},
          {"default", nullptr},
          {"field-id", id}};
}

/// A map whose keys are numbers: an array of pairs.
json Pairs(const std::string& name, int key_id, int value_id, const char* value) {
  return {{"type", "array"},
          {"logicalType", "map"},
          {"items",
           {{"type", "record"},
            {"name", name},
            {"fields", {Field("key", key_id, "int"), Field("value", value_id, value)}}}}};
}

json List(const char* item, int id) {
  return {{"type", "array"}, {"items", item}, {"element-id", id}};
}

/// The optional facts of a file that we leave out, in the order of their fields.
json AbsentFacts() {
  return json::array(
      {Optional("column_sizes", 108, Pairs("k117_v118", 117, 118, "long")),
       Optional("value_counts", 109, Pairs("k119_v120", 119, 120, "long")),
       Optional("null_value_counts", 110, Pairs("k121_v122", 121, 122, "long")),
       Optional("nan_value_counts", 137, Pairs("k138_v139", 138, 139, "long")),
       Optional("lower_bounds", 125, Pairs("k126_v127", 126, 127, "bytes")),
       Optional("upper_bounds", 128, Pairs("k129_v130", 129, 130, "bytes")),
       Optional("key_metadata", 131, "bytes"), Optional("split_offsets", 132, List("long", 133)),
       Optional("equality_ids", 135, List("int", 136)), Optional("sort_order_id", 140, "int")});
}

const std::string& ManifestSchema() {
  static const std::string schema = [] {
    const json partition = {{"type", "record"}, {"name", "r102"}, {"fields", json::array()}};
    json facts = {Field("content", 134, "int"),        Field("file_path", 100, "string"),
                  Field("file_format", 101, "string"), Field("partition", 102, partition),
                  Field("record_count", 103, "long"),  Field("file_size_in_bytes", 104, "long")};
    for (auto& fact : AbsentFacts()) facts.push_back(std::move(fact));
    const json file = {{"type", "record"}, {"name", "r2"}, {"fields", std::move(facts)}};
    return json{{"type", "record"},
                {"name", "manifest_entry"},
                {"fields",
                 {Field("status", 0, "int"), Optional("snapshot_id", 1, "long"),
                  Optional("sequence_number", 3, "long"),
                  Optional("file_sequence_number", 4, "long"), Field("data_file", 2, file)}}}
        .dump();
  }();
  return schema;
}

const std::string& ListSchema() {
  static const std::string schema = [] {
    const json summary = {
        {"type", "record"},
        {"name", "r508"},
        {"fields",
         {Field("contains_null", 509, "boolean"), Optional("contains_nan", 518, "boolean"),
          Optional("lower_bound", 510, "bytes"), Optional("upper_bound", 511, "bytes")}}};
    const json summaries = {{"type", "array"}, {"items", summary}, {"element-id", 508}};
    return json{
        {"type", "record"},
        {"name", "manifest_file"},
        {"fields",
         {Field("manifest_path", 500, "string"), Field("manifest_length", 501, "long"),
          Field("partition_spec_id", 502, "int"), Field("content", 517, "int"),
          Field("sequence_number", 515, "long"), Field("min_sequence_number", 516, "long"),
          Field("added_snapshot_id", 503, "long"), Field("added_files_count", 504, "int"),
          Field("existing_files_count", 505, "int"), Field("deleted_files_count", 506, "int"),
          Field("added_rows_count", 512, "long"), Field("existing_rows_count", 513, "long"),
          Field("deleted_rows_count", 514, "long"), Optional("partitions", 507, summaries),
          Optional("key_metadata", 519, "bytes")}}}
        .dump();
  }();
  return schema;
}

constexpr int kStatusExisting = 0;
constexpr int kStatusAdded = 1;

void Encode(const IcebergFile& file, AvroEncoder* out) {
  out->Long(file.added ? kStatusAdded : kStatusExisting);
  for (int i = 0; i < 3; ++i) {  // snapshot id, sequence number, file sequence number
    out->Some();
    out->Long(file.snapshot);
  }
  out->Long(file.deletes ? 1 : 0);
  out->Text(file.path);
  out->Text("PARQUET");
  out->Long(file.rows);
  out->Long(static_cast<int64_t>(file.bytes));
  static const size_t absent = AbsentFacts().size();
  for (size_t i = 0; i < absent; ++i) out->Null();
}

}  // namespace

Result<json> IcebergSchema(const arrow::Schema& stored, int32_t schema_id, int32_t* last_id) {
  json fields = json::array();
  for (const auto& field : stored.fields()) {
    ARROW_ASSIGN_OR_RAISE(json made, FieldToJson(*field, last_id));
    fields.push_back(std::move(made));
  }
  return json{{"type", "struct"}, {"schema-id", schema_id}, {"fields", std::move(fields)}};
}

IcebergManifest MakeManifest(std::string path, const std::vector<IcebergFile>& files, bool deletes,
                             const std::string& schema_json, const std::string& sync) {
  IcebergManifest manifest{
      .path = std::move(path), .deletes = deletes, .least_sequence = INT64_MAX};
  AvroEncoder records;
  for (const IcebergFile& file : files) {
    Encode(file, &records);
    manifest.least_sequence = std::min(manifest.least_sequence, file.snapshot);
    ++(file.added ? manifest.files_added : manifest.files_existing);
    (file.added ? manifest.rows_added : manifest.rows_existing) += file.rows;
  }
  manifest.bytes = format::AvroFile(ManifestSchema(),
                                    {{"schema", schema_json},
                                     {"partition-spec", "[]"},
                                     {"partition-spec-id", "0"},
                                     {"format-version", "2"},
                                     {"content", deletes ? "deletes" : "data"}},
                                    static_cast<int64_t>(files.size()), records.bytes(), sync);
  return manifest;
}

std::string MakeManifestList(int64_t snapshot, int64_t parent,
                             const std::vector<IcebergManifest>& manifests,
                             const std::string& sync) {
  AvroEncoder records;
  for (const IcebergManifest& manifest : manifests) {
    records.Text(manifest.path);
    records.Long(static_cast<int64_t>(manifest.bytes.size()));
    records.Long(0);
    records.Long(manifest.deletes ? 1 : 0);
    records.Long(snapshot);
    records.Long(manifest.least_sequence);
    records.Long(snapshot);
    records.Long(manifest.files_added);
    records.Long(manifest.files_existing);
    records.Long(0);
    records.Long(manifest.rows_added);
    records.Long(manifest.rows_existing);
    records.Long(0);
    records.Null();
    records.Null();
  }
  std::map<std::string, std::string> metadata = {{"snapshot-id", std::to_string(snapshot)},
                                                 {"sequence-number", std::to_string(snapshot)},
                                                 {"format-version", "2"}};
  metadata["parent-snapshot-id"] = parent == 0 ? "null" : std::to_string(parent);
  return format::AvroFile(ListSchema(), metadata, static_cast<int64_t>(manifests.size()),
                          records.bytes(), sync);
}

}  // namespace firth::lakeview
