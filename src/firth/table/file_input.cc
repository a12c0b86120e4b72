#include "firth/table/file_input.h"

#include <arrow/buffer.h>
#include <arrow/io/file.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>

#include "firth/common/checksum.h"
#include "firth/format/positioned_input.h"

namespace firth::table {
namespace {

using catalog::kFileBlockBytes;

/// Verified blocks that an input keeps: readers go back and forth between a few columns.
constexpr size_t kBlocksKept = 8;

class StoreBytes : public FileBytes {
 public:
  StoreBytes(std::unique_ptr<store::File> file, uint64_t size)
      : file_(std::move(file)), size_(size) {}
  Status Read(uint64_t position, std::span<std::byte> out) const override {
    return file_->Read(position, out);
  }
  uint64_t size() const override { return size_; }
  Status Sync() override { return file_->Sync(); }

 private:
  const std::unique_ptr<store::File> file_;
  const uint64_t size_;
};

/// A file that its owner keeps outside of the store.
class LocalBytes : public FileBytes {
 public:
  LocalBytes(std::shared_ptr<arrow::io::ReadableFile> file, std::string path, uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}
  Status Read(uint64_t position, std::span<std::byte> out) const override {
    ARROW_ASSIGN_OR_RAISE(const int64_t read,
                          file_->ReadAt(static_cast<int64_t>(position),
                                        static_cast<int64_t>(out.size()), out.data()));
    if (static_cast<size_t>(read) == out.size()) return Status::OK();
    return Error(Code::kOutOfRange, Reason::kIo, path_ + " ends before it should");
  }
  uint64_t size() const override { return size_; }
  Status Sync() override {
    if (fdatasync(file_->file_descriptor()) == 0) return Status::OK();
    return Error(Code::kUnavailable, Reason::kIo,
                 "cannot sync " + path_ + ": " + std::strerror(errno));
  }

 private:
  const std::shared_ptr<arrow::io::ReadableFile> file_;
  const std::string path_;
  const uint64_t size_;
};

Status Damaged(const catalog::FileInfo& file, uint64_t block) {
  const std::string name = file.locations.empty() ? "" : " (" + file.locations.front().path + ")";
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "file " + std::to_string(file.id.value) + name +
                   " was changed or is damaged at byte " + std::to_string(block * kFileBlockBytes));
}

class Verified : public format::PositionedInput {
 public:
  using format::PositionedInput::ReadAt;
  Verified(std::shared_ptr<FileBytes> bytes, catalog::FileInfo file, bool verify)
      : bytes_(std::move(bytes)), file_(std::move(file)), verify_(verify) {}

  Result<int64_t> GetSize() override { return static_cast<int64_t>(file_.bytes); }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    if (position < 0 || bytes < 0) return Status::Invalid("a read at a negative place");
    const auto begin = static_cast<uint64_t>(position);
    const uint64_t end = std::min(begin + static_cast<uint64_t>(bytes), file_.bytes);
    auto* to = static_cast<uint8_t*>(out);
    for (uint64_t at = begin; at < end;) {
      const uint64_t block = at / kFileBlockBytes;
      ARROW_ASSIGN_OR_RAISE(const auto content, Block(block));
      const uint64_t inside = at - block * kFileBlockBytes;
      const uint64_t count = std::min(end - at, static_cast<uint64_t>(content->size()) - inside);
      std::memcpy(to, content->data() + inside, count);
      to += count;
      at += count;
    }
    return end > begin ? static_cast<int64_t>(end - begin) : 0;
  }

 private:
  Result<std::shared_ptr<arrow::Buffer>> Block(uint64_t block) {
    std::lock_guard lock(mutex_);
    for (const auto& [number, content] : blocks_) {
      if (number == block) return content;
    }
    const uint64_t at = block * kFileBlockBytes;
    const uint64_t count = std::min(kFileBlockBytes, file_.bytes - at);
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> content,
                          arrow::AllocateBuffer(static_cast<int64_t>(count)));
    const std::span<std::byte> bytes(reinterpret_cast<std::byte*>(content->mutable_data()), count);
    ARROW_RETURN_NOT_OK(bytes_->Read(at, bytes));
    if (verify_ && (block >= file_.blocks.size() || Hash64(bytes) != file_.blocks[block])) {
      return Damaged(file_, block);
    }
    if (blocks_.size() == kBlocksKept) blocks_.pop_front();
    blocks_.emplace_back(block, content);
    return content;
  }

  const std::shared_ptr<FileBytes> bytes_;
  const catalog::FileInfo file_;
  const bool verify_;
  std::mutex mutex_;
  std::deque<std::pair<uint64_t, std::shared_ptr<arrow::Buffer>>> blocks_;  // guarded by mutex_
};

/// Nobody can have put a link into the path meanwhile.
Result<std::shared_ptr<arrow::io::ReadableFile>> OpenWithoutLinks(const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const long opened = syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
  if (opened < 0) {
    return Error(Code::kNotFound, Reason::kFileMissing,
                 path.substr(0, 256) + ": " + std::strerror(errno));
  }
  return arrow::io::ReadableFile::Open(static_cast<int>(opened));
}

}  // namespace

Result<std::shared_ptr<FileBytes>> OpenBytes(store::FileSystem* files,
                                             const catalog::FileLocation& where, bool no_links) {
  if (where.root.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto file, files->Open(where.path));
    ARROW_ASSIGN_OR_RAISE(const uint64_t size, file->Size());
    return std::make_shared<StoreBytes>(std::move(file), size);
  }
  auto file = no_links ? OpenWithoutLinks(where.path) : arrow::io::ReadableFile::Open(where.path);
  if (!file.ok()) {
    return Error(Code::kNotFound, Reason::kFileMissing,
                 "cannot open the file: " + MessageOf(file.status()).substr(0, 512));
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t size, (*file)->GetSize());
  return std::make_shared<LocalBytes>(std::move(*file), where.path, static_cast<uint64_t>(size));
}

Status HashBytes(const FileBytes& bytes, catalog::FileInfo* file) {
  file->bytes = bytes.size();
  file->blocks.clear();
  ARROW_ASSIGN_OR_RAISE(
      const auto chunk,
      arrow::AllocateBuffer(static_cast<int64_t>(std::min(kFileBlockBytes, file->bytes))));
  auto* to = reinterpret_cast<std::byte*>(chunk->mutable_data());
  std::string all;
  for (uint64_t at = 0; at < file->bytes; at += kFileBlockBytes) {
    const std::span<std::byte> block(to, std::min(kFileBlockBytes, file->bytes - at));
    ARROW_RETURN_NOT_OK(bytes.Read(at, block));
    file->blocks.push_back(Hash64(block));
    AppendLe<uint64_t>(&all, file->blocks.back());
  }
  file->hash = Hash64(AsBytes(all));
  return Status::OK();
}

std::shared_ptr<arrow::io::RandomAccessFile> VerifiedInput(std::shared_ptr<FileBytes> bytes,
                                                           const catalog::FileInfo& file) {
  return std::make_shared<Verified>(std::move(bytes), file, /*verify=*/true);
}

std::shared_ptr<arrow::io::RandomAccessFile> PlainInput(std::shared_ptr<FileBytes> bytes) {
  catalog::FileInfo file;
  file.bytes = bytes->size();
  return std::make_shared<Verified>(std::move(bytes), std::move(file), /*verify=*/false);
}

}  // namespace firth::table
