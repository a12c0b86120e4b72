#include "firth/store/recent_bytes.h"

#include <algorithm>

namespace firth::store {
namespace {

constexpr size_t kSegmentBytesMax = 4 << 20;

size_t SegmentBytesFor(size_t bytes_max) {
  const size_t wanted = std::clamp<size_t>(bytes_max / 8, kBlockBytes, kSegmentBytesMax);
  return wanted / kBlockBytes * kBlockBytes;
}

}  // namespace

RecentBytes::RecentBytes(size_t bytes_max)
    : segment_bytes_(SegmentBytesFor(bytes_max)),
      segments_max_(std::max<size_t>(1, bytes_max / segment_bytes_)),
      memory_(std::make_shared<BlockMemory>(segment_bytes_, segments_max_)) {}

RecentSegmentPtr RecentBytes::Find(const void* file, uint64_t number) const {
  std::lock_guard lock(mutex_);
  const auto found = segments_.find({file, number});
  return found == segments_.end() ? nullptr : found->second;
}

RecentSegmentPtr RecentBytes::Make(const void* file, uint64_t number, uint64_t from) {
  const Key key{file, number};
  std::lock_guard lock(mutex_);
  if (segments_.erase(key) > 0) std::erase(order_, key);
  while (segments_.size() >= segments_max_) {
    segments_.erase(order_.front());
    order_.pop_front();
  }
  const auto made = std::make_shared<RecentSegment>(memory_, from);
  segments_[key] = made;
  order_.push_back(key);
  return made;
}

void RecentBytes::Forget(const void* file) {
  std::lock_guard lock(mutex_);
  std::erase_if(segments_, [&](const auto& held) { return held.first.first == file; });
  std::erase_if(order_, [&](const Key& key) { return key.first == file; });
}

}  // namespace firth::store
