#include "firth/query/sql_text.h"

#include <cctype>
#include <utility>

namespace firth::query {
namespace {

std::string Quoted(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  return quoted + quote;
}

}  // namespace

std::string QuotedName(std::string_view name) {
  return Quoted(name, '"');
}
std::string QuotedText(std::string_view text) {
  return Quoted(text, '\'');
}

std::string LowerName(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Status Refused(std::string text) {
  return Error(Code::kInvalidArgument, Reason::kQueryRefused, std::move(text));
}

Status NoTree(const std::string& what) {
  return Error(Code::kInternal, Reason::kNone,
               "DuckDB's parse tree is not as it should be: " + what);
}

}  // namespace firth::query
