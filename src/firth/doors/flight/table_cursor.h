// Rows of a table, as a ticket asks for them: once, or for as long as rows arrive.
#pragma once

#include <memory>

#include "firth/doors/flight/cursor.h"
#include "firth/doors/flight/ticket.h"

namespace firth::doors::flight {

/// Errors: kTableNotFound, kColumnNotFound, kPartitionNotFound, kBucketNotFound, kNotAllowed. The
/// schema is that of the table now: a read that follows keeps it when the table's changes, with
/// nulls in a column that was dropped.
Result<std::unique_ptr<Cursor>> OpenTable(const Request& request, Ticket ticket);

}  // namespace firth::doors::flight
