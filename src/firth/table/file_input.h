// A registered file as Arrow reads it: every byte is verified against the checksum of its block.
#pragma once

#include <arrow/io/interfaces.h>

#include <memory>

#include "firth/catalog/files.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::table {

/// Bytes at stated positions, from the store or from the operating system.
class FileBytes {
 public:
  virtual ~FileBytes() = default;
  virtual Status Read(uint64_t position, std::span<std::byte> out) const = 0;
  virtual uint64_t size() const = 0;
  /// Make what is there durable.
  virtual Status Sync() = 0;
};

/// Open the bytes at a location. With `no_links`, a path outside of the store that leads over a
/// symbolic link is refused: whoever checked the path knows then that these are its bytes. Errors:
/// kFileMissing; kIo.
Result<std::shared_ptr<FileBytes>> OpenBytes(store::FileSystem* files,
                                             const catalog::FileLocation& where,
                                             bool no_links = false);

/// The checksums of a file's blocks, and over them.
Status HashBytes(const FileBytes& bytes, catalog::FileInfo* file);

/// `bytes` as what `file` says they are; a block that is not gives kDataLoss and names the file.
std::shared_ptr<arrow::io::RandomAccessFile> VerifiedInput(std::shared_ptr<FileBytes> bytes,
                                                           const catalog::FileInfo& file);

/// The same without checking, for a first look.
std::shared_ptr<arrow::io::RandomAccessFile> PlainInput(std::shared_ptr<FileBytes> bytes);

}  // namespace firth::table
