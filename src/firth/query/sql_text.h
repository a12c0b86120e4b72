// Pieces of SQL that we write ourselves.
#pragma once

#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::query {

/// A name in double quotes.
std::string QuotedName(std::string_view name);
/// A literal in single quotes.
std::string QuotedText(std::string_view text);
/// In lower case, as DuckDB compares names: ASCII only.
std::string LowerName(std::string text);

/// A list of pieces, with `, ` between them.
template <typename List, typename Piece>
std::string Joined(const List& list, Piece&& piece) {
  std::string text;
  for (const auto& one : list) text += (text.empty() ? "" : ", ") + piece(one);
  return text;
}

/// kQueryRefused.
Status Refused(std::string text);
/// A parse tree is not what DuckDB's used to be.
Status NoTree(const std::string& what);

}  // namespace firth::query
