// The current row of each key of a table, as a ticket asks for them.
#pragma once

#include <memory>

#include "firth/doors/flight/cursor.h"
#include "firth/doors/flight/ticket.h"

namespace firth::doors::flight {

/// Rows in key order, bucket after bucket. They are read page by page: each page is of one moment,
/// and a later one may be of a later moment. Errors: kNotKeyed, and those of OpenTable.
Result<std::unique_ptr<Cursor>> OpenCurrent(const Request& request, Ticket ticket);

}  // namespace firth::doors::flight
