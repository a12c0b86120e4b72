#include "firth/log/followers.h"

#include <utility>

namespace firth::log {

uint64_t Followers::Park(std::vector<FollowPoint> points, std::function<void()> wake) {
  std::lock_guard lock(mutex_);
  const uint64_t id = next_++;
  for (const FollowPoint& point : points) {
    auto& parked = by_log_[point.log];
    const auto [at, fresh] = parked.emplace(id, point.offset);
    if (!fresh && point.offset < at->second) at->second = point.offset;
  }
  waiting_.emplace(id, Waiting{std::move(points), std::move(wake)});
  return id;
}

std::function<void()> Followers::Take(uint64_t follower) {
  const auto found = waiting_.find(follower);
  if (found == waiting_.end()) return nullptr;
  Waiting taken = std::move(found->second);
  waiting_.erase(found);
  for (const FollowPoint& point : taken.points) {
    const auto parked = by_log_.find(point.log);
    if (parked == by_log_.end()) continue;
    parked->second.erase(follower);
    if (parked->second.empty()) by_log_.erase(parked);
  }
  return std::move(taken.wake);
}

bool Followers::Remove(uint64_t follower) {
  std::function<void()> dropped;  // destroyed outside the lock: it may own anything
  std::lock_guard lock(mutex_);
  dropped = Take(follower);
  return dropped != nullptr;
}

void Followers::WakeOne(uint64_t follower) {
  std::function<void()> wake;
  {
    std::lock_guard lock(mutex_);
    wake = Take(follower);
  }
  if (wake != nullptr) notifier_->Post(std::move(wake));
}

void Followers::Wake(std::span<const FollowPoint> ends) {
  std::vector<std::function<void()>> ready;
  {
    std::lock_guard lock(mutex_);
    std::vector<uint64_t> ids;
    for (const FollowPoint& end : ends) {
      if (by_log_.empty()) break;
      const auto parked = by_log_.find(end.log);
      if (parked == by_log_.end()) continue;
      ids.clear();
      for (const auto& [id, offset] : parked->second) {
        if (offset < end.offset) ids.push_back(id);
      }
      for (const uint64_t id : ids) ready.push_back(Take(id));
    }
  }
  for (auto& wake : ready) notifier_->Post(std::move(wake));
}

void Followers::WakeAll() {
  std::unordered_map<uint64_t, Waiting> all;
  {
    std::lock_guard lock(mutex_);
    all.swap(waiting_);
    by_log_.clear();
  }
  for (auto& [id, waiting] : all) notifier_->Post(std::move(waiting.wake));
}

size_t Followers::size() const {
  std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace firth::log
