// Durations as people write them: a whole number and a unit, "7d", "90m", "250ms".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::flight {

/// Nanoseconds of a text like "7d": units ns, us, ms, s, m, h, d. Error kInvalidArgument.
Result<int64_t> ParseDuration(std::string_view text);
/// The duration in the largest unit that divides it.
std::string DurationToText(int64_t ns);

}  // namespace firth::doors::flight
