// What every file that Arrow reads from at stated places has in common.
#pragma once

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "firth/common/status.h"

namespace firth::format {

/// A file of which only GetSize and ReadAt(position, bytes, out) are left to say. Those that have
/// bytes in buffers already say the other ReadAt as well. Reads at the file's own position are for
/// one thread at a time.
class PositionedInput : public arrow::io::RandomAccessFile {
 public:
  using arrow::io::RandomAccessFile::ReadAt;

  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return position_; }
  Status Seek(int64_t position) override {
    if (position < 0) return Status::Invalid("a position below zero");
    position_ = position;
    return Status::OK();
  }
  Result<int64_t> Read(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t count, ReadAt(position_, bytes, out));
    position_ += count;
    return count;
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, bytes));
    position_ += buffer->size();
    return buffer;
  }
  /// No more room is taken than the file has bytes there.
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    if (position < 0 || bytes < 0) return Status::Invalid("a read at a negative place");
    ARROW_ASSIGN_OR_RAISE(const int64_t size, GetSize());
    const int64_t most = std::min(bytes, std::max<int64_t>(0, size - position));
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(most));
    if (most > 0) {
      ARROW_RETURN_NOT_OK(ReadAt(position, most, buffer->mutable_data()).status());
    }
    return buffer;
  }

 private:
  int64_t position_ = 0;
  bool closed_ = false;
};

}  // namespace firth::format
