// Changes to a living table, as `alter` takes them.
#pragma once

#include "firth/common/status.h"
#include "firth/doors/flight/fields.h"
#include "firth/table/database.h"

namespace firth::doors::flight {

/// Read what is to change in `table`: `add` (a schema of new columns), `rename` (old name to new
/// name), `drop` (columns), `attributes` (replace all), and what ReadEdition reads. Wrong fields
/// are left in `fields`. Errors: kColumnNotFound, kSchemaMismatch for a name that is taken.
Result<table::TableChange> ReadAlteration(Fields* fields, const table::TableInfo& table);

}  // namespace firth::doors::flight
