#include "firth/store/direct_read.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <new>

#include "firth/common/block_memory.h"

namespace firth::store {
namespace {

/// What was read, before it is copied to where it was asked for.
class Bounce {
 public:
  static constexpr size_t kBytes = 1 << 20;
  Bounce() : memory_(static_cast<std::byte*>(std::aligned_alloc(kBlockBytes, kBytes))) {
    if (memory_ == nullptr) throw std::bad_alloc();
  }
  ~Bounce() { std::free(memory_); }
  Bounce(const Bounce&) = delete;
  Bounce& operator=(const Bounce&) = delete;
  std::byte* at(size_t byte) const { return memory_ + byte; }

 private:
  std::byte* const memory_;
};

const Bounce& OwnBounce() {
  thread_local const Bounce bounce;
  return bounce;
}

bool LieAlike(uint64_t position, const std::byte* memory) {
  return position % kBlockBytes == reinterpret_cast<uintptr_t>(memory) % kBlockBytes;
}

/// One call for bytes from `position` on, of which the block's first `skipped` were not asked for;
/// it copies what does not come to `out` by itself. Returns how many bytes of the blocks there
/// were, or -1.
ssize_t ReadInPlace(int fd, uint64_t position, std::span<std::byte> out) {
  const Bounce& bounce = OwnBounce();
  const size_t skipped = position % kBlockBytes;
  const size_t head = skipped == 0 ? 0 : std::min<size_t>(kBlockBytes - skipped, out.size());
  const size_t whole = (out.size() - head) / kBlockBytes * kBlockBytes;
  const size_t tail = out.size() - head - whole;
  std::array<iovec, 3> parts;
  int count = 0;
  if (head > 0) parts[count++] = {bounce.at(0), kBlockBytes};
  if (whole > 0) parts[count++] = {out.data() + head, whole};
  if (tail > 0) parts[count++] = {bounce.at(kBlockBytes), kBlockBytes};
  const ssize_t got = preadv(fd, parts.data(), count, static_cast<off_t>(position - skipped));
  if (got <= 0) return got;
  // What is copied beyond what there was is not counted by the caller.
  if (head > 0) std::copy_n(bounce.at(skipped), head, out.begin());
  if (tail > 0) {
    std::copy_n(bounce.at(kBlockBytes), tail, out.end() - static_cast<ptrdiff_t>(tail));
  }
  return got;
}

ssize_t ReadAndCopy(int fd, uint64_t position, std::span<std::byte> out) {
  const Bounce& bounce = OwnBounce();
  const size_t skipped = position % kBlockBytes;
  const uint64_t blocks = (skipped + out.size() + kBlockBytes - 1) / kBlockBytes;
  const size_t bytes = std::min<uint64_t>(blocks * kBlockBytes, Bounce::kBytes);
  const ssize_t got = pread(fd, bounce.at(0), bytes, static_cast<off_t>(position - skipped));
  if (got > static_cast<ssize_t>(skipped)) {
    const size_t taken = std::min(static_cast<size_t>(got) - skipped, out.size());
    std::copy_n(bounce.at(skipped), taken, out.begin());
  }
  return got;
}

}  // namespace

int ReadDirectly(int fd, uint64_t position, std::span<std::byte> out, size_t* read) {
  *read = 0;
  if (out.size() > INT64_MAX - Bounce::kBytes ||
      position > INT64_MAX - Bounce::kBytes - out.size()) {
    return EFBIG;
  }
  while (*read < out.size()) {
    const uint64_t at = position + *read;
    const std::span rest = out.subspan(*read);
    const size_t skipped = at % kBlockBytes;
    const ssize_t got = LieAlike(at, rest.data()) && rest.size() >= kBlockBytes
                            ? ReadInPlace(fd, at, rest)
                            : ReadAndCopy(fd, at, rest);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    // Where the file ends, what is read may end inside a block.
    const auto found = static_cast<size_t>(got);
    if (found <= skipped) return 0;
    *read += std::min(found - skipped, rest.size());
  }
  return 0;
}

}  // namespace firth::store
