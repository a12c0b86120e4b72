#include "firth/net/frame_assembler.h"

#include <algorithm>
#include <cstring>

namespace firth::net {
namespace {

/// A body's buffer begins with this much and then grows by this factor, up to the frame's length: a
/// claimed length costs little, and a large frame that does arrive is moved a few times at most.
constexpr size_t kFirstStepBytes = 256 << 10;
constexpr size_t kGrowthFactor = 4;
/// A body up to this long lies in one piece of memory with its buffer: most requests are small.
constexpr size_t kSmallBytes = 256;

class SmallBody : public arrow::MutableBuffer {
 public:
  explicit SmallBody(size_t bytes) : MutableBuffer(room_.data(), static_cast<int64_t>(bytes)) {}

 private:
  std::array<uint8_t, kSmallBytes> room_;
};

}  // namespace

std::span<std::byte> FrameAssembler::Direct() {
  if (!body_) return {};
  const size_t room = static_cast<size_t>(body_->size()) - filled_;
  return {reinterpret_cast<std::byte*>(body_->mutable_data()) + filled_, room};
}

Status FrameAssembler::Filled(size_t bytes, const Sink& sink) {
  FIRTH_CHECK(bytes <= Direct().size());
  filled_ += bytes;
  return GiveIfComplete(sink);
}

Status FrameAssembler::Consume(Bytes bytes, const Sink& sink) {
  while (!bytes.empty()) {
    if (header_bytes_ < header_.size()) {
      ARROW_RETURN_NOT_OK(TakeHeader(&bytes));
      if (header_bytes_ == header_.size() && length_ == 0) {
        ARROW_RETURN_NOT_OK(Grow());
        ARROW_RETURN_NOT_OK(GiveIfComplete(sink));
      }
      continue;
    }
    if (!body_) {
      ARROW_RETURN_NOT_OK(Begin(&bytes));
      ARROW_RETURN_NOT_OK(GiveIfComplete(sink));
      continue;
    }
    if (Direct().empty()) ARROW_RETURN_NOT_OK(Grow());
    const auto into = Direct();
    const size_t count = std::min(into.size(), bytes.size());
    // The copy out of the shared read buffer: of small frames, and of at most its size of large
    // ones.
    std::memcpy(into.data(), bytes.data(), count);
    bytes = bytes.subspan(count);
    ARROW_RETURN_NOT_OK(Filled(count, sink));
  }
  return Status::OK();
}

Status FrameAssembler::TakeHeader(Bytes* bytes) {
  const size_t count = std::min(header_.size() - header_bytes_, bytes->size());
  std::memcpy(header_.data() + header_bytes_, bytes->data(), count);
  *bytes = bytes->subspan(count);
  header_bytes_ += count;
  if (header_bytes_ < header_.size()) return Status::OK();
  length_ = LoadBe<uint32_t>(header_.data());
  if (length_ > frame_bytes_max_) {
    return Error(Code::kInvalidArgument, Reason::kNone,
                 "a frame says to have " + std::to_string(length_) + " bytes, the most is " +
                     std::to_string(frame_bytes_max_));
  }
  return Status::OK();
}

/// With the first bytes of a body.
Status FrameAssembler::Begin(Bytes* bytes) {
  const Bytes begin = bytes->first(std::min(bytes->size(), length_));
  body_ = memory_ != nullptr ? memory_->Take(begin, length_) : nullptr;
  is_large_ = body_ != nullptr;
  if (!is_large_) return Grow();
  filled_ = begin.size();
  *bytes = bytes->subspan(filled_);
  return Status::OK();
}

Status FrameAssembler::Grow() {
  if (!body_ && length_ <= kSmallBytes) {
    body_ = std::make_shared<SmallBody>(length_);
    return Status::OK();
  }
  const size_t bytes = std::min(length_, std::max(kFirstStepBytes, filled_ * kGrowthFactor));
  if (growing_ != nullptr) {
    return growing_->Resize(static_cast<int64_t>(bytes), /*shrink_to_fit=*/false);
  }
  ARROW_ASSIGN_OR_RAISE(growing_, arrow::AllocateResizableBuffer(static_cast<int64_t>(bytes)));
  body_ = growing_;
  return Status::OK();
}

Status FrameAssembler::GiveIfComplete(const Sink& sink) {
  if (filled_ < length_) return Status::OK();
  auto whole = std::exchange(body_, nullptr);
  growing_.reset();
  header_bytes_ = 0;
  length_ = 0;
  filled_ = 0;
  ++frames_;
  sink(std::move(whole));
  return Status::OK();
}

}  // namespace firth::net
