#include "firth/net/frame_memory.h"

#include <cstring>
#include <functional>

namespace firth::net {
namespace {

/// With less than this part of a piece left, another one is begun: a read of so little is not worth
/// its call.
constexpr size_t kRestPart = 32;

}  // namespace

std::span<std::byte> FrameMemory::Rest() {
  if (Free().size() < pieces_->piece_bytes() / kRestPart && !Renew()) return {};
  return Free();
}

std::shared_ptr<arrow::Buffer> FrameMemory::Take(std::span<const std::byte> begin, size_t bytes) {
  if (bytes < large_bytes_min_ || bytes > pieces_->piece_bytes()) return nullptr;
  const auto held = piece_;  // what was read into it is copied from there
  const auto rest = Free();
  const std::less<> before;
  const bool is_there =
      !before(begin.data(), rest.data()) && before(begin.data(), rest.data() + rest.size());
  const size_t skipped = is_there ? static_cast<size_t>(begin.data() - rest.data()) : 0;
  if (skipped + bytes <= rest.size()) {
    taken_ += skipped;
  } else if (!Renew()) {
    return nullptr;
  }
  auto frame =
      arrow::SliceMutableBuffer(piece_, static_cast<int64_t>(taken_), static_cast<int64_t>(bytes));
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

bool FrameMemory::Renew() {
  auto piece = TakeBuffer(pieces_);
  if (piece == nullptr) return false;
  piece_ = std::move(piece);
  taken_ = 0;
  return true;
}

}  // namespace firth::net
