// When a connection is read that sends many small frames one by one: each as it comes, or several
// at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace firth::net {

/// What a network card does with its interrupts, for the reads of a connection. A wake, a read and
/// a send cost several times what serving a small request does; so where requests come one behind
/// another at a high rate, the next read is held back until as many bytes have come as are likely
/// to, at most kHoldNs.
///
/// Whether the client would send more is only to be found by trying: one that waits for each answer
/// sends nothing meanwhile. It is tried after some quick reads, after twice as many and one more
/// (short bursts of requests are not to end just there each time) when it gained nothing; so such a
/// client waits once in up to kTryAfterMax requests. Once it gained something, one quick read is
/// enough, and reads are held back until nothing comes; what comes after a pause never is. How much
/// is waited for is what came the last time, and now and then twice that: a client that has a few
/// requests on their way is read when all of these are there. Not thread-safe.
class ReadPace {
 public:
  static constexpr int64_t kHoldNs = 100'000;
  /// Reads of small frames that follow each other within this are quick.
  static constexpr int64_t kQuickNs = 50'000;
  static constexpr size_t kSmallBytes = 1024;  // a frame, on average
  /// A read that brought so many without waiting is as good as one can be.
  static constexpr uint64_t kManyFrames = 8;
  static constexpr uint32_t kTryAfterMin = 4;
  static constexpr uint32_t kTryAfterMax = 1024;
  static constexpr int kTrustMax = 4;
  static constexpr uint32_t kGrowAfterMax = 64;
  /// It is waited for at most so many bytes, which is less than one read takes.
  static constexpr size_t kHeldBytesMax = 8 << 10;

  struct Read {
    int64_t now_ns = 0;   // when it was over; monotonic
    uint64_t frames = 0;  // that ended in it
    size_t bytes = 0;
    bool in_time = true;  // false: it came because kHoldNs were over
  };
  /// Take note of a read; returns how many bytes the next one is to wait for, at most kHoldNs; 1:
  /// it comes as soon as anything is there.
  size_t After(const Read& read);

 private:
  size_t AfterHeld(const Read& read);
  size_t Free();
  size_t Hold(size_t bytes);

  size_t held_bytes_ = 1;  // what the next read waits for
  int trust_ = 0;          // how often of late it gained something
  int64_t last_ns_ = 0;
  uint32_t quick_reads_ = 0;  // not held back, since it was last tried
  uint32_t try_after_ = kTryAfterMin;
  uint32_t reads_alike_ = 0;  // since it was last waited for more
  uint32_t grow_after_ = 1;
  bool grown_ = false;  // the last read waited for twice what had come
};

}  // namespace firth::net
