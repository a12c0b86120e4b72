#include "firth/catalog/layer_file.h"

#include <algorithm>
#include <array>

#include "firth/common/checksum.h"

namespace firth::catalog {
namespace {

constexpr uint64_t kContentBytes = kPageBytes - kPageChecksumBytes;

/// The number is part of it, so that a page which was written to another's place is found.
uint64_t ChecksumOf(Bytes page, uint64_t position) {
  return Hash64(page.first(kContentBytes), position / kPageBytes + 1);
}

}  // namespace

Status LayerFile::Read(uint64_t position, std::span<std::byte> out) {
  return file_->Read(position, out);
}

Status LayerFile::Write(uint64_t position, Bytes bytes) {
  return WriteParts(position, {bytes});
}

Status LayerFile::WriteParts(uint64_t position, const std::vector<Bytes>& parts) {
  ARROW_RETURN_NOT_OK(file_->Write(position, parts));
  for (const Bytes part : parts) position += part.size();
  bytes_ = std::max(bytes_, position);
  return Status::OK();
}

Status LayerFile::Truncate(uint64_t bytes) {
  ARROW_RETURN_NOT_OK(file_->Truncate(bytes));
  bytes_ = bytes;
  return Status::OK();
}

Status LayerFile::Sync() {
  ARROW_RETURN_NOT_OK(file_->Sync());
  if (new_name_.files == nullptr) return Status::OK();
  ARROW_RETURN_NOT_OK(new_name_.files->SyncFolder(new_name_.folder));
  new_name_.files = nullptr;
  return Status::OK();
}

Status PageFile::Read(uint64_t position, std::span<std::byte> out) {
  ARROW_RETURN_NOT_OK(LayerFile::Read(position, out));
  // SQLite first peeks at a few fields of the header, and later reads the page that holds them.
  if (out.size() <= 100) return Status::OK();
  const std::string page =
      "page " + std::to_string(position / kPageBytes + 1) + " of '" + name() + "'";
  if (out.size() != kPageBytes || position % kPageBytes != 0) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 page + " is damaged: its header asks for pages of " + std::to_string(out.size()) +
                     " bytes, not " + std::to_string(kPageBytes));
  }
  if (LoadLe<uint64_t>(out.data() + kContentBytes) != ChecksumOf(out, position)) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 page + " is damaged: its checksum does not match");
  }
  return Status::OK();
}

Status PageFile::WritePage(uint64_t position, Bytes page) {
  std::array<std::byte, kPageChecksumBytes> checksum;
  StoreLe(checksum.data(), ChecksumOf(page, position));
  return WriteParts(position, {page.first(kContentBytes), checksum});
}

Status PageFile::Write(uint64_t position, Bytes bytes) {
  if (bytes.size() != kPageBytes || position % kPageBytes != 0) {
    return Error(Code::kInternal, Reason::kIo,
                 "'" + name() + "' is written in pages of " + std::to_string(kPageBytes) +
                     " bytes, not " + std::to_string(bytes.size()));
  }
  // A page that SQLite skips now may be read later, before it is ever written.
  static constexpr std::array<std::byte, kPageBytes> kEmptyPage{};
  for (uint64_t hole = this->bytes() / kPageBytes * kPageBytes; hole < position;
       hole += kPageBytes) {
    ARROW_RETURN_NOT_OK(WritePage(hole, kEmptyPage));
  }
  return WritePage(position, bytes);
}

}  // namespace firth::catalog
