#include "firth/store/cached_pages.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "firth/common/checksum.h"

namespace firth::store {
namespace {

uint64_t PageBytes() {
  static const auto bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

CachedPages::CachedPages(int fd) {
  struct stat facts{};
  if (fstat(fd, &facts) != 0 || facts.st_size == 0) return;
  const auto bytes = static_cast<size_t>(facts.st_size);
  void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return;
  mapped_ = static_cast<std::byte*>(mapped);
  bytes_ = bytes;
}

CachedPages::~CachedPages() {
  if (mapped_ != nullptr) munmap(mapped_, bytes_);
}

bool CachedPages::Holds(uint64_t position, size_t bytes) const {
  if (position >= bytes_ || bytes > bytes_ - position) return true;
  const uint64_t page = PageBytes();
  const uint64_t end = position + bytes;
  size_t missing = 0;
  std::array<unsigned char, 1024> found;
  for (uint64_t at = position / page * page; at < end;) {
    const uint64_t step = std::min<uint64_t>(end - at, found.size() * page);
    if (mincore(mapped_ + at, step, found.data()) != 0) return true;
    const size_t pages = (step + page - 1) / page;
    missing += static_cast<size_t>(std::count_if(found.begin(), found.begin() + pages,
                                                 [](auto held) { return (held & 1) == 0; }));
    at += pages * page;
  }
  return missing * page * 16 <= bytes;
}

bool LatelyRead::Note(const void* file, uint64_t position, size_t bytes) {
  const uint64_t first = position / kPieceBytes;
  const uint64_t last = (position + std::max<size_t>(bytes, 1) - 1) / kPieceBytes;
  uint64_t known = 0;
  for (uint64_t piece = first; piece <= last; ++piece) {
    const std::array<uint64_t, 2> key{reinterpret_cast<uintptr_t>(file), piece};
    const uint64_t hash = Hash64(std::as_bytes(std::span(key)));
    std::atomic<uint64_t>& slot = slots_[hash / (kTimesMax + 1) % kSlots];
    const uint64_t before = slot.load(std::memory_order_relaxed);
    const uint64_t times =
        before / (kTimesMax + 1) == hash / (kTimesMax + 1) ? before % (kTimesMax + 1) : 0;
    // Who else counts at the same moment may go uncounted.
    slot.store(hash / (kTimesMax + 1) * (kTimesMax + 1) + std::min(times + 1, kTimesMax),
               std::memory_order_relaxed);
    known += times == kTimesMax ? 1 : 0;
  }
  return known * 2 >= last - first + 1;
}

}  // namespace firth::store
