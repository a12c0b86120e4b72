// A durable file as Arrow's streams: written from front to back with its hash, read from anywhere.
#pragma once

#include <arrow/io/interfaces.h>

#include <cstdint>
#include <memory>
#include <string>

#include "firth/common/hash_stream.h"
#include "firth/common/status.h"
#include "firth/format/positioned_input.h"
#include "firth/store/file_system.h"

namespace firth::lakeview {

/// Writes a new file from front to back. One thread at a time.
class FileSink : public arrow::io::OutputStream {
 public:
  /// Make the file; an existing one is kAlreadyExists.
  static Result<std::shared_ptr<FileSink>> Make(store::FileSystem* files, const std::string& path);
  explicit FileSink(std::unique_ptr<store::File> file) : file_(std::move(file)) {}

  Status Write(const void* data, int64_t bytes) override;
  Result<int64_t> Tell() const override { return static_cast<int64_t>(size_); }
  bool closed() const override { return closed_; }
  /// Make the bytes durable. The name is so after its folder's sync.
  Status Close() override;

  uint64_t size() const { return size_; }
  /// XXH3-64 of what was written.
  uint64_t hash() const { return hash_.Digest(); }

 private:
  const std::unique_ptr<store::File> file_;
  HashStream hash_;
  uint64_t size_ = 0;
  bool closed_ = false;
};

/// Reads a file. ReadAt is thread-safe.
class FileSource : public format::PositionedInput {
 public:
  static Result<std::shared_ptr<FileSource>> Open(store::FileSystem* files,
                                                  const std::string& path);
  FileSource(std::unique_ptr<store::File> file, uint64_t size)
      : file_(std::move(file)), size_(static_cast<int64_t>(size)) {}

  using format::PositionedInput::ReadAt;
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override;
  Result<int64_t> GetSize() override { return size_; }

 private:
  const std::unique_ptr<store::File> file_;
  const int64_t size_;
};

/// XXH3-64 of a whole file, read in pieces.
Result<uint64_t> HashOfFile(FileSource* file);

}  // namespace firth::lakeview
