// Randomness, as a parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>

namespace firth {

/// Give random bits. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  /// Fill `out` with random bytes.
  virtual void Fill(std::span<std::byte> out) = 0;

  uint64_t Next64();
  /// A random (version 4) UUID, 16 bytes.
  std::string Uuid();
};

/// The operating system's source, fit for secrets.
class SystemRandom : public Random {
 public:
  void Fill(std::span<std::byte> out) override;
};

/// A reproducible source for tests and simulation (SplitMix64, Steele et al. 2014).
class SeededRandom : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(std::span<std::byte> out) override;

 private:
  std::mutex mutex_;
  uint64_t state_;  // guarded by mutex_
};

}  // namespace firth
