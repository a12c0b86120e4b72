// Positioned reads and writes that finish: the loops around system calls that may do less than
// asked. Functions return 0 or the error number of the call that failed.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "firth/common/bytes.h"

namespace firth::store {

/// Own a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// Open `path` below the open folder `folder`, closed on exec, for the owner only if it is made.
int OpenAt(int folder, const char* path, int flags, Descriptor* out);

/// The same past the operating system's cache, for reads and writes of whole blocks of
/// `block_bytes`. EINVAL where the file system knows no such thing.
int OpenDirectlyAt(int folder, const char* path, uint64_t block_bytes, Descriptor* out);
/// What places in the file and addresses in memory must be multiples of, of a file opened so: a
/// power of two, at most `block_bytes`, which is what it is where the system does not tell.
uint64_t DirectAlignment(int fd, uint64_t block_bytes);

/// What is still to be written of a list of parts.
class PartCursor {
 public:
  explicit PartCursor(const std::vector<Bytes>& parts);
  bool done() const { return first_ == parts_.size(); }
  /// The next parts, at most IOV_MAX of them, none empty. Valid until Advance.
  std::span<const iovec> Group() const;
  /// `bytes` were written, at most as many as Group() holds.
  void Advance(size_t bytes);

 private:
  std::vector<iovec> parts_;
  size_t first_ = 0;
};

/// Write all parts, one after another, at `position`.
int WriteAll(int fd, uint64_t position, const std::vector<Bytes>& parts);
/// Read at `position` until `out` is full or the file ends; `read` is how many bytes there were.
int ReadAll(int fd, uint64_t position, std::span<std::byte> out, size_t* read);
/// Read all of `out` at `position` if the system's cache holds it; false if not, if the file ends
/// before, and on any error.
bool ReadCached(int fd, uint64_t position, std::span<std::byte> out);
/// Allocate [0, bytes) of a file and make it at least that long. A failure leaves the length as it
/// was.
int ReserveRoom(int fd, uint64_t bytes);
/// The same where the file system cannot allocate: write zeros into holes and past the end.
int ReserveByZeros(int fd, uint64_t bytes);
/// The length of an open file.
int LengthOf(int fd, uint64_t* bytes);

}  // namespace firth::store
