#include "firth/store/posix_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>

#include "firth/common/status.h"

namespace firth::store {
namespace {

constexpr uint64_t kPositionMax = INT64_MAX;
constexpr mode_t kOwnerOnly = 0600;

/// Write zeros over [begin, end).
int WriteZeros(int fd, uint64_t begin, uint64_t end) {
  static constexpr size_t kChunkBytes = 64 << 10;
  static const std::vector<std::byte> zeros(kChunkBytes);
  while (begin < end) {
    const size_t take = static_cast<size_t>(std::min<uint64_t>(end - begin, kChunkBytes));
    if (const int error = WriteAll(fd, begin, {Bytes(zeros).first(take)})) return error;
    begin += take;
  }
  return 0;
}

/// Write zeros into the holes of [0, length).
int FillHoles(int fd, uint64_t length) {
  uint64_t position = 0;
  while (position < length) {
    const off_t hole = lseek(fd, static_cast<off_t>(position), SEEK_HOLE);
    if (hole < 0) return errno;
    const uint64_t begin = static_cast<uint64_t>(hole);
    if (begin >= length) return 0;
    const off_t data = lseek(fd, hole, SEEK_DATA);
    if (data < 0 && errno != ENXIO) return errno;  // ENXIO: the hole reaches to the end
    const uint64_t end = data < 0 ? length : static_cast<uint64_t>(data);
    if (const int error = WriteZeros(fd, begin, std::min(end, length))) return error;
    position = end;
  }
  return 0;
}

int Allocate(int fd, uint64_t bytes) {
  for (;;) {
    if (fallocate(fd, 0, 0, static_cast<off_t>(bytes)) == 0) return 0;
    if (errno != EINTR) return errno;
  }
}

/// Run `reserve`; if it fails, give the file its former length back.
template <typename Reserve>
int KeepLengthOnFailure(int fd, Reserve reserve) {
  uint64_t before = 0;
  if (const int error = LengthOf(fd, &before)) return error;
  const int error = reserve(before);
  uint64_t after = before;
  if (error != 0 && LengthOf(fd, &after) == 0 && after != before) {
    // The first error is the one to report, whether or not this succeeds.
    [[maybe_unused]] const int ignored = ftruncate(fd, static_cast<off_t>(before));
  }
  return error;
}

}  // namespace

Descriptor::~Descriptor() {
  // What close could report was reported by sync, on which durability rests.
  if (fd_ >= 0) close(fd_);
}

int OpenAt(int folder, const char* path, int flags, Descriptor* out) {
  for (;;) {
    Descriptor opened(openat(folder, path, flags | O_CLOEXEC, kOwnerOnly));
    if (opened.valid()) {
      *out = std::move(opened);
      return 0;
    }
    if (errno != EINTR) return errno;
  }
}

int OpenDirectlyAt(int folder, const char* path, uint64_t block_bytes, Descriptor* out) {
  Descriptor opened;
  if (const int error = OpenAt(folder, path, O_RDWR | O_DIRECT, &opened)) return error;
#ifdef STATX_DIOALIGN
  struct statx facts{};
  if (statx(opened.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) == 0 &&
      (facts.stx_mask & STATX_DIOALIGN) != 0 &&
      (facts.stx_dio_offset_align == 0 || block_bytes % facts.stx_dio_offset_align != 0 ||
       block_bytes % facts.stx_dio_mem_align != 0)) {
    return EINVAL;
  }
#else
  static_cast<void>(block_bytes);
#endif
  *out = std::move(opened);
  return 0;
}

uint64_t DirectAlignment(int fd, uint64_t block_bytes) {
#ifdef STATX_DIOALIGN
  struct statx facts{};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) == 0 &&
      (facts.stx_mask & STATX_DIOALIGN) != 0) {
    const uint64_t align = std::max(facts.stx_dio_offset_align, facts.stx_dio_mem_align);
    if (std::has_single_bit(align) && align <= block_bytes) return align;
  }
#else
  static_cast<void>(fd);
#endif
  return block_bytes;
}

PartCursor::PartCursor(const std::vector<Bytes>& parts) {
  parts_.reserve(parts.size());
  for (const Bytes part : parts) {
    if (part.empty()) continue;
    parts_.push_back({.iov_base = const_cast<std::byte*>(part.data()), .iov_len = part.size()});
  }
}

std::span<const iovec> PartCursor::Group() const {
  const size_t count = std::min<size_t>(parts_.size() - first_, IOV_MAX);
  return std::span(parts_).subspan(first_, count);
}

void PartCursor::Advance(size_t bytes) {
  while (bytes > 0) {
    FIRTH_CHECK(!done());
    iovec& part = parts_[first_];
    const size_t take = std::min(bytes, part.iov_len);
    part.iov_base = static_cast<std::byte*>(part.iov_base) + take;
    part.iov_len -= take;
    bytes -= take;
    if (part.iov_len == 0) ++first_;
  }
}

int WriteAll(int fd, uint64_t position, const std::vector<Bytes>& parts) {
  PartCursor rest(parts);
  while (!rest.done()) {
    if (position > kPositionMax) return EFBIG;
    const auto group = rest.Group();
    const ssize_t written =
        pwritev(fd, group.data(), static_cast<int>(group.size()), static_cast<off_t>(position));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return EIO;  // no progress and no reason: never loop on it
    rest.Advance(static_cast<size_t>(written));
    position += static_cast<uint64_t>(written);
  }
  return 0;
}

int ReadAll(int fd, uint64_t position, std::span<std::byte> out, size_t* read) {
  *read = 0;
  while (*read < out.size() && position <= kPositionMax) {
    const auto rest = out.subspan(*read);
    const ssize_t got = pread(fd, rest.data(), rest.size(), static_cast<off_t>(position));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    *read += static_cast<size_t>(got);
    position += static_cast<uint64_t>(got);
  }
  return 0;
}

bool ReadCached(int fd, uint64_t position, std::span<std::byte> out) {
  if (position > kPositionMax) return false;
  const iovec part{.iov_base = out.data(), .iov_len = out.size()};
  const ssize_t got = preadv2(fd, &part, 1, static_cast<off_t>(position), RWF_NOWAIT);
  return got >= 0 && static_cast<size_t>(got) == out.size();
}

int ReserveRoom(int fd, uint64_t bytes) {
  if (bytes == 0) return 0;
  if (bytes > kPositionMax) return EFBIG;
  const int error = KeepLengthOnFailure(fd, [&](uint64_t) { return Allocate(fd, bytes); });
  return error == EOPNOTSUPP ? ReserveByZeros(fd, bytes) : error;
}

int ReserveByZeros(int fd, uint64_t bytes) {
  return KeepLengthOnFailure(fd, [&](uint64_t length) {
    if (const int error = FillHoles(fd, std::min(length, bytes))) return error;
    return WriteZeros(fd, length, bytes);
  });
}

int LengthOf(int fd, uint64_t* bytes) {
  struct stat info;
  if (fstat(fd, &info) != 0) return errno;
  *bytes = static_cast<uint64_t>(info.st_size);
  return 0;
}

}  // namespace firth::store
