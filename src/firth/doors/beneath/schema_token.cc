#include "firth/doors/beneath/schema_token.h"

namespace firth::doors::beneath {
namespace {

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
constexpr std::string_view kMarks = "@(){}[]:!,";

}  // namespace

void Tokens::SkipSpace() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '\n') ++line_;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
      ++at_;
    } else if (c == '#' || text_.substr(at_).starts_with("//")) {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else {
      return;
    }
  }
}

Result<Token> Tokens::Text(char quote) {
  Token token{.kind = Token::Kind::kText, .line = line_};
  const std::string three(3, quote);
  const bool block = quote == '"' && text_.substr(at_).starts_with(three);
  at_ += block ? 3 : 1;
  while (at_ < text_.size()) {
    if (block ? text_.substr(at_).starts_with(three) : text_[at_] == quote) {
      at_ += block ? 3 : 1;
      return token;
    }
    char c = text_[at_++];
    if (c == '\n') ++line_;
    if (c == '\\' && at_ < text_.size() && !block) {
      c = text_[at_++];
      if (c == 'n')
        c = '\n';
      else if (c == 't')
        c = '\t';
      else if (c == 'r')
        c = '\r';
    }
    token.text.push_back(c);
  }
  return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
               "line " + std::to_string(token.line) + ": a string has no end");
}

Result<Token> Tokens::Next() {
  SkipSpace();
  Token token{.line = line_};
  if (at_ >= text_.size()) return token;
  const char c = text_[at_];
  if (c == '"' || c == '\'') return Text(c);
  const size_t start = at_;
  if (IsLetter(c)) {
    while (at_ < text_.size() && (IsLetter(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    token.kind = Token::Kind::kName;
  } else if (IsDigit(c) || c == '-') {
    ++at_;
    while (at_ < text_.size() && (IsDigit(text_[at_]) || text_[at_] == '.')) ++at_;
    token.kind = Token::Kind::kNumber;
  } else if (kMarks.find(c) != std::string_view::npos) {
    ++at_;
    token.kind = Token::Kind::kMark;
  } else {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "line " + std::to_string(line_) + ": a character is out of place");
  }
  token.text = std::string(text_.substr(start, at_ - start));
  return token;
}

}  // namespace firth::doors::beneath
