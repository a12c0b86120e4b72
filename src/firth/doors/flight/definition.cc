#include "firth/doors/flight/definition.h"

#include <algorithm>
#include <utility>

#include "firth/doors/flight/edition_json.h"

namespace firth::doors::flight {
namespace {

/// Key columns have no nulls: `schema`, saying so.
std::shared_ptr<arrow::Schema> WithKeyNotNull(const arrow::Schema& schema,
                                              const std::vector<std::string>& key) {
  std::vector<std::shared_ptr<arrow::Field>> columns = schema.fields();
  for (auto& column : columns) {
    if (std::find(key.begin(), key.end(), column->name()) != key.end()) {
      column = column->WithNullable(false);
    }
  }
  return arrow::schema(std::move(columns));
}

}  // namespace

table::TableSpec ReadDefinition(Fields* fields) {
  table::TableSpec definition;
  if (fields->Has("schema")) {
    auto schema = SchemaFromJson(fields->Any("schema"));
    if (schema.ok()) {
      definition.schema = *std::move(schema);
    } else {
      fields->Fail(schema.status());
    }
  }
  definition.attributes = fields->TextMap("attributes");
  ReadEdition(fields, &definition.edition);
  if (!definition.edition.key.empty() && !fields->Has("merge")) {
    definition.edition.merge = catalog::MergeRule::kLastWrite;
  }
  return definition;
}

table::TableSpec Completed(table::TableSpec definition,
                           const std::shared_ptr<arrow::Schema>& schema) {
  if (definition.schema == nullptr) definition.schema = schema;
  definition.schema = WithKeyNotNull(*definition.schema, definition.edition.key);
  return definition;
}

}  // namespace firth::doors::flight
