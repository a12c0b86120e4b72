#include "firth/keyview/key_state_memory.h"

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <new>

#include "firth/common/sanitizer.h"

namespace firth::keyview {
namespace {

constexpr size_t kStepBytes = 32;
constexpr size_t kBytesMax = 2048;  // larger ones are the allocator's
constexpr size_t kPieceBytes = size_t{2} << 20;

struct Free {
  Free* next;
};

/// The front of a piece; places follow. Guarded by the mutex of its size.
struct alignas(64) Piece {
  Piece* previous = nullptr;  // among those with room
  Piece* next = nullptr;
  Free* free = nullptr;  // places that were given back
  size_t used = 0;       // places in use
  size_t untouched = 0;  // where the places begin that were never used
};

/// Memory that begins at a multiple of its size, so that a place finds its piece.
Piece* MapPiece() {
  constexpr size_t kMapped = 2 * kPieceBytes;
  void* const mapped =
      mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<char*>(mapped);
  const size_t before =
      (kPieceBytes - reinterpret_cast<uintptr_t>(begin) % kPieceBytes) % kPieceBytes;
  char* const piece = begin + before;
  if (before > 0) munmap(begin, before);
  munmap(piece + kPieceBytes, kMapped - before - kPieceBytes);
  static_cast<void>(madvise(piece, kPieceBytes, MADV_HUGEPAGE));  // else it is only slower
  return new (piece) Piece{.untouched = sizeof(Piece)};
}

/// The places of one size.
class Places {
 public:
  void* Take(size_t bytes) {
    std::lock_guard lock(mutex_);
    if (room_ == nullptr) Link(MapPiece());
    Piece* const piece = room_;
    void* taken = piece->free;
    if (taken != nullptr) {
      piece->free = piece->free->next;
    } else {
      taken = reinterpret_cast<char*>(piece) + piece->untouched;
      piece->untouched += bytes;
    }
    ++piece->used;
    if (IsFull(*piece, bytes)) Unlink(piece);
    return taken;
  }

  void Give(void* memory, size_t bytes) {
    Piece* const piece =
        reinterpret_cast<Piece*>(reinterpret_cast<uintptr_t>(memory) & ~uintptr_t{kPieceBytes - 1});
    {
      std::lock_guard lock(mutex_);
      const bool was_full = IsFull(*piece, bytes);
      piece->free = new (memory) Free{.next = piece->free};
      --piece->used;
      if (was_full) Link(piece);
      // The last one with room stays: the next state may come at once.
      if (piece->used > 0 || (piece->previous == nullptr && piece->next == nullptr)) return;
      Unlink(piece);
    }
    munmap(piece, kPieceBytes);
  }

 private:
  static bool IsFull(const Piece& piece, size_t bytes) {
    return piece.free == nullptr && piece.untouched + bytes > kPieceBytes;
  }
  void Link(Piece* piece) {
    piece->previous = nullptr;
    piece->next = room_;
    if (room_ != nullptr) room_->previous = piece;
    room_ = piece;
  }
  void Unlink(Piece* piece) {
    (piece->previous != nullptr ? piece->previous->next : room_) = piece->next;
    if (piece->next != nullptr) piece->next->previous = piece->previous;
    piece->previous = nullptr;
    piece->next = nullptr;
  }

  std::mutex mutex_;
  Piece* room_ = nullptr;  // guarded by mutex_
};

Places& PlacesOf(size_t bytes) {
  // Never destroyed: states may outlive everything else.
  static auto& all = *new std::array<Places, kBytesMax / kStepBytes>();
  return all[bytes / kStepBytes - 1];
}

bool IsAlone(size_t bytes) {
  // The sanitizer watches memory that comes from the allocator.
  return kAddressSanitizer || bytes > kBytesMax;
}

}  // namespace

size_t StateMemoryBytes(size_t bytes) {
  return (bytes + kStepBytes - 1) / kStepBytes * kStepBytes;
}

void* TakeStateMemory(size_t bytes) {
  const size_t taken = StateMemoryBytes(bytes);
  return IsAlone(taken) ? ::operator new(taken) : PlacesOf(taken).Take(taken);
}

void GiveStateMemory(void* memory, size_t bytes) {
  const size_t taken = StateMemoryBytes(bytes);
  if (IsAlone(taken)) {
    ::operator delete(memory);
  } else {
    PlacesOf(taken).Give(memory, taken);
  }
}

}  // namespace firth::keyview
