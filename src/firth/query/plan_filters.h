// What a statement wants of the rows of each table, as its plan says.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/query/session.h"
#include "firth/schema/row_filter.h"

namespace firth::query {

/// A table function that a statement's tables are read through, and the columns that it gives.
struct PlannedFunction {
  std::string name;
  std::shared_ptr<arrow::Schema> schema;
};

/// For each function a filter that every row meets which the statement's answer depends on,
/// wherever it reads the function: where it is read twice, rows that one of them wants. Where
/// nothing is known, an empty one. The session's files are shut and its settings are not.
Result<std::vector<schema::RowFilter>> FiltersOf(Session* session, const std::string& sql,
                                                 const std::vector<PlannedFunction>& functions);

/// The same, from a plan as DuckDB writes it; one that is not as expected says nothing.
std::vector<schema::RowFilter> FiltersOfPlan(const std::string& plan,
                                             const std::vector<PlannedFunction>& functions);

}  // namespace firth::query
