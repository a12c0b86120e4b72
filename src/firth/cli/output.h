// What commands print: JSON for programs, words for people.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "firth/cli/commands.h"
#include "firth/common/status.h"
#include "firth/doors/flight/session.h"

namespace firth::cli {

/// Write to standard output. Error kIo when nobody reads it any more.
Status Print(std::string_view text);
/// One line of JSON.
Status PrintJson(const nlohmann::json& json);
/// The JSON where --json asks for it, else the words.
Status PrintEither(const Common& common, const nlohmann::json& json, std::string_view words);

/// Run an action; its answer.
Result<nlohmann::json> Act(doors::flight::Session* session, const std::string& action,
                           const nlohmann::json& body);

/// 1234567 as "1,234,567".
std::string WithCommas(int64_t number);
/// Bytes as "1.2 MB".
std::string BytesText(uint64_t bytes);
/// "1 row", "2 rows".
std::string Counted(int64_t count, std::string_view noun);
/// The texts with ", " between.
std::string Joined(const nlohmann::json& texts);

}  // namespace firth::cli
