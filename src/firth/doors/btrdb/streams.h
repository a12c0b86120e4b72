// Looking streams up, in this door's order.
#pragma once

#include <string>
#include <vector>

#include "firth/table/database.h"
#include "firth/table/series.h"

namespace firth::doors::btrdb {

/// Streams whose collection, as this door spells it, begins with `prefix`: by collection, name,
/// unit, uuid.
Result<std::vector<table::SeriesPtr>> StreamsWithPrefix(table::Database* database,
                                                        const access::Caller& caller,
                                                        const std::string& prefix);

}  // namespace firth::doors::btrdb
