#include "firth/store/file_system.h"

#include <utility>

#include "firth/store/file_path.h"

namespace firth::store {
namespace {

Status WriteNewFile(FileSystem* files, const std::string& path, const std::vector<Bytes>& parts) {
  ARROW_ASSIGN_OR_RAISE(const auto file, files->Create(path));
  ARROW_RETURN_NOT_OK(file->Write(0, parts));
  return file->Sync();
}

/// Remove what a failed write left; the failure that came first is the one to report.
Status RemoveAfter(Status failure, FileSystem* files, const std::string& path) {
  const Status removed = files->Remove(path);
  if (removed.ok()) return failure;
  return failure.WithMessage(failure.message(), "; then: ", removed.message());
}

}  // namespace

Result<std::shared_ptr<arrow::Buffer>> ReadFile(FileSystem* files, const std::string& path,
                                                uint64_t bytes_max) {
  ARROW_ASSIGN_OR_RAISE(const auto file, files->Open(path));
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, file->Size());
  if (bytes > bytes_max) {
    return Error(Code::kResourceExhausted, Reason::kOverBudget,
                 "'" + path + "' has " + std::to_string(bytes) + " bytes; at most " +
                     std::to_string(bytes_max) + " are read at once");
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(static_cast<int64_t>(bytes)));
  ARROW_RETURN_NOT_OK(
      file->Read(0, std::as_writable_bytes(std::span(buffer->mutable_data(), bytes))));
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

Status WriteFileAtomically(FileSystem* files, const std::string& path, Bytes bytes) {
  return WriteFileAtomically(files, path, std::vector<Bytes>{bytes});
}

Status WriteFileAtomically(FileSystem* files, const std::string& path,
                           const std::vector<Bytes>& parts) {
  const std::string temporary = path + kTemporarySuffix;
  ARROW_RETURN_NOT_OK(files->Remove(temporary));  // a crash may have left one
  Status status = WriteNewFile(files, temporary, parts);
  if (status.ok()) status = files->Rename(temporary, path);
  if (!status.ok()) return RemoveAfter(std::move(status), files, temporary);
  return files->SyncFolder(FolderOf(path));
}

Status MakeFolderDurably(FileSystem* files, const std::string& path) {
  ARROW_RETURN_NOT_OK(files->MakeFolder(path));
  std::string folder;
  for (const std::string_view segment : SegmentsOf(path)) {
    ARROW_RETURN_NOT_OK(files->SyncFolder(folder));
    folder = PathIn(folder, segment);
  }
  return Status::OK();
}

}  // namespace firth::store
