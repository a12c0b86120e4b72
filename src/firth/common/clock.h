// Time, as a parameter: the engine asks a Clock and never the operating system.
#pragma once

#include <atomic>
#include <cstdint>

namespace firth {

/// Tell the time. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Nanoseconds since the Unix epoch, UTC. May step.
  virtual int64_t NowNs() const = 0;
  /// Nanoseconds of a clock that never steps back; only differences mean anything.
  virtual int64_t MonotonicNs() const = 0;
};

/// The clocks of the operating system.
class SystemClock : public Clock {
 public:
  int64_t NowNs() const override;
  int64_t MonotonicNs() const override;
};

/// A clock that stands still until it is told to move.
class ManualClock : public Clock {
 public:
  explicit ManualClock(int64_t now_ns = 1'700'000'000'000'000'000) : now_ns_(now_ns) {}
  int64_t NowNs() const override { return now_ns_.load(); }
  int64_t MonotonicNs() const override { return now_ns_.load(); }
  void Advance(int64_t ns) { now_ns_.fetch_add(ns); }
  void Set(int64_t now_ns) { now_ns_.store(now_ns); }

 private:
  std::atomic<int64_t> now_ns_;
};

}  // namespace firth
