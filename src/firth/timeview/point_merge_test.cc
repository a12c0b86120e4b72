// Goal: two sorted runs become one, equal times in the order of the runs, and it is told whether
// there are any. Method: random runs of all sizes and mixtures beside std::stable_sort.

#include "firth/timeview/point_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace firth::timeview {
namespace {

struct Columns {
  std::vector<int64_t> times;
  std::vector<double> values;

  PointSpan points() const { return {times, values}; }
  void Add(int64_t time, double value) {
    times.push_back(time);
    values.push_back(value);
  }
};

void ExpectMerged(const Columns& first, const Columns& second) {
  std::vector<Point> wanted;
  for (const Columns* run : {&first, &second}) {
    for (size_t i = 0; i < run->times.size(); ++i) {
      wanted.push_back({run->times[i], run->values[i]});
    }
  }
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const Point& a, const Point& b) { return a.time < b.time; });
  bool equal = false;
  for (const int64_t time : second.times) {
    equal = equal || std::binary_search(first.times.begin(), first.times.end(), time);
  }
  // No place behind the last is written to.
  constexpr int64_t kUntouched = 77;
  std::vector<int64_t> times(wanted.size() + 1, kUntouched);
  std::vector<double> values(wanted.size() + 1, kUntouched);
  EXPECT_EQ(MergePoints(first.points(), second.points(), {times.data(), values.data()}), equal);
  for (size_t i = 0; i < wanted.size(); ++i) {
    ASSERT_EQ(times[i], wanted[i].time) << i;
    ASSERT_EQ(values[i], wanted[i].value) << i;
  }
  EXPECT_EQ(times.back(), kUntouched);
  EXPECT_EQ(values.back(), kUntouched);
}

/// Numbers up to `range`, so many of a thousand of which go to the second run, and for a stretch of
/// each ten all of them to one of the two.
void Fill(std::mt19937_64* random, size_t points, int64_t range, uint64_t share, bool stretches,
          Columns* first, Columns* second) {
  std::vector<int64_t> times;
  for (size_t i = 0; i < points; ++i) {
    times.push_back(static_cast<int64_t>((*random)() % static_cast<uint64_t>(range)));
  }
  std::sort(times.begin(), times.end());
  for (size_t i = 0; i < points; ++i) {
    const size_t tenth = 10 * i / points;
    bool to_second = (*random)() % 1000 < share;
    if (stretches && tenth == 3) to_second = true;
    if (stretches && tenth == 6) to_second = false;
    (to_second ? second : first)->Add(times[i], static_cast<double>(i));
  }
}

TEST(PointMergeTest, MergesRunsOfAnySizeAndMixture) {
  std::mt19937_64 random(1);
  for (const size_t points : {0, 1, 2, 3, 63, 64, 65, 130, 1000, 4096, 4097, 9000}) {
    for (const uint64_t share : {0, 1, 50, 300, 500, 900, 1000}) {
      for (const bool stretches : {false, true}) {
        for (const int64_t range : {int64_t{3}, int64_t{5000}, int64_t{1} << 60}) {
          Columns first, second;
          Fill(&random, points, range, share, stretches, &first, &second);
          ExpectMerged(first, second);
        }
      }
    }
  }
}

TEST(PointMergeTest, TellsOfTheOneTimeThatIsInBoth) {
  std::mt19937_64 random(2);
  constexpr size_t kPoints = 600;
  for (const uint64_t share : {20, 300, 700}) {
    Columns first, second;
    Fill(&random, kPoints, int64_t{1} << 60, share, false, &first, &second);
    ExpectMerged(first, second);
    // Each of them once, so that it is seen wherever the runs are cut.
    for (size_t i = 0; i < second.times.size(); ++i) {
      Columns more = first;
      const auto at = std::lower_bound(more.times.begin(), more.times.end(), second.times[i]) -
                      more.times.begin();
      more.times.insert(more.times.begin() + at, second.times[i]);
      more.values.insert(more.values.begin() + at, -1);
      ExpectMerged(more, second);
    }
  }
}

}  // namespace
}  // namespace firth::timeview
