#include "firth/doors/flight/cursor.h"

#include <utility>

#include "firth/doors/flight/current_cursor.h"
#include "firth/doors/flight/flight_sql.h"
#include "firth/doors/flight/sql_cursor.h"
#include "firth/doors/flight/table_cursor.h"
#include "firth/doors/flight/ticket.h"

namespace firth::doors::flight {

Result<std::unique_ptr<Cursor>> OpenTicket(const Request& request, std::string_view ticket) {
  if (IsFlightSql(ticket)) return OpenFlightSql(request, ticket);
  if (!ticket.starts_with('{')) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "a ticket is JSON like {\"path\": \"a/b\"}");
  }
  ARROW_ASSIGN_OR_RAISE(const auto sql, SqlOf(ticket));
  if (sql) return sql->plan ? OpenPlan(request, sql->sql) : OpenSql(request, sql->sql, sql->name);
  ARROW_ASSIGN_OR_RAISE(Ticket parsed, ParseTicket(ticket));
  return parsed.current ? OpenCurrent(request, std::move(parsed))
                        : OpenTable(request, std::move(parsed));
}

}  // namespace firth::doors::flight
