// JSON as this door reads and writes it. For .cc files only: the library is large.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::doors::fluss {

/// What was read. Its members are found by search tree, so that a hostile text cannot make it slow.
using Json = nlohmann::json;
/// What is to be written: members keep their order.
using JsonOut = nlohmann::ordered_json;

inline constexpr size_t kJsonBytesMax = size_t{4} << 20;

/// Parse hostile text. Errors: kInvalidArgument for what is not JSON, too deep or too long.
Result<Json> ParseJson(std::string_view text);

/// Write without spaces; bytes that are not UTF-8 become U+FFFD.
std::string ToText(const JsonOut& json);

/// Member `name` of an object as what it must be, or nullopt where it is absent or null. A member
/// of another kind is an error that names it.
Result<std::optional<std::string>> OptionalText(const Json& object, const char* name);
Result<std::optional<int64_t>> OptionalInt(const Json& object, const char* name);
Result<std::optional<bool>> OptionalBool(const Json& object, const char* name);
Result<std::vector<std::string>> TextList(const Json& object, const char* name);
Result<std::map<std::string, std::string>> TextMap(const Json& object, const char* name);

}  // namespace firth::doors::fluss
