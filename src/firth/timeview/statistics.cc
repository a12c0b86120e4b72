#include "firth/timeview/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

namespace firth::timeview {
namespace {

// Sums of squares between these bounds have all their digits: nothing in them overflowed, and what
// vanished is too small to matter. Outside, the work is done again with a wider exponent.
constexpr double kSquaresMin = 1e-250;
constexpr double kSquaresMax = 1e300;

/// Two numbers, as every processor that we run on adds them at once.
using Pair = double __attribute__((vector_size(2 * sizeof(double))));

Pair LoadPair(const double* from) {
  Pair pair;
  std::memcpy(&pair, from, sizeof pair);
  return pair;
}
double SumOf(Pair pair) {
  return pair[0] + pair[1];
}

/// The first of two passes, over every fourth pair; the additions of one of these do not wait for
/// those of another.
struct FirstPass {
  Pair low, high, sum;

  explicit FirstPass(double origin) : low(Pair{} + origin), high(low), sum{} {}
  void Add(const double* from, double origin) {
    const Pair x = LoadPair(from);
    low = x < low ? x : low;
    high = x > high ? x : high;
    sum += x - origin;
  }
};
struct SecondPass {
  Pair squares{}, rest{};

  void Add(const double* from, double mean) {
    const Pair difference = LoadPair(from) - mean;
    rest += difference;
    squares += difference * difference;
  }
};
constexpr size_t kStep = 4 * 2;

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
  const double* v = values.data();
  const double origin = v[0];
  const size_t whole = n - n % kStep;
  FirstPass a(origin), b(origin), c(origin), d(origin);
  for (size_t i = 0; i < whole; i += kStep) {
    a.Add(v + i, origin);
    b.Add(v + i + 2, origin);
    c.Add(v + i + 4, origin);
    d.Add(v + i + 6, origin);
  }
  out.min = origin;
  out.max = origin;
  for (const FirstPass& part : {a, b, c, d}) {
    out.min = std::min(out.min, std::min(part.low[0], part.low[1]));
    out.max = std::max(out.max, std::max(part.high[0], part.high[1]));
  }
  double sum = SumOf((a.sum + b.sum) + (c.sum + d.sum));
  for (size_t i = whole; i < n; ++i) {
    out.min = std::min(out.min, v[i]);
    out.max = std::max(out.max, v[i]);
    sum += v[i] - origin;
  }

  const auto count = static_cast<double>(n);
  const double mean = origin + sum / count;
  SecondPass e, f, g, h;
  for (size_t i = 0; i < whole; i += kStep) {
    e.Add(v + i, mean);
    f.Add(v + i + 2, mean);
    g.Add(v + i + 4, mean);
    h.Add(v + i + 6, mean);
  }
  double correction = SumOf((e.rest + f.rest) + (g.rest + h.rest));
  double total = SumOf((e.squares + f.squares) + (g.squares + h.squares));
  for (size_t i = whole; i < n; ++i) {
    const double difference = v[i] - mean;
    correction += difference;
    total += difference * difference;
  }
  total -= correction * correction / count;
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
