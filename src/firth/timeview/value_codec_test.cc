// Columns of integers and values, as they are coded to be kept and to be written again soon: all of
// them come back bit for bit, and those of instruments take the few bytes that they should.
#include "firth/timeview/value_codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "firth/timeview/integer_codec.h"

namespace firth::timeview {
namespace {

constexpr CodedFor kUses[] = {CodedFor::kKeeping, CodedFor::kWaiting};

size_t BytesOf(const std::vector<int64_t>& numbers, CodedFor use) {
  std::string out;
  IntegerEncoder().Encode(numbers, use, &out);
  std::vector<int64_t> same(numbers.size());
  ByteReader in(AsBytes(out));
  EXPECT_TRUE(DecodeIntegers(&in, same).ok());
  EXPECT_EQ(in.remaining(), 0u);
  EXPECT_EQ(same, numbers);
  return out.size();
}

size_t BytesOf(const std::vector<double>& values, CodedFor use) {
  std::string out;
  IntegerEncoder integers;
  ValueEncoder().Encode(values, use, &integers, &out);
  std::vector<double> same(values.size());
  ByteReader in(AsBytes(out));
  EXPECT_TRUE(DecodeValues(&in, same).ok());
  EXPECT_EQ(in.remaining(), 0u);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint64_t>(same[i]), std::bit_cast<uint64_t>(values[i])) << i;
  }
  return out.size();
}

std::vector<int64_t> RegularTimes(size_t count) {
  std::vector<int64_t> times;
  for (size_t i = 0; i < count; ++i) {
    times.push_back(1'500'000'000'000'000'000 + static_cast<int64_t>(i) * 1'000'000'000 / 120);
  }
  return times;
}

/// Readings about 7,200 with noise of a few hundredths, made what an instrument gives by `to`.
template <typename To>
std::vector<double> Readings(size_t count, To to) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(7200, 0.05);
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) values.push_back(to(noise(random)));
  return values;
}

TEST(IntegerCodecTest, RegularTimesTakeAFewBits) {
  for (const size_t count : {100u, 1000u, 10'000u}) {
    EXPECT_LT(BytesOf(RegularTimes(count), CodedFor::kWaiting), count * 2 / 8 + 40);
    EXPECT_LT(BytesOf(RegularTimes(count), CodedFor::kKeeping), count * 2 / 8 + 40);
  }
}

TEST(IntegerCodecTest, APauseIsNotPaidForByAllTimes) {
  for (const CodedFor use : kUses) {
    for (const size_t count : {100u, 1000u}) {
      auto times = RegularTimes(count);
      for (size_t i = count * 3 / 4; i < count; ++i) times[i] += 3'600'000'000'000;
      EXPECT_LT(BytesOf(times, use), count * 7 / 8 + 140);
    }
  }
}

TEST(IntegerCodecTest, AnythingComesBack) {
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  std::mt19937_64 random(3);
  for (const CodedFor use : kUses) {
    for (const size_t count : {0u, 1u, 2u, 3u, 8u, 9u, 10u, 255u, 256u, 257u, 3000u}) {
      for (int bits = 0; bits <= 64; ++bits) {
        std::vector<int64_t> numbers;
        for (size_t i = 0; i < count; ++i) {
          numbers.push_back(bits == 0 ? 5 : static_cast<int64_t>(random() >> (64 - bits)));
        }
        BytesOf(numbers, use);
        if (count == 0) continue;
        numbers[count / 2] = kLeast;
        BytesOf(numbers, use);
        numbers[count - 1] = kMost;
        BytesOf(numbers, use);
      }
    }
    BytesOf(std::vector<int64_t>{kLeast, kMost, kLeast, kMost}, use);
    BytesOf(std::vector<int64_t>{-1, kMost, -1, kMost, -1}, use);
    BytesOf(std::vector<int64_t>(1000, kLeast), use);
  }
}

TEST(ValueCodecTest, ReadingsTakeWhatTheirDigitsTake) {
  const auto floats = [](double value) { return static_cast<double>(static_cast<float>(value)); };
  const auto hundredths = [](double value) { return std::round(value * 100) / 100; };
  const auto float_hundredths = [&](double value) { return floats(hundredths(value)); };
  const auto tenths = [](double value) { return std::round(value * 10) * 0.1; };
  const auto sixteenths = [](double value) { return std::round(value * 16) / 16; };
  for (const CodedFor use : kUses) {
    for (const size_t count : {100u, 1000u}) {
      // Noise of 0.05 is some hundred float32 apart, and some ten hundredths.
      EXPECT_LT(BytesOf(Readings(count, floats), use), count * 11 / 8 + 60);
      EXPECT_LT(BytesOf(Readings(count, hundredths), use), count * 7 / 8 + 60);
      EXPECT_LT(BytesOf(Readings(count, float_hundredths), use), count * 7 / 8 + 60);
      EXPECT_LT(BytesOf(Readings(count, tenths), use), count * 4 / 8 + 60);
      EXPECT_LT(BytesOf(Readings(count, sixteenths), use), count * 5 / 8 + 60);
    }
  }
}

TEST(ValueCodecTest, WhatIsOddComesBack) {
  const auto floats = [](double value) { return static_cast<double>(static_cast<float>(value)); };
  const double odd[] = {0.1,
                        -0.0,
                        std::numeric_limits<double>::denorm_min(),
                        std::numeric_limits<double>::max(),
                        std::numeric_limits<double>::infinity(),
                        std::numeric_limits<double>::quiet_NaN()};
  for (const CodedFor use : kUses) {
    for (const size_t count : {1u, 2u, 31u, 100u, 1000u}) {
      auto values = Readings(count, floats);
      BytesOf(values, use);
      for (size_t i = 0; i < std::size(odd); ++i) {
        values[(i + 1) * 7919 % count] = odd[i];
        BytesOf(values, use);
      }
      BytesOf(std::vector<double>(count, 0), use);
      BytesOf(std::vector<double>(count, std::numeric_limits<double>::quiet_NaN()), use);
    }
  }
}

}  // namespace
}  // namespace firth::timeview
