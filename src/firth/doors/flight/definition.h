// What defines a new table, as `create` and a put that creates take it.
#pragma once

#include "firth/doors/flight/fields.h"
#include "firth/table/database.h"

namespace firth::doors::flight {

/// Read `schema`, `attributes` and what ReadEdition reads; the schema is null where none was given.
/// Mistakes are left in `fields`.
table::TableSpec ReadDefinition(Fields* fields);

}  // namespace firth::doors::flight
