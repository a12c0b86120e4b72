// What every load generator has: its words, its clock, what it counted and how it prints that.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace firth::bench {

/// What goes wrong ends the program: a benchmark does not go on.
[[noreturn]] void Fail(const std::string& why);
int64_t NowNs();

/// The words of the command: --name value, and so on.
struct Options {
  std::map<std::string, std::string> given;

  std::string Text(const std::string& name, const std::string& fallback) const {
    const auto found = given.find(name);
    return found == given.end() ? fallback : found->second;
  }
  int64_t Int(const std::string& name, int64_t fallback) const {
    return std::atoll(Text(name, std::to_string(fallback)).c_str());
  }
  double Real(const std::string& name, double fallback) const {
    return std::atof(Text(name, std::to_string(fallback)).c_str());
  }
};
Options ParseOptions(int count, char** words);

/// Latencies in ns, to 1/32 of their size.
class Histogram {
 public:
  void Add(int64_t ns);
  void Add(const Histogram& other);
  double Quantile(double q) const;  // in ms
  uint64_t count() const { return count_; }

 private:
  static constexpr int kSteps = 32;
  std::vector<uint64_t> counts_ = std::vector<uint64_t>(64 * kSteps, 0);
  uint64_t count_ = 0;
};

struct Totals {
  std::mutex mutex;
  Histogram latencies;  // guarded by mutex
  std::atomic<int64_t> rows{0};
  std::atomic<int64_t> bytes{0};
  std::atomic<int64_t> requests{0};
};

/// When counting begins and the work ends.
struct Period {
  int64_t warm_ns = 0;
  int64_t end_ns = 0;
};
/// Print what one kind of work came to as a JSON field; all but the last end with a comma.
void Print(const char* name, const Totals& totals, double seconds, double cpu_s, bool last);

}  // namespace firth::bench
