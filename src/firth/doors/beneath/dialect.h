// The warehouse's SQL: what a statement reads and gives, and the same as the engine's. A library of
// ours in Rust (dialect/) parses and analyzes it; statements are hostile.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "firth/doors/beneath/facts.h"
#include "firth/doors/beneath/record_type.h"
#include "firth/doors/beneath/table_facts.h"

namespace firth::doors::beneath {

/// The tables that a statement names, `organization/project/table`, each once. Error
/// kInvalidArgument for a statement that is none.
Result<std::vector<std::string>> TablesOfStatement(std::string_view sql);

/// A stored table, for Translate: the columns that records have, the key, when rows expire (rows
/// with times up to `expired_ms` have, if it is above INT64_MIN), and whether all changes of its
/// log are rows.
Json DescribeTable(const TableFacts& facts, const arrow::Schema& columns, int64_t expired_ms,
                   bool all_changes);

struct Translation {
  std::string sql;  // names tables by their paths
  /// The record of a result's row, called `schema`; its fields are the columns of those names.
  TypePtr record;
  bool has_time = false;  // there is a column `__timestamp`, which is the row's time
  /// By table: the columns that the statement mentions, and a statement of the engine's that gives
  /// their size, over rows of later commits than `$after`.
  struct Use {
    std::vector<std::string> columns;
    std::string size_sql;
  };
  std::map<std::string, Use> uses;
};

/// Analyze a statement over `tables`. Error kInvalidArgument says what is wrong with it.
Result<Translation> Translate(std::string_view sql, int64_t now_us,
                              const std::map<std::string, Json>& tables);

}  // namespace firth::doors::beneath
