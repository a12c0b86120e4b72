#include "firth/doors/flight/duration_text.h"

#include <array>
#include <utility>

#include "firth/common/text.h"

namespace firth::doors::flight {
namespace {

// Largest first.
constexpr std::array<std::pair<std::string_view, int64_t>, 7> kUnits = {{
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
}};

}  // namespace

Result<int64_t> ParseDuration(std::string_view text) {
  const size_t digits = text.find_first_not_of("0123456789");
  if (digits != 0 && digits != std::string_view::npos) {
    const auto number = ParseInt64(text.substr(0, digits));
    for (const auto& [unit, ns] : kUnits) {
      int64_t product = 0;
      if (unit == text.substr(digits) && number.ok() &&
          !__builtin_mul_overflow(*number, ns, &product)) {
        return product;
      }
    }
  }
  return Error(Code::kInvalidArgument, Reason::kNone,
               "`" + std::string(text.substr(0, 64)) +
                   "` is no duration; write a number and ns, us, ms, s, m, h or d, like 7d");
}

std::string DurationToText(int64_t ns) {
  for (const auto& [unit, size] : kUnits) {
    if (ns != 0 && ns % size == 0) return std::to_string(ns / size) + std::string(unit);
  }
  return "0s";
}

}  // namespace firth::doors::flight
