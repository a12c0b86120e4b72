#include "firth/doors/flight/definition.h"

#include <utility>

#include "firth/doors/flight/edition_json.h"

namespace firth::doors::flight {

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
  return definition;
}

}  // namespace firth::doors::flight
