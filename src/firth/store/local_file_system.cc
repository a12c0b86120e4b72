// The operating system's files: every path is resolved below one open folder.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "firth/store/block_file.h"
#include "firth/store/file_error.h"
#include "firth/store/file_path.h"
#include "firth/store/file_system.h"
#include "firth/store/folder_lock.h"
#include "firth/store/local_file.h"
#include "firth/store/posix_io.h"
#include "firth/store/room_reclaimer.h"

namespace firth::store {
namespace {

constexpr mode_t kOwnerOnly = 0700;

/// The empty path is the root itself.
const char* ForSystem(const std::string& path) {
  return path.empty() ? "." : path.c_str();
}

bool IsFolder(int root, const std::string& path) {
  struct stat info;
  return fstatat(root, ForSystem(path), &info, 0) == 0 && S_ISDIR(info.st_mode);
}

/// What the name is now; nothing if it went away since it was listed.
Result<std::optional<FileInfo>> Describe(int folder, const char* name, const std::string& path) {
  struct stat info;
  if (fstatat(folder, name, &info, 0) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return FileError(errno, "stat", PathIn(path, name));
  }
  const bool is_folder = S_ISDIR(info.st_mode);
  return FileInfo{.name = name,
                  .bytes = is_folder ? 0 : static_cast<uint64_t>(info.st_size),
                  .is_folder = is_folder};
}

bool IsHidden(const std::string& folder, std::string_view name) {
  return name == "." || name == ".." || (folder.empty() && name == kLockName);
}

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

class LocalFileSystem : public FileSystem, public DirectFiles {
 public:
  LocalFileSystem(Descriptor root, Descriptor lock)
      : root_(std::move(root)), lock_(std::move(lock)) {}

  Result<std::unique_ptr<File>> Create(const std::string& path) override {
    return OpenFile(path, O_RDWR | O_CREAT | O_EXCL, "create");
  }

  Result<std::unique_ptr<File>> Open(const std::string& path) override {
    return OpenFile(path, O_RDWR, "open");
  }

  Result<std::unique_ptr<File>> OpenDirect(const std::string& path) override {
    return OpenTwice(path, [&](Descriptor opened, Descriptor direct) {
      return MakeDirectFile(std::move(opened), std::move(direct), path);
    });
  }

  Result<std::unique_ptr<File>> OpenSettled(const std::string& path,
                                            std::shared_ptr<LatelyRead> lately) override {
    return OpenTwice(path, [&](Descriptor opened, Descriptor direct) {
      return MakeSettledFile(std::move(opened), std::move(direct), path, std::move(lately));
    });
  }

  Result<bool> Exists(const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckFolderPath(path));
    struct stat info;
    if (fstatat(root_.get(), ForSystem(path), &info, 0) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return FileError(errno, "stat", path);
  }

  Result<std::vector<FileInfo>> List(const std::string& folder) override {
    Descriptor opened;
    ARROW_RETURN_NOT_OK(OpenFolder(folder, "list", &opened));
    const int fd = opened.get();
    const std::unique_ptr<DIR, CloseFolder> names(fdopendir(fd));
    if (names == nullptr) return FileError(errno, "list", folder);
    opened.Release();  // now closed with the DIR
    std::vector<FileInfo> found;
    for (;;) {
      errno = 0;
      const dirent* entry = readdir(names.get());
      if (entry == nullptr && errno != 0) return FileError(errno, "list", folder);
      if (entry == nullptr) break;
      if (IsHidden(folder, entry->d_name)) continue;
      ARROW_ASSIGN_OR_RAISE(auto info, Describe(fd, entry->d_name, folder));
      if (info.has_value()) found.push_back(std::move(*info));
    }
    std::ranges::sort(found, {}, &FileInfo::name);
    return found;
  }

  Status MakeFolder(const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckFolderPath(path));
    std::string made;
    for (const std::string_view segment : SegmentsOf(path)) {
      made = PathIn(made, segment);
      if (mkdirat(root_.get(), made.c_str(), kOwnerOnly) == 0) continue;
      if (errno != EEXIST) return FileError(errno, "make the folder", made);
      if (!IsFolder(root_.get(), made)) return FileError(ENOTDIR, "make the folder", made);
    }
    return Status::OK();
  }

  Status Rename(const std::string& from, const std::string& to) override {
    ARROW_RETURN_NOT_OK(CheckFilePath(from));
    ARROW_RETURN_NOT_OK(CheckFilePath(to));
    if (renameat(root_.get(), from.c_str(), root_.get(), to.c_str()) == 0) return Status::OK();
    return FileError(errno, "rename to '" + to + "' the file", from);
  }

  Status Remove(const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckFilePath(path));
    Descriptor large = reclaimer_.OpenIfLarge(root_.get(), path.c_str());
    if (unlinkat(root_.get(), path.c_str(), 0) != 0) {
      return errno == ENOENT ? Status::OK() : FileError(errno, "remove", path);
    }
    if (large.valid()) reclaimer_.Take(std::move(large));
    return Status::OK();
  }

  Result<bool> RemoveFolder(const std::string& path) override {
    ARROW_RETURN_NOT_OK(CheckFilePath(path));
    if (unlinkat(root_.get(), path.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
    if (errno == ENOTEMPTY || errno == EEXIST) return false;
    return FileError(errno, "remove the folder", path);
  }

  Status SyncFolder(const std::string& folder) override {
    Descriptor opened;
    ARROW_RETURN_NOT_OK(OpenFolder(folder, "sync the folder", &opened));
    if (fsync(opened.get()) == 0) return Status::OK();
    return FileError(errno, "sync the folder", folder);
  }

  Result<uint64_t> FreeBytes() override {
    struct statvfs info;
    if (fstatvfs(root_.get(), &info) != 0) return FileError(errno, "ask for the free room of", ".");
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
  }

 private:
  Result<std::unique_ptr<File>> OpenFile(const std::string& path, int flags, const char* action) {
    ARROW_RETURN_NOT_OK(CheckFilePath(path));
    Descriptor opened;
    if (const int error = OpenAt(root_.get(), path.c_str(), flags, &opened)) {
      return FileError(error, action, path);
    }
    return MakeLocalFile(std::move(opened), path);
  }

  /// Open a file through the cache and past it; only through it where there is no other way.
  template <typename Make>
  Result<std::unique_ptr<File>> OpenTwice(const std::string& path, const Make& make) {
    ARROW_RETURN_NOT_OK(CheckFilePath(path));
    Descriptor opened;
    Descriptor direct;
    if (const int error = OpenAt(root_.get(), path.c_str(), O_RDWR, &opened)) {
      return FileError(error, "open", path);
    }
    if (OpenDirectlyAt(root_.get(), path.c_str(), kBlockBytes, &direct) != 0) {
      return MakeLocalFile(std::move(opened), path);
    }
    return make(std::move(opened), std::move(direct));
  }

  Status OpenFolder(const std::string& folder, const char* action, Descriptor* out) {
    ARROW_RETURN_NOT_OK(CheckFolderPath(folder));
    return FileStatus(OpenAt(root_.get(), ForSystem(folder), O_RDONLY | O_DIRECTORY, out), action,
                      folder);
  }

  const Descriptor root_;
  const Descriptor lock_;
  RoomReclaimer reclaimer_;
};

}  // namespace

Result<std::unique_ptr<FileSystem>> OpenLocalFileSystem(const std::string& root) {
  Descriptor folder;
  if (const int error = OpenAt(AT_FDCWD, root.c_str(), O_RDONLY | O_DIRECTORY, &folder)) {
    return FileError(error, "open the folder", root);
  }
  ARROW_ASSIGN_OR_RAISE(Descriptor lock, LockFolder(folder.get(), root));
  return std::make_unique<LocalFileSystem>(std::move(folder), std::move(lock));
}

}  // namespace firth::store
