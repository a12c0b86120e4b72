// The bytes of files that were written last, in memory: written from there, and read from there.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/common/block_memory.h"
#include "firth/common/bytes.h"

namespace firth::store {

/// A stretch of a file: as many bytes as a segment has, at a multiple of that. Written by one
/// thread, behind `to`; read by any, before it. Parts of it may lie in memory of others, which is
/// held instead of copied.
class RecentSegment {
 public:
  RecentSegment(std::shared_ptr<BlockMemory> owner, uint64_t memory_from, uint64_t begin)
      : from(begin),
        to(begin),
        memory_from_(memory_from),
        owner_(std::move(owner)),
        memory_(owner_->Take()) {}
  ~RecentSegment() { owner_->GiveBack(memory_); }
  RecentSegment(const RecentSegment&) = delete;
  RecentSegment& operator=(const RecentSegment&) = delete;

  /// At the address of a block. What is held lies elsewhere.
  std::byte* memory() const { return memory_; }
  /// Copy what the file has at `at` and behind it to the begin of `out`, which ends before `to`;
  /// returns how much that was: all that lies in one piece.
  size_t Copy(uint64_t at, std::span<std::byte> out) const;

  const uint64_t from;       // in the file: what is held begins here, at a block,
  std::atomic<uint64_t> to;  // and ends here

 private:
  friend class RecentBytes;
  struct Held {
    uint64_t from = 0;  // in the file
    Bytes bytes;
    std::shared_ptr<arrow::Buffer> owner;
    const arrow::Buffer* root = nullptr;  // all of what the owner's memory is a part of
  };

  const uint64_t memory_from_;  // where in the file memory_ begins
  const std::shared_ptr<BlockMemory> owner_;
  std::byte* const memory_;
  mutable std::mutex mutex_;
  std::vector<Held> held_;  // guarded by mutex_: one behind another
  bool known_ = true;       // guarded by the mutex of RecentBytes: it has not forgotten it
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
  /// From `from` in the file on, behind what this segment held before, it has `bytes`, in memory of
  /// `owner` that nobody changes. All memory that is held so, with whatever else lies in it, is at
  /// most as large as the segments are together: segments made before are forgotten for it, and
  /// when that is not enough it is not held, and false is returned.
  bool Hold(const RecentSegmentPtr& segment, uint64_t from, Bytes bytes,
            std::shared_ptr<arrow::Buffer> owner);
  /// Forget all of a file.
  void Forget(const void* file);

 private:
  using Key = std::pair<const void*, uint64_t>;
  /// Memory that segments hold parts of.
  struct Root {
    size_t parts = 0;
    size_t bytes = 0;
  };

  /// Take a segment out, with mutex_ held; it is let go of without.
  RecentSegmentPtr TakeOut(const Key& key);

  const uint64_t segment_bytes_;
  const size_t segments_max_;
  const std::shared_ptr<BlockMemory> memory_;
  mutable std::mutex mutex_;
  std::map<Key, RecentSegmentPtr> segments_;     // guarded by mutex_
  std::deque<Key> order_;                        // guarded by mutex_: those of segments_
  std::unordered_map<const void*, Root> roots_;  // guarded by mutex_
  size_t root_bytes_ = 0;                        // guarded by mutex_: of all roots_
};

}  // namespace firth::store
