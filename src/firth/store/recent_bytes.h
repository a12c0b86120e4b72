// The bytes of files that were written last, in memory: written from there, and read from there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "firth/common/block_memory.h"

namespace firth::store {

/// A stretch of a file: as many bytes as a segment has, at a multiple of that. Written by one
/// thread, behind `to`; read by any, before it.
class RecentSegment {
 public:
  RecentSegment(std::shared_ptr<BlockMemory> owner, uint64_t begin)
      : from(begin), to(begin), owner_(std::move(owner)), memory_(owner_->Take()) {}
  ~RecentSegment() { owner_->GiveBack(memory_); }
  RecentSegment(const RecentSegment&) = delete;
  RecentSegment& operator=(const RecentSegment&) = delete;

  /// At the address of a block.
  std::byte* memory() const { return memory_; }

  const uint64_t from;       // in the file: what is held begins here, at a block,
  std::atomic<uint64_t> to;  // and ends here

 private:
  const std::shared_ptr<BlockMemory> owner_;
  std::byte* const memory_;
};
using RecentSegmentPtr = std::shared_ptr<RecentSegment>;

/// Segments of files that share this memory; those made first are forgotten first. What a reader
/// holds stays until it lets go. Thread-safe.
class RecentBytes {
 public:
  /// At least one segment is held.
  explicit RecentBytes(size_t bytes_max);

  uint64_t segment_bytes() const { return segment_bytes_; }
  /// The segment of a file with this number, or null.
  RecentSegmentPtr Find(const void* file, uint64_t number) const;
  /// A new one, empty, in the place of one that may be there. Its memory holds anything.
  RecentSegmentPtr Make(const void* file, uint64_t number, uint64_t from);
  /// Forget all of a file.
  void Forget(const void* file);

 private:
  using Key = std::pair<const void*, uint64_t>;

  const uint64_t segment_bytes_;
  const size_t segments_max_;
  const std::shared_ptr<BlockMemory> memory_;
  mutable std::mutex mutex_;
  std::map<Key, RecentSegmentPtr> segments_;  // guarded by mutex_
  std::deque<Key> order_;                     // guarded by mutex_: those of segments_
};

}  // namespace firth::store
