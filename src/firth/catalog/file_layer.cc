#include "firth/catalog/file_layer.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "firth/catalog/wal_file.h"
#include "firth/common/logging.h"
#include "firth/store/file_path.h"

namespace firth::catalog {
namespace {

/// Statement journals and sorters that outgrow SQLite's own memory: kept in ours, never on disk.
class MemoryFile : public store::File {
 public:
  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    for (const Bytes part : parts) {
      if (position + part.size() > bytes_.size()) bytes_.resize(position + part.size());
      std::copy(part.begin(), part.end(), bytes_.begin() + static_cast<ptrdiff_t>(position));
      position += part.size();
    }
    return Status::OK();
  }
  Status Read(uint64_t position, std::span<std::byte> out) const override {
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(position), out.size(), out.begin());
    return Status::OK();
  }
  Status Sync() override { return Status::OK(); }
  Status Reserve(uint64_t) override { return Status::OK(); }
  Status Truncate(uint64_t bytes) override {
    bytes_.resize(bytes);
    return Status::OK();
  }
  Result<uint64_t> Size() const override { return bytes_.size(); }
  const std::string& name() const override { return name_; }

 private:
  std::vector<std::byte> bytes_;
  const std::string name_ = "(temporary)";
};

/// What SQLite allocates for an open file.
struct Handle {
  sqlite3_file base;  // first: SQLite knows only this
  LayerFile* file;
  FileLayer* layer;
};

Handle* HandleOf(sqlite3_file* file) {
  return reinterpret_cast<Handle*>(file);
}
FileLayer* LayerOf(sqlite3_vfs* vfs) {
  return static_cast<FileLayer*>(vfs->pAppData);
}

/// Tell SQLite of a status; `otherwise` is its code for a failure of this operation.
int CodeFor(FileLayer* layer, const Status& status, int otherwise) {
  if (status.ok()) return SQLITE_OK;
  layer->Note(status);
  if (ReasonOf(status) == Reason::kDiskFull) return SQLITE_FULL;
  if (ReasonOf(status) == Reason::kChecksumMismatch) return SQLITE_IOERR_DATA;
  return otherwise;
}

// --- Operations on an open file

int Close(sqlite3_file* file) {
  const std::unique_ptr<LayerFile> closed(std::exchange(HandleOf(file)->file, nullptr));
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* out, int count, sqlite3_int64 offset) {
  Handle* handle = HandleOf(file);
  const std::span<std::byte> wanted(static_cast<std::byte*>(out), static_cast<size_t>(count));
  const auto position = static_cast<uint64_t>(offset);
  const uint64_t there = handle->file->bytes() - std::min(handle->file->bytes(), position);
  if (there >= wanted.size()) {
    return CodeFor(handle->layer, handle->file->Read(position, wanted), SQLITE_IOERR_READ);
  }
  const Status status = handle->file->Read(position, wanted.first(there));
  std::memset(wanted.data() + there, 0, wanted.size() - there);
  return status.ok() ? SQLITE_IOERR_SHORT_READ : CodeFor(handle->layer, status, SQLITE_IOERR_READ);
}

int Write(sqlite3_file* file, const void* in, int count, sqlite3_int64 offset) {
  Handle* handle = HandleOf(file);
  const Bytes bytes(static_cast<const std::byte*>(in), static_cast<size_t>(count));
  return CodeFor(handle->layer, handle->layer->Change([&] {
    return handle->file->Write(static_cast<uint64_t>(offset), bytes);
  }),
                 SQLITE_IOERR_WRITE);
}

int Truncate(sqlite3_file* file, sqlite3_int64 bytes) {
  Handle* handle = HandleOf(file);
  return CodeFor(handle->layer, handle->layer->Change([&] {
    return handle->file->Truncate(static_cast<uint64_t>(bytes));
  }),
                 SQLITE_IOERR_TRUNCATE);
}

int Sync(sqlite3_file* file, int) {
  Handle* handle = HandleOf(file);
  return CodeFor(handle->layer, handle->layer->Sync(handle->file), SQLITE_IOERR_FSYNC);
}

int FileSize(sqlite3_file* file, sqlite3_int64* bytes) {
  *bytes = static_cast<sqlite3_int64>(HandleOf(file)->file->bytes());
  return SQLITE_OK;
}

int Lock(sqlite3_file*, int) {
  return SQLITE_OK;
}

int CheckReservedLock(sqlite3_file*, int* is_reserved) {
  *is_reserved = 0;
  return SQLITE_OK;
}

int FileControl(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int SectorSize(sqlite3_file*) {
  return static_cast<int>(kPageBytes);
}
// A write that a power cut interrupts changes no byte that it was not to write.
int DeviceCharacteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

constexpr sqlite3_io_methods kFileMethods = {
    .iVersion = 1,
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = Truncate,
    .xSync = Sync,
    .xFileSize = FileSize,
    .xLock = Lock,
    .xUnlock = Lock,
    .xCheckReservedLock = CheckReservedLock,
    .xFileControl = FileControl,
    .xSectorSize = SectorSize,
    .xDeviceCharacteristics = DeviceCharacteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

// --- Operations on names

int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  Handle* handle = HandleOf(file);
  handle->base.pMethods = nullptr;  // on error SQLite is not to close it
  handle->layer = LayerOf(vfs);
  auto opened = handle->layer->OpenFile(path, flags);
  if (!opened.ok()) return CodeFor(handle->layer, opened.status(), SQLITE_CANTOPEN);
  handle->file = opened->release();
  handle->base.pMethods = &kFileMethods;
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* path, int) {
  FileLayer* layer = LayerOf(vfs);
  return CodeFor(layer, layer->Change([&] { return layer->Remove(path); }), SQLITE_IOERR_DELETE);
}

int Access(sqlite3_vfs* vfs, const char* path, int, int* exists) {
  FileLayer* layer = LayerOf(vfs);
  const Result<bool> found = layer->Exists(path);
  *exists = found.ok() && *found ? 1 : 0;
  return CodeFor(layer, found.status(), SQLITE_IOERR_ACCESS);
}

int FullPathname(sqlite3_vfs*, const char* path, int bytes_max, char* out) {
  if (std::strlen(path) >= static_cast<size_t>(bytes_max)) return SQLITE_CANTOPEN;
  std::strcpy(out, path);
  return SQLITE_OK;
}

sqlite3_vfs* Default() {
  return sqlite3_vfs_find(nullptr);
}

int Randomness(sqlite3_vfs*, int count, char* out) {
  return Default()->xRandomness(Default(), count, out);
}
int Sleep(sqlite3_vfs*, int microseconds) {
  return Default()->xSleep(Default(), microseconds);
}
int CurrentTime(sqlite3_vfs*, double* now) {
  return Default()->xCurrentTime(Default(), now);
}
int GetLastError(sqlite3_vfs*, int, char*) {
  return 0;
}

}  // namespace

FileLayer::FileLayer(store::FileSystem* files, std::string path,
                     std::function<void(const Status&)> on_fatal)
    : files_(files),
      path_(std::move(path)),
      name_([] {
        static std::atomic<int> made{0};
        return "firth-" + std::to_string(++made);
      }()),
      on_fatal_(std::move(on_fatal)) {
  vfs_ = std::make_unique<sqlite3_vfs>();
  vfs_->iVersion = 1;
  vfs_->szOsFile = sizeof(Handle);
  vfs_->mxPathname = 4096;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = Open;
  vfs_->xDelete = Delete;
  vfs_->xAccess = Access;
  vfs_->xFullPathname = FullPathname;
  vfs_->xRandomness = Randomness;
  vfs_->xSleep = Sleep;
  vfs_->xCurrentTime = CurrentTime;
  vfs_->xGetLastError = GetLastError;
}

FileLayer::~FileLayer() {
  sqlite3_vfs_unregister(vfs_.get());
}

Result<std::unique_ptr<FileLayer>> FileLayer::Make(store::FileSystem* files,
                                                   const std::string& path,
                                                   std::function<void(const Status&)> on_fatal) {
  std::unique_ptr<FileLayer> layer(new FileLayer(files, path, std::move(on_fatal)));
  ARROW_ASSIGN_OR_RAISE(layer->mark_, WalMark::Open(files, path + "-mark"));
  ARROW_RETURN_NOT_OK(layer->SayWhatIsNotMarked());
  ARROW_RETURN_NOT_OK(layer->CheckFilesAreThere());
  // A process that was killed may have left names that are not durable yet.
  ARROW_RETURN_NOT_OK(files->SyncFolder(store::FolderOf(path)));
  if (sqlite3_initialize() != SQLITE_OK ||
      sqlite3_vfs_register(layer->vfs_.get(), /*makeDflt=*/0) != SQLITE_OK) {
    return Error(Code::kInternal, Reason::kNone, "SQLite cannot be initialised");
  }
  return layer;
}

Status FileLayer::SayWhatIsNotMarked() {
  if (mark_->found() == WalMark::Found::kMark) return Status::OK();
  const std::string log = path_ + "-wal";
  ARROW_ASSIGN_OR_RAISE(const bool in_use, files_->Exists(path_));
  ARROW_ASSIGN_OR_RAISE(const bool has_log, files_->Exists(log));
  if (!in_use && !has_log) return Status::OK();
  logging::Warning("catalog",
                   "'{}-mark' {}: whether '{}' has lost its end cannot be told; a new one is made",
                   path_,
                   mark_->found() == WalMark::Found::kNothing
                       ? "is missing, as it is in folders of the first versions"
                       : "was torn by a power cut or is damaged",
                   log);
  return Status::OK();
}

Status FileLayer::CheckFilesAreThere() {
  for (const std::string& needed : {path_, path_ + "-wal"}) {
    const bool is_needed = needed == path_ ? mark_->has_been_set() : mark_->frames() > 0;
    if (!is_needed) continue;
    ARROW_ASSIGN_OR_RAISE(const bool exists, files_->Exists(needed));
    uint64_t bytes = 0;
    if (exists) {
      ARROW_ASSIGN_OR_RAISE(const auto file, files_->Open(needed));
      ARROW_ASSIGN_OR_RAISE(bytes, file->Size());
    }
    if (bytes > 0) continue;
    return Error(
        Code::kDataLoss, Reason::kFileMissing,
        "'" + needed + "' is missing or empty, but '" + path_ + "-mark' says that it was in use");
  }
  return Status::OK();
}

Status FileLayer::TakeCause() {
  return std::exchange(cause_, Status::OK());
}

void FileLayer::Break(const Status& status) {
  broken_ = Error(Code::kUnavailable, Reason::kIo,
                  "the catalog takes no changes until it is opened again, because a change of it" +
                      (" failed: " + MessageOf(status)));
  if (on_fatal_ != nullptr) on_fatal_(broken_);
}

Status FileLayer::Sync(LayerFile* file) {
  if (!broken_.ok()) return broken_;
  Status status = file->Sync();
  if (!status.ok()) Break(status);
  return status;
}

Result<std::unique_ptr<LayerFile>> FileLayer::OpenFile(const char* path, int flags) {
  if (path == nullptr) {
    return std::make_unique<LayerFile>(std::make_unique<MemoryFile>(), 0, LayerFile::NewName{});
  }
  LayerFile::NewName new_name;
  ARROW_ASSIGN_OR_RAISE(const bool exists, files_->Exists(path));
  std::unique_ptr<store::File> file;
  if (exists) {
    ARROW_ASSIGN_OR_RAISE(file, files_->Open(path));
  } else {
    ARROW_RETURN_NOT_OK(Change([&]() -> Status {
      ARROW_ASSIGN_OR_RAISE(file, files_->Create(path));
      return Status::OK();
    }));
    new_name = {files_, store::FolderOf(path)};
  }
  ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, file->Size());
  if ((flags & SQLITE_OPEN_WAL) != 0) {
    return WalFile::Open(std::move(file), bytes, std::move(new_name), mark_.get());
  }
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
    return std::make_unique<PageFile>(std::move(file), bytes, std::move(new_name));
  }
  return std::make_unique<LayerFile>(std::move(file), bytes, std::move(new_name));
}

Status FileLayer::Remove(const std::string& path) {
  if (path == path_ + "-wal") ARROW_RETURN_NOT_OK(mark_->Clear());
  ARROW_RETURN_NOT_OK(files_->Remove(path));
  return files_->SyncFolder(store::FolderOf(path));
}

}  // namespace firth::catalog
