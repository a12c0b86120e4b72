#include "firth/timeview/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace firth::timeview {
namespace {

// Sums of squares between these bounds have all their digits: nothing in them overflowed, and what
// vanished is too small to matter. Outside, the work is done again with a wider exponent.
constexpr double kSquaresMin = 1e-250;
constexpr double kSquaresMax = 1e300;

bool Trustworthy(double mean, double squares, bool spread) {
  return std::isfinite(mean) && squares <= kSquaresMax && (!spread || squares >= kSquaresMin);
}

/// x87's 15 bits of exponent hold any sum of squares of doubles.
void MomentsSlowly(std::span<const double> values, Statistics* out) {
  const auto count = static_cast<long double>(values.size());
  long double sum = 0;
  for (const double value : values) sum += value;
  const long double mean = sum / count;
  long double squares = 0;
  for (const double value : values) {
    const long double difference = value - mean;
    squares += difference * difference;
  }
  out->mean = static_cast<double>(mean);
  out->stddev = static_cast<double>(std::sqrt(squares / count));
}

void JoinSlowly(std::span<const Statistics> parts, Statistics* out) {
  const auto total = static_cast<long double>(out->count);
  long double sum = 0;
  for (const Statistics& part : parts) {
    sum += static_cast<long double>(part.mean) * static_cast<long double>(part.count);
  }
  const long double mean = sum / total;
  long double squares = 0;
  for (const Statistics& part : parts) {
    const long double between = part.mean - mean;
    const long double within = part.stddev;
    squares += static_cast<long double>(part.count) * (within * within + between * between);
  }
  out->mean = static_cast<double>(mean);
  out->stddev = static_cast<double>(std::sqrt(squares / total));
}

}  // namespace

Statistics StatisticsOf(std::span<const double> values) {
  Statistics out;
  const size_t n = values.size();
  if (n == 0) return out;
  out.count = n;
  // Four lanes: the additions of one do not wait for those of another.
  constexpr size_t kLanes = 4;
  const double* v = values.data();
  double low[kLanes], high[kLanes], sum[kLanes] = {};
  for (size_t lane = 0; lane < kLanes; ++lane) low[lane] = high[lane] = v[0];
  const double origin = v[0];
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const double x = v[i + lane];
      low[lane] = x < low[lane] ? x : low[lane];
      high[lane] = x > high[lane] ? x : high[lane];
      sum[lane] += x - origin;
    }
  }
  for (; i < n; ++i) {
    low[0] = std::min(low[0], v[i]);
    high[0] = std::max(high[0], v[i]);
    sum[0] += v[i] - origin;
  }
  out.min = std::min(std::min(low[0], low[1]), std::min(low[2], low[3]));
  out.max = std::max(std::max(high[0], high[1]), std::max(high[2], high[3]));

  const auto count = static_cast<double>(n);
  const double mean = origin + ((sum[0] + sum[1]) + (sum[2] + sum[3])) / count;
  double squares[kLanes] = {};
  double rest[kLanes] = {};
  for (i = 0; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const double difference = v[i + lane] - mean;
      rest[lane] += difference;
      squares[lane] += difference * difference;
    }
  }
  for (; i < n; ++i) {
    const double difference = v[i] - mean;
    rest[0] += difference;
    squares[0] += difference * difference;
  }
  const double correction = (rest[0] + rest[1]) + (rest[2] + rest[3]);
  const double total =
      (squares[0] + squares[1]) + (squares[2] + squares[3]) - correction * correction / count;
  if (Trustworthy(mean + correction, total, out.min != out.max)) {
    out.mean = mean + correction / count;
    out.stddev = std::sqrt(total / count);
  } else {
    MomentsSlowly(values, &out);
  }
  out.mean = std::clamp(out.mean, out.min, out.max);
  if (out.min == out.max) out.stddev = 0;
  return out;
}

void RunningStatistics::Add(const Statistics& part) {
  if (part.count == 0) return;
  if (total_.count == 0) {
    total_ = part;
    origin_ = part.mean;
    squares_ = static_cast<double>(part.count) * part.stddev * part.stddev;
    return;
  }
  const auto before = static_cast<double>(total_.count);
  const auto added = static_cast<double>(part.count);
  const double count = before + added;
  const double between = (part.mean - origin_) - shift_;
  const double shift = shift_ + between * (added / count);
  const double squares =
      squares_ + added * (part.stddev * part.stddev) + between * between * (before * added / count);
  const double low = std::min(total_.min, part.min);
  const double high = std::max(total_.max, part.max);
  if (slow_ || !Trustworthy(origin_ + shift, squares, low != high)) {
    AddSlowly(part);
  } else {
    shift_ = shift;
    squares_ = squares;
    total_.mean = origin_ + shift;
    total_.stddev = std::sqrt(squares / count);
  }
  total_.count += part.count;
  total_.min = low;
  total_.max = high;
  // Not std::clamp: what was read may say that the least is more than the greatest.
  total_.mean = std::min(std::max(total_.mean, low), high);
  if (low == high) total_.stddev = 0;
}

/// x87's 15 bits of exponent, as below.
void RunningStatistics::AddSlowly(const Statistics& part) {
  const auto before = static_cast<long double>(total_.count);
  if (!slow_) {
    slow_ = true;
    slow_mean_ = total_.mean;
    slow_squares_ = before * total_.stddev * total_.stddev;
  }
  const auto added = static_cast<long double>(part.count);
  const long double count = before + added;
  const long double between = part.mean - slow_mean_;
  const long double within = part.stddev;
  slow_mean_ += between * (added / count);
  slow_squares_ += added * within * within + between * between * (before * added / count);
  total_.mean = static_cast<double>(slow_mean_);
  total_.stddev = static_cast<double>(std::sqrt(slow_squares_ / count));
}

Statistics StatisticsSum::Total() const {
  if (parts_.empty()) return {};
  Statistics out = parts_.front();
  if (parts_.size() == 1) return out;
  const double origin = out.mean;
  double sum = 0;
  out.count = 0;
  for (const Statistics& part : parts_) {
    out.count += part.count;
    out.min = std::min(out.min, part.min);
    out.max = std::max(out.max, part.max);
    sum += static_cast<double>(part.count) * (part.mean - origin);
  }
  const auto count = static_cast<double>(out.count);
  const double mean = origin + sum / count;
  double squares = 0;
  for (const Statistics& part : parts_) {
    const double between = part.mean - mean;
    squares += static_cast<double>(part.count) * (part.stddev * part.stddev + between * between);
  }
  if (Trustworthy(mean, squares, out.min != out.max)) {
    out.mean = mean;
    out.stddev = std::sqrt(squares / count);
  } else {
    JoinSlowly(parts_, &out);
  }
  out.mean = std::clamp(out.mean, out.min, out.max);
  if (out.min == out.max) out.stddev = 0;
  return out;
}

}  // namespace firth::timeview
