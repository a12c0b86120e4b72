// Whole numbers of up to 128 digits: the bytes that Avro's decimals are, and decimal text.
#pragma once

#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::beneath {

inline constexpr size_t kDigitsMax = 128;

/// Big-endian two's complement to decimal text; no bytes are 0. Error kBadValue beyond 128 digits.
Result<std::string> NumberFromBytes(std::string_view bytes);
/// Decimal text to the shortest big-endian two's complement. Error kBadValue.
Result<std::string> NumberToBytes(std::string_view text);

}  // namespace firth::doors::beneath
