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
  /// Read exactly `out.size()` bytes at `position`. Nothing is verified here; a file that ends
  /// before that gives kOutOfRange / kIo.
  virtual Status Read(uint64_t position, std::span<std::byte> out) const = 0;
  /// Make all that was written durable (fdatasync: the bytes and the size). After an error nothing
  /// may be assumed of what was written since the last success, and the call is not to be retried:
  /// it would fail again.
  virtual Status Sync() = 0;
  /// Reserve room so that writes inside [0, bytes) cannot fail for want of it. The file's size
  /// becomes at least `bytes`; new bytes read as zero. The new size is durable after Sync. On error
  /// the size is as before.
  virtual Status Reserve(uint64_t bytes) = 0;
  /// Cut the file to `bytes`, or lengthen it with zeros for which no room is reserved. Durable
  /// after Sync.
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
/// with `/` between segments, never absolute and never with `..`; the empty path is the root, where
/// a folder is asked for. A path that is not allowed (see file_path.h) gives kInvalidArgument /
/// kInvalidName; one whose file or folder is not there gives kFileMissing. An open file goes on
/// working when its name is removed or replaced. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Make a new, empty file; an existing one gives kAlreadyExists. Its name is durable after
  /// SyncFolder.
  virtual Result<std::unique_ptr<File>> Create(const std::string& path) = 0;
  /// Open for reading and writing. Error kFileMissing.
  virtual Result<std::unique_ptr<File>> Open(const std::string& path) = 0;
  virtual Result<bool> Exists(const std::string& path) = 0;
  /// Files and folders directly in `folder`, by name ascending.
  virtual Result<std::vector<FileInfo>> List(const std::string& folder) = 0;
  /// Make a folder and those above it; an existing one is fine. Each name is durable after
  /// SyncFolder of the folder that holds it (MakeFolderDurably does both).
  virtual Status MakeFolder(const std::string& path) = 0;
  /// Give a file or folder another name; a file of that name is replaced, in one step. Durable
  /// after SyncFolder, between folders of `to`'s first and then of `from`'s.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  /// Remove a file. Removing an absent one is fine.
  virtual Status Remove(const std::string& path) = 0;
  /// Remove a folder that is empty, and say whether it is gone: false for one that is not empty.
  /// Durable after SyncFolder of the folder that held it.
  virtual Result<bool> RemoveFolder(const std::string& path) = 0;
  /// Make the names in `folder` durable: creations, renames, removals.
  virtual Status SyncFolder(const std::string& folder) = 0;
  /// The bytes free for new data.
  virtual Result<uint64_t> FreeBytes() = 0;
};

/// Read a whole file of at most `bytes_max` bytes. A longer one gives kResourceExhausted /
/// kOverBudget.
Result<std::shared_ptr<arrow::Buffer>> ReadFile(FileSystem* files, const std::string& path,
                                                uint64_t bytes_max);

/// What WriteFileAtomically appends to a path for the name under which it writes. A file that a
/// crash left under such a name holds nothing of worth.
inline constexpr char kTemporarySuffix = '~';

/// Write a file so that it is there wholly or not at all, durably: a temporary name, sync, rename,
/// sync of the folder. One caller at a time for one path. On error the old file, if any, is still
/// there, and the temporary is removed; only if the last sync fails may either be there.
Status WriteFileAtomically(FileSystem* files, const std::string& path, Bytes bytes);
/// The same for bytes in `parts`, one after another.
Status WriteFileAtomically(FileSystem* files, const std::string& path,
                           const std::vector<Bytes>& parts);

/// Make a folder and those above it, and make their names durable.
Status MakeFolderDurably(FileSystem* files, const std::string& path);

/// The operating system's files below `root` (an existing folder), open to their owner only. Takes
/// an exclusive lock on `root/LOCK`, held until destruction; that name cannot be used for another
/// file. Error kFailedPrecondition / kFolderInUse when another process holds it.
Result<std::unique_ptr<FileSystem>> OpenLocalFileSystem(const std::string& root);

}  // namespace firth::store
