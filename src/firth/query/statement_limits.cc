#include "firth/query/statement_limits.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "firth/query/sql_text.h"

namespace firth::query {
namespace {

using nlohmann::json;

std::string Text(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// What planning a part of a statement takes. Numbers may be beyond all integers.
struct Cost {
  double parts = 0;
  double expressions = 0;
  double columns = 0;        // of all subqueries in it
  double width = 0;          // columns that it has itself
  double fields = 1;         // that a column of it has at most
  std::set<std::string> as;  // what it is called, in lower case

  void Add(const Cost& other, double times = 1) {
    parts += times * other.parts;
    expressions += times * other.expressions;
    columns += times * other.columns;
  }
};

/// A function that makes a value as long as it is told to, by this argument.
struct Maker {
  std::string_view name;
  size_t argument;
};
constexpr std::array<Maker, 10> kMakers = {{{"array_resize", 1},
                                            {"bar", 3},
                                            {"generate_series", 1},
                                            {"left_pad", 1},
                                            {"list_resize", 1},
                                            {"lpad", 1},
                                            {"range", 1},
                                            {"repeat", 1},
                                            {"rpad", 1},
                                            {"factorial", 0}}};
/// Those whose time is the product of their arguments' lengths.
constexpr std::array<std::string_view, 3> kSlow = {"damerau_levenshtein", "editdist3",
                                                   "levenshtein"};
/// Those that put values together into one of a larger type.
constexpr std::array<std::string_view, 7> kPackers = {
    "map",           "map_from_entries", "row",          "struct_concat",
    "struct_insert", "struct_pack",      "struct_update"};
/// Those that take a width in their text.
constexpr std::array<std::string_view, 2> kFormatters = {"format", "printf"};

template <typename List>
bool Has(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// A number that is written as one; nothing for all else.
std::optional<double> NumberOf(const json& expression) {
  if (Text(expression, "class") == "CAST" && expression.contains("child")) {
    return NumberOf(expression["child"]);
  }
  if (Text(expression, "class") == "FUNCTION" && Text(expression, "function_name") == "-" &&
      expression.contains("children") && expression["children"].size() == 1) {
    return NumberOf(expression["children"][0]);
  }
  if (Text(expression, "class") != "CONSTANT" || !expression.contains("value")) return std::nullopt;
  const json& constant = expression["value"];
  if (!constant.is_object()) return std::nullopt;
  if (constant.value("is_null", false)) return 0;
  const auto value = constant.find("value");
  if (value == constant.end() || !value->is_number()) return std::nullopt;
  return std::abs(value->get<double>());
}

class Limits {
 public:
  using Scope = std::map<std::string, Cost>;  // WITH clauses, by name in lower case

  explicit Limits(const std::function<int(const TableName&)>& columns_of)
      : columns_of_(columns_of) {}

  Result<Cost> Visit(const json& node, const Scope& scope) {
    Cost cost;
    if (node.is_array()) {
      for (const json& item : node) {
        ARROW_ASSIGN_OR_RAISE(const Cost one, Visit(item, scope));
        cost.Add(one);
      }
      return cost;
    }
    if (!node.is_object()) return cost;
    if (node.contains("class")) return Expression(node, scope);
    const auto with = node.find("cte_map");
    if (with == node.end()) return Part(node, scope);
    Scope inner = scope;
    ARROW_RETURN_NOT_OK(AddWith(*with, &inner));
    return Part(node, inner);
  }

 private:
  static Status Check(const Cost& cost) {
    if (cost.parts > kPartsMax) {
      return TooMuch(kPartsMax, "tables and subqueries, those of WITH clauses counted at each use");
    }
    if (cost.expressions > kExpressionsMax) return TooMuch(kExpressionsMax, "expressions");
    if (cost.columns > kColumnsMax) return TooMuch(kColumnsMax, "columns in its subqueries");
    if (cost.fields > kNestedFieldsMax) return TooMuch(kNestedFieldsMax, "fields in one column");
    return Status::OK();
  }
  static Status TooMuch(double most, const std::string& what) {
    return Refused("a statement has at most " + std::to_string(static_cast<int64_t>(most)) + ' ' +
                   what);
  }

  Status AddWith(const json& with, Scope* scope) {
    if (!with.contains("map")) return Status::OK();
    for (const json& entry : with["map"]) {
      const std::string name = LowerName(Text(entry, "key"));
      Scope inner = *scope;
      inner[name] = Cost{.parts = 1, .width = 1};  // itself, where it is recursive
      ARROW_ASSIGN_OR_RAISE((*scope)[name], Visit(entry.at("value"), inner));
    }
    return Status::OK();
  }

  /// A statement, a query, or a table of FROM.
  Result<Cost> Part(const json& node, const Scope& scope) {
    const std::string type = Text(node, "type");
    if (type == "BASE_TABLE") return Table(node, scope);
    if (type == "SELECT_NODE") return Select(node, scope);
    Cost cost;
    const bool side_by_side = type == "JOIN" || type == "DELIM_GET";
    for (const auto& [name, value] : node.items()) {
      if (name == "cte_map") continue;
      // A function of FROM gives its rows one after the other.
      const bool streams = type == "TABLE_FUNCTION" && name == "function";
      ARROW_ASSIGN_OR_RAISE(const Cost one,
                            Visit(streams ? value.value("children", json::array()) : value, scope));
      cost.Add(one);
      cost.width = side_by_side ? cost.width + one.width : std::max(cost.width, one.width);
      cost.fields = std::max(cost.fields, one.fields);
      if (side_by_side) cost.as.insert(one.as.begin(), one.as.end());
    }
    if (type == "TABLE_FUNCTION" || type == "EXPRESSION_LIST" || type == "SHOW_REF" ||
        type == "SET_OPERATION_NODE") {
      ++cost.parts;
    }
    if (type == "TABLE_FUNCTION" || type == "EXPRESSION_LIST" || type == "SHOW_REF") {
      cost.width = std::max(cost.width, 2.0);
      if (type == "EXPRESSION_LIST") cost.width = Widest(node);
    }
    if (const std::string alias = Text(node, "alias"); !alias.empty()) cost.as = {LowerName(alias)};
    ARROW_RETURN_NOT_OK(Check(cost));
    return cost;
  }

  static double Widest(const json& list) {
    const auto values = list.find("values");
    if (values == list.end() || values->empty() || !values->front().is_array()) return 1;
    return static_cast<double>(values->front().size());
  }

  Result<Cost> Table(const json& node, const Scope& scope) const {
    const TableName name{.schema = Text(node, "schema_name"), .name = Text(node, "table_name")};
    Cost cost;
    const auto with = scope.find(LowerName(name.name));
    if (name.schema.empty() && with != scope.end()) {
      cost = with->second;
    } else {
      cost.width = columns_of_(name);
    }
    ++cost.parts;
    const std::string alias = Text(node, "alias");
    cost.as = {LowerName(alias.empty() ? name.name : alias)};
    ARROW_RETURN_NOT_OK(Check(cost));
    return cost;
  }

  Result<Cost> Select(const json& node, const Scope& scope) {
    Cost from;
    if (const auto found = node.find("from_table"); found != node.end()) {
      ARROW_ASSIGN_OR_RAISE(from, Visit(*found, scope));
    }
    Cost cost;
    cost.parts = 1;
    cost.Add(from);
    double fields = 1;
    for (const auto& [name, value] : node.items()) {
      if (name == "cte_map" || name == "from_table") continue;
      ARROW_ASSIGN_OR_RAISE(const Cost one, Visit(value, scope));
      cost.Add(one);
      if (name != "select_list") continue;
      for (const json& item : value) {
        Item seen;
        Look(item, from, &seen);
        const double columns = seen.stars ? std::max(from.width, 1.0) : 1;
        cost.width += columns;
        // What an item says is said of each column that it stands for.
        if (seen.stars) cost.expressions += columns * (seen.expressions - 1);
        const double packed = seen.packs ? seen.columns + (seen.stars ? columns : 0) : 1;
        fields = std::max(fields, std::max(packed, seen.whole));
      }
    }
    cost.columns += cost.width;
    cost.fields = fields * from.fields;
    ARROW_RETURN_NOT_OK(Check(cost));
    return cost;
  }

  /// What an item of a SELECT is made of.
  struct Item {
    bool stars = false;
    bool packs = false;
    double columns = 0;  // that it names
    double whole = 1;    // of a table whose name stands for a row of it
    double expressions = 0;
  };
  static void Look(const json& node, const Cost& from, Item* seen) {
    if (!node.is_structured()) return;
    if (node.is_object()) {
      const std::string kind = Text(node, "class");
      if (!kind.empty()) ++seen->expressions;
      seen->stars = seen->stars || kind == "STAR";
      seen->packs = seen->packs ||
                    (kind == "FUNCTION" && Has(kPackers, LowerName(Text(node, "function_name"))));
      if (kind == "COLUMN_REF" && node.contains("column_names")) {
        ++seen->columns;
        const json& names = node["column_names"];
        if (names.size() == 1 && names[0].is_string() &&
            from.as.contains(LowerName(names[0].get<std::string>()))) {
          seen->whole = std::max(seen->whole, from.width);
          seen->columns += from.width;
        }
      }
    }
    for (const json& child : node) Look(child, from, seen);
  }

  Result<Cost> Expression(const json& node, const Scope& scope) {
    const std::string kind = Text(node, "class");
    const bool lambda = kind == "LAMBDA";
    if (lambda && ++lambdas_ > kLambdasMax) {
      return TooMuch(kLambdasMax, "lambdas within each other");
    }
    if (kind == "FUNCTION") ARROW_RETURN_NOT_OK(CheckFunction(node));
    Cost cost;
    cost.expressions = kind == "CONSTANT" ? 0 : 1;
    const double times = kind == "SUBQUERY" ? 2 : 1;
    for (const auto& [name, value] : node.items()) {
      if (!value.is_structured()) continue;
      ARROW_ASSIGN_OR_RAISE(const Cost one, Visit(value, scope));
      cost.Add(one, times);
    }
    if (lambda) --lambdas_;
    ARROW_RETURN_NOT_OK(Check(cost));
    return cost;
  }

  static Status CheckFunction(const json& node) {
    const std::string name = LowerName(Text(node, "function_name"));
    const auto found = node.find("children");
    static const json kNone = json::array();
    const json& arguments = found == node.end() ? kNone : *found;
    for (const Maker& maker : kMakers) {
      if (maker.name != name) continue;
      const bool series = name == "range" || name == "generate_series";
      for (size_t i = series ? 0 : maker.argument; i < arguments.size(); ++i) {
        if (!series && i > maker.argument) break;
        // Of times, or what else nobody can blow up by a number.
        const auto number = NumberOf(arguments[i]);
        if (number.has_value() && *number <= kMadeLengthMax) continue;
        return Refused("the function " + name + " is taken here with lengths that are written as " +
                       "numbers up to 1000000" +
                       (series ? "; FROM " + name + "(…) has no such limit" : ""));
      }
    }
    if (Has(kFormatters, name)) {
      for (const json& argument : arguments) ARROW_RETURN_NOT_OK(CheckFormat(name, argument));
    }
    if (Has(kSlow, name)) {
      return Refused("the function " + name + " is not taken: its time has no bound");
    }
    return Status::OK();
  }

  /// No width of more than three digits.
  static Status CheckFormat(const std::string& name, const json& argument) {
    if (Text(argument, "class") != "CONSTANT" || !argument.contains("value")) {
      return Status::OK();
    }
    const std::string text = Text(argument["value"], "value");
    int digits = 0;
    for (const char c : text) {
      digits = c >= '0' && c <= '9' ? digits + 1 : 0;
      if (digits > 3) return Refused("the function " + name + " is taken with widths up to 999");
    }
    return Status::OK();
  }

  const std::function<int(const TableName&)>& columns_of_;
  int lambdas_ = 0;
};

}  // namespace

Status CheckLimits(std::string_view tree,
                   const std::function<int(const TableName& name)>& columns_of) {
  try {
    return Limits(columns_of).Visit(json::parse(tree).at("statements"), {}).status();
  } catch (const json::exception& wrong) {
    return NoTree(wrong.what());
  }
}

}  // namespace firth::query
