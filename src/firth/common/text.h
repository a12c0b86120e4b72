// Small facts about text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth {

/// Is `text` well-formed UTF-8?
bool IsUtf8(std::string_view text);

/// Lower-case hex of bytes, and back. Errors: kInvalidArgument.
std::string ToHex(std::string_view bytes);
Result<std::string> FromHex(std::string_view hex);

/// 16 bytes as `8-4-4-4-12` lower-case hex, and back (dashes optional, any case).
std::string UuidToText(std::string_view bytes);
Result<std::string> UuidFromText(std::string_view text);

/// A whole decimal number. Errors: kInvalidArgument.
Result<int64_t> ParseInt64(std::string_view text);

/// `ns` since the epoch as RFC 3339 in UTC, with as many fraction digits as needed (0, 3, 6, 9).
std::string FormatTimeNs(int64_t ns);

}  // namespace firth
