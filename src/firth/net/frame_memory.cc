#include "firth/net/frame_memory.h"

#include <cstring>
#include <functional>
#include <utility>

namespace firth::net {
namespace {

/// With less than this part of a piece left, another one is begun: a read of so little is not worth
/// its call.
constexpr size_t kRestPart = 32;
/// So many frames' holds on a piece are counted together: they are let go of by another thread,
/// and each count waits for the memory that it is in to come from there.
constexpr size_t kHoldsAtOnce = 32;

/// A part of a piece, which it holds.
class Frame : public arrow::MutableBuffer {
 public:
  Frame(std::shared_ptr<arrow::Buffer> piece, size_t from, size_t bytes,
        const std::shared_ptr<arrow::MemoryManager>& manager)
      : MutableBuffer(piece->mutable_data() + from, static_cast<int64_t>(bytes), manager) {
    parent_ = std::move(piece);
  }
};

}  // namespace

std::span<std::byte> FrameMemory::Rest() {
  if (Free().size() < pieces_->piece_bytes() / kRestPart && !Renew()) return {};
  return Free();
}

std::shared_ptr<arrow::Buffer> FrameMemory::Take(std::span<const std::byte> begin, size_t bytes) {
  if (bytes < large_bytes_min_ || bytes > pieces_->piece_bytes()) return nullptr;
  std::shared_ptr<arrow::Buffer> held;  // what was read into it is copied from there
  const auto rest = Free();
  const std::less<> before;
  const bool is_there =
      !before(begin.data(), rest.data()) && before(begin.data(), rest.data() + rest.size());
  const size_t skipped = is_there ? static_cast<size_t>(begin.data() - rest.data()) : 0;
  if (skipped + bytes <= rest.size()) {
    taken_ += skipped;
  } else {
    held = piece_;
    if (!Renew()) return nullptr;
  }
  auto frame = std::make_shared<Frame>(Hold(), taken_, bytes, manager_);
  taken_ += bytes;
  if (auto* const into = reinterpret_cast<std::byte*>(frame->mutable_data());
      into != begin.data()) {
    std::memmove(into, begin.data(), begin.size());
  }
  return frame;
}

std::span<std::byte> FrameMemory::Free() const {
  if (piece_ == nullptr) return {};
  return std::span(reinterpret_cast<std::byte*>(piece_->mutable_data()),
                   static_cast<size_t>(piece_->size()))
      .subspan(taken_);
}

std::shared_ptr<arrow::Buffer> FrameMemory::Hold() {
  if (holds_.empty()) holds_.assign(kHoldsAtOnce, piece_);
  auto hold = std::move(holds_.back());
  holds_.pop_back();
  return hold;
}

bool FrameMemory::Renew() {
  auto piece = TakeBuffer(pieces_);
  if (piece == nullptr) return false;
  holds_.clear();
  piece_ = std::move(piece);
  taken_ = 0;
  return true;
}

}  // namespace firth::net
