#include "firth/query/statement.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

namespace firth::query {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 6> kTableFunctions = {
    "generate_series", "json_each", "json_tree", "range", "repeat", "unnest"};

Status Refused(std::string text) {
  return Error(Code::kInvalidArgument, Reason::kQueryRefused, std::move(text));
}

/// DuckDB's names do not tell ASCII case apart.
std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string Text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
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
      const std::string name = Lower(Text(entry, "key"));
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
    const TableName table{Text(node, "schema_name"), Text(node, "table_name")};
    if (node.contains("at_clause")) return Refused("AT is not taken");
    if (const std::string catalog = Text(node, "catalog_name"); !catalog.empty()) {
      return Refused("a table is named by one or two parts; write \"" + catalog + "/" +
                     table.schema + "/" + table.name + "\" in double quotes");
    }
    if (table.schema.empty() && scope.contains(Lower(table.name))) return Status::OK();
    if (std::find(tables_.begin(), tables_.end(), table) == tables_.end()) {
      tables_.push_back(table);
    }
    return Status::OK();
  }

  static Status CheckFunction(const json& node) {
    const auto function = node.find("function");
    const std::string name = function == node.end() ? "" : Lower(Text(*function, "function_name"));
    if (std::find(kTableFunctions.begin(), kTableFunctions.end(), name) != kTableFunctions.end()) {
      return Status::OK();
    }
    return Refused("the function " + name.substr(0, 64) +
                   " is not taken in FROM; tables are, and generate_series, json_each, "
                   "json_tree, range, repeat and unnest");
  }

  std::vector<TableName> tables_;
};

}  // namespace

Result<std::vector<TableName>> TablesOf(std::string_view tree) {
  const json parsed = json::parse(tree, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object() || parsed.value("error", true)) {
    if (parsed.is_object() && Text(parsed, "error_type") == "parser") {
      return Refused("Parser Error: " + Text(parsed, "error_message"));
    }
    return Refused("only SELECT statements are taken");
  }
  const auto statements = parsed.find("statements");
  if (statements == parsed.end() || !statements->is_array() || statements->size() != 1) {
    return Refused("one statement at a time is taken");
  }
  Walk walk;
  ARROW_RETURN_NOT_OK(walk.Visit(*statements, {}));
  return walk.Take();
}

}  // namespace firth::query
