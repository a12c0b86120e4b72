// Where the frames of a loop's connections are received that carry much.
#pragma once

#include <arrow/buffer.h>
#include <arrow/device.h>
#include <arrow/memory_pool.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "firth/common/block_memory.h"

namespace firth::net {

/// Frames one after another in pieces of memory that are used again, so that a frame neither takes
/// new memory nor is copied, and many of them come with one system call. A piece goes back when
/// nobody holds a frame of it any more. For one thread; frames may be let go of in any.
class FrameMemory {
 public:
  /// Shorter frames have memory of their own: held for long, they would hold a whole piece.
  static constexpr size_t kLargeBytesMin = 32 << 10;

  explicit FrameMemory(std::shared_ptr<BlockMemory> pieces, size_t large_bytes_min = kLargeBytesMin)
      : pieces_(std::move(pieces)), large_bytes_min_(large_bytes_min) {}

  /// What no frame has taken of the piece in use: bytes may be read into it, and stay until
  /// something else is. Empty when no piece is left.
  std::span<std::byte> Rest();

  /// Room for a frame of `bytes`, with `begin`, the first of them, in it: where they were read if
  /// that was Rest() and the others have room behind them. Null when it is not that large, or no
  /// piece is so long, or left.
  std::shared_ptr<arrow::Buffer> Take(std::span<const std::byte> begin, size_t bytes);

 private:
  std::span<std::byte> Free() const;
  bool Renew();
  std::shared_ptr<arrow::Buffer> Hold();

  /// Arrow's usual one, which lives as long as the process, as a pointer that counts nothing: each
  /// frame has it, and each slice of one, and all threads would count the same up and down.
  const std::shared_ptr<arrow::MemoryManager> manager_{std::shared_ptr<void>(),
                                                       arrow::default_cpu_memory_manager().get()};
  const std::shared_ptr<BlockMemory> pieces_;
  const size_t large_bytes_min_;
  std::shared_ptr<arrow::Buffer> piece_;               // null before the first
  std::vector<std::shared_ptr<arrow::Buffer>> holds_;  // of piece_, for frames to come
  size_t taken_ = 0;                                   // of piece_
};

}  // namespace firth::net
