// Memory that is read into and written from in whole blocks, used again and again.
#pragma once

#include <arrow/buffer.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace firth {

/// Blocks are what a disk is written in past the operating system's cache.
inline constexpr uint64_t kBlockBytes = 4096;

/// Pieces of memory of one size, at addresses of blocks. Memory that was written before costs
/// nothing to write again, so as many pieces as `pieces_max` are kept when nobody uses them.
/// Thread-safe.
class BlockMemory {
 public:
  BlockMemory(size_t piece_bytes, size_t pieces_max)
      : piece_bytes_(piece_bytes), pieces_max_(pieces_max) {}
  ~BlockMemory();
  BlockMemory(const BlockMemory&) = delete;
  BlockMemory& operator=(const BlockMemory&) = delete;

  size_t piece_bytes() const { return piece_bytes_; }
  std::byte* Take();
  /// Null when as many are in use as are kept.
  std::byte* TakeKept();
  void GiveBack(std::byte* piece);

 private:
  std::byte* TakeOneOf(size_t pieces_max);

  const size_t piece_bytes_;
  const size_t pieces_max_;
  std::mutex mutex_;
  size_t pieces_ = 0;               // guarded by mutex_: all, in use or not
  std::vector<std::byte*> unused_;  // guarded by mutex_
};

/// One piece, which goes back when nobody holds the buffer, or a slice of it, any more; null when
/// as many are in use as are kept. It holds anything.
std::shared_ptr<arrow::Buffer> TakeBuffer(const std::shared_ptr<BlockMemory>& memory);

}  // namespace firth
