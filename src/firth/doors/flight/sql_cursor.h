// Rows of a query: the ticket {"sql": "SELECT …"}.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"

namespace firth::doors::flight {

/// The statement of a ticket that has one. Errors: kInvalidArgument for what is not JSON, and for
/// fields beside it.
Result<std::optional<std::string>> SqlOf(std::string_view ticket);

/// Errors: those of table::Database::Query.
Result<std::unique_ptr<Cursor>> OpenSql(const Request& request, const std::string& sql);

}  // namespace firth::doors::flight
