// Which buckets of a table a ticket reads.
#pragma once

#include <optional>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"
#include "firth/doors/flight/ticket.h"
#include "firth/table/database.h"

namespace firth::doors::flight {

/// The partition that the ticket names; nullopt: it names none. Error kPartitionNotFound.
Result<std::optional<PartitionId>> PartitionOf(const Request& request,
                                               const table::TableInfo& table, const Ticket& ticket);

/// The buckets as they are now, by partition and number. Errors: kPartitionNotFound,
/// kBucketNotFound.
Result<std::vector<table::BucketRef>> BucketsOf(const Request& request,
                                                const table::TableInfo& table,
                                                const Ticket& ticket);

}  // namespace firth::doors::flight
