#include "firth/net/read_pace.h"

#include <algorithm>
#include <utility>

namespace firth::net {

size_t ReadPace::After(const Read& read) {
  const bool quick = read.now_ns - last_ns_ <= kQuickNs;
  last_ns_ = read.now_ns;
  if (read.frames == 0 || read.bytes > read.frames * kSmallBytes) return Free();
  if (held_bytes_ > 1) return AfterHeld(read);
  if (!quick || read.frames >= kManyFrames) return 1;
  if (trust_ == 0 && ++quick_reads_ < try_after_) return 1;
  quick_reads_ = 0;
  return Hold(kHeldBytesMax);
}

size_t ReadPace::AfterHeld(const Read& read) {
  if (read.frames == 1) {
    trust_ /= 2;
    if (trust_ == 0) try_after_ = std::min(2 * try_after_ + 1, kTryAfterMax);
    return Free();
  }
  trust_ = std::min(trust_ + 1, kTrustMax);
  try_after_ = kTryAfterMin;
  if (!read.in_time) {
    if (std::exchange(grown_, false)) grow_after_ = std::min(2 * grow_after_, kGrowAfterMax);
    return Hold(read.bytes);
  }
  if (std::exchange(grown_, false)) grow_after_ = 1;
  if (++reads_alike_ < grow_after_) return held_bytes_;
  grown_ = true;
  return Hold(2 * read.bytes);
}

size_t ReadPace::Free() {
  grown_ = false;
  held_bytes_ = 1;
  return held_bytes_;
}

size_t ReadPace::Hold(size_t bytes) {
  reads_alike_ = 0;
  held_bytes_ = std::clamp<size_t>(bytes, 2, kHeldBytesMax);
  return held_bytes_;
}

}  // namespace firth::net
