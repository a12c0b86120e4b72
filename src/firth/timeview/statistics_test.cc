// Goal: summaries that are joined one after another say what all of the values say, however large,
// small or close together these are. Method: runs of values of many kinds, cut at many places,
// against one loop with the exponent of a long double.

#include "firth/timeview/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace firth::timeview {
namespace {

Statistics Plainly(const std::vector<double>& values) {
  Statistics out{.count = values.size(), .min = values.front(), .max = values.front()};
  long double sum = 0;
  for (const double value : values) {
    sum += value;
    out.min = std::min(out.min, value);
    out.max = std::max(out.max, value);
  }
  const long double mean = sum / static_cast<long double>(values.size());
  long double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  out.mean = static_cast<double>(mean);
  out.stddev = static_cast<double>(std::sqrt(squares / static_cast<long double>(values.size())));
  return out;
}

void ExpectSame(const Statistics& got, const Statistics& wanted, const std::string& what) {
  EXPECT_EQ(got.count, wanted.count) << what;
  EXPECT_EQ(got.min, wanted.min) << what;
  EXPECT_EQ(got.max, wanted.max) << what;
  const double scale = std::max(std::abs(wanted.min), std::abs(wanted.max));
  EXPECT_NEAR(got.mean, wanted.mean, 1e-14 * scale) << what;
  EXPECT_NEAR(got.stddev, wanted.stddev, 1e-9 * wanted.stddev + 1e-15 * scale) << what;
}

TEST(StatisticsTest, JoinedOneAfterAnotherOrAtOnceTheySayTheSame) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  struct Kind {
    std::string name;
    double middle;
    double spread;
  };
  for (const auto& [name, middle, spread] : std::vector<Kind>{{"a voltage", 7200, 0.05},
                                                              {"huge", 0, 1e300},
                                                              {"tiny", 0, 1e-300},
                                                              {"far off", 1e12, 1e-2},
                                                              {"equal", 3.25, 0},
                                                              {"one", 0, 1},
                                                              {"large", 1e200, 1e190},
                                                              {"small", 1e-200, 1e-201}}) {
    for (size_t size = 1; size < 300; size += size < 20 ? 1 : 37) {
      std::vector<double> values;
      for (size_t i = 0; i < size; ++i) values.push_back(middle + spread * normal(random));
      const Statistics wanted = Plainly(values);
      const std::string what = name + " of " + std::to_string(size);
      ExpectSame(StatisticsOf(values), wanted, what);
      RunningStatistics running;
      StatisticsSum sum;
      for (size_t at = 0; at < size;) {
        const size_t count = std::min<size_t>(size - at, 1 + random() % 64);
        const Statistics part = StatisticsOf(std::span(values).subspan(at, count));
        running.Add(part);
        running.Add({});
        sum.Add(part);
        at += count;
      }
      ExpectSame(running.total(), wanted, what + ", one after another");
      ExpectSame(sum.Total(), wanted, what + ", at once");
    }
  }
}

}  // namespace
}  // namespace firth::timeview
