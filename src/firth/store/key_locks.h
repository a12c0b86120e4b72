// One lock a key: work on one key goes one after another, and no mutex is held meanwhile.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

namespace firth::store {

/// Thread-safe. A thread holds one key at a time.
class KeyLocks {
 public:
  /// Holds a key until it is destroyed.
  class Held {
   public:
    Held(KeyLocks* locks, std::string key) : locks_(locks), key_(std::move(key)) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { locks_->Unlock(key_); }

   private:
    KeyLocks* const locks_;
    const std::string key_;
  };

  /// Wait until nobody holds `key`, then hold it.
  [[nodiscard]] Held Lock(const std::string& key) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !held_.contains(key); });
    held_.insert(key);
    return Held(this, key);
  }

 private:
  void Unlock(const std::string& key) {
    {
      std::lock_guard lock(mutex_);
      held_.erase(key);
    }
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> held_;  // guarded by mutex_
};

}  // namespace firth::store
