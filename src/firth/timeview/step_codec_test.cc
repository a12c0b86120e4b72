// Goal: times on a grid with holes come back as they were, in few bits; what lies on no grid is
// left to others, and bytes that are not a column are refused. Method: columns of known kinds.

#include "firth/timeview/step_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <vector>

#include "firth/timeview/integer_codec.h"

namespace firth::timeview {
namespace {

/// Each third point or so of a series of 120 points a second.
std::vector<int64_t> LateTimes(size_t count) {
  std::mt19937_64 random(1);
  std::vector<int64_t> times;
  for (int64_t i = 0; times.size() < count; ++i) {
    if (random() % 10 < 3) times.push_back(1'500'000'000'000'000'000 + i * 1'000'000'000 / 120);
  }
  return times;
}

std::vector<int64_t> ThroughBytes(const std::vector<int64_t>& numbers, size_t* bytes) {
  std::string out;
  IntegerEncoder().Encode(numbers, CodedFor::kKeeping, &out);
  *bytes = out.size();
  std::vector<int64_t> same(numbers.size());
  ByteReader in(AsBytes(out));
  EXPECT_TRUE(DecodeIntegers(&in, same).ok());
  EXPECT_EQ(in.remaining(), 0u);
  return same;
}

TEST(StepCodecTest, TimesOfAGridWithHolesTakeFewBits) {
  for (const size_t count : {256u, 257u, 10'000u}) {
    const auto times = LateTimes(count);
    size_t bytes = 0;
    EXPECT_EQ(ThroughBytes(times, &bytes), times);
    EXPECT_LT(bytes, count * 12 / 8 + 40);
  }
}

TEST(StepCodecTest, AnythingComesBack) {
  const int64_t least = std::numeric_limits<int64_t>::min();
  const int64_t most = std::numeric_limits<int64_t>::max();
  std::vector<std::vector<int64_t>> columns;
  auto times = LateTimes(1000);
  times[300] = times[299];  // equal ones
  columns.push_back(times);
  times[600] -= 40'000'000;  // a step back
  columns.push_back(times);
  times = LateTimes(1000);
  for (size_t i = 500; i < times.size(); ++i) times[i] += int64_t{1} << 60;  // a long pause
  columns.push_back(times);
  times = LateTimes(1000);
  times.front() = least;
  times.back() = most;
  columns.push_back(times);
  std::mt19937_64 random(2);
  for (int64_t& time : times) {
    const auto later = static_cast<int64_t>(random() % 9'000'000);
    time = time > most - later ? most : time + later;
  }
  std::sort(times.begin(), times.end());
  columns.push_back(times);
  for (const auto& column : columns) {
    size_t bytes = 0;
    EXPECT_EQ(ThroughBytes(column, &bytes), column);
  }
}

TEST(StepCodecTest, WhatIsLeftLiesOnEitherSideOfTheNearestMultiple) {
  for (const int64_t unit : {int64_t{1}, int64_t{2}, int64_t{7}, int64_t{1000}, int64_t{8'333'333},
                             int64_t{1} << 40, (int64_t{1} << 49) + 1, int64_t{1} << 52}) {
    // Steps of one to three units and up to nearly half of one more or less. The middle of the
    // column tells the unit.
    std::vector<int64_t> numbers{0};
    int64_t least = 0;
    int64_t most = 0;
    for (int i = 0; i < 600; ++i) {
      int64_t off = 0;
      if (i < 100) off = (i % 2 == 0 ? unit / 2 : -((unit - 1) / 2)) / (1 + i / 20);
      least = std::min(least, off);
      most = std::max(most, off);
      numbers.push_back(numbers.back() + (i % 3 + 1) * unit + off);
    }
    std::string out;
    ASSERT_TRUE(EncodeSteps(numbers, 64, &out)) << unit;
    const auto range = static_cast<uint64_t>(most) - static_cast<uint64_t>(least);
    EXPECT_EQ(out[2], std::bit_width(range)) << unit;
    EXPECT_EQ(out[1], std::bit_width(range) + 2) << unit;
    std::vector<int64_t> same(numbers.size());
    ByteReader in(AsBytes(out).subspan(1));
    ASSERT_TRUE(DecodeSteps(&in, same).ok());
    EXPECT_EQ(same, numbers);
  }
}

TEST(StepCodecTest, WhatLiesOnNoGridIsLeftToOthers) {
  std::string out = "before";
  EXPECT_FALSE(EncodeSteps(std::vector<int64_t>{7, 7, 7}, 64, &out));
  EXPECT_FALSE(EncodeSteps(std::vector<int64_t>{7, 9, 8}, 64, &out));
  EXPECT_FALSE(EncodeSteps(LateTimes(300), 5, &out));
  EXPECT_EQ(out, "before");
}

TEST(StepCodecTest, OtherBytesAreRefused) {
  const auto times = LateTimes(300);
  std::string out;
  ASSERT_TRUE(EncodeSteps(times, 64, &out));
  std::vector<int64_t> same(times.size());
  for (size_t bytes = 1; bytes < out.size(); ++bytes) {
    ByteReader in(AsBytes(out).subspan(1, bytes - 1));
    ASSERT_FALSE(DecodeSteps(&in, same).ok()) << bytes;
  }
  for (const auto& [at, value] : {std::pair{1, 0}, {1, 57}, {2, 64}}) {
    std::string other = out;
    other[static_cast<size_t>(at)] = static_cast<char>(value);
    ByteReader in(AsBytes(other).subspan(1));
    ASSERT_FALSE(DecodeSteps(&in, same).ok()) << at << " " << value;
  }
}

}  // namespace
}  // namespace firth::timeview
