#include "measured.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace firth::bench {

void Fail(const std::string& why) {
  std::fprintf(stderr, "the load generator: %s\n", why.c_str());
  std::_Exit(1);
}

int64_t NowNs() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

Options ParseOptions(int count, char** words) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = words[i];
    if (!name.starts_with("--")) Fail("'" + name + "' is no option");
    options.given[name.substr(2)] = words[i + 1];
  }
  return options;
}

void Histogram::Add(int64_t ns) {
  const auto value = static_cast<uint64_t>(std::max<int64_t>(ns, 1));
  const auto top = static_cast<int>(std::bit_width(value)) - 1;
  const uint64_t step = top < 5 ? 0 : (value >> (top - 5)) & (kSteps - 1);
  ++counts_[static_cast<size_t>(top * kSteps) + step];
  ++count_;
}

void Histogram::Add(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
}

double Histogram::Quantile(double q) const {
  uint64_t seen = 0;
  const auto wanted = static_cast<uint64_t>(q * static_cast<double>(count_));
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen > wanted) {
      const auto top = static_cast<int>(i) / kSteps;
      const double low = std::ldexp(1.0, top);
      return low * (1 + static_cast<double>(i % kSteps) / kSteps) / 1e6;
    }
  }
  return 0;
}

void Print(const char* name, const Totals& totals, double seconds, double cpu_s, bool last) {
  const auto rows = static_cast<double>(totals.rows.load());
  std::printf(
      "\"%s\":{\"rows\":%.0f,\"requests\":%lld,\"bytes\":%lld,\"seconds\":%.4f,"
      "\"rows_per_s\":%.1f,\"mb_per_s\":%.2f,\"generator_cpu_s\":%.3f,"
      "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f}%s",
      name, rows, static_cast<long long>(totals.requests.load()),
      static_cast<long long>(totals.bytes.load()), seconds, rows / seconds,
      static_cast<double>(totals.bytes.load()) / seconds / 1e6, cpu_s,
      totals.latencies.Quantile(0.5), totals.latencies.Quantile(0.99),
      totals.latencies.Quantile(0.999), last ? "" : ",");
}

}  // namespace firth::bench
