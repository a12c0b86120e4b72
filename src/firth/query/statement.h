// What a statement reads, told from its parse tree.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::query {

/// The past that a table is asked for, as it is written.
struct PastText {
  enum class Kind { kCommit, kSnapshot, kTime } kind = Kind::kCommit;
  std::string text;  // a number in decimal, or a time

  auto operator<=>(const PastText&) const = default;
};

/// A table as a statement names it.
struct TableName {
  std::string schema;  // empty: none
  std::string name;
  std::optional<PastText> at;

  auto operator<=>(const TableName&) const = default;
};

/// The tables that a statement names, each once, in the order of their first use; names of its WITH
/// clauses left out where they hold. `tree` is what DuckDB's json_serialize_sql gives. Error
/// kQueryRefused for all but one SELECT, for functions in FROM that are not known to read nothing
/// but their arguments, and for a past that is not written as a constant.
Result<std::vector<TableName>> TablesOf(std::string_view tree);

/// The tree (with all its fields) with other tables in the place of those with a past: `names` has
/// the schema and name for each. They keep the name that the statement calls them by.
Result<std::string> WithTables(
    std::string_view tree, const std::map<TableName, std::pair<std::string, std::string>>& names);

}  // namespace firth::query
