// A leaf that is coded as it is made says what a leaf of the same points says; where a column is
// better coded as a whole, it is left to whoever writes it.
#include "firth/timeview/leaf_coder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace firth::timeview {
namespace {

struct Points {
  std::vector<int64_t> times;
  std::vector<double> values;

  PointSpan span() const { return {times, values}; }
};

Points Measured(size_t count) {
  std::mt19937_64 random(count);
  std::normal_distribution<double> noise;
  Points points;
  for (size_t i = 0; i < count; ++i) {
    points.times.push_back(1'500'000'000'000'000'000 + static_cast<int64_t>(i) * 8'333'333);
    points.values.push_back(static_cast<float>(7200 + noise(random)));
  }
  return points;
}

/// In each block one number is much larger than all others.
Points WithSpikes(size_t count) {
  Points points = Measured(count);
  for (size_t i = 0; i < count; ++i) {
    points.values[i] = i % Node::kBlockPoints == 1 ? 1e15 : static_cast<double>(i % 3);
  }
  return points;
}

TEST(LeafCoderTest, ACodedLeafSaysWhatALeafSays) {
  NodeMemory memory;
  LeafCoder coder(&memory);
  for (const size_t count : {127, 128, 129, 1000, 1536}) {
    const Points points = Measured(count);
    const NodeLink coded = coder.Make(32, points.times.front(), 12, points.span());
    const NodeLink plain = MakeLeaf(32, points.times.front(), 12, points.span());
    ASSERT_TRUE(coded.node->is_coded()) << count;
    EXPECT_EQ(coded.kind, plain.kind);
    EXPECT_EQ(coded.statistics.count, plain.statistics.count);
    EXPECT_EQ(coded.statistics.min, plain.statistics.min);
    EXPECT_EQ(coded.statistics.mean, plain.statistics.mean);
    EXPECT_EQ(coded.statistics.max, plain.statistics.max);
    EXPECT_EQ(coded.statistics.stddev, plain.statistics.stddev);
    EXPECT_EQ(coded.node->width, plain.node->width);
    EXPECT_EQ(coded.node->start, plain.node->start);
    EXPECT_EQ(coded.node->revision, plain.node->revision);
    const auto unpacked = Unpack(*coded.node);
    ASSERT_TRUE(unpacked.ok()) << unpacked.status();
    EXPECT_TRUE(std::ranges::equal((*unpacked)->times, points.times));
    EXPECT_TRUE(std::ranges::equal((*unpacked)->values, points.values));
    EXPECT_TRUE(BlockLeaf::Check(coded.node->coded).ok());
    if (count < 1000) continue;
    EXPECT_LT(4 * coded.node->MemoryBytes(), plain.node->MemoryBytes());
  }
}

TEST(LeafCoderTest, WhatIsBetterCodedAsAWholeIsNotTriedEachTime) {
  NodeMemory memory;
  LeafCoder coder(&memory);
  const Points spikes = WithSpikes(1024);
  const Points measured = Measured(1024);
  const NodeLink whole = coder.Make(32, 0, 12, spikes.span());
  ASSERT_FALSE(whole.node->is_coded());
  EXPECT_TRUE(std::ranges::equal(whole.node->values, spikes.values));
  // It is tried again now and then.
  int plain = 0;
  while (!coder.Make(32, 0, 12, measured.span()).node->is_coded()) ASSERT_LT(++plain, 100);
  EXPECT_GT(plain, 0);
}

}  // namespace
}  // namespace firth::timeview
