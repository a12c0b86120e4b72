#include "firth/timeview/number_range.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>

#include "firth/common/status.h"

namespace firth::timeview {
namespace {

/// All bits of a double's exponent: those of what is infinite, or no number.
constexpr uint64_t kExponent = uint64_t{0x7ff} << 52;

uint64_t Wrapped(int64_t number) {
  return static_cast<uint64_t>(number);
}

/// What a pass over the front of a column found, and where the rest begins.
struct Front {
  NumberRange range;
  size_t end = 0;
};

#if defined(__x86_64__)
// Four numbers at once. Without AVX2 a processor compares such numbers one by one.
constexpr size_t kLanes = 4;
using Signed [[gnu::vector_size(32)]] = int64_t;
using Unsigned [[gnu::vector_size(32)]] = uint64_t;

bool HasAvx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

[[gnu::target("avx2")]] void Take(const Signed& least, const Signed& greatest, NumberRange* range) {
  for (size_t i = 0; i < kLanes; ++i) {
    range->least = std::min<int64_t>(range->least, least[i]);
    range->greatest = std::max<int64_t>(range->greatest, greatest[i]);
  }
}

[[gnu::target("avx2")]] Front FrontRange(std::span<const int64_t> numbers) {
  Front front;
  Signed least = Signed{} + front.range.least;
  Signed greatest = Signed{} + front.range.greatest;
  for (; front.end + kLanes <= numbers.size(); front.end += kLanes) {
    Signed four;
    std::memcpy(&four, numbers.data() + front.end, sizeof four);
    least = four < least ? four : least;
    greatest = four > greatest ? four : greatest;
  }
  Take(least, greatest, &front.range);
  return front;
}

[[gnu::target("avx2")]] Front FrontRangeOfSteps(std::span<const int64_t> numbers) {
  Front front{.range = {}, .end = 1};
  Signed least = Signed{} + front.range.least;
  Signed greatest = Signed{} + front.range.greatest;
  for (; front.end + kLanes <= numbers.size(); front.end += kLanes) {
    Unsigned before;
    Unsigned four;
    std::memcpy(&before, numbers.data() + front.end - 1, sizeof before);
    std::memcpy(&four, numbers.data() + front.end, sizeof four);
    const auto steps = reinterpret_cast<Signed>(four - before);
    least = steps < least ? steps : least;
    greatest = steps > greatest ? steps : greatest;
  }
  Take(least, greatest, &front.range);
  return front;
}

[[gnu::target("avx2")]] size_t FrontAbove(std::span<const int64_t> numbers, uint64_t base,
                                          std::span<uint64_t> out) {
  size_t i = 0;
  for (; i + kLanes <= out.size(); i += kLanes) {
    Unsigned four;
    std::memcpy(&four, numbers.data() + i, sizeof four);
    four -= base;
    std::memcpy(out.data() + i, &four, sizeof four);
  }
  return i;
}

[[gnu::target("avx2")]] size_t FrontStepsAbove(std::span<const int64_t> numbers, uint64_t base,
                                               std::span<uint64_t> out) {
  size_t i = 0;
  for (; i + kLanes <= out.size(); i += kLanes) {
    Unsigned before;
    Unsigned four;
    std::memcpy(&before, numbers.data() + i, sizeof before);
    std::memcpy(&four, numbers.data() + i + 1, sizeof four);
    four -= before + base;
    std::memcpy(out.data() + i, &four, sizeof four);
  }
  return i;
}

/// Where the numbers end that were looked at; 0 if one of them falls.
[[gnu::target("avx2")]] size_t FrontInOrder(std::span<const int64_t> numbers) {
  size_t i = 1;
  Signed falls{};
  for (; i + kLanes <= numbers.size(); i += kLanes) {
    Signed before;
    Signed four;
    std::memcpy(&before, numbers.data() + i - 1, sizeof before);
    std::memcpy(&four, numbers.data() + i, sizeof four);
    falls |= four < before;
  }
  return (falls[0] | falls[1] | falls[2] | falls[3]) == 0 ? i : 0;
}

/// Where the numbers end that were looked at; 0 if one of them is no more than the one before it.
[[gnu::target("avx2")]] size_t FrontDistinct(std::span<const int64_t> numbers) {
  size_t i = 1;
  Signed same_or_falls{};
  for (; i + kLanes <= numbers.size(); i += kLanes) {
    Signed before;
    Signed four;
    std::memcpy(&before, numbers.data() + i - 1, sizeof before);
    std::memcpy(&four, numbers.data() + i, sizeof four);
    same_or_falls |= four <= before;
  }
  return (same_or_falls[0] | same_or_falls[1] | same_or_falls[2] | same_or_falls[3]) == 0 ? i : 0;
}

/// Where the values end that were looked at; SIZE_MAX if one of them is not finite.
[[gnu::target("avx2")]] size_t FrontFinite(std::span<const double> values) {
  size_t i = 0;
  Signed odd{};
  for (; i + kLanes <= values.size(); i += kLanes) {
    Unsigned four;
    std::memcpy(&four, values.data() + i, sizeof four);
    odd |= (four & kExponent) == kExponent;
  }
  return (odd[0] | odd[1] | odd[2] | odd[3]) == 0 ? i : SIZE_MAX;
}
#endif

}  // namespace

NumberRange RangeOf(std::span<const int64_t> numbers) {
  Front front;
#if defined(__x86_64__)
  if (HasAvx2()) front = FrontRange(numbers);
#endif
  for (size_t i = front.end; i < numbers.size(); ++i) {
    front.range.least = std::min(front.range.least, numbers[i]);
    front.range.greatest = std::max(front.range.greatest, numbers[i]);
  }
  return front.range;
}

NumberRange RangeOfSteps(std::span<const int64_t> numbers) {
  Front front{.range = {}, .end = 1};
#if defined(__x86_64__)
  if (HasAvx2()) front = FrontRangeOfSteps(numbers);
#endif
  for (size_t i = front.end; i < numbers.size(); ++i) {
    const auto step = static_cast<int64_t>(Wrapped(numbers[i]) - Wrapped(numbers[i - 1]));
    front.range.least = std::min(front.range.least, step);
    front.range.greatest = std::max(front.range.greatest, step);
  }
  return front.range;
}

void NumbersAbove(std::span<const int64_t> numbers, uint64_t base, std::span<uint64_t> out) {
  FIRTH_CHECK(numbers.size() == out.size());
  size_t i = 0;
#if defined(__x86_64__)
  if (HasAvx2()) i = FrontAbove(numbers, base, out);
#endif
  for (; i < out.size(); ++i) out[i] = Wrapped(numbers[i]) - base;
}

void StepsAbove(std::span<const int64_t> numbers, uint64_t base, std::span<uint64_t> out) {
  FIRTH_CHECK(numbers.size() == out.size() + 1);
  size_t i = 0;
#if defined(__x86_64__)
  if (HasAvx2()) i = FrontStepsAbove(numbers, base, out);
#endif
  for (; i < out.size(); ++i) out[i] = Wrapped(numbers[i + 1]) - Wrapped(numbers[i]) - base;
}

bool AreInOrder(std::span<const int64_t> numbers) {
  size_t i = 1;
#if defined(__x86_64__)
  if (HasAvx2()) i = FrontInOrder(numbers);
  if (i == 0) return false;
#endif
  bool falls = false;
  for (; i < numbers.size(); ++i) falls |= numbers[i] < numbers[i - 1];
  return !falls;
}

bool AreDistinct(std::span<const int64_t> numbers) {
  size_t i = 1;
#if defined(__x86_64__)
  if (HasAvx2()) i = FrontDistinct(numbers);
  if (i == 0) return false;
#endif
  bool same_or_falls = false;
  for (; i < numbers.size(); ++i) same_or_falls |= numbers[i] <= numbers[i - 1];
  return !same_or_falls;
}

bool AreFinite(std::span<const double> values) {
  size_t i = 0;
#if defined(__x86_64__)
  if (HasAvx2()) i = FrontFinite(values);
  if (i == SIZE_MAX) return false;
#endif
  bool odd = false;
  for (; i < values.size(); ++i) {
    odd |= (std::bit_cast<uint64_t>(values[i]) & kExponent) == kExponent;
  }
  return !odd;
}

}  // namespace firth::timeview
