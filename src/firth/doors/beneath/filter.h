// Filters of index queries, in both forms, as ranges of keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/doors/beneath/table_facts.h"
#include "firth/work/cursor_bytes.h"

namespace firth::doors::beneath {

using work::KeyRange;

inline constexpr size_t kFilterBytesMax = 64 << 10;

/// A filter's conditions as a JSON object: field to value, or to an object of operators. Takes the
/// JSON form and the where form; empty text gives an empty object. Error kInvalidArgument begins
/// with "couldn't parse".
Result<Json> ParseFilter(std::string_view text);
/// The where form alone.
Result<Json> ParseWhere(std::string_view text);

/// The keys that a filter's conditions select. Error kInvalidArgument begins with "error parsing
/// query".
Result<KeyRange> RangeOfFilter(const TableFacts& facts, const Json& conditions);

}  // namespace firth::doors::beneath
