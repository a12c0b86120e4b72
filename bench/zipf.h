// Keys of which few are used often.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace firth::bench {

/// Draws numbers below `count`, the k-th most likely in proportion to 1/k^theta (Gray et al.,
/// 1994); theta 0: all alike.
class Zipf {
 public:
  Zipf(uint64_t count, double theta) : count_(count), theta_(theta) {
    if (theta == 0) return;
    for (uint64_t i = 1; i <= count; ++i) zeta_ += std::pow(static_cast<double>(i), -theta);
    alpha_ = 1 / (1 - theta);
    const double zeta2 = 1 + std::pow(0.5, theta);
    eta_ = (1 - std::pow(2.0 / static_cast<double>(count), 1 - theta)) / (1 - zeta2 / zeta_);
  }

  uint64_t Draw(uint64_t random) const {
    if (theta_ == 0) return random % count_;
    const double u = static_cast<double>(random >> 11) / 9007199254740992.0;
    const double uz = u * zeta_;
    if (uz < 1) return 0;
    if (uz < 1 + std::pow(0.5, theta_)) return 1;
    const double at = static_cast<double>(count_) * std::pow(eta_ * u - eta_ + 1, alpha_);
    return std::min(count_ - 1, static_cast<uint64_t>(at));
  }

 private:
  const uint64_t count_;
  const double theta_;
  double alpha_ = 0;
  double zeta_ = 0;
  double eta_ = 0;
};

/// Neighbours become far apart: likely keys are to lie scattered in a table.
inline uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace firth::bench
