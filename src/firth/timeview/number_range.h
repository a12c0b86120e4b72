// Passes over columns that are in memory: by as many numbers at once as the processor takes.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace firth::timeview {

/// The least and the greatest of some numbers; of none, `least` is more than `greatest`.
struct NumberRange {
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t greatest = std::numeric_limits<int64_t>::min();
};
NumberRange RangeOf(std::span<const int64_t> numbers);
/// Of the differences of neighbours, which wrap.
NumberRange RangeOfSteps(std::span<const int64_t> numbers);

/// What each number is more than `base`, or each step to a number from the one before it; both
/// wrap. `out` holds as many numbers, or one less.
void NumbersAbove(std::span<const int64_t> numbers, uint64_t base, std::span<uint64_t> out);
void StepsAbove(std::span<const int64_t> numbers, uint64_t base, std::span<uint64_t> out);

/// Does no number come before a greater one?
bool AreInOrder(std::span<const int64_t> numbers);
/// Does each number come behind a lower one?
bool AreDistinct(std::span<const int64_t> numbers);
/// Is none of them infinite, or no number?
bool AreFinite(std::span<const double> values);

}  // namespace firth::timeview
