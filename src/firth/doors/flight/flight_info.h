// What a client is told of a table before it reads: schema, size, and the ticket to read with.
#pragma once

#include <string>

#include "firth/common/path.h"
#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"
#include "flight.pb.h"

namespace firth::doors::flight {

/// A schema as an encapsulated Arrow IPC message.
Result<std::string> SerializedSchema(const arrow::Schema& schema);

/// The columns of a table, without what the engine keeps beside them.
std::shared_ptr<arrow::Schema> BareSchema(const table::TableInfo& table);

/// One endpoint without a location: where this answer came from.
Result<arrow::flight::protocol::FlightInfo> MakeInfo(const arrow::Schema& schema,
                                                     std::string ticket);

/// The path of a descriptor that is one. Error kInvalidArgument for another, and for empty
/// segments.
Result<Path> PathOf(const arrow::flight::protocol::FlightDescriptor& descriptor);

/// For a path, the table there; for a command, the ticket that it is.
Result<arrow::flight::protocol::FlightInfo> InfoOf(
    const Request& request, const arrow::flight::protocol::FlightDescriptor& descriptor);

/// The whole of a table.
Result<arrow::flight::protocol::FlightInfo> InfoOf(const Request& request,
                                                   const table::TableInfo& table);

}  // namespace firth::doors::flight
