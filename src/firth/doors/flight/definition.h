// What defines a new table, as `create` and a put that creates take it.
#pragma once

#include <memory>

#include "firth/common/status.h"
#include "firth/doors/flight/fields.h"
#include "firth/table/database.h"

namespace firth::doors::flight {

/// Read `schema`, `attributes` and what ReadEdition reads; the schema is null where none was given,
/// and in a table with a key the last write wins unless `merge` says otherwise. Mistakes are left
/// in `fields`.
table::TableSpec ReadDefinition(Fields* fields);

/// The whole definition: with `schema` where it has none, and key columns that have no nulls.
table::TableSpec Completed(table::TableSpec definition,
                           const std::shared_ptr<arrow::Schema>& schema);

}  // namespace firth::doors::flight
