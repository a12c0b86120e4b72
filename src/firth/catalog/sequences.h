// Numbers that are never given twice.
#pragma once

#include <cstdint>
#include <string_view>

#include "firth/catalog/sql.h"
#include "firth/common/status.h"

namespace firth::catalog {

/// Take `count` numbers of the sequence `name`, inside the open transaction; returns the first.
/// From 1 on.
Result<int64_t> TakeFromSequence(Connection* sql, std::string_view name, int64_t count);

}  // namespace firth::catalog
