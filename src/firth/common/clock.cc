#include "firth/common/clock.h"

#include <ctime>

namespace firth {
namespace {

int64_t Read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

int64_t SystemClock::NowNs() const {
  return Read(CLOCK_REALTIME);
}
int64_t SystemClock::MonotonicNs() const {
  return Read(CLOCK_MONOTONIC);
}

}  // namespace firth
