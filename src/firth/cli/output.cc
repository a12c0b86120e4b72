#include "firth/cli/output.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace firth::cli {

using nlohmann::json;

Status Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return Status::OK();
  }
  return Error(Code::kUnavailable, Reason::kIo, "standard output takes no more");
}

Status PrintJson(const json& value) {
  return Print(value.dump(-1, ' ', false, json::error_handler_t::replace) + '\n');
}

Status PrintEither(const Common& common, const json& value, std::string_view words) {
  return common.json ? PrintJson(value) : Print(words);
}

Result<json> Act(doors::flight::Session* session, const std::string& action, const json& body) {
  ARROW_ASSIGN_OR_RAISE(
      const std::string answer,
      session->Act(action, body.dump(-1, ' ', false, json::error_handler_t::replace)));
  json parsed = json::parse(answer, nullptr, false);
  if (parsed.is_discarded()) {
    return Error(Code::kInternal, Reason::kNone,
                 "the server answered `" + action + "` without JSON");
  }
  return parsed;
}

std::string WithCommas(int64_t number) {
  std::string digits = std::to_string(number);
  const int first = number < 0 ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string BytesText(uint64_t bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string Counted(int64_t count, std::string_view noun) {
  return WithCommas(count) + ' ' + std::string(noun) + (count == 1 ? "" : "s");
}

std::string Joined(const json& texts) {
  std::string joined;
  for (const json& text : texts) joined += (joined.empty() ? "" : ", ") + text.get<std::string>();
  return joined;
}

}  // namespace firth::cli
