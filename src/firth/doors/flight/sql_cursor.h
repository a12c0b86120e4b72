// Rows of a query: the ticket {"sql": "SELECT …"}; with "plan": true what it would do, without
// running it. With "name" it can be asked for by that while it runs (query_actions.cc).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"

namespace firth::doors::flight {

struct SqlTicket {
  std::string sql;
  bool plan = false;
  std::string name;  // empty: it has none
};

/// A ticket that has a statement. Errors: kInvalidArgument for what is not JSON, and for fields
/// beside those above.
Result<std::optional<SqlTicket>> SqlOf(std::string_view ticket);

/// Errors: those of table::Database::PrepareQuery, and of RunningQueries::Add.
Result<std::unique_ptr<Cursor>> OpenSql(const Request& request, const std::string& sql,
                                        const std::string& name = "");
/// One column of text: the plan, the columns that are read of each table, and how many bytes those
/// are.
Result<std::unique_ptr<Cursor>> OpenPlan(const Request& request, const std::string& sql);

}  // namespace firth::doors::flight
