#include "firth/common/block_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace firth {
namespace {

constexpr size_t kHugePageBytes = 2 << 20;

/// On huge pages where that is possible: what is read or written past the operating system's cache
/// is looked up by it page by page, each time.
std::byte* Allocate(size_t bytes) {
  const bool huge = bytes % kHugePageBytes == 0;
  void* const memory = std::aligned_alloc(huge ? kHugePageBytes : kBlockBytes, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  if (huge) static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));  // else it is only slower
  return static_cast<std::byte*>(memory);
}

class PieceBuffer : public arrow::MutableBuffer {
 public:
  PieceBuffer(std::byte* piece, std::shared_ptr<BlockMemory> owner)
      : MutableBuffer(reinterpret_cast<uint8_t*>(piece),
                      static_cast<int64_t>(owner->piece_bytes())),
        piece_(piece),
        owner_(std::move(owner)) {}
  ~PieceBuffer() override { owner_->GiveBack(piece_); }

 private:
  std::byte* const piece_;
  const std::shared_ptr<BlockMemory> owner_;
};

}  // namespace

BlockMemory::~BlockMemory() {
  for (std::byte* const piece : unused_) std::free(piece);
}

std::byte* BlockMemory::Take() {
  return TakeOneOf(SIZE_MAX);
}

std::byte* BlockMemory::TakeKept() {
  return TakeOneOf(pieces_max_);
}

std::byte* BlockMemory::TakeOneOf(size_t pieces_max) {
  {
    std::lock_guard lock(mutex_);
    if (!unused_.empty()) {
      std::byte* const piece = unused_.back();
      unused_.pop_back();
      return piece;
    }
    if (pieces_ >= pieces_max) return nullptr;
    ++pieces_;
    unused_.reserve(pieces_);
  }
  return Allocate(piece_bytes_);
}

void BlockMemory::GiveBack(std::byte* piece) {
  {
    std::lock_guard lock(mutex_);
    if (pieces_ <= pieces_max_) {
      unused_.push_back(piece);
      return;
    }
    --pieces_;
  }
  std::free(piece);
}

std::shared_ptr<arrow::Buffer> TakeBuffer(const std::shared_ptr<BlockMemory>& memory) {
  std::byte* const piece = memory->TakeKept();
  return piece == nullptr ? nullptr : std::make_shared<PieceBuffer>(piece, memory);
}

}  // namespace firth
