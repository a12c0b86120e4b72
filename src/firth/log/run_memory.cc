#include "firth/log/run_memory.h"

namespace firth::log {

Result<std::shared_ptr<arrow::Buffer>> RunMemory::For(uint64_t position, uint64_t bytes) {
  if (!is_long_) return arrow::AllocateBuffer(static_cast<int64_t>(bytes));
  const uint64_t skipped = position % kBlockBytes;
  if (!HasRoom(skipped + bytes)) {
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> own,
                          arrow::AllocateBuffer(static_cast<int64_t>(skipped + bytes),
                                                static_cast<int64_t>(kBlockBytes)));
    return arrow::SliceMutableBuffer(own, static_cast<int64_t>(skipped),
                                     static_cast<int64_t>(bytes));
  }
  auto run = arrow::SliceMutableBuffer(piece_, static_cast<int64_t>(used_ + skipped),
                                       static_cast<int64_t>(bytes));
  used_ += (skipped + bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
  return run;
}

bool RunMemory::HasRoom(uint64_t bytes) {
  if (bytes > pieces_->piece_bytes()) return false;
  if (piece_ != nullptr && used_ + bytes <= pieces_->piece_bytes()) return true;
  piece_ = TakeBuffer(pieces_);
  used_ = 0;
  return piece_ != nullptr;
}

}  // namespace firth::log
