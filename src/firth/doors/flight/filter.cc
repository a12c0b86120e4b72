#include "firth/doors/flight/filter.h"

#include <arrow/array/builder_binary.h>
#include <arrow/compute/api.h>

#include <array>
#include <utility>

#include "firth/doors/flight/fields.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

enum class Takes { kNothing, kOne, kList };
struct Operator {
  const char* name;
  const char* function;
  Takes takes;
};
constexpr std::array<Operator, 9> kOperators = {{{"=", "equal", Takes::kOne},
                                                 {"!=", "not_equal", Takes::kOne},
                                                 {"<", "less", Takes::kOne},
                                                 {"<=", "less_equal", Takes::kOne},
                                                 {">", "greater", Takes::kOne},
                                                 {">=", "greater_equal", Takes::kOne},
                                                 {"in", "is_in", Takes::kList},
                                                 {"null", "is_null", Takes::kNothing},
                                                 {"not_null", "is_valid", Takes::kNothing}}};

Status Invalid(std::string text) {
  return Error(Code::kInvalidArgument, Reason::kNone, std::move(text));
}

Result<std::string> ValueText(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return Invalid("a filter's value is a number, a text, true or false");
}

Result<std::vector<std::string>> ValuesOf(const json& value, Takes takes) {
  std::vector<std::string> texts;
  if (takes == Takes::kNothing) return texts;
  if (takes == Takes::kList) {
    if (!value.is_array()) return Invalid("the value of a filter with `in` is a list");
    for (const json& item : value) {
      ARROW_ASSIGN_OR_RAISE(texts.emplace_back(), ValueText(item));
    }
    return texts;
  }
  ARROW_ASSIGN_OR_RAISE(texts.emplace_back(), ValueText(value));
  return texts;
}

}  // namespace

Result<Filter> Filter::FromJson(const json& list) {
  Filter filter;
  if (list.is_null()) return filter;
  if (!list.is_array()) return Invalid("`filter` is a list of {column, op, value}");
  for (const json& item : list) {
    Fields fields(item, "a filter");
    const std::string column = fields.NeedText("column");
    const std::string name = fields.Text("op", "=");
    const json& value = fields.Any("value");
    ARROW_RETURN_NOT_OK(fields.Check());
    const Operator* found = nullptr;
    for (const Operator& one : kOperators) {
      if (name == one.name) found = &one;
    }
    if (found == nullptr) {
      return Invalid("`op` of a filter is one of = != < <= > >= in null not_null");
    }
    ARROW_ASSIGN_OR_RAISE(auto values, ValuesOf(value, found->takes));
    filter.conditions_.push_back({column, found->function, std::move(values), {}});
  }
  return filter;
}

std::vector<std::string> Filter::Columns() const {
  std::vector<std::string> names;
  for (const Condition& condition : conditions_) names.push_back(condition.column);
  return names;
}

Status Filter::Bind(const arrow::Schema& schema) {
  for (Condition& condition : conditions_) {
    const auto field = schema.GetFieldByName(condition.column);
    if (field == nullptr) {
      return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
                   "there is no column `" + condition.column + "` to filter by");
    }
    if (condition.values.empty() && condition.function != "is_in") continue;
    arrow::StringBuilder builder;
    ARROW_RETURN_NOT_OK(builder.AppendValues(condition.values));
    ARROW_ASSIGN_OR_RAISE(const auto texts, builder.Finish());
    auto cast = arrow::compute::Cast(*texts, field->type());
    if (!cast.ok()) {
      return Invalid("a filter's value does not fit the column `" + condition.column +
                     "`: " + cast.status().message());
    }
    if (condition.function == "is_in") {
      condition.bound = *cast;
    } else {
      ARROW_ASSIGN_OR_RAISE(condition.bound, (*cast)->GetScalar(0));
    }
  }
  return Status::OK();
}

Result<std::shared_ptr<arrow::RecordBatch>> Filter::Apply(
    const std::shared_ptr<arrow::RecordBatch>& rows) const {
  arrow::Datum mask;
  for (const Condition& condition : conditions_) {
    std::vector<arrow::Datum> arguments = {rows->GetColumnByName(condition.column)};
    arrow::Datum one;
    if (condition.function == "is_in") {
      const arrow::compute::SetLookupOptions options(condition.bound);
      ARROW_ASSIGN_OR_RAISE(one, arrow::compute::IsIn(arguments[0], options));
    } else {
      if (condition.bound.is_scalar()) arguments.push_back(condition.bound);
      ARROW_ASSIGN_OR_RAISE(one, arrow::compute::CallFunction(condition.function, arguments));
    }
    if (mask.kind() == arrow::Datum::NONE) {
      mask = std::move(one);
    } else {
      ARROW_ASSIGN_OR_RAISE(mask, arrow::compute::CallFunction("and", {mask, one}));
    }
  }
  if (mask.kind() == arrow::Datum::NONE) return rows;
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum kept, arrow::compute::Filter(rows, mask));
  return kept.record_batch();
}

}  // namespace firth::doors::flight
