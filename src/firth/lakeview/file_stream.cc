#include "firth/lakeview/file_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "firth/common/bytes.h"

namespace firth::lakeview {
namespace {

constexpr int64_t kHashBytes = 1 << 20;

}  // namespace

Result<std::shared_ptr<FileSink>> FileSink::Make(store::FileSystem* files,
                                                 const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, files->Create(path));
  return std::make_shared<FileSink>(std::move(file));
}

Status FileSink::Write(const void* data, int64_t bytes) {
  const Bytes part(static_cast<const std::byte*>(data), static_cast<size_t>(bytes));
  ARROW_RETURN_NOT_OK(file_->Write(size_, {part}));
  hash_.Add(part);
  size_ += part.size();
  return Status::OK();
}

Status FileSink::Close() {
  if (closed_) return Status::OK();
  closed_ = true;
  return file_->Sync();
}

Result<std::shared_ptr<FileSource>> FileSource::Open(store::FileSystem* files,
                                                     const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto file, files->Open(path));
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file->Size());
  return std::make_shared<FileSource>(std::move(file), size);
}

Result<int64_t> FileSource::ReadAt(int64_t position, int64_t bytes, void* out) {
  if (position < 0 || bytes < 0 || position > size_) {
    return Error(Code::kOutOfRange, Reason::kIo, file_->name() + ": a read beyond the file's end");
  }
  const int64_t count = std::min(bytes, size_ - position);
  ARROW_RETURN_NOT_OK(file_->Read(static_cast<uint64_t>(position),
                                  {static_cast<std::byte*>(out), static_cast<size_t>(count)}));
  return count;
}

Result<uint64_t> HashOfFile(FileSource* file) {
  ARROW_ASSIGN_OR_RAISE(const int64_t size, file->GetSize());
  HashStream hash;
  std::vector<std::byte> piece(static_cast<size_t>(std::min(size, kHashBytes)));
  for (int64_t at = 0; at < size;) {
    ARROW_ASSIGN_OR_RAISE(const int64_t count,
                          file->ReadAt(at, std::min<int64_t>(kHashBytes, size - at), piece.data()));
    hash.Add({piece.data(), static_cast<size_t>(count)});
    at += count;
  }
  return hash.Digest();
}

}  // namespace firth::lakeview
