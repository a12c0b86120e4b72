#include "firth/format/streams.h"

#include <arrow/buffer.h>

#include <algorithm>
#include <cstring>

namespace firth::format {

Result<std::shared_ptr<arrow::Buffer>> ForwardStream::Read(int64_t bytes) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(bytes));
  ARROW_ASSIGN_OR_RAISE(const int64_t count, Read(bytes, buffer->mutable_data()));
  ARROW_RETURN_NOT_OK(buffer->Resize(count, /*shrink_to_fit=*/false));
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

Result<int64_t> ResumedStream::ReadSome(int64_t bytes, void* out) {
  int64_t count = 0;
  if (position() < front_->size()) {
    count = std::min(bytes, front_->size() - position());
    std::memcpy(out, front_->data() + position(), static_cast<size_t>(count));
  }
  if (count == bytes) return count;
  ARROW_ASSIGN_OR_RAISE(const int64_t more,
                        ReadFully(rest_.get(), bytes - count, static_cast<uint8_t*>(out) + count));
  return count + more;
}

Result<int64_t> ReadFully(arrow::io::InputStream* stream, int64_t bytes, void* out) {
  int64_t sum = 0;
  while (sum < bytes) {
    ARROW_ASSIGN_OR_RAISE(const int64_t count,
                          stream->Read(bytes - sum, static_cast<uint8_t*>(out) + sum));
    if (count == 0) break;
    sum += count;
  }
  return sum;
}

}  // namespace firth::format
