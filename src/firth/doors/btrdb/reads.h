// What calls that read points have in common: limits, and the checks of what is asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "firth/doors/btrdb/errors.h"
#include "firth/doors/btrdb/facts.h"
#include "firth/table/series.h"

namespace firth::doors::btrdb {

inline constexpr size_t kRowsAMessage = 20'000;
inline constexpr uint64_t kWindowsMax = 100'000'000;
inline constexpr uint32_t kWidthBitsMax = 63;

/// A version of a request as a revision; 0 is the latest.
inline int64_t RevisionOf(uint64_t version) {
  return version > INT64_MAX ? INT64_MAX : static_cast<int64_t>(version);
}

inline std::optional<Refusal> CheckTimes(int64_t start, int64_t end) {
  const Status range = timeview::CheckRange(start, end);
  if (range.ok()) return std::nullopt;
  return Refusal{kBadTime, range.message()};
}

/// Of windows of 2^width ns.
inline std::optional<Refusal> CheckAligned(int64_t start, int64_t end, uint64_t width) {
  if (auto refused = CheckTimes(start, end)) return refused;
  if (width <= kWidthBitsMax) return std::nullopt;
  return Refusal{kBadWidth, "the point width is 0 to 63"};
}

/// Of windows of any width.
inline std::optional<Refusal> CheckWindows(int64_t start, int64_t end, uint64_t width,
                                           uint32_t depth) {
  if (auto refused = CheckTimes(start, end)) return refused;
  if (width == 0 || width > uint64_t{1} << 63 || depth > kWidthBitsMax) {
    return Refusal{kBadWidth, "the width is 1 to 2^63 and the depth 0 to 63"};
  }
  const auto count = (static_cast<uint64_t>(end) - static_cast<uint64_t>(start)) / width;
  if (count <= kWindowsMax) return std::nullopt;
  return Refusal{kWrongArguments,
                 std::to_string(count) + " windows are asked for; 100,000,000 is the most"};
}

}  // namespace firth::doors::btrdb
