// What the operating system's cache holds of a file, and what was read past it lately.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace firth::store {

/// A read of less goes through the cache in any case: what is asked of the disk there is more than
/// that, and serves those who read on.
inline constexpr size_t kPastCacheBytesMin = size_t{64} << 10;

/// Looks up which pages of an open file are in the cache, without bringing any there. Thread-safe.
class CachedPages {
 public:
  explicit CachedPages(int fd);
  ~CachedPages();
  CachedPages(const CachedPages&) = delete;
  CachedPages& operator=(const CachedPages&) = delete;

  /// Does the cache hold this stretch, or nearly all of it? Where that cannot be known it does, and
  /// so does a stretch beyond what the file's length was at first.
  bool Holds(uint64_t position, size_t bytes) const;

 private:
  std::byte* mapped_ = nullptr;  // never touched: only asked about
  size_t bytes_ = 0;
};

/// Counts how often stretches were read past the cache, for a gigabyte of those that were read
/// last, in half a megabyte of memory; any is forgotten when others come. Thread-safe, without
/// locks.
class LatelyRead {
 public:
  /// After so many reads the next one is worth the cache's pages: where they have to be taken anew
  /// they cost more processor time than several reads past them.
  static constexpr uint64_t kTimesMax = 3;

  /// Note a read; true if half of the stretch or more was read kTimesMax times already.
  bool Note(const void* file, uint64_t position, size_t bytes);

 private:
  // Small beside a read that is noted: what lies beside it may share two of them with it.
  static constexpr uint64_t kPieceBytes = kPastCacheBytesMin / 4;
  static constexpr size_t kSlots = size_t{1} << 16;
  /// Of a piece each: what tells it from others, and in the lowest bits how often it was read.
  std::vector<std::atomic<uint64_t>> slots_ = std::vector<std::atomic<uint64_t>>(kSlots);
};

}  // namespace firth::store
