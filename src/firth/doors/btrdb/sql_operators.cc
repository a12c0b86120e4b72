// Operators and functions of the SQL over streams.
#include <arrow/compute/api_scalar.h>
#include <arrow/compute/exec.h>
#include <arrow/scalar.h>

#include <unordered_set>

#include "firth/doors/btrdb/sql_expression.h"
#include "firth/doors/btrdb/sql_parser.h"

namespace firth::doors::btrdb {
namespace {

/// Evaluate both sides; null if either is.
template <typename Apply>
SqlExpression Strict(SqlType type, SqlExpression left, SqlExpression right, Apply apply) {
  return {.type = type,
          .name = "",
          .constant = {},
          .evaluate = [left = std::move(left), right = std::move(right),
                       apply](const SqlRow& row) -> Result<SqlValue> {
            ARROW_ASSIGN_OR_RAISE(const auto a, left.evaluate(row));
            ARROW_ASSIGN_OR_RAISE(const auto b, right.evaluate(row));
            if (a.null() || b.null()) return SqlValue{};
            return apply(a, b);
          }};
}

template <typename Apply>
SqlExpression StrictUnary(SqlType type, std::string name, SqlExpression argument, Apply apply) {
  return {
      .type = type,
      .name = std::move(name),
      .constant = {},
      .evaluate = [argument = std::move(argument), apply](const SqlRow& row) -> Result<SqlValue> {
        ARROW_ASSIGN_OR_RAISE(const auto value, argument.evaluate(row));
        return value.null() ? value : apply(value);
      }};
}

SqlExpression Negate(SqlExpression inner) {
  return StrictUnary(SqlType::kBool, "", std::move(inner), [](const SqlValue& value) {
    return Result<SqlValue>(SqlValue{!value.truth()});
  });
}

/// Text that stands where a uuid is compared is read as one, row by row.
SqlExpression AsUuid(SqlExpression text) {
  return StrictUnary(SqlType::kUuid, text.name, text, [](const SqlValue& value) {
    return SqlFromText(value.text(), SqlType::kUuid);
  });
}

/// Is the pattern in a text? By Arrow's RE2, whose time is linear in the text whatever the pattern.
/// A second RE2 in the process would clash with that one.
Result<SqlValue> Find(const std::string& text,
                      const arrow::compute::MatchSubstringOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto found,
                        arrow::compute::CallFunction(
                            "match_substring_regex",
                            {arrow::Datum(std::make_shared<arrow::StringScalar>(text))}, &options));
  return SqlValue{found.scalar_as<arrow::BooleanScalar>().value};
}

/// Bring both sides of a comparison to one type.
Status Unify(SqlExpression* left, SqlExpression* right) {
  if (left->type == SqlType::kUnknown && right->type == SqlType::kUnknown) {
    ARROW_ASSIGN_OR_RAISE(*left, SqlCoerce(std::move(*left), SqlType::kText));
  }
  if (left->type == SqlType::kUnknown) {
    ARROW_ASSIGN_OR_RAISE(*left, SqlCoerce(std::move(*left), right->type));
  }
  if (right->type == SqlType::kUnknown) {
    ARROW_ASSIGN_OR_RAISE(*right, SqlCoerce(std::move(*right), left->type));
  }
  if (left->type == SqlType::kUuid && right->type == SqlType::kText) *right = AsUuid(*right);
  if (right->type == SqlType::kUuid && left->type == SqlType::kText) *left = AsUuid(*left);
  if (left->type == right->type && left->type != SqlType::kHstore) return Status::OK();
  return SqlError(std::string("operator does not exist between ") + SqlTypeName(left->type) +
                  " and " + SqlTypeName(right->type));
}

}  // namespace

Result<SqlExpression> SqlCompiler::Comparison(const std::string& name, SqlExpression left,
                                              SqlExpression right) {
  bool (*holds)(std::strong_ordering) = nullptr;
  if (name == "=") holds = [](std::strong_ordering o) { return o == 0; };
  if (name == "<>") holds = [](std::strong_ordering o) { return o != 0; };
  if (name == "<") holds = [](std::strong_ordering o) { return o < 0; };
  if (name == "<=") holds = [](std::strong_ordering o) { return o <= 0; };
  if (name == ">") holds = [](std::strong_ordering o) { return o > 0; };
  if (name == ">=") holds = [](std::strong_ordering o) { return o >= 0; };
  if (holds == nullptr) return SqlError("operator " + name.substr(0, 64) + " is not supported");
  ARROW_RETURN_NOT_OK(Unify(&left, &right));
  return Strict(SqlType::kBool, std::move(left), std::move(right),
                [holds](const SqlValue& a, const SqlValue& b) {
                  return Result<SqlValue>(SqlValue{holds(CompareSql(a, b))});
                });
}

Result<SqlExpression> SqlCompiler::Like(const std::string& name, SqlExpression left,
                                        SqlExpression right) {
  ARROW_ASSIGN_OR_RAISE(left, SqlCoerce(std::move(left), SqlType::kText));
  ARROW_ASSIGN_OR_RAISE(right, SqlCoerce(std::move(right), SqlType::kText));
  const bool fold = name == "~~*" || name == "!~~*";
  auto like = Strict(SqlType::kBool, std::move(left), std::move(right),
                     [fold](const SqlValue& text, const SqlValue& pattern) {
                       const bool matches =
                           fold ? SqlLike(SqlLower(text.text()), SqlLower(pattern.text()))
                                : SqlLike(text.text(), pattern.text());
                       return Result<SqlValue>(SqlValue{matches});
                     });
  return name.starts_with('!') ? Negate(std::move(like)) : std::move(like);
}

Result<SqlExpression> SqlCompiler::Regex(const std::string& name, SqlExpression left,
                                         SqlExpression right) {
  ARROW_ASSIGN_OR_RAISE(left, SqlCoerce(std::move(left), SqlType::kText));
  ARROW_ASSIGN_OR_RAISE(right, SqlCoerce(std::move(right), SqlType::kText));
  if (!right.constant.has_value()) return SqlError("a regular expression must be a constant");
  if (right.constant->null()) return right;
  const arrow::compute::MatchSubstringOptions options("(?s)" + right.constant->text(),
                                                      name.ends_with('*'));
  const auto found = Find("", options);  // finds out whether it is one
  if (!found.ok()) return SqlError("bad regular expression: " + found.status().message());
  auto matches = StrictUnary(SqlType::kBool, "", std::move(left), [options](const SqlValue& text) {
    return Find(text.text(), options);
  });
  return name.starts_with('!') ? Negate(std::move(matches)) : std::move(matches);
}

Result<SqlExpression> SqlCompiler::HstoreOperator(const std::string& name, SqlExpression left,
                                                  SqlExpression right) {
  if (left.type != SqlType::kHstore) return SqlError(name + " needs annotations on its left");
  ARROW_ASSIGN_OR_RAISE(right, SqlCoerce(std::move(right), SqlType::kText));
  if (name == "?") {
    return Strict(SqlType::kBool, std::move(left), std::move(right),
                  [](const SqlValue& map, const SqlValue& key) {
                    return Result<SqlValue>(SqlValue{map.hstore().contains(key.text())});
                  });
  }
  return Strict(SqlType::kText, std::move(left), std::move(right),
                [](const SqlValue& map, const SqlValue& key) -> Result<SqlValue> {
                  const auto found = map.hstore().find(key.text());
                  if (found == map.hstore().end() || !found->second) return SqlValue{};
                  return SqlValue{*found->second};
                });
}

Result<SqlExpression> SqlCompiler::In(const nlohmann::json& node) {
  ARROW_ASSIGN_OR_RAISE(auto left, Compile(node.value("lexpr", nlohmann::json())));
  const auto list = node.value("rexpr", nlohmann::json::object());
  if (!list.contains("List")) return SqlError("IN needs a list of values");
  std::vector<SqlExpression> items;
  for (const auto& item : list["List"].value("items", nlohmann::json::array())) {
    ARROW_ASSIGN_OR_RAISE(auto value, Compile(item));
    ARROW_RETURN_NOT_OK(Unify(&left, &value));
    items.push_back(std::move(value));
  }
  const auto names = SqlNames(node.value("name", nlohmann::json::array()));
  // Constants, of which there may be thousands, are looked up.
  auto known = std::make_shared<std::unordered_set<std::string>>();
  bool has_null = false;
  std::erase_if(items, [&](const SqlExpression& item) {
    if (!item.constant.has_value()) return false;
    has_null |= item.constant->null();
    known->insert(SqlIdentity(*item.constant));
    return true;
  });
  SqlExpression in{.type = SqlType::kBool,
                   .name = "",
                   .constant = {},
                   .evaluate = [left = std::move(left), items = std::move(items), known,
                                has_null](const SqlRow& row) -> Result<SqlValue> {
                     ARROW_ASSIGN_OR_RAISE(const auto value, left.evaluate(row));
                     if (value.null()) return value;
                     if (known->contains(SqlIdentity(value))) return SqlValue{true};
                     bool open = has_null;
                     for (const auto& item : items) {
                       ARROW_ASSIGN_OR_RAISE(const auto other, item.evaluate(row));
                       if (other.null()) {
                         open = true;
                       } else if (CompareSql(value, other) == 0) {
                         return SqlValue{true};
                       }
                     }
                     return open ? SqlValue{} : SqlValue{false};
                   }};
  return names == std::vector<std::string>{"<>"} ? Negate(std::move(in)) : std::move(in);
}

Result<SqlExpression> SqlCompiler::Operator(const nlohmann::json& node) {
  const auto kind = node.value("kind", std::string());
  const auto names = SqlNames(node.value("name", nlohmann::json::array()));
  if (names.size() != 1) return SqlError("unknown operator");
  const std::string& name = names[0];
  if (kind == "AEXPR_IN") return In(node);
  if (!node.contains("lexpr")) {
    return SqlError("operator " + name.substr(0, 64) + " is not supported there");
  }
  ARROW_ASSIGN_OR_RAISE(auto left, Compile(node["lexpr"]));
  ARROW_ASSIGN_OR_RAISE(auto right, Compile(node.value("rexpr", nlohmann::json())));
  if (kind == "AEXPR_LIKE" || kind == "AEXPR_ILIKE") {
    return Like(name, std::move(left), std::move(right));
  }
  if (kind != "AEXPR_OP") return SqlError(kind + " is not supported");
  if (name == "~" || name == "~*" || name == "!~" || name == "!~*") {
    return Regex(name, std::move(left), std::move(right));
  }
  if (name == "->" || name == "?") return HstoreOperator(name, std::move(left), std::move(right));
  return Comparison(name, std::move(left), std::move(right));
}

Result<SqlExpression> SqlCompiler::Function(const nlohmann::json& node) {
  const auto names = SqlNames(node.value("funcname", nlohmann::json::array()));
  if (names.size() != 1) return SqlError("unknown function");
  const std::string& name = names[0];
  for (const char* part :
       {"over", "agg_order", "agg_filter", "func_variadic", "agg_within_group"}) {
    if (node.contains(part)) return SqlError(std::string(part) + " is not supported");
  }
  if (name == "count" || name == "min" || name == "max") return Aggregate(name, node);
  if (name == "skeys") return SqlError("skeys is allowed in the select list only");
  if (node.contains("agg_distinct") || node.contains("agg_star")) {
    return SqlError(name.substr(0, 64) + " is not an aggregate");
  }
  std::vector<SqlExpression> arguments;
  for (const auto& argument : node.value("args", nlohmann::json::array())) {
    ARROW_ASSIGN_OR_RAISE(auto compiled, Compile(argument));
    arguments.push_back(std::move(compiled));
  }
  if (name == "exist" && arguments.size() == 2) {
    ARROW_ASSIGN_OR_RAISE(auto exist,
                          HstoreOperator("?", std::move(arguments[0]), std::move(arguments[1])));
    exist.name = name;
    return exist;
  }
  if (arguments.size() == 1 && (name == "lower" || name == "upper" || name == "length")) {
    ARROW_ASSIGN_OR_RAISE(auto text, SqlCoerce(std::move(arguments[0]), SqlType::kText));
    if (name == "length") {
      return StrictUnary(SqlType::kInt, name, std::move(text), [](const SqlValue& value) {
        return Result<SqlValue>(SqlValue{SqlLength(value.text())});
      });
    }
    return StrictUnary(SqlType::kText, name, std::move(text),
                       [lower = name == "lower"](const SqlValue& value) {
                         return Result<SqlValue>(
                             SqlValue{lower ? SqlLower(value.text()) : SqlUpper(value.text())});
                       });
  }
  return SqlError("function " + name.substr(0, 64) + " with these arguments does not exist");
}

Result<SqlExpression> SqlCompiler::Aggregate(const std::string& name, const nlohmann::json& node) {
  if (in_aggregate_) return SqlError("aggregates cannot be nested");
  if (!grouped_) return SqlError("an aggregate is not allowed there");
  SqlAggregate aggregate;
  aggregate.distinct = node.value("agg_distinct", false);
  if (name != "count") {
    aggregate.kind = name == "min" ? SqlAggregate::Kind::kMin : SqlAggregate::Kind::kMax;
  }
  const auto arguments = node.value("args", nlohmann::json::array());
  if (!node.value("agg_star", false) || name != "count") {
    if (arguments.size() != 1) return SqlError(name + " takes one argument");
    in_aggregate_ = true;
    auto argument = Compile(arguments[0]);
    in_aggregate_ = false;
    ARROW_RETURN_NOT_OK(argument.status());
    if (argument->type == SqlType::kUnknown) {
      ARROW_ASSIGN_OR_RAISE(*argument, SqlCoerce(std::move(*argument), SqlType::kText));
    }
    if (name != "count" && argument->type != SqlType::kText && argument->type != SqlType::kInt) {
      return SqlError("function " + name + "(" + SqlTypeName(argument->type) + ") does not exist");
    }
    aggregate.argument = std::move(*argument);
  }
  const SqlType type = name == "count" ? SqlType::kInt : aggregate.argument->type;
  aggregates_.push_back(std::move(aggregate));
  return SqlExpression{
      .type = type,
      .name = name,
      .constant = {},
      .evaluate = [index = aggregates_.size() - 1](const SqlRow& row) -> Result<SqlValue> {
        return (*row.aggregates)[index];
      }};
}

}  // namespace firth::doors::btrdb
