#include "firth/net/send_queue.h"

#include <algorithm>
#include <cstdint>

#include "firth/common/status.h"

namespace firth::net {
namespace {

/// Up to this size a part is copied: that is cheaper than one more run in the system call.
constexpr int64_t kCopiedBytesMax = 1024;
/// A gathered run is not made longer than this.
constexpr size_t kRunBytesMax = 16 << 10;

}  // namespace

Bytes SendQueue::Piece::rest() const {
  const Bytes whole = buffer ? AsBytes({reinterpret_cast<const char*>(buffer->data()),
                                        static_cast<size_t>(buffer->size())})
                             : AsBytes(text);
  return whole.subspan(sent);
}

size_t SendQueue::PushFrame(std::vector<std::shared_ptr<arrow::Buffer>> parts) {
  uint64_t length = 0;
  for (const auto& part : parts) length += static_cast<uint64_t>(part->size());
  FIRTH_CHECK(length <= UINT32_MAX);
  std::string header;
  AppendBe(&header, static_cast<uint32_t>(length));
  PushText(header);
  for (auto& part : parts) {
    if (part->size() > kCopiedBytesMax) {
      pieces_.push_back({.text = {}, .buffer = std::move(part)});
    } else if (part->size() > 0) {
      PushText({reinterpret_cast<const char*>(part->data()), static_cast<size_t>(part->size())});
    }
  }
  return header.size() + length;
}

size_t SendQueue::PushFrame(std::string_view text) {
  FIRTH_CHECK(text.size() <= UINT32_MAX);
  std::string header;
  AppendBe(&header, static_cast<uint32_t>(text.size()));
  PushText(header);
  if (!text.empty()) PushText(text);
  return header.size() + text.size();
}

void SendQueue::PushText(std::string_view text) {
  if (pieces_.empty() || pieces_.back().buffer ||
      pieces_.back().text.size() + text.size() > kRunBytesMax) {
    pieces_.emplace_back();
  }
  pieces_.back().text.append(text);
}

size_t SendQueue::Peek(std::span<Bytes> out) const {
  const size_t count = std::min(pieces_.size(), out.size());
  for (size_t i = 0; i < count; ++i) out[i] = pieces_[i].rest();
  return count;
}

void SendQueue::Pop(size_t bytes) {
  while (bytes > 0) {
    FIRTH_CHECK(!pieces_.empty());
    Piece& front = pieces_.front();
    const size_t count = std::min(bytes, front.rest().size());
    front.sent += count;
    bytes -= count;
    if (front.rest().empty()) pieces_.pop_front();
  }
}

}  // namespace firth::net
