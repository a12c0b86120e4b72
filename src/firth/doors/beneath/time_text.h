// Times as clients write them.
#pragma once

#include <cstdint>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::beneath {

/// RFC 3339 with any number of fraction digits and `Z` or an offset, to nanoseconds since the
/// epoch.
Result<int64_t> ParseTimeNs(std::string_view text);
/// RFC 3339, or a date and time, a date, a month or a year of UTC, to milliseconds since the epoch.
Result<int64_t> ParseLooseTimeMs(std::string_view text);

}  // namespace firth::doors::beneath
