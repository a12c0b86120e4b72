#include "firth/query/statement.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "firth/query/sql_text.h"

namespace firth::query {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 6> kTableFunctions = {
    "generate_series", "json_each", "json_tree", "range", "repeat", "unnest"};

std::string Text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

constexpr std::string_view kSnapshotWord = "snapshot ";

/// A constant, or one that is cast, as DuckDB writes its value; null for all else.
const json* ConstantOf(const json& expression) {
  const json* at = &expression;
  if (Text(*at, "class") == "CAST") {
    const auto child = at->find("child");
    if (child == at->end()) return nullptr;
    at = &*child;
  }
  if (!at->is_object() || Text(*at, "class") != "CONSTANT") return nullptr;
  const auto value = at->find("value");
  if (value == at->end() || !value->is_object()) return nullptr;
  return value->contains("value") && value->contains("type") ? &*value : nullptr;
}

bool IsWhole(const json& constant) {
  const std::string type = Text(constant["type"], "id");
  return (type == "INTEGER" || type == "BIGINT") && constant["value"].is_number_integer();
}

Result<PastText> PastOf(const json& clause) {
  const std::string unit = LowerName(Text(clause, "unit"));
  const auto expression = clause.find("expr");
  const json* value = expression == clause.end() ? nullptr : ConstantOf(*expression);
  if (value != nullptr) {
    const std::string text = Text(*value, "value");
    if (unit == "version" && IsWhole(*value)) {
      return PastText{.kind = PastText::Kind::kCommit, .text = (*value)["value"].dump()};
    }
    if (unit == "version" && text.starts_with(kSnapshotWord)) {
      return PastText{.kind = PastText::Kind::kSnapshot, .text = text.substr(kSnapshotWord.size())};
    }
    if (unit == "timestamp" && !text.empty()) {
      return PastText{.kind = PastText::Kind::kTime, .text = text};
    }
  }
  return Refused(
      "a table's past is asked for by constants: AT (VERSION => 17) for a commit, "
      "AT (VERSION => 'snapshot 3') for a snapshot of its files, "
      "AT (TIMESTAMP => TIMESTAMP '2026-01-31 12:00:00') for a time in UTC");
}

Result<TableName> NameOf(const json& table) {
  TableName name{.schema = Text(table, "schema_name"), .name = Text(table, "table_name")};
  const auto clause = table.find("at_clause");
  if (clause == table.end() || !clause->is_object()) return name;
  ARROW_ASSIGN_OR_RAISE(name.at, PastOf(*clause));
  return name;
}

class Walk {
 public:
  using Scope = std::set<std::string>;  // names of WITH clauses, in lower case

  Status Visit(const json& node, const Scope& scope) {
    if (node.is_array()) {
      for (const json& item : node) ARROW_RETURN_NOT_OK(Visit(item, scope));
    }
    if (!node.is_object()) return Status::OK();
    const std::string type = Text(node, "type");
    if (type == "BASE_TABLE") return AddTable(node, scope);
    if (type == "TABLE_FUNCTION") ARROW_RETURN_NOT_OK(CheckFunction(node));
    if (type == "SHOW_REF" && !node.contains("query")) {
      return Refused("SHOW is not taken; `firth tables` lists the tables");
    }
    const auto with = node.find("cte_map");
    if (with == node.end()) return VisitFields(node, scope);
    Scope inner = scope;
    ARROW_RETURN_NOT_OK(AddWith(*with, &inner));
    return VisitFields(node, inner);
  }

  std::vector<TableName> Take() { return std::move(tables_); }

 private:
  Status VisitFields(const json& node, const Scope& scope) {
    for (const auto& [name, value] : node.items()) {
      if (name != "cte_map") ARROW_RETURN_NOT_OK(Visit(value, scope));
    }
    return Status::OK();
  }

  /// A clause sees those before it, and itself where it is recursive.
  Status AddWith(const json& with, Scope* scope) {
    if (!with.contains("map")) return Status::OK();
    for (const json& entry : with["map"]) {
      const std::string name = LowerName(Text(entry, "key"));
      const json& query = entry.at("value");
      const bool recursive = query.contains("query") && query["query"].contains("node") &&
                             Text(query["query"]["node"], "type") == "RECURSIVE_CTE_NODE";
      if (recursive) scope->insert(name);
      ARROW_RETURN_NOT_OK(Visit(query, *scope));
      scope->insert(name);
    }
    return Status::OK();
  }

  Status AddTable(const json& node, const Scope& scope) {
    ARROW_ASSIGN_OR_RAISE(const TableName table, NameOf(node));
    if (const std::string catalog = Text(node, "catalog_name"); !catalog.empty()) {
      return Refused("a table is named by one or two parts; write \"" + catalog + "/" +
                     table.schema + "/" + table.name + "\" in double quotes");
    }
    if (table.schema.empty() && scope.contains(LowerName(table.name))) {
      if (!table.at.has_value()) return Status::OK();
      return Refused("a WITH clause has no past; ask for that of the tables in it");
    }
    if (std::find(tables_.begin(), tables_.end(), table) == tables_.end()) {
      tables_.push_back(table);
    }
    return Status::OK();
  }

  static Status CheckFunction(const json& node) {
    const auto function = node.find("function");
    const std::string name =
        function == node.end() ? "" : LowerName(Text(*function, "function_name"));
    if (std::find(kTableFunctions.begin(), kTableFunctions.end(), name) != kTableFunctions.end()) {
      return Status::OK();
    }
    return Refused("the function " + name.substr(0, 64) +
                   " is not taken in FROM; tables are, and generate_series, json_each, "
                   "json_tree, range, repeat and unnest");
  }

  std::vector<TableName> tables_;
};

Status Replace(const std::map<TableName, std::pair<std::string, std::string>>& names, json* node) {
  if (node->is_object() && Text(*node, "type") == "BASE_TABLE") {
    ARROW_ASSIGN_OR_RAISE(const TableName table, NameOf(*node));
    const auto found = names.find(table);
    if (found == names.end()) return Status::OK();
    if (Text(*node, "alias").empty()) (*node)["alias"] = table.name;
    (*node)["schema_name"] = found->second.first;
    (*node)["table_name"] = found->second.second;
    (*node)["at_clause"] = nullptr;
    return Status::OK();
  }
  if (!node->is_structured()) return Status::OK();
  for (json& child : *node) ARROW_RETURN_NOT_OK(Replace(names, &child));
  return Status::OK();
}

}  // namespace

Result<std::vector<TableName>> TablesOf(std::string_view tree) {
  const json parsed = json::parse(tree, nullptr, /*allow_exceptions=*/false);
  const auto error = parsed.is_object() ? parsed.find("error") : parsed.end();
  if (error == parsed.end() || *error != false) {
    if (parsed.is_object() && Text(parsed, "error_type") == "parser") {
      return Refused("Parser Error: " + Text(parsed, "error_message"));
    }
    return Refused("only SELECT statements are taken");
  }
  const auto statements = parsed.find("statements");
  if (statements == parsed.end() || !statements->is_array() || statements->size() != 1) {
    return Refused("one statement at a time is taken");
  }
  try {
    Walk walk;
    ARROW_RETURN_NOT_OK(walk.Visit(*statements, {}));
    return walk.Take();
  } catch (const json::exception& wrong) {
    return NoTree(wrong.what());
  }
}

Result<std::string> WithTables(
    std::string_view tree, const std::map<TableName, std::pair<std::string, std::string>>& names) {
  json parsed = json::parse(tree, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return Refused("only SELECT statements are taken");
  try {
    ARROW_RETURN_NOT_OK(Replace(names, &parsed));
  } catch (const json::exception& wrong) {
    return NoTree(wrong.what());
  }
  return parsed.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace firth::query
