#include "firth/doors/beneath/table_facts.h"

#include "firth/doors/beneath/refusals.h"
#include "firth/doors/beneath/schema_text.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kHeldMax = 1000;

Json ForeignRecord(const table::TableInfo& table, const TableFacts& facts) {
  const std::string avro = AvroText(*facts.type, /*docs=*/true);
  TableSchema schema{.record = facts.type, .key = facts.key};
  return {{"schema", avro},
          {"kind", "Avro"},
          {"avro", avro},
          {"canonical", avro},
          {"indexes", schema.canonical_indexes()},
          {"key", facts.key},
          {"normalize", false},
          {"description", ""},
          {"meta", false},
          {"manual", false},
          {"index", facts.HasKey()},
          {"warehouse", true},
          {"log_s", 0},
          {"index_s", 0},
          {"warehouse_s", 0},
          {"created", table.current ? 1 : 0},
          {"deleted", 0},
          {"final", 0},
          {"primary", table.current ? 1 : 0},
          {"instances", Json::object()}};
}

Result<TableFactsPtr> Make(const table::TableInfo& table, const std::string& attribute) {
  auto facts = std::make_shared<TableFacts>();
  const catalog::EditionInfo& edition = *table.current;
  const arrow::Schema& columns = *edition.newest().schema;
  std::vector<std::string> names;
  facts->foreign = attribute.empty();
  if (facts->foreign) {
    ShownColumns shown = RecordTypeOf(columns, table.path.Name());
    facts->type = shown.record;
    names = std::move(shown.columns);
    facts->key = edition.spec.key;
    if (facts->key.empty() || edition.spec.bucket_count > 1 || !edition.spec.partition_by.empty()) {
      facts->use_index = false;
    }
  } else {
    facts->record = Json::parse(attribute, nullptr, /*allow_exceptions=*/false);
    if (!facts->record.is_object()) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                   "the attributes of table '" + table.path.ToString() + "' are damaged");
    }
    const Json& record = facts->record;
    ARROW_ASSIGN_OR_RAISE(facts->type, ParseAvro(record["avro"].get<std::string>()));
    facts->key = record["key"].get<std::vector<std::string>>();
    facts->use_index = record["index"];
    facts->use_warehouse = record["warehouse"];
    facts->log_retention_ms = record["log_s"].get<int64_t>() * 1000;
    facts->index_retention_ms = record["index_s"].get<int64_t>() * 1000;
    facts->warehouse_retention_ms = record["warehouse_s"].get<int64_t>() * 1000;
    for (const auto& field : facts->type->fields) names.push_back(field.name);
  }
  facts->encoder = std::make_shared<RecordEncoder>(facts->type, std::move(names));
  if (!facts->key.empty()) {
    std::vector<std::shared_ptr<arrow::DataType>> types;
    for (const auto& name : facts->key) types.push_back(columns.GetFieldByName(name)->type());
    ARROW_ASSIGN_OR_RAISE(auto encoder, schema::KeyEncoder::Make(std::move(types)));
    facts->key_encoder = std::make_shared<schema::KeyEncoder>(std::move(encoder));
    for (const auto& held : edition.schemas) {
      ARROW_ASSIGN_OR_RAISE(facts->codecs[held.id], schema::RowCodec::Make(held.schema));
    }
  }
  if (facts->foreign) facts->record = ForeignRecord(table, *facts);
  return facts;
}

}  // namespace

Result<TableFactsPtr> TableFactsCache::Get(const table::TableInfo& table) {
  if (!table.current.has_value()) return NotFound("Table instance");
  const auto found = table.attributes.find(kTableAttribute);
  const std::string attribute = found == table.attributes.end() ? "" : found->second;
  const EditionId id = table.current->id;
  const SchemaId schema = table.current->newest().id;
  {
    std::lock_guard lock(mutex_);
    const auto held = held_.find(id);
    if (held != held_.end() && held->second.schema == schema &&
        held->second.attribute == attribute) {
      order_.splice(order_.begin(), order_, held->second.used);
      return held->second.facts;
    }
  }
  ARROW_ASSIGN_OR_RAISE(TableFactsPtr facts, Make(table, attribute));
  std::lock_guard lock(mutex_);
  if (const auto held = held_.find(id); held != held_.end()) {
    order_.erase(held->second.used);
    held_.erase(held);
  }
  order_.push_front(id);
  held_[id] = {.attribute = attribute, .schema = schema, .facts = facts, .used = order_.begin()};
  if (held_.size() > kHeldMax) {
    held_.erase(order_.back());
    order_.pop_back();
  }
  return facts;
}

}  // namespace firth::doors::beneath
