// From this door's tables to the engine's, and of names to paths.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/common/path.h"
#include "firth/doors/beneath/facts.h"
#include "firth/doors/beneath/schema_text.h"
#include "firth/table/database.h"

namespace firth::doors::beneath {

/// The table of a compiled schema, with `record` as its attribute: keyed, the row with the greatest
/// record time is current, the log holds every record that was accepted, in one bucket.
table::TableSpec SpecOf(const TableSchema& schema, const Json& record);
/// The same from what an attribute says.
Result<table::TableSpec> SpecOfRecord(const Json& record);

/// The path of a table by its three names, of this door's tables and of others' (see
/// common/path.h).
Result<Path> PathOfNames(std::string_view organization, std::string_view project,
                         std::string_view table);
/// Three names for a table's path.
std::vector<std::string> NamesOfPath(const Path& path);

}  // namespace firth::doors::beneath
