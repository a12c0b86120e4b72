// Points as the generator sends them and as the sink answers with them: Arrow streams made once,
// whose times are written anew for each request.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace firth::bench {

/// When point `i` is: 120 a second, in ns, rounded down.
inline int64_t PointTime(int64_t i) {
  return 1'500'000'000'000'000'000 + i * 25'000'000 / 3;
}

/// Values that drift slowly under an instrument's noise, float32 in doubles; a few batches of them
/// are made beforehand and used in turn.
class PointBatches {
 public:
  PointBatches(int64_t points, uint64_t seed);
  /// The Arrow stream of points from number `first` on.
  void Next(int64_t first, std::string* out);

 private:
  const int64_t points_;
  std::vector<std::string> streams_;
  std::vector<size_t> times_at_;  // where the times lie in each
  size_t next_ = 0;
};

/// An Arrow stream of so many windows.
std::string WindowsStream(int64_t windows);

}  // namespace firth::bench
