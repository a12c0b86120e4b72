#include "firth/doors/btrdb/sql_query.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>

#include "firth/doors/btrdb/sql_expression.h"
#include "firth/doors/btrdb/sql_groups.h"
#include "firth/doors/btrdb/sql_output.h"
#include "firth/doors/btrdb/sql_parser.h"

namespace firth::doors::btrdb {
namespace {

using nlohmann::json;

constexpr std::array kColumns = {"uuid",      "collection",       "name",       "unit", "ingress",
                                 "distiller", "property_version", "annotations"};

/// After so many streams it is asked whether anybody still waits: that costs more than a stream.
constexpr uint64_t kCheckedEvery = 64;

/// A column of the answer.
struct Output {
  std::string name;
  json tree;
  SqlExpression expression;
  bool keys = false;  // skeys(expression): one row a key
};

struct Order {
  SqlExpression expression;
  int output = -1;  // the column of the answer that it is, if it is one
  bool descending = false;
  bool nulls_first = false;
};

/// Has a tree a call of an aggregate in it?
bool Aggregates(const json& tree) {
  if (tree.is_object() && tree.contains("FuncCall")) {
    const auto names = SqlNames(tree["FuncCall"].value("funcname", json::array()));
    if (names.size() == 1 && (names[0] == "count" || names[0] == "min" || names[0] == "max")) {
      return true;
    }
  }
  if (!tree.is_structured()) return false;
  return std::any_of(tree.begin(), tree.end(), Aggregates);
}

json ColumnTree(const std::string& name) {
  return {{"ColumnRef", {{"fields", json::array({{{"String", {{"sval", name}}}}})}}}};
}

/// The name of the column that a tree is; empty if it is none.
std::string ColumnOf(const json& tree) {
  const auto names = SqlNames(tree.value("/ColumnRef/fields"_json_pointer, json::array()));
  return names.empty() ? std::string() : names.back();
}

/// Narrow the scope to ids, where all of these constants are some.
Status NarrowToIds(const json& items, SqlCompiler* compiler, SqlScope* scope) {
  std::vector<table::SeriesId> ids;
  for (const auto& item : items) {
    ARROW_ASSIGN_OR_RAISE(auto value, compiler->Compile(item));
    if (!value.constant.has_value() || value.constant->null()) return Status::OK();
    const auto id = SqlCast(*value.constant, value.type, SqlType::kUuid);
    if (!id.ok()) return Status::OK();  // said when the condition is evaluated
    ids.push_back(table::SeriesId::From(id->text()));
  }
  if (!scope->ids.has_value()) scope->ids = std::move(ids);
  return Status::OK();
}

/// Which streams can meet a condition at all, as far as that is easily seen.
Status Narrow(const json& condition, SqlCompiler* compiler, SqlScope* scope) {
  const auto& logic = condition.value("BoolExpr", json::object());
  if (logic.value("boolop", std::string()) == "AND_EXPR") {
    for (const auto& part : logic.value("args", json::array())) {
      ARROW_RETURN_NOT_OK(Narrow(part, compiler, scope));
    }
  }
  const auto& node = condition.value("A_Expr", json::object());
  const auto kind = node.value("kind", std::string());
  const auto names = SqlNames(node.value("name", json::array()));
  const std::string column = ColumnOf(node.value("lexpr", json::object()));
  const auto right = node.value("rexpr", json::object());
  const bool equals = names == std::vector<std::string>{"="};
  if (column == "uuid" && kind == "AEXPR_IN" && equals) {
    return NarrowToIds(right.value("/List/items"_json_pointer, json::array()), compiler, scope);
  }
  if (column == "uuid" && kind == "AEXPR_OP" && equals) {
    return NarrowToIds(json::array({right}), compiler, scope);
  }
  if (column != "collection" || (kind != "AEXPR_LIKE" && (kind != "AEXPR_OP" || !equals))) {
    return Status::OK();
  }
  if (kind == "AEXPR_LIKE" && names != std::vector<std::string>{"~~"}) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto value, compiler->Compile(right));
  if (!value.constant.has_value() || value.constant->null()) return Status::OK();
  if (value.type != SqlType::kText && value.type != SqlType::kUnknown) return Status::OK();
  const std::string& text = value.constant->text();
  if (kind == "AEXPR_OP") {
    scope->collection = text;
  } else if (scope->prefix.empty()) {
    scope->prefix = text.substr(0, text.find_first_of("%_\\"));
  }
  return Status::OK();
}

class CompiledQuery : public SqlQuery {
 public:
  explicit CompiledQuery(std::vector<std::string> parameters)
      : parameters_(std::move(parameters)) {}

  Status Compile(const json& select);
  Status Run(const VisitStreams& streams, SqlSpace* space,
             const std::function<bool(std::string)>& emit) const override;

 private:
  Status CheckShape(const json& select);
  Status ExpandTargets(const json& targets);
  Status CompileGroups(const json& select);
  Status CompileOutputs();
  Status CompileOrder(const json& select);
  Status CompileLimit(const json& select, const char* key, int64_t* limit);
  Result<json> GroupTree(const json& item) const;
  /// The column of the answer that an ORDER BY item names; -1 for none.
  Result<int> OutputOf(const json& item) const;

  /// Add what a stream or a group gives to the answer; false when no more is wanted.
  Result<bool> AddRows(const SqlRow& source, SqlOutput* output) const;
  Result<bool> AddRow(const std::vector<SqlValue>& values, const std::vector<SqlValue>& order,
                      SqlOutput* output) const;
  std::string Write(const std::vector<SqlValue>& values) const;

  const std::vector<std::string> parameters_;
  std::unique_ptr<SqlCompiler> compiler_;
  std::string alias_;
  SqlScope scope_;
  std::optional<SqlExpression> where_;
  std::vector<Output> outputs_;
  std::vector<Order> order_;
  bool distinct_ = false;
  bool grouped_ = false;
  int64_t limit_ = INT64_MAX;
  int64_t offset_ = 0;
};

Status CompiledQuery::CheckShape(const json& select) {
  for (const auto& [part, value] : select.items()) {
    static const std::unordered_set<std::string> known = {
        "distinctClause", "targetList",  "fromClause", "whereClause", "groupClause",
        "sortClause",     "limitOffset", "limitCount", "limitOption", "op"};
    if (!known.contains(part)) return SqlError(part + " is not supported");
  }
  if (select.value("op", std::string("SETOP_NONE")) != "SETOP_NONE") {
    return SqlError("one SELECT is expected");
  }
  const auto from = select.value("fromClause", json::array());
  if (from.size() != 1 || !from[0].contains("RangeVar")) {
    return SqlError("SELECT reads from the one table streams");
  }
  const auto& table = from[0]["RangeVar"];
  if (table.value("relname", std::string()) != "streams" || table.contains("catalogname") ||
      table.value("schemaname", std::string("public")) != "public") {
    return SqlError("relation \"" + table.value("relname", std::string()).substr(0, 64) +
                    "\" does not exist; there is the one table streams");
  }
  alias_ = "streams";
  if (table.contains("alias")) {
    if (table["alias"].contains("colnames")) return SqlError("column aliases are not supported");
    alias_ = table["alias"].value("aliasname", alias_);
  }
  return Status::OK();
}

Status CompiledQuery::ExpandTargets(const json& targets) {
  for (const auto& target : targets) {
    if (!target.contains("ResTarget")) return SqlError("an output column is expected");
    const auto& node = target["ResTarget"];
    if (node.contains("indirection")) return SqlError("indirection is not supported");
    const auto tree = node.value("val", json());
    const auto fields = tree.value("/ColumnRef/fields"_json_pointer, json::array());
    if (!fields.empty() && fields.back().contains("A_Star")) {
      if (fields.size() > 2 ||
          (fields.size() == 2 && SqlNames({fields[0]}) != std::vector<std::string>{alias_})) {
        return SqlError("unknown table before .*");
      }
      for (const char* column : kColumns) {
        outputs_.push_back({.name = column, .tree = ColumnTree(column), .expression = {}});
      }
      continue;
    }
    outputs_.push_back({.name = node.value("name", std::string()), .tree = tree, .expression = {}});
    auto& output = outputs_.back();
    const auto function = SqlNames(tree.value("/FuncCall/funcname"_json_pointer, json::array()));
    if (function == std::vector<std::string>{"skeys"}) {
      const auto arguments = tree.value("/FuncCall/args"_json_pointer, json::array());
      if (arguments.size() != 1) return SqlError("skeys takes one argument");
      if (output.name.empty()) output.name = "skeys";
      output.tree = arguments[0];
      output.keys = true;
    }
  }
  const auto many = std::count_if(outputs_.begin(), outputs_.end(),
                                  [](const Output& output) { return output.keys; });
  if (outputs_.empty()) return SqlError("the select list is empty");
  if (many > 1) return SqlError("skeys is allowed once");
  return Status::OK();
}

Result<json> CompiledQuery::GroupTree(const json& item) const {
  const auto place = item.value("/A_Const/ival"_json_pointer, json());
  if (place.is_object()) {
    const auto number = place.value("ival", int64_t{0});
    if (number < 1 || static_cast<size_t>(number) > outputs_.size()) {
      return SqlError("GROUP BY position " + std::to_string(number) + " is not in the select list");
    }
    return outputs_[static_cast<size_t>(number - 1)].tree;
  }
  const auto names = SqlNames(item.value("/ColumnRef/fields"_json_pointer, json::array()));
  if (names.size() == 1 &&
      std::find(kColumns.begin(), kColumns.end(), names[0]) == kColumns.end()) {
    for (const auto& output : outputs_) {
      if (output.name == names[0]) return output.tree;
    }
  }
  return item;
}

Status CompiledQuery::CompileGroups(const json& select) {
  std::vector<json> keys;
  for (const auto& item : select.value("groupClause", json::array())) {
    ARROW_ASSIGN_OR_RAISE(auto tree, GroupTree(item));
    if (Aggregates(tree)) return SqlError("aggregates are not allowed in GROUP BY");
    keys.push_back(std::move(tree));
  }
  grouped_ = !keys.empty() || Aggregates(select.value("sortClause", json::array())) ||
             std::any_of(outputs_.begin(), outputs_.end(),
                         [](const Output& output) { return Aggregates(output.tree); });
  return grouped_ ? compiler_->GroupBy(keys) : Status::OK();
}

Status CompiledQuery::CompileOutputs() {
  for (auto& output : outputs_) {
    ARROW_ASSIGN_OR_RAISE(output.expression, compiler_->Compile(output.tree));
    if (output.keys && output.expression.type != SqlType::kHstore) {
      return SqlError("skeys takes annotations");
    }
    if (output.expression.type == SqlType::kUnknown) {
      ARROW_ASSIGN_OR_RAISE(output.expression,
                            SqlCoerce(std::move(output.expression), SqlType::kText));
    }
    if (output.name.empty()) output.name = output.expression.name;
    if (output.name.empty()) output.name = "?column?";
  }
  return Status::OK();
}

Result<int> CompiledQuery::OutputOf(const json& item) const {
  const auto place = item.value("/A_Const/ival"_json_pointer, json());
  if (place.is_object()) {
    const auto number = place.value("ival", int64_t{0});
    if (number < 1 || static_cast<size_t>(number) > outputs_.size()) {
      return SqlError("ORDER BY position " + std::to_string(number) + " is not in the select list");
    }
    return static_cast<int>(number - 1);
  }
  const auto names = SqlNames(item.value("/ColumnRef/fields"_json_pointer, json::array()));
  const auto text = SqlTreeText(item);
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (names.size() == 1 && outputs_[i].name == names[0]) return static_cast<int>(i);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].keys && SqlTreeText(outputs_[i].tree) == text) return static_cast<int>(i);
  }
  return -1;
}

Status CompiledQuery::CompileOrder(const json& select) {
  for (const auto& item : select.value("sortClause", json::array())) {
    const auto sort = item.value("SortBy", json::object());
    if (sort.contains("useOp")) return SqlError("ORDER BY USING is not supported");
    const auto tree = sort.value("node", json());
    Order order{.expression = {}};
    ARROW_ASSIGN_OR_RAISE(order.output, OutputOf(tree));
    order.descending = sort.value("sortby_dir", std::string()) == "SORTBY_DESC";
    const auto nulls = sort.value("sortby_nulls", std::string());
    order.nulls_first =
        nulls == "SORTBY_NULLS_FIRST" || (nulls != "SORTBY_NULLS_LAST" && order.descending);
    if (order.output < 0) {
      if (distinct_) return SqlError("ORDER BY of SELECT DISTINCT must be in the select list");
      ARROW_ASSIGN_OR_RAISE(order.expression, compiler_->Compile(tree));
      if (order.expression.type == SqlType::kHstore) return SqlError("annotations have no order");
    } else {
      const auto& output = outputs_[static_cast<size_t>(order.output)];
      if (!output.keys && output.expression.type == SqlType::kHstore) {
        return SqlError("annotations have no order");
      }
    }
    order_.push_back(std::move(order));
  }
  return Status::OK();
}

Status CompiledQuery::CompileLimit(const json& select, const char* key, int64_t* limit) {
  if (!select.contains(key)) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto expression, compiler_->Compile(select[key]));
  if (!expression.constant.has_value()) return SqlError("LIMIT and OFFSET take a constant");
  if (expression.constant->null()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(expression, SqlCoerce(std::move(expression), SqlType::kInt));
  *limit = expression.constant->number();
  return *limit < 0 ? SqlError("LIMIT and OFFSET must not be negative") : Status::OK();
}

Status CompiledQuery::Compile(const json& select) {
  ARROW_RETURN_NOT_OK(CheckShape(select));
  if (select.value("limitOption", std::string()) == "LIMIT_OPTION_WITH_TIES") {
    return SqlError("WITH TIES is not supported");
  }
  if (select.contains("distinctClause")) {
    distinct_ = true;
    const auto& on = select["distinctClause"];
    if (on.size() != 1 || !on[0].empty()) return SqlError("DISTINCT ON is not supported");
  }
  compiler_ = std::make_unique<SqlCompiler>(alias_, &parameters_);
  ARROW_RETURN_NOT_OK(ExpandTargets(select.value("targetList", json::array())));
  if (select.contains("whereClause")) {
    if (Aggregates(select["whereClause"])) return SqlError("aggregates are not allowed in WHERE");
    ARROW_ASSIGN_OR_RAISE(where_, compiler_->CompileCondition(select["whereClause"]));
    ARROW_RETURN_NOT_OK(Narrow(select["whereClause"], compiler_.get(), &scope_));
  }
  ARROW_RETURN_NOT_OK(CompileGroups(select));
  ARROW_RETURN_NOT_OK(CompileOutputs());
  ARROW_RETURN_NOT_OK(CompileOrder(select));
  ARROW_RETURN_NOT_OK(CompileLimit(select, "limitCount", &limit_));
  ARROW_RETURN_NOT_OK(CompileLimit(select, "limitOffset", &offset_));
  scope_.parts = compiler_->parts();
  return compiler_->CheckParameters();
}

Result<bool> CompiledQuery::AddRows(const SqlRow& source, SqlOutput* output) const {
  std::vector<SqlValue> values;
  size_t keys_at = outputs_.size();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(values.emplace_back(), outputs_[i].expression.evaluate(source));
    if (outputs_[i].keys) keys_at = i;
  }
  std::vector<SqlValue> order;
  for (const auto& item : order_) {
    order.emplace_back();
    if (item.output < 0) {
      ARROW_ASSIGN_OR_RAISE(order.back(), item.expression.evaluate(source));
    }
  }
  if (keys_at == outputs_.size()) return AddRow(values, order, output);
  const SqlValue map = values[keys_at];
  if (map.null()) return true;
  for (const auto& [key, held] : map.hstore()) {
    values[keys_at] = SqlValue{key};
    ARROW_ASSIGN_OR_RAISE(const bool more, AddRow(values, order, output));
    if (!more) return false;
  }
  return true;
}

Result<bool> CompiledQuery::AddRow(const std::vector<SqlValue>& values,
                                   const std::vector<SqlValue>& order, SqlOutput* output) const {
  std::string identity;
  if (distinct_) {
    for (const SqlValue& value : values) identity += SqlIdentity(value);
    if (!output->MayBeNew(identity)) return true;
  }
  std::string key;
  for (size_t i = 0; i < order_.size(); ++i) {
    const SqlValue& value =
        order_[i].output < 0 ? order[i] : values[static_cast<size_t>(order_[i].output)];
    AppendSqlOrder(value, order_[i].descending, order_[i].nulls_first, &key);
  }
  return output->Add(key, identity, Write(values));
}

std::string CompiledQuery::Write(const std::vector<SqlValue>& values) const {
  auto object = json::object();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const auto type = outputs_[i].keys ? SqlType::kText : outputs_[i].expression.type;
    object[outputs_[i].name] = SqlJson(values[i], type);
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Status CompiledQuery::Run(const VisitStreams& streams, SqlSpace* space,
                          const std::function<bool(std::string)>& emit) const {
  bool wanted = true;
  const SqlOutput::Emit give = [&](std::string row) { return wanted = emit(std::move(row)); };
  SqlOutput output(
      {.distinct = distinct_, .ordered = !order_.empty(), .offset = offset_, .limit = limit_},
      space, &give);
  std::optional<SqlGroups> groups;
  if (grouped_) groups.emplace(&compiler_->keys(), &compiler_->aggregates(), space);
  uint64_t looked = 0;
  ARROW_RETURN_NOT_OK(streams(scope_, [&](const table::SeriesPtr& stream) -> Result<bool> {
    if (looked++ % kCheckedEvery == 0) ARROW_RETURN_NOT_OK(space->Check());
    const SqlRow row{.series = stream};
    if (where_.has_value()) {
      ARROW_ASSIGN_OR_RAISE(const auto passes, where_->evaluate(row));
      if (!passes.truth()) return true;
    }
    if (!groups.has_value()) return AddRows(row, &output);
    ARROW_RETURN_NOT_OK(groups->Add(row));
    return true;
  }));
  if (groups.has_value()) {
    ARROW_RETURN_NOT_OK(groups->ForEach(
        [&](const SqlRow& group) -> Result<bool> { return AddRows(group, &output); }));
  }
  return wanted ? output.Finish() : Status::OK();
}

}  // namespace

Result<std::unique_ptr<SqlQuery>> CompileSql(const std::string& text,
                                             std::vector<std::string> parameters) {
  // The tree has the shapes that PostgreSQL's parser writes; whatever it may hold that was not
  // thought of is refused rather than trusted.
  try {
    ARROW_ASSIGN_OR_RAISE(const auto select, ParseSelect(text));
    auto query = std::make_unique<CompiledQuery>(std::move(parameters));
    ARROW_RETURN_NOT_OK(query->Compile(select));
    return query;
  } catch (const json::exception& error) {
    return SqlError("the statement is not supported");
  }
}

}  // namespace firth::doors::btrdb
