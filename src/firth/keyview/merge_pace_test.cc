// Goal: merging keeps up with what is written, and takes no more of the machine than that asks for.
// Method: files at times that the test says; the rate that comes out.
#include "firth/keyview/merge_pace.h"

#include <gtest/gtest.h>

namespace firth::keyview {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr int kMeanwhile = 12;

/// The rate after `count` files, one every `seconds`.
int64_t After(MergePace* pace, int count, int64_t seconds, uint64_t merge_bytes, int behind = 0) {
  int64_t rate = 0;
  static int64_t now_ns = 5 * kSecond;
  for (int i = 0; i < count; ++i) {
    now_ns += seconds * kSecond;
    rate = pace->FileWritten(now_ns, merge_bytes, behind);
  }
  return rate;
}

TEST(MergePace, TakesAsLongAsTheFilesThatComeMeanwhile) {
  MergePace pace(kMeanwhile);
  const int64_t rate = After(&pace, 20, 2, 2 * kGiB);
  EXPECT_NEAR(static_cast<double>(rate), 2.0 * kGiB / (2.0 * kMeanwhile), 1e6);
}

TEST(MergePace, IsFastWhileNothingIsKnown) {
  MergePace pace(kMeanwhile);
  EXPECT_EQ(After(&pace, 1, 2, kGiB), MergePace::kBytesPerSecondMax);
}

TEST(MergePace, HasBounds) {
  MergePace slow(kMeanwhile);
  EXPECT_EQ(After(&slow, 20, 1000, kGiB), MergePace::kBytesPerSecondMin);
  MergePace fast(kMeanwhile);
  EXPECT_EQ(After(&fast, 20, 1, 100 * kGiB), MergePace::kBytesPerSecondMax);
  EXPECT_EQ(After(&fast, 20, 1, UINT64_MAX), MergePace::kBytesPerSecondMax);
}

TEST(MergePace, HurriesWhenItIsBehind) {
  MergePace pace(kMeanwhile);
  EXPECT_LT(After(&pace, 20, 2, 2 * kGiB, kMeanwhile - 1), MergePace::kBytesPerSecondMax);
  EXPECT_EQ(After(&pace, 1, 2, 2 * kGiB, kMeanwhile), MergePace::kBytesPerSecondMax);
}

TEST(MergePace, FollowsAChangeOfLoad) {
  MergePace pace(kMeanwhile);
  const int64_t before = After(&pace, 20, 4, 2 * kGiB);
  const int64_t after = After(&pace, 10, 2, 2 * kGiB);
  EXPECT_GT(after, before * 19 / 10);
  EXPECT_LE(after, before * 2);
}

}  // namespace
}  // namespace firth::keyview
