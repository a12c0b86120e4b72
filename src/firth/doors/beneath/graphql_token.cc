#include "firth/doors/beneath/graphql_token.h"

#include <charconv>

namespace firth::doors::beneath::graphql {
namespace {

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

void AppendUtf8(uint32_t code, std::string* out) {
  const auto put = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

}  // namespace

Status SyntaxError(int line, const std::string& message) {
  return Error(Code::kInvalidArgument, Reason::kNone,
               "line " + std::to_string(line) + ": " + message);
}

Result<Token> Lexer::Next() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '\n') ++line_;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
      ++at_;
    } else if (text_.substr(at_).starts_with("\xef\xbb\xbf")) {
      at_ += 3;
    } else if (c == '#') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else {
      break;
    }
  }
  Token token{.line = line_};
  if (at_ >= text_.size()) return token;
  if (--left_ < 0) return SyntaxError(line_, "the document has too many words");
  const char c = text_[at_];
  if (c == '"') return text_.substr(at_).starts_with("\"\"\"") ? BlockString() : String();
  if (IsDigit(c) || c == '-') return Number();
  const size_t start = at_;
  if (IsLetter(c)) {
    while (at_ < text_.size() && (IsLetter(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    token.kind = Token::Kind::kName;
  } else if (text_.substr(at_).starts_with("...")) {
    at_ += 3;
    token.kind = Token::Kind::kMark;
  } else if (std::string_view("!$&()=:@[]{}|").find(c) != std::string_view::npos) {
    ++at_;
    token.kind = Token::Kind::kMark;
  } else {
    return SyntaxError(line_, "a character is out of place");
  }
  token.text = std::string(text_.substr(start, at_ - start));
  return token;
}

Result<Token> Lexer::Number() {
  Token token{.kind = Token::Kind::kInt, .line = line_};
  const size_t start = at_;
  if (text_[at_] == '-') ++at_;
  const auto digits = [this] {
    const size_t from = at_;
    while (at_ < text_.size() && IsDigit(text_[at_])) ++at_;
    return at_ > from;
  };
  bool good = digits();
  if (good && at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    token.kind = Token::Kind::kFloat;
    good = digits();
  }
  if (good && at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    ++at_;
    token.kind = Token::Kind::kFloat;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    good = digits();
  }
  if (!good || (at_ < text_.size() && IsLetter(text_[at_]))) {
    return SyntaxError(line_, "a number is not well formed");
  }
  token.text = std::string(text_.substr(start, at_ - start));
  return token;
}

Status Lexer::Escape(std::string* out) {
  if (at_ >= text_.size()) return SyntaxError(line_, "a string has no end");
  const char c = text_[at_++];
  constexpr std::string_view kFrom = "\"\\/bfnrt";
  constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
  if (const size_t found = kFrom.find(c); found != std::string_view::npos) {
    out->push_back(kTo[found]);
    return Status::OK();
  }
  const auto hex = [this](uint32_t* code) {
    if (text_.size() - at_ < 4) return false;
    const char* from = text_.data() + at_;
    const auto read = std::from_chars(from, from + 4, *code, 16);
    at_ += 4;
    return read.ptr == from + 4;
  };
  uint32_t code = 0;
  if (c != 'u' || !hex(&code)) return SyntaxError(line_, "a string has an unknown escape");
  if (code >= 0xd800 && code < 0xdc00) {
    uint32_t low = 0;
    const bool pair = text_.substr(at_).starts_with("\\u");
    if (pair) at_ += 2;
    if (!pair || !hex(&low) || low < 0xdc00 || low > 0xdfff) {
      return SyntaxError(line_, "a string has half a character");
    }
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code <= 0xdfff) {
    return SyntaxError(line_, "a string has half a character");
  }
  AppendUtf8(code, out);
  return Status::OK();
}

Result<Token> Lexer::String() {
  Token token{.kind = Token::Kind::kString, .line = line_};
  ++at_;
  while (at_ < text_.size() && text_[at_] != '\n') {
    const char c = text_[at_++];
    if (c == '"') return token;
    if (c == '\\') {
      ARROW_RETURN_NOT_OK(Escape(&token.text));
    } else {
      token.text.push_back(c);
    }
  }
  return SyntaxError(line_, "a string has no end");
}

/// Common indentation is kept as it is written: the one place where blocks occur is text for
/// people.
Result<Token> Lexer::BlockString() {
  Token token{.kind = Token::Kind::kString, .line = line_};
  at_ += 3;
  while (at_ < text_.size()) {
    if (text_.substr(at_).starts_with("\"\"\"")) {
      at_ += 3;
      return token;
    }
    if (text_.substr(at_).starts_with("\\\"\"\"")) ++at_;
    if (text_[at_] == '\n') ++line_;
    token.text.push_back(text_[at_++]);
  }
  return SyntaxError(token.line, "a string has no end");
}

}  // namespace firth::doors::beneath::graphql
