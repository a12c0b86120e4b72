#include "firth/store/local_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "firth/store/ask_ahead.h"
#include "firth/store/block_file.h"
#include "firth/store/cached_pages.h"
#include "firth/store/direct_read.h"
#include "firth/store/file_error.h"

namespace firth::store {
namespace {

class LocalFile : public File, public AsksAhead {
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

  bool ReadAtOnce(uint64_t position, std::span<std::byte> out) const override {
    return ReadCached(fd(), position, out);
  }

  void AskAhead(uint64_t position, uint64_t bytes) const override {
    if (position > INT64_MAX || bytes > INT64_MAX) return;
    (void)posix_fadvise(fd(), static_cast<off_t>(position), static_cast<off_t>(bytes),
                        POSIX_FADV_WILLNEED);
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

 protected:
  int fd() const { return descriptor_.get(); }

 private:
  const Descriptor descriptor_;
  const std::string name_;
  bool sync_failed_ = false;  // of the one writer
};

class DirectFile : public LocalFile, public WritesDirectly {
 public:
  DirectFile(Descriptor descriptor, Descriptor direct, std::string name)
      : LocalFile(std::move(descriptor), std::move(name)),
        direct_(std::move(direct)),
        align_bytes_(DirectAlignment(direct_.get(), kBlockBytes)) {}

  uint64_t align_bytes() const override { return align_bytes_; }

  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    return FileStatus(WriteAll(direct_.get(), position, parts), "write", name());
  }

  // What is in the cache may be as it was before a write.
  bool ReadAtOnce(uint64_t, std::span<std::byte>) const override { return false; }
  void AskAhead(uint64_t, uint64_t) const override {}  // it would go into the cache

  /// Past the cache however little it is: a page that a reader brought into the cache while its
  /// block is written could stay there as it was.
  Status Read(uint64_t position, std::span<std::byte> out) const override {
    size_t read = 0;
    if (const int error = ReadDirectly(direct_.get(), position, out, &read)) {
      return FileError(error, "read", name());
    }
    if (read < out.size()) return ReadPastEnd(name(), position, out.size(), read);
    return Status::OK();
  }

 private:
  const Descriptor direct_;
  const uint64_t align_bytes_;
};

class SettledFile : public LocalFile {
 public:
  SettledFile(Descriptor descriptor, Descriptor direct, std::string name,
              std::shared_ptr<LatelyRead> lately)
      : LocalFile(std::move(descriptor), std::move(name)),
        direct_(std::move(direct)),
        cached_(fd()),
        lately_(std::move(lately)) {}

  Status Read(uint64_t position, std::span<std::byte> out) const override {
    size_t read = 0;
    // What fails past the cache, or ends too early, the cache is asked for: it knows best why.
    if (GoesPastCache(position, out.size()) &&
        ReadDirectly(direct_.get(), position, out, &read) == 0 && read == out.size()) {
      return Status::OK();
    }
    return LocalFile::Read(position, out);
  }

 private:
  bool GoesPastCache(uint64_t position, size_t bytes) const {
    return bytes >= kPastCacheBytesMin && !cached_.Holds(position, bytes) &&
           !lately_->Note(this, position, bytes);
  }

  const Descriptor direct_;
  const CachedPages cached_;
  const std::shared_ptr<LatelyRead> lately_;
};

}  // namespace

std::unique_ptr<File> MakeSettledFile(Descriptor descriptor, Descriptor direct, std::string name,
                                      std::shared_ptr<LatelyRead> lately) {
  return std::make_unique<SettledFile>(std::move(descriptor), std::move(direct), std::move(name),
                                       std::move(lately));
}

std::unique_ptr<File> MakeDirectFile(Descriptor descriptor, Descriptor direct, std::string name) {
  return std::make_unique<DirectFile>(std::move(descriptor), std::move(direct), std::move(name));
}

std::unique_ptr<File> MakeLocalFile(Descriptor descriptor, std::string name) {
  return std::make_unique<LocalFile>(std::move(descriptor), std::move(name));
}

}  // namespace firth::store
