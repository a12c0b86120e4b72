#include "firth/query/plan_filters.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "firth/query/plan_value.h"
#include "firth/schema/key.h"

namespace firth::query {
namespace {

using nlohmann::json;
using schema::ValueSpan;

constexpr int kDepthMax = 64;
constexpr int kPlanDepthMax = 2000;
/// Of the pairs of two lists of spans no more are looked at.
constexpr size_t kPairsMax = size_t{1} << 12;

/// By column: where its value lies, if the condition holds. Not there: anywhere.
using Wanted = std::map<int, std::vector<ValueSpan>>;

/// What both conditions want.
Wanted Both(Wanted a, Wanted b) {
  for (auto& [column, spans] : b) {
    const auto [at, added] = a.try_emplace(column, spans);
    if (added) continue;
    // Either alone is true as well.
    if (at->second.size() * spans.size() > kPairsMax) {
      if (spans.size() < at->second.size()) at->second = std::move(spans);
    } else {
      at->second = schema::Intersection(at->second, spans);
    }
  }
  return a;
}

/// What at least one of the conditions wants.
Wanted Either(Wanted a, Wanted b) {
  std::erase_if(a, [&](const auto& one) { return !b.contains(one.first); });
  for (auto& [column, spans] : a) {
    auto& more = b[column];
    spans.insert(spans.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
  }
  return a;
}

/// Reads the conditions over one scan.
class Conditions {
 public:
  /// `places`: of the columns that the scan gives, in the function's schema.
  Conditions(const arrow::Schema& schema, std::vector<int> places)
      : schema_(schema), places_(std::move(places)) {}

  Wanted Of(const json& expression, int depth = 0) const {
    if (depth > kDepthMax || !expression.is_object()) return {};
    const std::string kind = expression.value("expression_class", "");
    if (kind == "BOUND_COMPARISON") return OfComparison(expression);
    if (kind == "BOUND_BETWEEN") return OfBetween(expression);
    if (kind == "BOUND_FUNCTION") return OfFunction(expression);
    if (kind == "BOUND_OPERATOR" && expression.value("type", "") == "COMPARE_IN") {
      return OfList(expression);
    }
    if (kind == "BOUND_CONJUNCTION") return OfConjunction(expression, depth);
    return {};
  }

 private:
  Wanted OfConjunction(const json& expression, int depth) const {
    const bool both = expression.value("type", "") == "CONJUNCTION_AND";
    if (!both && expression.value("type", "") != "CONJUNCTION_OR") return {};
    std::optional<Wanted> wanted;
    for (const json& child : Part(expression, "children")) {
      Wanted one = Of(child, depth + 1);
      if (!wanted.has_value()) {
        wanted = std::move(one);
      } else {
        wanted = both ? Both(*std::move(wanted), std::move(one))
                      : Either(*std::move(wanted), std::move(one));
      }
    }
    return std::move(wanted).value_or(Wanted());
  }

  Wanted OfComparison(const json& expression) const {
    std::string type = expression.value("type", "");
    const json* left = &Part(expression, "left");
    const json* right = &Part(expression, "right");
    if (ColumnOf(*left) < 0) {
      std::swap(left, right);
      type = Turned(type);
    }
    const int column = ColumnOf(*left);
    const auto value = ConstantOf(*right, column);
    if (!value.has_value()) return {};
    ValueSpan span;
    if (type == "COMPARE_EQUAL") {
      span = {.from = value->least, .to = value->greatest};
    } else if (type == "COMPARE_LESSTHAN" || type == "COMPARE_LESSTHANOREQUALTO") {
      span = {.to = value->greatest};
      span.with_to = !value->exact || type == "COMPARE_LESSTHANOREQUALTO";
    } else if (type == "COMPARE_GREATERTHAN" || type == "COMPARE_GREATERTHANOREQUALTO") {
      span = {.from = value->least};
      span.with_from = !value->exact || type == "COMPARE_GREATERTHANOREQUALTO";
    } else {
      return {};
    }
    return {{column, {std::move(span)}}};
  }

  Wanted OfBetween(const json& expression) const {
    const int column = ColumnOf(Part(expression, "input"));
    ValueSpan span;
    if (const auto lower = ConstantOf(Part(expression, "lower"), column); lower.has_value()) {
      span.from = lower->least;
      span.with_from = !lower->exact || expression.value("lower_inclusive", true);
    }
    if (const auto upper = ConstantOf(Part(expression, "upper"), column); upper.has_value()) {
      span.to = upper->greatest;
      span.with_to = !upper->exact || expression.value("upper_inclusive", true);
    }
    if (span.from == nullptr && span.to == nullptr) return {};
    return {{column, {std::move(span)}}};
  }

  Wanted OfList(const json& expression) const {
    const json& children = Part(expression, "children");
    if (!children.is_array() || children.empty()) return {};
    const int column = ColumnOf(children[0]);
    std::vector<ValueSpan> spans;
    for (size_t i = 1; i < children.size(); ++i) {
      const auto value = ConstantOf(children[i], column);
      if (!value.has_value()) return {};
      spans.push_back({.from = value->least, .to = value->greatest});
    }
    return {{column, std::move(spans)}};
  }

  /// Functions that ask how a text begins.
  Wanted OfFunction(const json& expression) const {
    const std::string name = expression.value("name", "");
    const json& children = Part(expression, "children");
    const bool like = name == "~~";
    if ((!like && name != "prefix" && name != "starts_with" && name != "^@") ||
        !children.is_array() || children.size() != 2) {
      return {};
    }
    const int column = ColumnOf(children[0]);
    const auto value = ConstantOf(children[1], column);
    if (!value.has_value()) return {};
    const auto& type = schema_.field(column)->type();
    if (!arrow::is_base_binary_like(type->id())) return {};
    std::string begin(static_cast<const arrow::BaseBinaryScalar&>(*value->least).view());
    if (like) begin.resize(std::min(begin.size(), begin.find_first_of("%_")));
    const auto text = [&](const std::string& bytes) -> std::shared_ptr<arrow::Scalar> {
      if (type->id() == arrow::Type::LARGE_STRING) {
        return std::make_shared<arrow::LargeStringScalar>(bytes);
      }
      return std::make_shared<arrow::StringScalar>(bytes);
    };
    if (begin.empty()) return {};
    ValueSpan span{.from = text(begin)};
    if (const std::string end = schema::PrefixEnd(begin); !end.empty()) {
      span.to = text(end);
      span.with_to = false;
    }
    return {{column, {std::move(span)}}};
  }

  static const json& Part(const json& expression, const char* name) {
    static const json kNone;
    const auto found = expression.find(name);
    return found == expression.end() ? kNone : *found;
  }
  static std::string Turned(const std::string& type) {
    if (type == "COMPARE_LESSTHAN") return "COMPARE_GREATERTHAN";
    if (type == "COMPARE_LESSTHANOREQUALTO") return "COMPARE_GREATERTHANOREQUALTO";
    if (type == "COMPARE_GREATERTHAN") return "COMPARE_LESSTHAN";
    if (type == "COMPARE_GREATERTHANOREQUALTO") return "COMPARE_LESSTHANOREQUALTO";
    return type;
  }

  /// The column that an expression is; -1: it is none.
  int ColumnOf(const json& expression) const {
    if (!expression.is_object() || expression.value("expression_class", "") != "BOUND_REF") {
      return -1;
    }
    const auto index = expression.value("index", size_t{0});
    return index < places_.size() ? places_[index] : -1;
  }

  std::optional<PlanValue> ConstantOf(const json& expression, int column) const {
    if (column < 0 || !expression.is_object() ||
        expression.value("expression_class", "") != "BOUND_CONSTANT") {
      return std::nullopt;
    }
    return ValueOfPlan(Part(expression, "value"), schema_.field(column)->type());
  }

  const arrow::Schema& schema_;
  const std::vector<int> places_;
};

/// The columns that a scan gives, by their places in the schema; nothing where that cannot be told.
std::optional<std::vector<int>> PlacesOf(const json& scan, const arrow::Schema& schema) {
  const auto columns = scan.find("column_indexes");
  const auto chosen = scan.find("projection_ids");
  if (columns == scan.end() || !columns->is_array() || (chosen != scan.end() && !chosen->empty())) {
    return std::nullopt;
  }
  std::vector<int> places;
  for (const json& column : *columns) {
    const auto index = column.value("index", uint64_t{0});
    const bool known = index < static_cast<uint64_t>(schema.num_fields());
    places.push_back(known ? static_cast<int>(index) : -1);
  }
  return places;
}

class Reader {
 public:
  explicit Reader(const std::vector<PlannedFunction>& functions)
      : functions_(functions), wanted_(functions.size()) {}

  /// `filter`: the conditions over this node, if it stands right below some.
  void Read(const json& node, const json* filter, int depth = 0) {
    if (depth > kPlanDepthMax) too_deep_ = true;
    if (too_deep_) return;
    if (node.is_array()) {
      for (const json& one : node) Read(one, filter, depth + 1);
      return;
    }
    if (!node.is_object()) return;
    const auto type = node.find("type");
    const std::string kind =
        type != node.end() && type->is_string() ? type->get<std::string>() : "";
    if (kind == "LOGICAL_GET") ReadScan(node, filter);
    for (const auto& [name, part] : node.items()) {
      if (!part.is_structured()) continue;
      const bool below = kind == "LOGICAL_FILTER" && name == "children";
      Read(part, below ? &node : nullptr, depth + 1);
    }
  }

  std::vector<schema::RowFilter> Take() const {
    std::vector<schema::RowFilter> filters(functions_.size());
    for (size_t i = 0; i < functions_.size(); ++i) {
      if (!wanted_[i].has_value() || too_deep_) continue;
      for (const auto& [column, spans] : *wanted_[i]) {
        filters[i].push_back(
            {.column = functions_[i].schema->field(column)->name(), .spans = spans});
      }
    }
    return filters;
  }

 private:
  void ReadScan(const json& scan, const json* filter) {
    const std::string name = scan.value("name", "");
    for (size_t i = 0; i < functions_.size(); ++i) {
      if (functions_[i].name != name) continue;
      Wanted wanted;
      const auto places = PlacesOf(scan, *functions_[i].schema);
      if (filter != nullptr && places.has_value() && filter->contains("expressions")) {
        const Conditions conditions(*functions_[i].schema, *places);
        for (const json& expression : (*filter)["expressions"]) {
          wanted = Both(std::move(wanted), conditions.Of(expression));
        }
      }
      auto& all = wanted_[i];
      all = all.has_value() ? Either(*std::move(all), std::move(wanted)) : std::move(wanted);
    }
  }

  const std::vector<PlannedFunction>& functions_;
  std::vector<std::optional<Wanted>> wanted_;  // nothing: it is not read
  bool too_deep_ = false;                      // so not all of it was seen
};

}  // namespace

std::vector<schema::RowFilter> FiltersOfPlan(const std::string& plan,
                                             const std::vector<PlannedFunction>& functions) {
  const json parsed = json::parse(plan, nullptr, /*allow_exceptions=*/false);
  Reader reader(functions);
  try {
    if (parsed.is_object() && parsed.contains("plans")) reader.Read(parsed["plans"], nullptr);
    return reader.Take();
  } catch (const json::exception&) {
    return std::vector<schema::RowFilter>(functions.size());
  }
}

Result<std::vector<schema::RowFilter>> FiltersOf(Session* session, const std::string& sql,
                                                 const std::vector<PlannedFunction>& functions) {
  // As it is, a long list of values becomes a join.
  ARROW_RETURN_NOT_OK(session->Do("SET disabled_optimizers = 'in_clause'").status());
  // A plan that cannot be written says nothing, and the statement is the judge of what is wrong
  // with it.
  const auto plan = session->Do(
      "SELECT json_serialize_plan(?::VARCHAR, skip_null := true, skip_empty := false, "
      "skip_default := false, optimize := true)",
      {sql});
  ARROW_RETURN_NOT_OK(session->Do("RESET disabled_optimizers").status());
  if (!plan.ok() || plan->empty()) return std::vector<schema::RowFilter>(functions.size());
  return FiltersOfPlan(plan->front().front(), functions);
}

}  // namespace firth::query
