// JSON from outside.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::aws {

using nlohmann::json;

/// Parse hostile text: at most 64 levels deep, UTF-8. Error kInvalidArgument says what is wrong.
Result<json> ParseJson(std::string_view text);

/// The text of `value`; bytes that are not UTF-8 are replaced.
std::string JsonText(const json& value);

/// A member that is a text; "" if it is absent or null. Error kInvalidArgument for another kind.
Result<std::string> TextMember(const json& object, const char* name);

}  // namespace firth::doors::aws
