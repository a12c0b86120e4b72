// Input streams made of other inputs.
#pragma once

#include <arrow/io/interfaces.h>

#include <atomic>
#include <memory>
#include <utility>

#include "firth/common/status.h"

namespace firth::format {

/// What the streams here have in common: a position, and closing.
class ForwardStream : public arrow::io::InputStream {
 public:
  Status Close() override {
    closed_ = true;
    return Status::OK();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return position_.load(); }
  Result<int64_t> Read(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t count, ReadSome(bytes, out));
    position_ += count;
    return count;
  }
  Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override;
  int64_t position() const { return position_.load(); }

 protected:
  /// Read up to `bytes`; less only at the end.
  virtual Result<int64_t> ReadSome(int64_t bytes, void* out) = 0;

 private:
  std::atomic<int64_t> position_ = 0;  // read by whoever shows progress
  std::atomic<bool> closed_ = false;
};

/// A file from the beginning, without touching its own position.
class FileStream : public ForwardStream {
 public:
  explicit FileStream(std::shared_ptr<arrow::io::RandomAccessFile> file) : file_(std::move(file)) {}

 protected:
  Result<int64_t> ReadSome(int64_t bytes, void* out) override {
    return file_->ReadAt(position(), bytes, out);
  }

 private:
  const std::shared_ptr<arrow::io::RandomAccessFile> file_;
};

/// Bytes that were read before, then the stream that they came from.
class ResumedStream : public ForwardStream {
 public:
  ResumedStream(std::shared_ptr<arrow::Buffer> front, std::shared_ptr<arrow::io::InputStream> rest)
      : front_(std::move(front)), rest_(std::move(rest)) {}

 protected:
  Result<int64_t> ReadSome(int64_t bytes, void* out) override;

 private:
  const std::shared_ptr<arrow::Buffer> front_;
  const std::shared_ptr<arrow::io::InputStream> rest_;
};

/// Read until `bytes` are there or the stream ends; a stream may give less each time.
Result<int64_t> ReadFully(arrow::io::InputStream* stream, int64_t bytes, void* out);

}  // namespace firth::format
