// The aggregate functions of columns: the JSON that describes a table has an object, the store a
// text like "listagg(; )".
#pragma once

#include <string>

#include "firth/common/status.h"
#include "firth/doors/fluss/json.h"

namespace firth::doors::fluss {

inline constexpr char kAggregateMember[] = "agg_function";

/// The text of a column's function, or "" where `column` names none. Whether there is such a
/// function, and whether it fits the column, is for the engine to say. Errors carry the protocol's
/// codes.
Result<std::string> AggregateFromJson(const Json& column);

/// The object of such a text.
JsonOut AggregateToJson(const std::string& text);

}  // namespace firth::doors::fluss
