// Durable files: the one seam through which the engine touches a disk.
#pragma once

#include <arrow/buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"

namespace firth::store {

/// A file that is written and read at stated positions. Reads are thread-safe; there is one writer.
/// Errors: kDiskFull when there is no room, kIo for the rest; the message names the file.
class File {
 public:
  virtual ~File() = default;

  /// Write all `parts`, one after another, at `position`. On return the bytes are readable but not
  /// durable. On error any part of them may have been written.
  virtual Status Write(uint64_t position, const std::vector<Bytes>& parts) = 0;
  /// Read exactly `out.size()` bytes at `position`. Error kChecksumMismatch never; a file that ends
  /// before that gives kIo.
  virtual Status Read(uint64_t position, std::span<std::byte> out) const = 0;
  /// Make all that was written durable (fdatasync: the bytes and the size). After an error nothing
  /// may be assumed of what was written since the last success, and the call is not to be retried.
  virtual Status Sync() = 0;
  /// Reserve room so that writes inside [0, bytes) cannot fail for want of it. The file's size
  /// becomes at least `bytes`; new bytes read as zero.
  virtual Status Reserve(uint64_t bytes) = 0;
  virtual Status Truncate(uint64_t bytes) = 0;
  virtual Result<uint64_t> Size() const = 0;
  virtual const std::string& name() const = 0;
};

struct FileInfo {
  std::string name;  // without the folder
  uint64_t bytes = 0;
  bool is_folder = false;
};

/// A tree of folders and files. Paths are relative to the root that the implementation was given,
/// with `/` between segments, never absolute and never with `..`. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Make a new, empty file; an existing one is an error. Its name is durable after SyncFolder.
  virtual Result<std::unique_ptr<File>> Create(const std::string& path) = 0;
  /// Open for reading and writing. Error kFileMissing.
  virtual Result<std::unique_ptr<File>> Open(const std::string& path) = 0;
  virtual Result<bool> Exists(const std::string& path) = 0;
  /// Files and folders directly in `folder`, by name ascending.
  virtual Result<std::vector<FileInfo>> List(const std::string& folder) = 0;
  /// Make a folder and those above it; an existing one is fine.
  virtual Status MakeFolder(const std::string& path) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  /// Remove a file. Removing an absent one is fine.
  virtual Status Remove(const std::string& path) = 0;
  /// Make the names in `folder` durable: creations, renames, removals.
  virtual Status SyncFolder(const std::string& folder) = 0;
  /// The bytes free for new data.
  virtual Result<uint64_t> FreeBytes() = 0;
};

/// Read a whole file of at most `bytes_max` bytes.
Result<std::shared_ptr<arrow::Buffer>> ReadFile(FileSystem* files, const std::string& path,
                                                uint64_t bytes_max);
/// Write a file so that it is there wholly or not at all, durably: a temporary name, sync, rename,
/// sync of the folder.
Status WriteFileAtomically(FileSystem* files, const std::string& path, Bytes bytes);

/// The operating system's files below `root` (an existing folder). Takes an exclusive lock on
/// `root/LOCK`, held until destruction. Error kFolderInUse when another process holds it.
Result<std::unique_ptr<FileSystem>> OpenLocalFileSystem(const std::string& root);

}  // namespace firth::store
