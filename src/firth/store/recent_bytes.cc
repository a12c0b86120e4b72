#include "firth/store/recent_bytes.h"

#include <algorithm>
#include <cstring>

namespace firth::store {
namespace {

constexpr size_t kSegmentBytesMax = 4 << 20;

size_t SegmentBytesFor(size_t bytes_max) {
  const size_t wanted = std::clamp<size_t>(bytes_max / 8, kBlockBytes, kSegmentBytesMax);
  return wanted / kBlockBytes * kBlockBytes;
}

/// What a buffer's memory is a part of.
const arrow::Buffer* RootOf(const arrow::Buffer* buffer) {
  while (buffer->parent() != nullptr) buffer = buffer->parent().get();
  return buffer;
}

}  // namespace

size_t RecentSegment::Copy(uint64_t at, std::span<std::byte> out) const {
  const std::byte* there = memory_ + (at - memory_from_);
  {
    std::lock_guard lock(mutex_);
    const auto next = std::partition_point(held_.begin(), held_.end(), [&](const Held& held) {
      return held.from + held.bytes.size() <= at;
    });
    if (next != held_.end() && next->from > at) {
      out = out.first(std::min<uint64_t>(out.size(), next->from - at));
    } else if (next != held_.end()) {
      const Bytes rest = next->bytes.subspan(at - next->from);
      there = rest.data();
      out = out.first(std::min(out.size(), rest.size()));
    }
  }
  std::memcpy(out.data(), there, out.size());
  return out.size();
}

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
  std::vector<RecentSegmentPtr> gone;  // before the lock, so let go of after it
  std::lock_guard lock(mutex_);
  if (segments_.contains(key)) {
    gone.push_back(TakeOut(key));
    std::erase(order_, key);
  }
  while (segments_.size() >= segments_max_) {
    gone.push_back(TakeOut(order_.front()));
    order_.pop_front();
  }
  const auto made = std::make_shared<RecentSegment>(memory_, number * segment_bytes_, from);
  segments_[key] = made;
  order_.push_back(key);
  return made;
}

RecentSegmentPtr RecentBytes::TakeOut(const Key& key) {
  const auto found = segments_.find(key);
  RecentSegmentPtr segment = std::move(found->second);
  segments_.erase(found);
  segment->known_ = false;
  auto root = roots_.end();
  for (const auto& held : segment->held_) {  // by this one thread, or by nobody any more
    if (root == roots_.end() || root->first != held.root) root = roots_.find(held.root);
    if (--root->second.parts > 0) continue;
    root_bytes_ -= root->second.bytes;
    roots_.erase(root);
    root = roots_.end();
  }
  return segment;
}

bool RecentBytes::Hold(const RecentSegmentPtr& segment, uint64_t from, Bytes bytes,
                       std::shared_ptr<arrow::Buffer> owner) {
  const arrow::Buffer* const root = RootOf(owner.get());
  std::vector<RecentSegmentPtr> gone;  // before the lock, so let go of after it
  std::lock_guard lock(mutex_);
  if (!segment->known_) return false;
  auto held = roots_.find(root);
  if (held == roots_.end()) {
    const auto bytes_more = static_cast<size_t>(root->capacity());
    const auto has_room = [&] {
      return root_bytes_ + bytes_more <= segments_max_ * segment_bytes_;
    };
    while (!has_room() && segments_.at(order_.front()) != segment) {
      gone.push_back(TakeOut(order_.front()));
      order_.pop_front();
    }
    if (!has_room()) return false;
    root_bytes_ += bytes_more;
    held = roots_.emplace(root, Root{.parts = 0, .bytes = bytes_more}).first;
  }
  ++held->second.parts;
  std::lock_guard segment_lock(segment->mutex_);
  segment->held_.push_back({.from = from, .bytes = bytes, .owner = std::move(owner), .root = root});
  return true;
}

void RecentBytes::Forget(const void* file) {
  std::vector<RecentSegmentPtr> gone;  // before the lock, so let go of after it
  std::lock_guard lock(mutex_);
  for (const Key& key : order_) {
    if (key.first == file) gone.push_back(TakeOut(key));
  }
  std::erase_if(order_, [&](const Key& key) { return key.first == file; });
}

}  // namespace firth::store
