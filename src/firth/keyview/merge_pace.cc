#include "firth/keyview/merge_pace.h"

#include <algorithm>

namespace firth::keyview {
namespace {

constexpr double kNewShare = 0.3;  // of what is known of the time between files
constexpr double kSecondsMax = 3600;

}  // namespace

int64_t MergePace::FileWritten(int64_t now_ns, uint64_t merge_bytes, int64_t files_behind) {
  if (last_ns_.has_value()) {
    const double seconds = std::min(kSecondsMax, static_cast<double>(now_ns - *last_ns_) / 1e9);
    between_s_ = between_s_ == 0 ? seconds : between_s_ + kNewShare * (seconds - between_s_);
  }
  last_ns_ = now_ns;
  if (between_s_ <= 0 || files_behind >= files_meanwhile_) return kBytesPerSecondMax;
  const double wanted = static_cast<double>(merge_bytes) / (between_s_ * files_meanwhile_);
  return std::clamp(static_cast<int64_t>(std::min(wanted, 1e15)), kBytesPerSecondMin,
                    kBytesPerSecondMax);
}

}  // namespace firth::keyview
