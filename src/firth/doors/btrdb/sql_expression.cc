// Columns, literals, logic and casts. Operators and functions are in files of their own.
#include "firth/doors/btrdb/sql_expression.h"

#include <algorithm>

#include "firth/doors/btrdb/facts.h"
#include "firth/doors/btrdb/sql_parser.h"

namespace firth::doors::btrdb {
namespace {

constexpr int kDepthMax = 200;

SqlValue TagOf(const table::SeriesInfo& series, const std::string& key) {
  const auto found = series.tags.find(key);
  return SqlValue{found == series.tags.end() ? std::string() : found->second};
}

void StripPlaces(nlohmann::json* tree) {
  if (tree->is_object()) tree->erase("location");
  for (auto& child : *tree) {
    if (child.is_structured()) StripPlaces(&child);
  }
}

SqlExpression ConstantOf(SqlType type, SqlValue value) {
  return {.type = type,
          .name = "",
          .constant = value,
          .evaluate = [value](const SqlRow&) -> Result<SqlValue> { return value; }};
}

/// The type that a type name of a cast means, with the characters that a varchar is cut to.
Result<SqlType> TypeOf(const nlohmann::json& name, int64_t* shorten, bool* narrow) {
  const auto names = SqlNames(name.value("names", nlohmann::json::array()));
  if (names.empty() || name.contains("arrayBounds") || name.contains("setof")) {
    return SqlError("unknown type in a cast");
  }
  const std::string& last = names.back();
  const auto modifiers = name.value("typmods", nlohmann::json::array());
  if (last == "varchar" && modifiers.size() == 1) {
    const auto& length = modifiers[0].value("/A_Const/ival/ival"_json_pointer, nlohmann::json(0));
    if (!length.is_number_integer() || length.get<int64_t>() < 1) {
      return SqlError("bad length of varchar");
    }
    *shorten = length.get<int64_t>();
  } else if (!modifiers.empty()) {
    return SqlError("type modifiers are allowed for varchar only");
  }
  *narrow = last == "int4";
  if (last == "text" || last == "varchar") return SqlType::kText;
  if (last == "uuid") return SqlType::kUuid;
  if (last == "int4" || last == "int8") return SqlType::kInt;
  if (last == "bool") return SqlType::kBool;
  return SqlError("type \"" + last.substr(0, 64) + "\" is not supported");
}

}  // namespace

std::string SqlTreeText(const nlohmann::json& tree) {
  auto copy = tree;
  StripPlaces(&copy);
  return copy.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<std::string> SqlNames(const nlohmann::json& list) {
  std::vector<std::string> names;
  for (const auto& item : list) {
    if (!item.contains("String")) return {};
    names.push_back(item["String"].value("sval", ""));
  }
  return names;
}

Result<SqlExpression> SqlCoerce(SqlExpression expression, SqlType type) {
  if (expression.type == type) return expression;
  if (expression.type != SqlType::kUnknown) {
    return SqlError(std::string("a value of type ") + SqlTypeName(type) + " is expected, not " +
                    SqlTypeName(expression.type));
  }
  SqlValue value = *expression.constant;
  if (!value.null()) {
    ARROW_ASSIGN_OR_RAISE(value, SqlFromText(value.text(), type));
  }
  auto constant = ConstantOf(type, std::move(value));
  constant.name = expression.name;
  return constant;
}

Status SqlCompiler::GroupBy(const std::vector<nlohmann::json>& keys) {
  for (const auto& key : keys) {
    ARROW_ASSIGN_OR_RAISE(auto compiled, Compile(key));
    if (compiled.type == SqlType::kUnknown) return SqlError("GROUP BY needs a column");
    key_texts_.push_back(SqlTreeText(key));
    keys_.push_back(std::move(compiled));
  }
  grouped_ = true;
  return Status::OK();
}

Status SqlCompiler::CheckParameters() const {
  const auto unused = std::find(used_.begin(), used_.end(), false);
  if (unused == used_.end()) return Status::OK();
  return SqlError("parameter $" + std::to_string(unused - used_.begin() + 1) + " is not used");
}

Result<SqlExpression> SqlCompiler::CompileCondition(const nlohmann::json& tree) {
  ARROW_ASSIGN_OR_RAISE(auto condition, Compile(tree));
  return SqlCoerce(std::move(condition), SqlType::kBool);
}

Result<SqlExpression> SqlCompiler::Compile(const nlohmann::json& tree) {
  if (++depth_ > kDepthMax) return SqlError("the statement is nested too deeply");
  auto compiled = CompileNode(tree);
  --depth_;
  return compiled;
}

Result<SqlExpression> SqlCompiler::CompileNode(const nlohmann::json& tree) {
  if (!tree.is_object() || tree.size() != 1) return SqlError("an expression is expected");
  const std::string kind = tree.begin().key();
  const auto& node = tree.begin().value();
  if (grouped_ && !in_aggregate_) {
    const auto text = SqlTreeText(tree);
    const auto found = std::find(key_texts_.begin(), key_texts_.end(), text);
    if (found != key_texts_.end()) {
      const auto index = static_cast<size_t>(found - key_texts_.begin());
      return SqlExpression{.type = keys_[index].type,
                           .name = keys_[index].name,
                           .constant = {},
                           .evaluate = [index](const SqlRow& row) -> Result<SqlValue> {
                             return (*row.keys)[index];
                           }};
    }
  }
  if (kind == "ColumnRef") return Column(node);
  if (kind == "A_Const") return Constant(node);
  if (kind == "ParamRef") return Parameter(node);
  if (kind == "BoolExpr") return Logic(node);
  if (kind == "NullTest") return NullTest(node);
  if (kind == "A_Expr") return Operator(node);
  if (kind == "TypeCast") return Cast(node);
  if (kind == "CoalesceExpr") return Coalesce(node);
  if (kind == "FuncCall") return Function(node);
  return SqlError(kind + " is not supported");
}

Result<SqlExpression> SqlCompiler::Column(const nlohmann::json& node) {
  auto names = SqlNames(node.value("fields", nlohmann::json::array()));
  if (names.size() == 2 && names[0] == alias_) names.erase(names.begin());
  if (names.size() != 1) return SqlError("unknown column");
  const std::string& name = names[0];
  SqlExpression column{.type = SqlType::kText, .name = name, .constant = {}, .evaluate = {}};
  if (name == "uuid") {
    column.type = SqlType::kUuid;
    column.evaluate = [](const SqlRow& row) -> Result<SqlValue> {
      return SqlValue{std::string(row.series->id.view())};
    };
  } else if (name == "collection") {
    column.evaluate = [](const SqlRow& row) -> Result<SqlValue> {
      return SqlValue{CollectionText(row.series->collection)};
    };
  } else if (name == "property_version") {
    column.type = SqlType::kInt;
    column.evaluate = [](const SqlRow& row) -> Result<SqlValue> {
      return SqlValue{static_cast<int64_t>(row.series->property_version)};
    };
  } else if (name == "annotations") {
    column.type = SqlType::kHstore;
    column.evaluate = [](const SqlRow& row) -> Result<SqlValue> {
      return SqlValue{std::shared_ptr<const Hstore>(row.series, &row.series->annotations)};
    };
  } else if (name == "name" || name == "unit" || name == "ingress" || name == "distiller") {
    column.evaluate = [name](const SqlRow& row) -> Result<SqlValue> {
      return TagOf(*row.series, name);
    };
  } else {
    return SqlError("column \"" + name.substr(0, 64) + "\" does not exist");
  }
  if (name == "annotations" || name == "property_version") {
    parts_ = table::SeriesParts::kAll;
  } else if (parts_ == table::SeriesParts::kCount) {
    parts_ = table::SeriesParts::kTags;
  }
  if (grouped_ && !in_aggregate_) {
    return SqlError("column \"" + name + "\" must be in GROUP BY or within an aggregate");
  }
  return column;
}

Result<SqlExpression> SqlCompiler::Constant(const nlohmann::json& node) {
  if (node.value("isnull", false)) return ConstantOf(SqlType::kUnknown, {});
  if (node.contains("sval")) {
    return ConstantOf(SqlType::kUnknown, SqlValue{node["sval"].value("sval", std::string())});
  }
  if (node.contains("boolval")) {
    return ConstantOf(SqlType::kBool, SqlValue{node["boolval"].value("boolval", false)});
  }
  if (node.contains("ival")) {
    return ConstantOf(SqlType::kInt, SqlValue{node["ival"].value("ival", int64_t{0})});
  }
  if (node.contains("fval")) {  // also whole numbers beyond 32 bits
    const auto text = node["fval"].value("fval", std::string());
    ARROW_ASSIGN_OR_RAISE(auto value, SqlFromText(text, SqlType::kInt));
    return ConstantOf(SqlType::kInt, std::move(value));
  }
  return SqlError("a literal is text, a whole number or a boolean");
}

Result<SqlExpression> SqlCompiler::Parameter(const nlohmann::json& node) {
  const auto number = node.value("number", int64_t{0});
  if (number < 1 || static_cast<size_t>(number) > parameters_->size()) {
    return SqlError("there is no parameter $" + std::to_string(number));
  }
  const auto index = static_cast<size_t>(number - 1);
  used_[index] = true;
  return ConstantOf(SqlType::kUnknown, SqlValue{(*parameters_)[index]});
}

Result<SqlExpression> SqlCompiler::Logic(const nlohmann::json& node) {
  std::vector<SqlExpression> parts;
  for (const auto& argument : node.value("args", nlohmann::json::array())) {
    ARROW_ASSIGN_OR_RAISE(auto part, CompileCondition(argument));
    parts.push_back(std::move(part));
  }
  const auto kind = node.value("boolop", std::string());
  SqlExpression logic{.type = SqlType::kBool, .name = "", .constant = {}, .evaluate = {}};
  if (kind == "NOT_EXPR" && parts.size() == 1) {
    logic.evaluate = [part = parts[0]](const SqlRow& row) -> Result<SqlValue> {
      ARROW_ASSIGN_OR_RAISE(const auto value, part.evaluate(row));
      return value.null() ? value : SqlValue{!value.truth()};
    };
    return logic;
  }
  // Of AND a false part decides, of OR a true one; without such, a null part leaves it open.
  const bool decides = kind == "OR_EXPR";
  logic.evaluate = [parts = std::move(parts), decides](const SqlRow& row) -> Result<SqlValue> {
    bool open = false;
    for (const auto& part : parts) {
      ARROW_ASSIGN_OR_RAISE(const auto value, part.evaluate(row));
      if (value.null()) {
        open = true;
      } else if (value.truth() == decides) {
        return SqlValue{decides};
      }
    }
    return open ? SqlValue{} : SqlValue{!decides};
  };
  return logic;
}

Result<SqlExpression> SqlCompiler::NullTest(const nlohmann::json& node) {
  ARROW_ASSIGN_OR_RAISE(auto argument, Compile(node.value("arg", nlohmann::json())));
  const bool wanted = node.value("nulltesttype", std::string()) == "IS_NULL";
  return SqlExpression{
      .type = SqlType::kBool,
      .name = "",
      .constant = {},
      .evaluate = [argument = std::move(argument), wanted](const SqlRow& row) -> Result<SqlValue> {
        ARROW_ASSIGN_OR_RAISE(const auto value, argument.evaluate(row));
        return SqlValue{value.null() == wanted};
      }};
}

Result<SqlExpression> SqlCompiler::Cast(const nlohmann::json& node) {
  int64_t shorten = 0;
  bool narrow = false;
  const auto& type_name = node.value("typeName", nlohmann::json::object());
  ARROW_ASSIGN_OR_RAISE(const SqlType to, TypeOf(type_name, &shorten, &narrow));
  ARROW_ASSIGN_OR_RAISE(auto inner, Compile(node.value("arg", nlohmann::json())));
  if (!SqlCanCast(inner.type, to)) {
    return SqlError(std::string("cannot cast type ") + SqlTypeName(inner.type) + " to " +
                    SqlTypeName(to));
  }
  const auto convert = [from = inner.type, to, shorten,
                        narrow](const SqlValue& value) -> Result<SqlValue> {
    ARROW_ASSIGN_OR_RAISE(auto cast, SqlCast(value, from, to));
    if (cast.null()) return cast;
    if (shorten > 0) return SqlValue{SqlShorten(cast.text(), shorten)};
    if (narrow && cast.number() != static_cast<int32_t>(cast.number())) {
      return SqlError("integer out of range");
    }
    return cast;
  };
  std::string name = inner.name;
  if (name.empty()) name = SqlNames(type_name["names"]).back();
  if (inner.constant.has_value()) {
    ARROW_ASSIGN_OR_RAISE(auto value, convert(*inner.constant));
    auto constant = ConstantOf(to, std::move(value));
    constant.name = name;
    return constant;
  }
  return SqlExpression{
      .type = to,
      .name = name,
      .constant = {},
      .evaluate = [inner = std::move(inner), convert](const SqlRow& row) -> Result<SqlValue> {
        ARROW_ASSIGN_OR_RAISE(const auto value, inner.evaluate(row));
        return convert(value);
      }};
}

Result<SqlExpression> SqlCompiler::Coalesce(const nlohmann::json& node) {
  std::vector<SqlExpression> parts;
  SqlType type = SqlType::kUnknown;
  for (const auto& argument : node.value("args", nlohmann::json::array())) {
    ARROW_ASSIGN_OR_RAISE(auto part, Compile(argument));
    if (type == SqlType::kUnknown) type = part.type;
    parts.push_back(std::move(part));
  }
  if (type == SqlType::kUnknown) type = SqlType::kText;
  for (auto& part : parts) {
    ARROW_ASSIGN_OR_RAISE(part, SqlCoerce(std::move(part), type));
  }
  return SqlExpression{
      .type = type,
      .name = "coalesce",
      .constant = {},
      .evaluate = [parts = std::move(parts)](const SqlRow& row) -> Result<SqlValue> {
        for (const auto& part : parts) {
          ARROW_ASSIGN_OR_RAISE(auto value, part.evaluate(row));
          if (!value.null()) return value;
        }
        return SqlValue{};
      }};
}

}  // namespace firth::doors::btrdb
