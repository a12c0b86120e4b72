// What a statement reads: which columns, and how much that is.
#pragma once

#include <arrow/type.h>

#include <string>
#include <utility>
#include <vector>

#include "firth/query/session.h"

namespace firth::query {

/// A table without rows, for the plan of a statement.
struct PlannedTable {
  std::string schema;  // empty: none
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::string> types;  // as DuckDB writes them
};

/// For each table the columns that the statement's result depends on, by their places. Plans the
/// statement in a DuckDB of its own.
Result<std::vector<std::vector<int>>> ColumnsRead(const std::string& sql,
                                                  const std::vector<PlannedTable>& tables);

/// An aggregate in SQL: the size of a column over all rows, as PreparedQuery::ScanBytes counts.
std::string SizeSum(const arrow::Field& field);

}  // namespace firth::query
