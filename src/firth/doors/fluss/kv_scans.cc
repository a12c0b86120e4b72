#include "firth/doors/fluss/kv_scans.h"

#include <algorithm>
#include <vector>

namespace firth::doors::fluss {
namespace {

constexpr size_t kExpiredMax = 1000;

}  // namespace

Status KvScan::Advance() {
  ARROW_ASSIGN_OR_RAISE(ahead, rows->Next());
  return Status::OK();
}

Status KvScans::CheckRoom(const BucketName& bucket) const {
  std::lock_guard lock(mutex_);
  const auto of_bucket = static_cast<size_t>(
      std::ranges::count_if(held_, [&](const auto& entry) { return entry.second.name == bucket; }));
  if (held_.size() < kMax && of_bucket < kPerBucketMax) return Status::OK();
  return Refusal(Wire::kTooManyScans,
                 of_bucket < kPerBucketMax
                     ? "there are " + std::to_string(kMax) + " scans under way; try again later"
                     : "there are " + std::to_string(kPerBucketMax) +
                           " scans of this bucket under way; try again later");
}

std::string KvScans::Keep(std::unique_ptr<KvScan> scan) {
  std::string id = random_->Uuid();
  std::lock_guard lock(mutex_);
  Held& held = held_[id];
  held.name = scan->name;
  held.scan = std::move(scan);
  held.used_ns = clock_->MonotonicNs();
  return id;
}

Result<std::unique_ptr<KvScan>> KvScans::Take(const std::string& id) {
  std::lock_guard lock(mutex_);
  const auto found = held_.find(id);
  if (found == held_.end()) {
    if (std::ranges::find(expired_, id) != expired_.end()) {
      return Refusal(Wire::kScanExpired, "the scan was left alone for too long; begin a new one");
    }
    return Refusal(Wire::kUnknownScan, "there is no such scan, or it has ended");
  }
  if (found->second.scan == nullptr) {
    return Refusal(Wire::kInvalidScan, "the scan's last call is not answered yet");
  }
  found->second.used_ns = clock_->MonotonicNs();
  return std::move(found->second.scan);
}

void KvScans::PutBack(const std::string& id, std::unique_ptr<KvScan> scan) {
  std::lock_guard lock(mutex_);
  const auto found = held_.find(id);
  if (found == held_.end()) return;  // all were closed meanwhile
  found->second.scan = std::move(scan);
  found->second.used_ns = clock_->MonotonicNs();
}

void KvScans::Forget(const std::string& id) {
  std::lock_guard lock(mutex_);
  held_.erase(id);
}

void KvScans::Expire() {
  std::vector<std::unique_ptr<KvScan>> closed;  // outside the mutex
  std::lock_guard lock(mutex_);
  const int64_t since_ns = clock_->MonotonicNs() - kIdleNs;
  for (auto at = held_.begin(); at != held_.end();) {
    if (at->second.scan == nullptr || at->second.used_ns > since_ns) {
      ++at;
      continue;
    }
    closed.push_back(std::move(at->second.scan));
    expired_.push_back(at->first);
    if (expired_.size() > kExpiredMax) expired_.pop_front();
    at = held_.erase(at);
  }
}

void KvScans::Clear() {
  std::lock_guard lock(mutex_);
  held_.clear();
}

size_t KvScans::size() const {
  std::lock_guard lock(mutex_);
  return held_.size();
}

}  // namespace firth::doors::fluss
