// The view's memory, in front of RocksDB: the changes that are not written to it yet, and rows that
// were written or read lately. A lookup that finds all its keys here touches no disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "firth/common/ids.h"
#include "firth/keyview/key_state.h"
#include "firth/keyview/key_state_table.h"

namespace firth::keyview {

class LogRows;

/// Thread-safe. Put, TakeUnwritten, Drop and Clear are for one thread at a time; the latter two not
/// between a TakeUnwritten and its Written.
///
/// Its mutexes are leaves, and none is held over I/O.
class RowsInFront {
 public:
  /// Rows that are written are forgotten, those first that were not asked for, while all take more
  /// than `bytes_max`: some by each who brings others, so that nobody stands still for many.
  explicit RowsInFront(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  ~RowsInFront();

  struct Found {
    std::vector<KeyStatePtr> states;  // one a key; null: not known here
    size_t missing = 0;
    uint64_t version = 0;  // of the log
  };
  /// What keys of a log hold, all at one instant.
  Found Find(LogId log, const std::vector<std::string_view>& keys) const;
  /// How often the log was changed.
  uint64_t VersionOf(LogId log) const;

  /// Take changes of one log, to be written later; readers see all of them or none.
  void Put(LogId log, const std::vector<KeyStatePtr>& changes);
  /// Keep what was read, unless the log was changed since it had `version`.
  void Keep(LogId log, uint64_t version, const std::vector<KeyStatePtr>& read);

  /// The memory of changes that nobody has taken to write.
  uint64_t unwritten_bytes() const { return unwritten_bytes_.load(); }
  /// Is there a change of this log that is not said to be written?
  bool IsUnwritten(LogId log) const;
  /// Take the last change of each key since the last call; null where its log was dropped. Takes no
  /// time: writers wait for it.
  std::vector<KeyStatePtr> TakeUnwritten();
  /// They are in RocksDB now, and may be forgotten here. None of them is null. Takes its time, in
  /// which readers and writers have their turns.
  void Written(const std::vector<KeyStatePtr>& states);

  void Drop(LogId log);
  void Clear();

 private:
  std::shared_ptr<LogRows> RowsOf(LogId log) const;
  std::shared_ptr<LogRows> MakeRowsOf(LogId log);
  /// Forget rows while all take more than `bytes_kept`; look at no more than about so many places.
  void Forget(uint64_t bytes_kept, size_t places_max);

  const uint64_t bytes_max_;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> unwritten_bytes_{0};
  std::vector<KeyStatePtr> unwritten_;  // the writer's; null where a log was dropped
  uint32_t round_ = 1;                  // the writer's
  mutable std::mutex mutex_;
  std::map<LogId, std::shared_ptr<LogRows>> logs_;  // guarded by mutex_
  LogId forgotten_last_{0};                         // guarded by mutex_
};

}  // namespace firth::keyview
