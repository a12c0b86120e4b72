#include "firth/query/scan_bytes.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "firth/query/sql_text.h"

namespace firth::query {
namespace {

using arrow::Type;
using nlohmann::json;

/// Bytes of each value that is not null; nothing where they differ.
std::optional<int> FixedSize(const arrow::DataType& type) {
  if (type.id() == Type::BOOL) return 1;
  if (arrow::is_decimal(type.id())) return 16;
  if (type.id() != Type::EXTENSION && type.id() != Type::FIXED_SIZE_BINARY &&
      type.id() != Type::DICTIONARY && arrow::is_fixed_width(type)) {
    return 8;
  }
  return std::nullopt;
}

/// The size of a value, of which `value` is the SQL.
std::string SizeOf(const arrow::DataType& type, const std::string& value, int depth) {
  if (const auto fixed = FixedSize(type); fixed.has_value()) {
    return "if(" + value + " IS NULL, 0, " + std::to_string(*fixed) + ")";
  }
  const std::string item = "x" + std::to_string(depth);
  const auto of_list = [&](const arrow::DataType& items, const std::string& list) {
    return "coalesce(list_sum(list_transform(" + list + ", lambda " + item + ": " +
           SizeOf(items, item, depth + 1) + ")), 0)";
  };
  switch (type.id()) {
    case Type::STRING:
    case Type::LARGE_STRING:
    case Type::STRING_VIEW:
      return "coalesce(2 + strlen(" + value + "), 0)";
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::BINARY_VIEW:
    case Type::FIXED_SIZE_BINARY:
      return "coalesce(2 + octet_length(" + value + "), 0)";
    case Type::STRUCT: {
      std::string sum = "0";
      for (const auto& field : type.fields()) {
        sum += " + " + SizeOf(*field->type(),
                              "struct_extract(" + value + ", " + QuotedText(field->name()) + ")",
                              depth);
      }
      return "(" + sum + ")";
    }
    case Type::LIST:
    case Type::LARGE_LIST:
      return of_list(*type.field(0)->type(), value);
    case Type::FIXED_SIZE_LIST:
      return of_list(*type.field(0)->type(), "array_to_list(" + value + ")");
    case Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return "(" + of_list(*map.key_type(), "map_keys(" + value + ")") + " + " +
             of_list(*map.item_type(), "map_values(" + value + ")") + ")";
    }
    default:
      return "coalesce(2 + strlen(CAST(" + value + " AS VARCHAR)), 0)";
  }
}

/// A table as plans call it, but for the quotes, which they write where they must.
std::string WithoutQuotes(std::string name) {
  std::erase(name, '"');
  return name;
}
std::string FullName(const PlannedTable& table) {
  return WithoutQuotes("memory." + (table.schema.empty() ? "main" : table.schema) + '.' +
                       table.name);
}

/// The columns that a scan of a plan names. Columns' names may themselves hold the plan's
/// separators: what cannot be told counts as all.
std::set<int> ColumnsOf(const json& projections, const PlannedTable& table) {
  std::vector<std::string> named;
  if (projections.is_array()) {
    for (const json& one : projections) named.push_back(one.get<std::string>());
  } else if (projections.is_string() && !projections.get<std::string>().empty()) {
    named.push_back(projections.get<std::string>());
  }
  const auto find = [&](const std::string& text) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      // A part of a nested column is written behind it.
      if (text == table.columns[i] || text.starts_with(table.columns[i] + '.')) {
        return static_cast<int>(i);
      }
    }
    return -1;
  };
  std::set<int> columns;
  for (const std::string& name : named) columns.insert(find(name));
  if (!columns.contains(-1)) return columns;
  columns.clear();
  for (size_t i = 0; i < table.columns.size(); ++i) columns.insert(static_cast<int>(i));
  return columns;
}

using Scans = std::map<std::string, std::vector<json>>;  // what scans of each table project

void FindScans(const json& node, Scans* scans) {
  if (const auto info = node.find("extra_info"); info != node.end() && info->contains("Table")) {
    (*scans)[WithoutQuotes(info->value("Table", ""))].push_back(
        info->value("Projections", json("")));
  }
  if (const auto children = node.find("children"); children != node.end()) {
    for (const json& child : *children) FindScans(child, scans);
  }
}

/// Of the optimizer only what leaves columns out that nothing needs.
Status KeepOneRule(Session* session) {
  ARROW_ASSIGN_OR_RAISE(const auto rules,
                        session->Do("SELECT name FROM duckdb_optimizers() WHERE name <> "
                                    "'unused_columns'"));
  std::string names;
  for (const auto& rule : rules) names += (names.empty() ? "" : ",") + rule.front();
  return session->Do("SET disabled_optimizers = " + QuotedText(names)).status();
}

}  // namespace

Result<std::vector<std::vector<int>>> ColumnsRead(const std::string& sql,
                                                  const std::vector<PlannedTable>& tables) {
  ARROW_ASSIGN_OR_RAISE(const auto session,
                        Session::Open({.memory_bytes = uint64_t{128} << 20, .threads = 1}, ""));
  ARROW_RETURN_NOT_OK(KeepOneRule(session.get()));
  ARROW_RETURN_NOT_OK(session->Close({}));
  ARROW_RETURN_NOT_OK(session->Lock());
  for (const PlannedTable& table : tables) {
    std::string name = QuotedName(table.name);
    if (!table.schema.empty()) {
      const std::string schema = QuotedName(table.schema);
      ARROW_RETURN_NOT_OK(session->Do("CREATE SCHEMA IF NOT EXISTS " + schema).status());
      name = schema + '.' + name;
    }
    std::string columns;
    for (size_t i = 0; i < table.columns.size(); ++i) {
      columns += (i == 0 ? "" : ", ") + QuotedName(table.columns[i]) + ' ' + table.types[i];
    }
    ARROW_RETURN_NOT_OK(session->Do("CREATE TABLE " + name + " (" + columns + ")").status());
  }
  ARROW_ASSIGN_OR_RAISE(const auto plan, session->Do("EXPLAIN (FORMAT json) " + sql));
  const json parsed = plan.empty() || plan.front().size() < 2
                          ? json()
                          : json::parse(plan.front()[1], nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_array()) {
    return Error(Code::kInternal, Reason::kNone, "DuckDB's plan is not as it should be");
  }
  Scans scans;
  for (const json& node : parsed) FindScans(node, &scans);
  std::vector<std::vector<int>> read;
  for (const PlannedTable& table : tables) {
    std::set<int> columns;
    for (const json& projections : scans[FullName(table)]) {
      columns.merge(ColumnsOf(projections, table));
    }
    read.emplace_back(columns.begin(), columns.end());
  }
  return read;
}

std::string SizeSum(const arrow::Field& field) {
  const std::string column = QuotedName(field.name());
  if (const auto fixed = FixedSize(*field.type()); fixed.has_value()) {
    return std::to_string(*fixed) + " * count(" + column + ")";
  }
  return "coalesce(sum(" + SizeOf(*field.type(), column, 0) + "), 0)";
}

}  // namespace firth::query
