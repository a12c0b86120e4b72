// The passes give what plain loops give: for every length around those that are taken at once, for
// numbers of all sizes, and wherever in the column the one lies that matters.
#include "firth/timeview/number_range.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace firth::timeview {
namespace {

constexpr size_t kLengthMax = 67;

/// Numbers of a random size, so that both ends of the line are met, and neighbours.
std::vector<int64_t> Numbers(size_t count, std::mt19937_64* random) {
  const auto shift = static_cast<int>((*random)() % 64);
  std::vector<int64_t> numbers(count);
  for (int64_t& number : numbers) number = static_cast<int64_t>((*random)()) >> shift;
  return numbers;
}

TEST(NumberRangeTest, RangesAndDifferencesAreThoseOfPlainLoops) {
  std::mt19937_64 random(1);
  for (size_t count = 0; count <= kLengthMax; ++count) {
    for (int round = 0; round < 20; ++round) {
      const std::vector<int64_t> numbers = Numbers(count, &random);
      NumberRange all;
      NumberRange steps;
      std::vector<uint64_t> above;
      std::vector<uint64_t> steps_above;
      const uint64_t base = random();
      for (size_t i = 0; i < count; ++i) {
        all.least = std::min(all.least, numbers[i]);
        all.greatest = std::max(all.greatest, numbers[i]);
        above.push_back(static_cast<uint64_t>(numbers[i]) - base);
        if (i == 0) continue;
        const uint64_t step =
            static_cast<uint64_t>(numbers[i]) - static_cast<uint64_t>(numbers[i - 1]);
        steps.least = std::min(steps.least, static_cast<int64_t>(step));
        steps.greatest = std::max(steps.greatest, static_cast<int64_t>(step));
        steps_above.push_back(step - base);
      }
      EXPECT_EQ(RangeOf(numbers).least, all.least);
      EXPECT_EQ(RangeOf(numbers).greatest, all.greatest);
      EXPECT_EQ(RangeOfSteps(numbers).least, steps.least);
      EXPECT_EQ(RangeOfSteps(numbers).greatest, steps.greatest);
      std::vector<uint64_t> out(count);
      NumbersAbove(numbers, base, out);
      EXPECT_EQ(out, above);
      if (count == 0) continue;
      out.resize(count - 1);
      StepsAbove(numbers, base, out);
      EXPECT_EQ(out, steps_above);
    }
  }
}

TEST(NumberRangeTest, OrderIsBrokenAtAnyPlace) {
  for (size_t count = 0; count <= kLengthMax; ++count) {
    std::vector<int64_t> numbers(count);
    for (size_t i = 0; i < count; ++i) numbers[i] = static_cast<int64_t>(i / 2);
    EXPECT_TRUE(AreInOrder(numbers));
    for (size_t i = 1; i < count; ++i) {
      auto broken = numbers;
      broken[i] = broken[i - 1] - 1;
      EXPECT_FALSE(AreInOrder(broken)) << i << " of " << count;
    }
  }
}

TEST(NumberRangeTest, EqualNeighboursAreSeenAtAnyPlace) {
  for (size_t count = 0; count <= kLengthMax; ++count) {
    std::vector<int64_t> numbers(count);
    for (size_t i = 0; i < count; ++i) numbers[i] = static_cast<int64_t>(2 * i);
    EXPECT_TRUE(AreDistinct(numbers));
    for (size_t i = 1; i < count; ++i) {
      for (const int64_t less : {0, 1}) {
        auto other = numbers;
        other[i] = other[i - 1] - less;
        EXPECT_FALSE(AreDistinct(other)) << i << " of " << count;
      }
    }
  }
}

TEST(NumberRangeTest, AnyValueThatIsNotFiniteIsSeen) {
  using Limits = std::numeric_limits<double>;
  for (size_t count = 0; count <= kLengthMax; ++count) {
    std::vector<double> values(count, Limits::max());
    EXPECT_TRUE(AreFinite(values));
    for (size_t i = 0; i < count; ++i) {
      for (const double odd : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                               -Limits::quiet_NaN(), Limits::signaling_NaN()}) {
        auto with_odd = values;
        with_odd[i] = odd;
        EXPECT_FALSE(AreFinite(with_odd)) << i << " of " << count;
      }
      values[i] = i % 2 == 0 ? Limits::lowest() : Limits::denorm_min();
    }
  }
}

}  // namespace
}  // namespace firth::timeview
