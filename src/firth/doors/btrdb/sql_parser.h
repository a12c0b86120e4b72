// From the text of a statement to its tree, by PostgreSQL's own parser.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "firth/common/status.h"

namespace firth::doors::btrdb {

/// Bytes of a statement at most.
inline constexpr size_t kSqlBytesMax = 64 << 10;

/// Parse hostile text that must be one SELECT; the answer is its `SelectStmt`. Error
/// kInvalidArgument / kQueryRefused, in the parser's words.
Result<nlohmann::json> ParseSelect(const std::string& text);

/// A refusal of a statement.
Status SqlError(std::string what);

}  // namespace firth::doors::btrdb
