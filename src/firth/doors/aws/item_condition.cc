// Conditions on items: the grammar that key conditions have, and simple filters with it.
#include <cctype>

#include "firth/doors/aws/dynamo.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kTextMax = 4096;
constexpr size_t kTermsMax = 16;

Status Invalid(std::string why) {
  return Fault("ValidationException", std::move(why));
}

/// Less than zero, zero, greater; nothing for values of different kinds.
std::optional<int> Compare(const json& a, const json& b) {
  for (const char* kind : {"S", "N", "BOOL", "B"}) {
    if (!a.contains(kind) || !b.contains(kind)) continue;
    if (std::string_view(kind) == "BOOL") return a[kind] == b[kind] ? 0 : 1;
    if (!a[kind].is_string() || !b[kind].is_string()) return std::nullopt;
    const auto& left = a[kind].get_ref<const std::string&>();
    const auto& right = b[kind].get_ref<const std::string&>();
    if (std::string_view(kind) == "N") {
      const long double x = std::strtold(left.c_str(), nullptr);
      const long double y = std::strtold(right.c_str(), nullptr);
      return x < y ? -1 : (x > y ? 1 : 0);
    }
    return left.compare(right);
  }
  return std::nullopt;
}

bool TermHolds(const std::string& operation, const json& held, const std::vector<json>& values) {
  if (operation == "begins_with") {
    return held.contains("S") && held["S"].is_string() && values[0].contains("S") &&
           values[0]["S"].is_string() &&
           held["S"].get_ref<const std::string&>().starts_with(
               values[0]["S"].get_ref<const std::string&>());
  }
  const auto first = Compare(held, values[0]);
  if (!first.has_value()) return operation == "<>";
  if (operation == "=") return *first == 0;
  if (operation == "<>") return *first != 0;
  if (operation == "<") return *first < 0;
  if (operation == "<=") return *first <= 0;
  if (operation == ">") return *first > 0;
  if (operation == ">=") return *first >= 0;
  const auto second = Compare(held, values[1]);
  return *first >= 0 && second.has_value() && *second <= 0;  // BETWEEN
}

bool IsWordByte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' ||
         c == '#' || c == ':';
}

/// Word without regard to case.
bool IsKeyword(const std::string& token, std::string_view word) {
  if (token.size() != word.size()) return false;
  for (size_t i = 0; i < word.size(); ++i) {
    if (std::toupper(static_cast<unsigned char>(token[i])) != word[i]) return false;
  }
  return true;
}

}  // namespace

class ConditionParser {
 public:
  ConditionParser(const std::string& text, const json& names, const json& values)
      : text_(text), names_(names), values_(values) {}

  Result<ItemCondition> Run() {
    ARROW_RETURN_NOT_OK(Advance());
    ARROW_RETURN_NOT_OK(Conjunction(0));
    if (!token_.empty())
      return Invalid("the expression goes on after its end, at '" + token_ + "'");
    return std::move(condition_);
  }

 private:
  Status Advance() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    token_.clear();
    if (at_ == text_.size()) return Status::OK();
    const char c = text_[at_];
    if (IsWordByte(c)) {
      while (at_ < text_.size() && IsWordByte(text_[at_])) token_ += text_[at_++];
    } else {
      token_ = text_[at_++];
      const bool longer = (c == '<' || c == '>') && at_ < text_.size() &&
                          (text_[at_] == '=' || (c == '<' && text_[at_] == '>'));
      if (longer) token_ += text_[at_++];
      if (std::string_view("()=,<>").find(c) == std::string_view::npos) {
        return Invalid("an expression has no '" + token_ + "'");
      }
    }
    return Status::OK();
  }

  Status Expect(std::string_view wanted) {
    if (token_ != wanted) {
      return Invalid("'" + std::string(wanted) + "' is missing before '" + token_.substr(0, 64) +
                     "'");
    }
    return Advance();
  }

  Status Conjunction(int depth) {
    if (depth > 16) return Invalid("the expression is nested too deep");
    while (true) {
      if (token_ == "(") {
        ARROW_RETURN_NOT_OK(Advance());
        ARROW_RETURN_NOT_OK(Conjunction(depth + 1));
        ARROW_RETURN_NOT_OK(Expect(")"));
      } else {
        ARROW_RETURN_NOT_OK(OneTerm());
      }
      if (!IsKeyword(token_, "AND")) return Status::OK();
      ARROW_RETURN_NOT_OK(Advance());
    }
  }

  Status OneTerm() {
    if (condition_.terms_.size() == kTermsMax) return Invalid("the expression has too many terms");
    ItemCondition::Term term;
    if (token_ == "begins_with") {
      term.operation = token_;
      ARROW_RETURN_NOT_OK(Advance());
      ARROW_RETURN_NOT_OK(Expect("("));
      ARROW_ASSIGN_OR_RAISE(term.attribute, Attribute());
      ARROW_RETURN_NOT_OK(Expect(","));
      ARROW_ASSIGN_OR_RAISE(term.values.emplace_back(), Value());
      ARROW_RETURN_NOT_OK(Expect(")"));
    } else {
      ARROW_ASSIGN_OR_RAISE(term.attribute, Attribute());
      term.operation = token_;
      ARROW_RETURN_NOT_OK(Advance());
      if (IsKeyword(term.operation, "BETWEEN")) {
        term.operation = "BETWEEN";
        ARROW_ASSIGN_OR_RAISE(term.values.emplace_back(), Value());
        if (!IsKeyword(token_, "AND")) return Invalid("BETWEEN has an AND");
        ARROW_RETURN_NOT_OK(Advance());
      } else if (term.operation != "=" && term.operation != "<>" && term.operation != "<" &&
                 term.operation != "<=" && term.operation != ">" && term.operation != ">=") {
        return Invalid("an expression has no operator '" + term.operation.substr(0, 64) + "'");
      }
      ARROW_ASSIGN_OR_RAISE(term.values.emplace_back(), Value());
    }
    condition_.terms_.push_back(std::move(term));
    return Status::OK();
  }

  Result<std::string> Attribute() {
    std::string name = token_;
    if (name.starts_with('#')) {
      const auto found = names_.find(name);
      if (!names_.is_object() || found == names_.end() || !found->is_string()) {
        return Invalid("the name " + name.substr(0, 64) + " is not in ExpressionAttributeNames");
      }
      name = found->get<std::string>();
    } else if (name.empty() || !IsWordByte(name[0]) || name.starts_with(':')) {
      return Invalid("an attribute's name is missing before '" + token_.substr(0, 64) + "'");
    }
    ARROW_RETURN_NOT_OK(Advance());
    return name;
  }

  Result<json> Value() {
    const auto found = values_.is_object() ? values_.find(token_) : values_.end();
    if (!values_.is_object() || found == values_.end() || !found->is_object()) {
      return Invalid("the value " + token_.substr(0, 64) + " is not in ExpressionAttributeValues");
    }
    json value = *found;
    ARROW_RETURN_NOT_OK(Advance());
    return value;
  }

  const std::string& text_;
  const json& names_;
  const json& values_;
  size_t at_ = 0;
  std::string token_;
  ItemCondition condition_;
};

Result<ItemCondition> ItemCondition::Parse(const std::string& text, const json& names,
                                           const json& values) {
  if (text.size() > kTextMax) return Invalid("an expression has at most 4 KiB");
  return ConditionParser(text, names, values).Run();
}

Result<ItemCondition> ItemCondition::FromLegacy(const json& conditions) {
  ItemCondition out;
  if (!conditions.is_object() || conditions.size() > kTermsMax) {
    return Invalid("conditions are an object of attributes");
  }
  for (const auto& [attribute, rule] : conditions.items()) {
    if (!rule.is_object() || !rule.contains("ComparisonOperator") ||
        !rule["ComparisonOperator"].is_string() || !rule.contains("AttributeValueList") ||
        !rule["AttributeValueList"].is_array()) {
      return Invalid("a condition has ComparisonOperator and AttributeValueList");
    }
    static const std::map<std::string, std::pair<std::string, size_t>> kOperators{
        {"EQ", {"=", 1}},
        {"NE", {"<>", 1}},
        {"LT", {"<", 1}},
        {"LE", {"<=", 1}},
        {"GT", {">", 1}},
        {"GE", {">=", 1}},
        {"BETWEEN", {"BETWEEN", 2}},
        {"BEGINS_WITH", {"begins_with", 1}}};
    const auto found = kOperators.find(rule["ComparisonOperator"].get<std::string>());
    const auto& list = rule["AttributeValueList"];
    if (found == kOperators.end() || list.size() != found->second.second) {
      return Invalid("a condition's operator is not known, or has the wrong number of values");
    }
    Term term{.attribute = attribute, .operation = found->second.first};
    for (const json& value : list) term.values.push_back(value);
    out.terms_.push_back(std::move(term));
  }
  return out;
}

bool ItemCondition::Holds(const json& item) const {
  for (const Term& term : terms_) {
    const auto held = item.find(term.attribute);
    if (held == item.end() || !TermHolds(term.operation, *held, term.values)) return false;
  }
  return true;
}

std::optional<json> ItemCondition::EqualTo(const std::string& attribute) const {
  for (const Term& term : terms_) {
    if (term.attribute == attribute && term.operation == "=") return term.values[0];
  }
  return std::nullopt;
}

}  // namespace firth::doors::aws
