// What a statement reads, told from its parse tree.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::query {

/// A table as a statement names it.
struct TableName {
  std::string schema;  // empty: none
  std::string name;

  auto operator<=>(const TableName&) const = default;
};

/// The tables that a statement names, each once, in the order of their first use; names of its WITH
/// clauses left out where they hold. `tree` is what DuckDB's json_serialize_sql gives. Error
/// kQueryRefused for all but one SELECT, and for functions in FROM that are not known to read
/// nothing but their arguments.
Result<std::vector<TableName>> TablesOf(std::string_view tree);

}  // namespace firth::query
