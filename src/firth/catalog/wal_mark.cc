#include "firth/catalog/wal_mark.h"

#include <algorithm>
#include <array>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"
#include "firth/store/file_path.h"

namespace firth::catalog {
namespace {

// The file: salt (8 bytes), frames (8, little endian), XXH3-64 of both (8, little endian).
constexpr size_t kFramesAt = 8;
constexpr size_t kChecksumAt = 16;
constexpr size_t kFileBytes = 24;
using Image = std::array<std::byte, kFileBytes>;

uint64_t ChecksumOf(const Image& image) {
  return Hash64(Bytes(image).first(kChecksumAt));
}

}  // namespace

Result<std::unique_ptr<WalMark>> WalMark::Open(store::FileSystem* files, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const bool exists, files->Exists(path));
  if (!exists) {
    ARROW_ASSIGN_OR_RAISE(auto file, files->Create(path));
    std::unique_ptr<WalMark> mark(new WalMark(std::move(file)));
    ARROW_RETURN_NOT_OK(mark->Write());
    ARROW_RETURN_NOT_OK(mark->file_->Sync());
    ARROW_RETURN_NOT_OK(files->SyncFolder(store::FolderOf(path)));
    return mark;
  }
  ARROW_ASSIGN_OR_RAISE(auto file, files->Open(path));
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, file->Size());
  std::unique_ptr<WalMark> mark(new WalMark(std::move(file)));
  mark->found_ = Found::kNoMark;
  if (bytes < kFileBytes) return mark;
  Image image;
  ARROW_RETURN_NOT_OK(mark->file_->Read(0, image));
  if (LoadLe<uint64_t>(image.data() + kChecksumAt) != ChecksumOf(image)) return mark;
  mark->found_ = Found::kMark;
  std::copy_n(image.begin(), mark->salt_.size(), mark->salt_.begin());
  mark->frames_ = LoadLe<uint64_t>(image.data() + kFramesAt);
  return mark;
}

Status WalMark::Write() {
  Image image;
  std::copy(salt_.begin(), salt_.end(), image.begin());
  StoreLe(image.data() + kFramesAt, frames_);
  StoreLe(image.data() + kChecksumAt, ChecksumOf(image));
  return file_->Write(0, {image});
}

Status WalMark::Set(const WalSalt& salt, uint64_t frames) {
  salt_ = salt;
  frames_ = frames;
  return Write();
}

Status WalMark::Clear() {
  if (frames_ == 0) return Status::OK();
  frames_ = 0;
  ARROW_RETURN_NOT_OK(Write());
  return file_->Sync();
}

}  // namespace firth::catalog
