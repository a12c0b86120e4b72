#include "firth/store/local_file.h"

#include <unistd.h>

#include <cerrno>

#include "firth/store/file_error.h"

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
    return FileError(errno, "sync", name_);
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

}  // namespace

std::unique_ptr<File> MakeLocalFile(Descriptor descriptor, std::string name) {
  return std::make_unique<LocalFile>(std::move(descriptor), std::move(name));
}

}  // namespace firth::store
