// The where form: `a = 1 and b starts with 'x'`.
#include <cctype>

#include "firth/doors/beneath/filter.h"
#include "firth/doors/beneath/refusals.h"

namespace firth::doors::beneath {
namespace {

Status CannotParse(const std::string& why) {
  return Invalid("couldn't parse filter: " + why);
}

struct Word {
  enum class Kind { kEnd, kName, kText, kNumber, kMark };
  Kind kind = Kind::kEnd;
  std::string text;
};

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Json> Parse() {
    Json out = Json::object();
    ARROW_RETURN_NOT_OK(Step());
    while (true) {
      const bool inside = word_.text == "(" && word_.kind == Word::Kind::kMark;
      if (inside) ARROW_RETURN_NOT_OK(Step());
      ARROW_RETURN_NOT_OK(Condition(&out));
      if (inside) {
        if (!IsMark(")")) return CannotParse("a parenthesis is not closed");
        ARROW_RETURN_NOT_OK(Step());
      }
      if (word_.kind == Word::Kind::kEnd) return out;
      const bool separator = IsMark(",") || IsMark("&") || IsMark("&&") ||
                             (word_.kind == Word::Kind::kName && Lower(word_.text) == "and");
      if (!separator)
        return CannotParse("expected `and` before '" + word_.text.substr(0, 64) + "'");
      ARROW_RETURN_NOT_OK(Step());
    }
  }

 private:
  bool IsMark(std::string_view mark) const {
    return word_.kind == Word::Kind::kMark && word_.text == mark;
  }

  Status Condition(Json* out) {
    if (word_.kind != Word::Kind::kName) return CannotParse("expected the name of a field");
    const std::string field = word_.text;
    ARROW_RETURN_NOT_OK(Step());
    ARROW_ASSIGN_OR_RAISE(const std::string op, Operator());
    ARROW_ASSIGN_OR_RAISE(Json value, Value());
    Json& conditions = (*out)[field];
    if (conditions.is_null()) conditions = Json::object();
    if (conditions.contains(op)) {
      return Invalid("error parsing query: field '" + field.substr(0, 64) +
                     "' has two conditions of a kind");
    }
    conditions[op] = std::move(value);
    return Status::OK();
  }

  Result<std::string> Operator() {
    std::string op;
    if (word_.kind == Word::Kind::kName) {
      const std::string name = Lower(word_.text);
      if (name == "is") {
        op = "_eq";
      } else if (name == "starts") {
        ARROW_RETURN_NOT_OK(Step());
        if (word_.kind != Word::Kind::kName || Lower(word_.text) != "with") {
          return CannotParse("expected `with` after `starts`");
        }
        op = "_prefix";
      }
    } else if (word_.kind == Word::Kind::kMark) {
      if (word_.text == "=" || word_.text == "==") op = "_eq";
      if (word_.text == ">") op = "_gt";
      if (word_.text == ">=") op = "_gte";
      if (word_.text == "<") op = "_lt";
      if (word_.text == "<=") op = "_lte";
    }
    if (op.empty()) return CannotParse("expected an operator");
    ARROW_RETURN_NOT_OK(Step());
    return op;
  }

  Result<Json> Value() {
    Json value;
    if (word_.kind == Word::Kind::kText) {
      value = word_.text;
    } else if (word_.kind == Word::Kind::kNumber) {
      value = Json::parse(word_.text, nullptr, /*allow_exceptions=*/false);
      if (!value.is_number())
        return CannotParse("'" + word_.text.substr(0, 64) + "' is not a number");
    } else if (word_.kind == Word::Kind::kName) {
      const std::string name = Lower(word_.text);
      if (name == "true")
        value = true;
      else if (name == "false")
        value = false;
      else if (name != "null")
        return CannotParse("expected a value");
    } else {
      return CannotParse("expected a value");
    }
    ARROW_RETURN_NOT_OK(Step());
    return value;
  }

  Status Step() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    word_ = {};
    if (at_ >= text_.size()) return Status::OK();
    const char c = text_[at_];
    if (c == '\'' || c == '"') return Text(c);
    const size_t from = at_;
    const auto letter = [](char l) {
      return std::isalnum(static_cast<unsigned char>(l)) != 0 || l == '_';
    };
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '+') {
      word_.kind = Word::Kind::kNumber;
      ++at_;
      while (at_ < text_.size() && (letter(text_[at_]) || text_[at_] == '.')) ++at_;
    } else if (letter(c)) {
      word_.kind = Word::Kind::kName;
      while (at_ < text_.size() && letter(text_[at_])) ++at_;
    } else if (std::string_view("=<>&,()").find(c) != std::string_view::npos) {
      word_.kind = Word::Kind::kMark;
      ++at_;
      const bool twice = (c == '=' || c == '&') && at_ < text_.size() && text_[at_] == c;
      const bool equal = (c == '<' || c == '>') && at_ < text_.size() && text_[at_] == '=';
      if (twice || equal) ++at_;
    } else {
      return CannotParse("a character is out of place");
    }
    word_.text = std::string(text_.substr(from, at_ - from));
    return Status::OK();
  }

  Status Text(char quote) {
    word_.kind = Word::Kind::kText;
    for (++at_; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return Status::OK();
      }
      if (c == '\\' && at_ + 1 < text_.size()) c = text_[++at_];
      word_.text.push_back(c);
    }
    return CannotParse("a string has no end");
  }

  std::string_view text_;
  size_t at_ = 0;
  Word word_;
};

}  // namespace

Result<Json> ParseWhere(std::string_view text) {
  return Parser(text).Parse();
}

}  // namespace firth::doors::beneath
