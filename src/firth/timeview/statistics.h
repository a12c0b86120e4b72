// Count, min, mean, max and deviation of a set of values, and how such summaries are joined without
// losing digits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace firth::timeview {

/// What is known of a set of finite values. All zero for the empty set.
///
/// The deviation is kept itself, not the sum of squared differences that the paper's tree keeps: it
/// has the range of the values, so that neither 1e200 overflows nor 1e-200 vanishes, and no digits
/// are lost, because the sum is its square times the count.
struct Statistics {
  uint64_t count = 0;
  double min = 0;
  double mean = 0;
  double max = 0;
  double stddev = 0;  // of the population: the divisor is the count

  bool operator==(const Statistics&) const = default;
};

/// Summarise values: two passes, the second about the mean of the first (Chan, Golub, LeVeque
/// 1983).
Statistics StatisticsOf(std::span<const double> values);

/// Summaries that are joined one after another, with the total so far at hand after each.
class RunningStatistics {
 public:
  void Add(const Statistics& part);
  const Statistics& total() const { return total_; }

 private:
  void AddSlowly(const Statistics& part);

  Statistics total_;
  // The mean is kept as what it is more than that of the first part, so that steps do not round it.
  double origin_ = 0;
  double shift_ = 0;
  double squares_ = 0;
  bool slow_ = false;  // from here on with the exponent of a long double
  long double slow_mean_ = 0;
  long double slow_squares_ = 0;
};

/// Summaries that wait to be joined in one step: the joint mean first, then the deviation about it.
class StatisticsSum {
 public:
  void Add(const Statistics& part) {
    if (part.count != 0) parts_.push_back(part);
  }
  void Clear() { parts_.clear(); }
  bool empty() const { return parts_.empty(); }
  Statistics Total() const;

 private:
  std::vector<Statistics> parts_;
};

}  // namespace firth::timeview
