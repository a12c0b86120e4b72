// One file as SQLite sees it, over a store::File.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::catalog {

/// The size of the catalog's pages, and of the checksum at the end of each.
inline constexpr uint64_t kPageBytes = 4096;
inline constexpr uint64_t kPageChecksumBytes = 8;

/// A file that passes everything through. Used by one thread at a time.
class LayerFile {
 public:
  /// `files` and `folder` where the file's name is to be made durable with its first sync.
  struct NewName {
    store::FileSystem* files = nullptr;
    std::string folder;
  };

  LayerFile(std::unique_ptr<store::File> file, uint64_t bytes, NewName new_name)
      : file_(std::move(file)), bytes_(bytes), new_name_(std::move(new_name)) {}
  virtual ~LayerFile() = default;

  uint64_t bytes() const { return bytes_; }
  const std::string& name() const { return file_->name(); }

  /// Read [position, position + out.size()), which lies within the file.
  virtual Status Read(uint64_t position, std::span<std::byte> out);
  virtual Status Write(uint64_t position, Bytes bytes);
  virtual Status Truncate(uint64_t bytes);
  /// Make the content durable, and the name of a new file.
  virtual Status Sync();

 protected:
  Status WriteParts(uint64_t position, const std::vector<Bytes>& parts);
  store::File* file() { return file_.get(); }

 private:
  const std::unique_ptr<store::File> file_;
  uint64_t bytes_;
  NewName new_name_;
};

/// The file of the database: whole pages, each of which ends with a checksum of its bytes and its
/// number. SQLite is told to leave these bytes alone. Verified whenever a page is read.
class PageFile : public LayerFile {
 public:
  using LayerFile::LayerFile;
  Status Read(uint64_t position, std::span<std::byte> out) override;
  Status Write(uint64_t position, Bytes bytes) override;

 private:
  Status WritePage(uint64_t position, Bytes page);
};

}  // namespace firth::catalog
