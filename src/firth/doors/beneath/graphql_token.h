// The words of GraphQL, of requests and of type systems alike.
#pragma once

#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::beneath::graphql {

struct Token {
  enum class Kind { kEnd, kName, kInt, kFloat, kString, kMark };
  Kind kind = Kind::kEnd;
  std::string text;  // of strings their value; of marks the mark, "..." included
  int line = 1;

  bool Is(std::string_view mark) const { return kind == Kind::kMark && text == mark; }
  bool IsName(std::string_view name) const { return kind == Kind::kName && text == name; }
};

/// Gives token after token, at most `tokens_max` of them.
class Lexer {
 public:
  Lexer(std::string_view text, int tokens_max) : text_(text), left_(tokens_max) {}
  Result<Token> Next();

 private:
  Result<Token> String();
  Result<Token> BlockString();
  Status Escape(std::string* out);
  Result<Token> Number();

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  int left_;
};

Status SyntaxError(int line, const std::string& message);

}  // namespace firth::doors::beneath::graphql
