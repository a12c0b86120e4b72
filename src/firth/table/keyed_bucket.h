// One bucket of a keyed table, as its writers see it: the key view, and in front of it the effects
// that are decided but not yet durable and applied.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/common/async_mutex.h"
#include "firth/common/ids.h"
#include "firth/keyview/key_state_table.h"
#include "firth/log/log_store.h"

namespace firth::table {

/// What one write makes of the keys that it changes.
using KeyChanges = std::shared_ptr<const std::vector<keyview::KeyStatePtr>>;

/// All methods but Lock, TryLock, Unlock and Fail are for whoever holds the bucket's mutex.
///
/// When a write fails, those decided after it stand on effects that will never be: they fail, too
/// (the log asks EpochIs in commit order), and new ones are refused until the last of them has
/// ended.
class KeyedBucket {
 public:
  KeyedBucket(LogId log, Executor* executor, log::LogStore* logs)
      : log_(log), logs_(logs), mutex_(executor) {}

  void Lock(Executor::Task holder) { mutex_.Lock(std::move(holder)); }
  bool TryLock() { return mutex_.TryLock(); }
  void Unlock() { mutex_.Unlock(); }

  /// May `writer` send batch `sequence` now? kNew; kRepeat: the log knows it, and will answer as it
  /// did then; kOutOfOrder.
  enum class Turn { kNew, kRepeat, kOutOfOrder };
  Result<Turn> Judge(WriterId writer, int32_t sequence);
  /// Error kConflict while failed writes are being cleared away.
  Status CheckOpen() const;

  /// What a key holds for the next writer, in front of the view; null: the view is to be asked.
  keyview::KeyStatePtr Find(uint64_t hash, std::string_view key) const {
    const keyview::KeyStatePtr* const found = pending_.Find(hash, key);
    return found == nullptr ? keyview::KeyStatePtr() : *found;
  }

  /// Put a write in front of the view. Returns its number and epoch.
  std::pair<uint64_t, uint64_t> Add(KeyChanges changes, WriterId writer, int32_t sequence);
  /// A write has ended: applied to the view, or failed.
  void End(uint64_t number, bool failed);

  /// A write failed: called at once, in the committer's thread, before the log looks at the next.
  void Fail() { epoch_.fetch_add(1); }
  bool EpochIs(uint64_t epoch) const { return epoch_.load() == epoch; }

  LogId log() const { return log_; }

 private:
  struct InFlight {
    uint64_t number;
    KeyChanges changes;
  };

  const LogId log_;
  log::LogStore* const logs_;
  AsyncMutex mutex_;
  std::atomic<uint64_t> epoch_{0};
  // Held by the bucket's mutex:
  uint64_t decided_epoch_ = 0;
  uint64_t next_number_ = 1;
  bool failing_ = false;
  keyview::KeyStateTable pending_;  // the last change of each key by those in flight
  std::deque<InFlight> in_flight_;
  std::unordered_map<WriterId, int32_t> sent_;  // the last sequence decided, by writer
};

/// The buckets that were written to since the start. Thread-safe; a bucket lives as long as the
/// table.
class KeyedBuckets {
 public:
  KeyedBuckets(Executor* executor, log::LogStore* logs) : executor_(executor), logs_(logs) {}

  KeyedBucket* Get(LogId log) {
    std::lock_guard lock(mutex_);
    auto& bucket = buckets_[log];
    if (bucket == nullptr) bucket = std::make_unique<KeyedBucket>(log, executor_, logs_);
    return bucket.get();
  }

 private:
  Executor* const executor_;
  log::LogStore* const logs_;
  std::mutex mutex_;
  std::unordered_map<LogId, std::unique_ptr<KeyedBucket>> buckets_;  // guarded by mutex_
};

}  // namespace firth::table
