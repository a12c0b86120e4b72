// Where the stretches of files go that one read takes.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <memory>

#include "firth/common/block_memory.h"
#include "firth/common/status.h"

namespace firth::log {

/// Memory for the runs of one read: of a long one in pieces that were used before, as long as there
/// are some, since new memory costs more than what is put there. Runs lie in their blocks as their
/// bytes do in the file's, as reads past the system's cache want it. For one thread.
class RunMemory {
 public:
  /// For runs of `bytes` in all. A short read has memory of its own: what is held of it for long
  /// holds no piece.
  RunMemory(std::shared_ptr<BlockMemory> pieces, uint64_t bytes)
      : pieces_(std::move(pieces)), is_long_(bytes >= pieces_->piece_bytes() / 8) {}

  /// A longer run has no room in a piece, and is given memory of its own.
  uint64_t run_bytes_max() const { return pieces_->piece_bytes() - kBlockBytes; }
  /// Memory for the bytes of a file from `position` on.
  Result<std::shared_ptr<arrow::Buffer>> For(uint64_t position, uint64_t bytes);

 private:
  bool HasRoom(uint64_t bytes);

  const std::shared_ptr<BlockMemory> pieces_;
  const bool is_long_;
  std::shared_ptr<arrow::Buffer> piece_;
  uint64_t used_ = 0;  // of piece_: whole blocks
};

}  // namespace firth::log
