#include "firth/doors/btrdb/sql_query.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "firth/doors/btrdb/sql_expression.h"
#include "firth/doors/btrdb/sql_parser.h"

namespace firth::doors::btrdb {
namespace {

using nlohmann::json;

constexpr std::array kColumns = {"uuid",      "collection",       "name",       "unit", "ingress",
                                 "distiller", "property_version", "annotations"};

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

/// What a row of the answer is made of, until it is sorted and cut.
struct Row {
  std::vector<SqlValue> values;
  std::vector<SqlValue> order;
};

class CompiledQuery : public SqlQuery {
 public:
  explicit CompiledQuery(std::vector<std::string> parameters)
      : parameters_(std::move(parameters)) {}

  Status Compile(const json& select);
  Status Run(const std::vector<table::SeriesPtr>& streams,
             const std::function<bool(std::string)>& emit) override;

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

  Status RunGrouped(const std::vector<table::SeriesPtr>& streams, std::vector<Row>* rows) const;
  Status AddRows(const SqlRow& row, std::vector<Row>* rows) const;
  bool Before(const Row& a, const Row& b) const;
  std::string Write(const Row& row) const;

  const std::vector<std::string> parameters_;
  std::unique_ptr<SqlCompiler> compiler_;
  std::string alias_;
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
  }
  ARROW_RETURN_NOT_OK(CompileGroups(select));
  ARROW_RETURN_NOT_OK(CompileOutputs());
  ARROW_RETURN_NOT_OK(CompileOrder(select));
  ARROW_RETURN_NOT_OK(CompileLimit(select, "limitCount", &limit_));
  ARROW_RETURN_NOT_OK(CompileLimit(select, "limitOffset", &offset_));
  return compiler_->CheckParameters();
}

Status CompiledQuery::AddRows(const SqlRow& source, std::vector<Row>* rows) const {
  Row row;
  const Hstore* keys = nullptr;
  size_t keys_at = 0;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto value, outputs_[i].expression.evaluate(source));
    if (outputs_[i].keys) {
      if (value.null()) return Status::OK();
      keys = &value.hstore();
      keys_at = i;
    }
    row.values.push_back(std::move(value));
  }
  for (const auto& order : order_) {
    if (order.output >= 0) {
      row.order.emplace_back();
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(auto value, order.expression.evaluate(source));
    row.order.push_back(std::move(value));
  }
  if (keys == nullptr) {
    rows->push_back(std::move(row));
    return Status::OK();
  }
  for (const auto& [key, held] : *keys) {
    Row one = row;
    one.values[keys_at] = SqlValue{key};
    rows->push_back(std::move(one));
  }
  return Status::OK();
}

/// What an aggregate has seen of a group.
struct Tally {
  int64_t count = 0;
  SqlValue extreme;
  std::unordered_set<std::string> seen;
};

Status AddTo(const SqlAggregate& aggregate, const SqlRow& row, Tally* tally) {
  if (!aggregate.argument.has_value()) {
    ++tally->count;
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(auto value, aggregate.argument->evaluate(row));
  if (value.null()) return Status::OK();
  if (aggregate.kind == SqlAggregate::Kind::kCount) {
    if (!aggregate.distinct || tally->seen.insert(SqlIdentity(value)).second) ++tally->count;
    return Status::OK();
  }
  const bool wanted = aggregate.kind == SqlAggregate::Kind::kMin;
  if (tally->extreme.null() || (CompareSql(value, tally->extreme) < 0) == wanted) {
    tally->extreme = std::move(value);
  }
  return Status::OK();
}

Status CompiledQuery::RunGrouped(const std::vector<table::SeriesPtr>& streams,
                                 std::vector<Row>* rows) const {
  struct Group {
    std::vector<SqlValue> keys;
    std::vector<Tally> tallies;
  };
  std::vector<Group> groups;  // in the order in which they are met
  std::unordered_map<std::string, size_t> places;
  const auto& aggregates = compiler_->aggregates();
  if (compiler_->keys().empty())
    groups.push_back({.keys = {}, .tallies = std::vector<Tally>(aggregates.size())});
  for (const auto& stream : streams) {
    const SqlRow row{.series = stream.get()};
    if (where_.has_value()) {
      ARROW_ASSIGN_OR_RAISE(const auto passes, where_->evaluate(row));
      if (!passes.truth()) continue;
    }
    size_t place = 0;
    if (!compiler_->keys().empty()) {
      std::vector<SqlValue> keys;
      std::string identity;
      for (const auto& key : compiler_->keys()) {
        ARROW_ASSIGN_OR_RAISE(auto value, key.evaluate(row));
        identity += SqlIdentity(value);
        keys.push_back(std::move(value));
      }
      place = places.try_emplace(identity, groups.size()).first->second;
      if (place == groups.size()) {
        groups.push_back(
            {.keys = std::move(keys), .tallies = std::vector<Tally>(aggregates.size())});
      }
    }
    for (size_t i = 0; i < aggregates.size(); ++i) {
      ARROW_RETURN_NOT_OK(AddTo(aggregates[i], row, &groups[place].tallies[i]));
    }
  }
  for (const auto& group : groups) {
    std::vector<SqlValue> results;
    for (size_t i = 0; i < aggregates.size(); ++i) {
      const auto& tally = group.tallies[i];
      results.push_back(aggregates[i].kind == SqlAggregate::Kind::kCount ? SqlValue{tally.count}
                                                                         : tally.extreme);
    }
    ARROW_RETURN_NOT_OK(AddRows({.keys = &group.keys, .aggregates = &results}, rows));
  }
  return Status::OK();
}

bool CompiledQuery::Before(const Row& a, const Row& b) const {
  for (size_t i = 0; i < order_.size(); ++i) {
    const auto& order = order_[i];
    const auto value = [&](const Row& row) -> const SqlValue& {
      return order.output < 0 ? row.order[i] : row.values[static_cast<size_t>(order.output)];
    };
    const auto& left = value(a);
    const auto& right = value(b);
    if (left.null() && right.null()) continue;
    if (left.null() || right.null()) return left.null() == order.nulls_first;
    const auto ordering = CompareSql(left, right);
    if (ordering != 0) return (ordering < 0) != order.descending;
  }
  return false;
}

std::string CompiledQuery::Write(const Row& row) const {
  auto object = json::object();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const auto type = outputs_[i].keys ? SqlType::kText : outputs_[i].expression.type;
    object[outputs_[i].name] = SqlJson(row.values[i], type);
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Status CompiledQuery::Run(const std::vector<table::SeriesPtr>& streams,
                          const std::function<bool(std::string)>& emit) {
  std::vector<Row> rows;
  if (grouped_) {
    ARROW_RETURN_NOT_OK(RunGrouped(streams, &rows));
  } else {
    for (const auto& stream : streams) {
      const SqlRow row{.series = stream.get()};
      if (where_.has_value()) {
        ARROW_ASSIGN_OR_RAISE(const auto passes, where_->evaluate(row));
        if (!passes.truth()) continue;
      }
      ARROW_RETURN_NOT_OK(AddRows(row, &rows));
    }
  }
  if (distinct_) {
    std::unordered_set<std::string> seen;
    std::erase_if(rows, [&](const Row& row) {
      std::string identity;
      for (const auto& value : row.values) identity += SqlIdentity(value);
      return !seen.insert(std::move(identity)).second;
    });
  }
  if (!order_.empty()) {
    std::stable_sort(rows.begin(), rows.end(),
                     [this](const Row& a, const Row& b) { return Before(a, b); });
  }
  for (size_t i = static_cast<size_t>(std::min<int64_t>(offset_, INT64_MAX)); i < rows.size();
       ++i) {
    if (static_cast<int64_t>(i) - offset_ >= limit_) break;
    if (!emit(Write(rows[i]))) break;
  }
  return Status::OK();
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
