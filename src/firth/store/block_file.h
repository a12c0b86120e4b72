// A file that is written in whole blocks, from memory that readers are served from.
#pragma once

#include <arrow/buffer.h>

#include <memory>
#include <string>
#include <vector>

#include "firth/store/cached_pages.h"
#include "firth/store/file_system.h"
#include "firth/store/recent_bytes.h"

namespace firth::store {

/// Bytes to write. With an owner they are those of memory that nobody changes any more, which may
/// be held after the write.
struct HeldBytes {
  Bytes bytes;
  std::shared_ptr<arrow::Buffer> owner;
};

/// A file that is only appended to, as MakeBlockFile gives it.
class BlockFile : public File {
 public:
  /// What has an owner is written from where it lies, and served to readers from there, as far as
  /// its address and its place in the file are the same modulo this; 0: all of it is copied.
  virtual uint64_t align_bytes() const = 0;
  /// Write, of one thread, with an effect as Write has it.
  virtual Status WriteHeld(uint64_t position, const std::vector<HeldBytes>& parts) = 0;
};

/// What a file may be as well: one that is written straight from the caller's memory, in units of
/// so many bytes, at multiples of that in memory and in the file. It divides a block.
class WritesDirectly {
 public:
  virtual ~WritesDirectly() = default;
  virtual uint64_t align_bytes() const = 0;
};

/// The file `file`, which is then written in whole blocks at the places of blocks, from memory at
/// such addresses: what a disk wants past the operating system's cache. Each write ends with zeros
/// up to the end of its block, so it is for files that are only appended to, where a write begins
/// where the last one ended or before. Of what was written last `recent` keeps as much as it may.
std::unique_ptr<BlockFile> MakeBlockFile(std::unique_ptr<File> file,
                                         std::shared_ptr<RecentBytes> recent);

/// What a file system may have besides: files that are written and read past the operating system's
/// cache.
class DirectFiles {
 public:
  virtual ~DirectFiles() = default;
  /// Open a file that is written in whole blocks, as MakeBlockFile does, and read at any place;
  /// past the cache where that is possible.
  virtual Result<std::unique_ptr<File>> OpenDirect(const std::string& path) = 0;
  /// Open a file that nobody writes to any more, as OpenSettled does.
  virtual Result<std::unique_ptr<File>> OpenSettled(const std::string& path,
                                                    std::shared_ptr<LatelyRead> lately) = 0;
};

/// Open to read a file that may be a block file which is being written: past the operating system's
/// cache where that is possible, so that no page of it stays there as it was.
Result<std::unique_ptr<File>> OpenPastCache(FileSystem* files, const std::string& path);

/// Open to read a file that nobody writes to any more. Where the file system can, long reads of
/// what the operating system's cache does not hold go past it: its pages would be taken anew, which
/// can cost more than the reading. What is read again and again, by the files that share `lately`,
/// is read through the cache, so that many who read the same have it from memory. A long read is
/// cheapest into memory that lies in its block as the bytes lie in theirs (direct_read.h).
Result<std::unique_ptr<File>> OpenSettled(FileSystem* files, const std::string& path,
                                          std::shared_ptr<LatelyRead> lately);

/// FileSystem::Create and Open for a block file, past the operating system's cache where that is
/// possible.
Result<std::unique_ptr<BlockFile>> CreateToAppend(FileSystem* files, const std::string& path,
                                                  std::shared_ptr<RecentBytes> recent);
Result<std::unique_ptr<BlockFile>> OpenToAppend(FileSystem* files, const std::string& path,
                                                std::shared_ptr<RecentBytes> recent);

}  // namespace firth::store
