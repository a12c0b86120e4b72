// Small named values, as SQL. Called inside a transaction of the caller's, or for reads without
// one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/catalog/sql.h"

namespace firth::catalog {

Result<std::optional<std::string>> FindValue(Connection* sql, const std::string& name);

/// Values whose name is in [from, to), by name, at most `limit`.
Result<std::vector<std::pair<std::string, std::string>>> FindValues(Connection* sql,
                                                                    const std::string& from,
                                                                    const std::string& to,
                                                                    int64_t limit);

/// Make all changes, after every comparison was seen to hold: a refusal leaves nothing behind.
Status MakeValueChanges(Connection* sql, const std::vector<ValueChange>& changes);

}  // namespace firth::catalog
