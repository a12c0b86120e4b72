#include "firth/doors/deltacat/predicate.h"

#include <array>
#include <string_view>
#include <utility>

#include "firth/doors/deltacat/errors.h"

namespace firth::doors::deltacat {
namespace {

using nlohmann::json;

constexpr int kNestingMax = 32;
constexpr std::array<std::string_view, 6> kComparisons = {"eq", "neq", "gt", "gte", "lt", "lte"};

Status Bad(const std::string& why) {
  return Refuse("invalid_filter_predicate", why);
}

bool IsComparison(std::string_view name) {
  for (const std::string_view known : kComparisons) {
    if (known == name) return true;
  }
  return false;
}

Status CheckColumn(const json& column, const arrow::Schema& schema) {
  if (!column.is_string()) return Bad("a column is named by text");
  const auto& name = column.get_ref<const std::string&>();
  if (schema.GetFieldIndex(name) >= 0) return Status::OK();
  return Refuse("unknown_column", "the table has no column '" + name.substr(0, 64) + "'");
}

bool IsPlain(const json& value) {
  return !value.is_structured();
}

Status Check(const json& filter, const arrow::Schema& schema, int depth) {
  if (depth > kNestingMax) return Bad("the filter is nested too deeply");
  if (!filter.is_object()) return Bad("a filter is an object");
  if (filter.empty()) return Status::OK();
  if (filter.size() != 1) return Bad("a filter has one operator");
  const std::string& name = filter.begin().key();
  const json& with = filter.begin().value();
  if (name == "and" || name == "or") {
    if (!with.is_array() || with.size() < 2) return Bad("'" + name + "' takes two or more filters");
    for (const json& part : with) ARROW_RETURN_NOT_OK(Check(part, schema, depth + 1));
    return Status::OK();
  }
  if (name == "not") return Check(with, schema, depth + 1);
  if (name == "is_null") return CheckColumn(with, schema);
  const size_t size = name == "between" ? 3 : 2;
  if (name != "in" && name != "between" && !IsComparison(name)) {
    return Bad("there is no operator '" + name.substr(0, 64) + "'");
  }
  if (!with.is_array() || with.size() != size) {
    return Bad("'" + name + "' takes a column and " + (size == 3 ? "two values" : "a value"));
  }
  ARROW_RETURN_NOT_OK(CheckColumn(with[0], schema));
  if (name == "in") {
    if (!with[1].is_array()) return Bad("'in' takes a column and a list");
    for (const json& value : with[1]) {
      if (!IsPlain(value)) return Bad("'in' compares with plain values");
    }
    return Status::OK();
  }
  for (size_t i = 1; i < size; ++i) {
    if (!IsPlain(with[i])) return Bad("'" + name + "' compares with plain values");
  }
  return Status::OK();
}

/// What a file's rows can make of a filter: hold for none, or for some or all.
class Range {
 public:
  Range(const json& statistics, int64_t rows) : statistics_(statistics), rows_(rows) {}

  bool May(const json& filter) const {
    if (filter.empty()) return true;
    const std::string& name = filter.begin().key();
    const json& with = filter.begin().value();
    if (name == "and") {
      for (const json& part : with) {
        if (!May(part)) return false;
      }
      return true;
    }
    if (name == "or") {
      for (const json& part : with) {
        if (May(part)) return true;
      }
      return false;
    }
    if (name == "not") return true;
    if (name == "is_null") {
      const auto column = statistics_.find(with.get_ref<const std::string&>());
      return column == statistics_.end() || column->value("n", int64_t{1}) > 0;
    }
    return MayCompare(name, with);
  }

 private:
  static bool Comparable(const json& a, const json& b) {
    return (a.is_number() && b.is_number()) || (a.is_string() && b.is_string()) ||
           (a.is_boolean() && b.is_boolean());
  }

  bool MayCompare(const std::string& name, const json& with) const {
    const auto column = statistics_.find(with[0].get_ref<const std::string&>());
    if (column == statistics_.end()) return true;
    if (column->value("n", int64_t{0}) == rows_) return false;  // null compares with nothing
    if (!column->contains("min")) return true;
    const json& least = (*column)["min"];
    const json& greatest = (*column)["max"];
    const auto within = [&](const json& value) {
      return !Comparable(least, value) || (least <= value && value <= greatest);
    };
    if (name == "in") {
      for (const json& value : with[1]) {
        if (within(value)) return true;
      }
      return false;
    }
    if (name == "eq") return within(with[1]);
    for (size_t i = 1; i < with.size(); ++i) {
      if (!Comparable(least, with[i])) return true;
    }
    if (name == "between") return least <= with[2] && with[1] <= greatest;
    if (name == "gt") return greatest > with[1];
    if (name == "gte") return greatest >= with[1];
    if (name == "lt") return least < with[1];
    if (name == "lte") return least <= with[1];
    return !(least == greatest && least == with[1]);  // neq
  }

  const json& statistics_;
  const int64_t rows_;
};

}  // namespace

Result<Predicate> Predicate::Parse(const std::string& text, const arrow::Schema& schema) {
  json filter = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (filter.is_discarded()) return Bad("the filter is not JSON");
  if (filter.is_null()) filter = json::object();
  ARROW_RETURN_NOT_OK(Check(filter, schema, 0));
  return Predicate(std::move(filter));
}

bool Predicate::MayKeep(const std::string& statistics, int64_t rows) const {
  if (statistics.empty()) return true;
  const json known = json::parse(statistics, nullptr, /*allow_exceptions=*/false);
  return !known.is_object() || Range(known, rows).May(filter_);
}

}  // namespace firth::doors::deltacat
