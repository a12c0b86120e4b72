// Flight SQL: commands, tickets and actions in google.protobuf.Any. A statement's handle is its
// text, so that the server remembers nothing between two calls.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"
#include "flight.pb.h"

namespace firth::doors::flight {

/// Is this command or ticket one of Flight SQL's, rather than our JSON?
bool IsFlightSql(std::string_view bytes);

/// Where the rows of a command are. Errors: kInvalidArgument for what is no message of Flight SQL,
/// kUnimplemented for those that we do not answer, and those of the statement.
Result<arrow::flight::protocol::FlightInfo> FlightSqlInfo(
    const Request& request, const arrow::flight::protocol::FlightDescriptor& descriptor);

/// The rows of a ticket.
Result<std::unique_ptr<Cursor>> OpenFlightSql(const Request& request, std::string_view ticket);

/// Is this action one of Flight SQL's?
bool IsFlightSqlAction(std::string_view name);
/// Run it: the body of its one answer, empty where it has none.
Result<std::string> RunFlightSqlAction(const Request& request, std::string_view name,
                                       std::string_view body);

}  // namespace firth::doors::flight
