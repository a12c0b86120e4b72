#include "firth/store/local_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <new>

#include "firth/store/file_error.h"
#include "firth/store/recent_bytes.h"

namespace firth::store {
namespace {

class LocalFile : public File {
 public:
  LocalFile(Descriptor descriptor, std::string name)
      : descriptor_(std::move(descriptor)), name_(std::move(name)) {}

  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    return FileStatus(WriteAll(fd(), position, parts), "write", name_);
  }

  Status Read(uint64_t position, std::span<std::byte> out) const override {
    size_t read = 0;
    if (const int error = ReadAll(fd(), position, out, &read))
      return FileError(error, "read", name_);
    if (read < out.size()) return ReadPastEnd(name_, position, out.size(), read);
    return Status::OK();
  }

  Status Sync() override {
    // Linux forgets the pages of a failed sync and lets the next one succeed: never ask again.
    if (sync_failed_) return SyncFailedBefore(name_);
    if (fdatasync(fd()) == 0) return Status::OK();
    sync_failed_ = true;
    return SyncError(errno, name_);
  }

  Status Reserve(uint64_t bytes) override {
    return FileStatus(ReserveRoom(fd(), bytes), "reserve room in", name_);
  }

  Status Truncate(uint64_t bytes) override {
    if (bytes > INT64_MAX) return FileError(EFBIG, "truncate", name_);
    while (ftruncate(fd(), static_cast<off_t>(bytes)) != 0) {
      if (errno != EINTR) return FileError(errno, "truncate", name_);
    }
    return Status::OK();
  }

  Result<uint64_t> Size() const override {
    uint64_t bytes = 0;
    if (const int error = LengthOf(fd(), &bytes)) return FileError(error, "stat", name_);
    return bytes;
  }

  const std::string& name() const override { return name_; }

 private:
  int fd() const { return descriptor_.get(); }

  const Descriptor descriptor_;
  const std::string name_;
  bool sync_failed_ = false;  // of the one writer
};

/// What was read past the operating system's cache, before it is copied to where it was asked for.
class Bounce {
 public:
  static constexpr size_t kBytes = 1 << 20;
  Bounce() : memory_(static_cast<std::byte*>(std::aligned_alloc(kBlockBytes, kBytes))) {
    if (memory_ == nullptr) throw std::bad_alloc();
  }
  ~Bounce() { std::free(memory_); }
  Bounce(const Bounce&) = delete;
  Bounce& operator=(const Bounce&) = delete;
  std::span<std::byte> memory() const { return {memory_, kBytes}; }

 private:
  std::byte* const memory_;
};

class DirectFile : public LocalFile {
 public:
  DirectFile(Descriptor descriptor, Descriptor direct, std::string name)
      : LocalFile(std::move(descriptor), std::move(name)), direct_(std::move(direct)) {}

  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    return FileStatus(WriteAll(direct_.get(), position, parts), "write", name());
  }

  /// Past the cache however little it is: a page that a reader brought into the cache while its
  /// block is written could stay there as it was.
  Status Read(uint64_t position, std::span<std::byte> out) const override {
    if (out.empty()) return Status::OK();
    if (position > INT64_MAX - Bounce::kBytes) return FileError(EFBIG, "read", name());
    thread_local const Bounce bounce;
    size_t read = 0;
    while (read < out.size()) {
      const uint64_t at = position + read;
      const size_t skipped = at % kBlockBytes;
      const uint64_t blocks = (skipped + out.size() - read + kBlockBytes - 1) / kBlockBytes;
      const std::span memory =
          bounce.memory().first(std::min<uint64_t>(blocks * kBlockBytes, Bounce::kBytes));
      // Where the file ends, what is read may end inside a block; a block is what can be asked for.
      const ssize_t got =
          pread(direct_.get(), memory.data(), memory.size(), static_cast<off_t>(at - skipped));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FileError(errno, "read", name());
      const auto found = static_cast<size_t>(got);
      if (found <= skipped) return ReadPastEnd(name(), position, out.size(), read);
      const std::span taken = memory.subspan(skipped, std::min(found - skipped, out.size() - read));
      std::ranges::copy(taken, out.begin() + static_cast<ptrdiff_t>(read));
      read += taken.size();
    }
    return Status::OK();
  }

 private:
  const Descriptor direct_;
};

}  // namespace

std::unique_ptr<File> MakeDirectFile(Descriptor descriptor, Descriptor direct, std::string name) {
  return std::make_unique<DirectFile>(std::move(descriptor), std::move(direct), std::move(name));
}

std::unique_ptr<File> MakeLocalFile(Descriptor descriptor, std::string name) {
  return std::make_unique<LocalFile>(std::move(descriptor), std::move(name));
}

}  // namespace firth::store
