// The words of the schema language.
#pragma once

#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::beneath {

struct Token {
  enum class Kind { kEnd, kName, kText, kNumber, kMark };
  Kind kind = Kind::kEnd;
  std::string text;  // of a kText without quotes and escapes; of a kMark one character
  int line = 1;

  bool Is(char mark) const { return kind == Kind::kMark && text[0] == mark; }
  bool IsName(std::string_view name) const { return kind == Kind::kName && text == name; }
};

/// Gives token after token. Comments (`#`, `//`) and white space lie between them.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}
  /// Error kInvalidSchema for an unended text or an unknown character.
  Result<Token> Next();

 private:
  void SkipSpace();
  Result<Token> Text(char quote);

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
};

}  // namespace firth::doors::beneath
