#include "firth/doors/aws/object_file.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <cstring>

#include "firth/format/positioned_input.h"

namespace firth::doors::aws {
namespace {

constexpr size_t kBlobBytes = size_t{8} << 20;

class ObjectFile : public format::PositionedInput {
 public:
  ObjectFile(work::Objects* objects, work::ObjectInfo object)
      : objects_(objects), object_(std::move(object)) {}

  Result<int64_t> GetSize() override { return static_cast<int64_t>(object_.bytes); }
  Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    if (position < 0 || bytes < 0) return Status::Invalid("a range below zero");
    const auto at = std::min(static_cast<uint64_t>(position), object_.bytes);
    return objects_->Read(object_, at, std::min(static_cast<uint64_t>(bytes), object_.bytes - at));
  }
  Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const auto read, ReadAt(position, bytes));
    if (read->size() > 0) std::memcpy(out, read->data(), static_cast<size_t>(read->size()));
    return read->size();
  }

 private:
  work::Objects* const objects_;
  const work::ObjectInfo object_;
};

class StagedStream : public arrow::io::OutputStream {
 public:
  StagedStream(work::Objects* objects, work::StagedObject* staged)
      : objects_(objects), staged_(staged) {}

  Status Write(const void* data, int64_t bytes) override {
    waiting_.append(static_cast<const char*>(data), static_cast<size_t>(bytes));
    position_ += bytes;
    return waiting_.size() < kBlobBytes ? Status::OK() : Pass();
  }
  Status Close() override {
    if (std::exchange(closed_, true)) return Status::OK();
    return Pass();
  }
  bool closed() const override { return closed_; }
  Result<int64_t> Tell() const override { return position_; }

 private:
  Status Pass() {
    ARROW_RETURN_NOT_OK(objects_->Append(staged_, AsBytes(waiting_)));
    waiting_.clear();
    return Status::OK();
  }

  work::Objects* const objects_;
  work::StagedObject* const staged_;
  std::string waiting_;
  int64_t position_ = 0;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<arrow::io::RandomAccessFile> OpenObject(work::Objects* objects,
                                                        work::ObjectInfo object) {
  return std::make_shared<ObjectFile>(objects, std::move(object));
}

std::shared_ptr<arrow::io::OutputStream> WriteStaged(work::Objects* objects,
                                                     work::StagedObject* staged) {
  return std::make_shared<StagedStream>(objects, staged);
}

}  // namespace firth::doors::aws
