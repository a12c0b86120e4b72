// Where one log's entries lie, by offset, commit and time; and what its writers sent last.
//
// The entries of closed files are on disk, in their indexes; those of files without an index yet
// are in memory. Of a log that nobody touched nothing is in memory at all.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/log/entry.h"
#include "firth/log/index_entry.h"
#include "firth/log/index_file.h"
#include "firth/log/journal.h"
#include "firth/log/log_store.h"
#include "firth/log/writer_window.h"

namespace firth::log {

/// Add what the entry's writer sent, if it has one.
void AddSentBy(const IndexEntry& entry, WriterWindow* writers);

/// The indexes of closed files, in the order of their commits. Immutable.
struct IndexSet {
  std::vector<std::shared_ptr<const IndexFile>> files;
  uint64_t through = 0;  // journal files up to this number are in `files`, or gone
  uint64_t generation = 1;
};
using IndexSetPtr = std::shared_ptr<const IndexSet>;

/// Blocks of indexes that were read last. Thread-safe.
class BlockCache {
 public:
  explicit BlockCache(size_t bytes_max) : bytes_max_(bytes_max) {}
  Result<std::shared_ptr<const IndexBlock>> Get(const IndexFile& file, const IndexRun& run);

 private:
  using Key = std::pair<uint64_t, uint64_t>;  // file, place
  struct KeyHash {
    size_t operator()(const Key& key) const { return key.first * 0x9e3779b97f4a7c15 ^ key.second; }
  };
  struct Held {
    Key key;
    std::shared_ptr<const IndexBlock> block;
  };
  const size_t bytes_max_;
  std::mutex mutex_;
  std::list<Held> held_;  // guarded by mutex_; newest first
  std::unordered_map<Key, std::list<Held>::iterator, KeyHash> by_key_;  // guarded by mutex_
  size_t bytes_ = 0;                                                    // guarded by mutex_
};

/// One log. Its durable part is read by any thread; no lock is held while the disk is read. Methods
/// that return a Result read indexes: they fail when an index is damaged.
class LogState {
 public:
  LogState(LogId id, BlockCache* blocks) : id_(id), blocks_(blocks) {}

  // --- Loading. One thread at a time, which LogTable sees to; all else needs a loaded state.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  /// Learn of the closed files in `set`; at first also where the log starts. Entries in memory of
  /// files that are in the set now are let go.
  Status Load(const IndexSetPtr& set,
              const std::function<Result<std::optional<LogStart>>(LogId)>& start_of);
  /// As Load, without reading: `now` is `before` with one file more, in which the log has `runs`.
  /// False: it does not stand at `before`.
  bool Advance(const IndexSetPtr& before, const IndexSetPtr& now, std::span<const IndexRun> runs);
  /// Add an entry that recovery found in a file without an index; before the first Load.
  Status Recover(const IndexEntry& entry);

  /// Add a durable entry; it begins where the log ends, and what its writer sent was added.
  Status Append(const IndexEntry& entry);
  LogRange Range() const;
  /// Entries from the one that holds `from` on, until `bytes_max` (at least one), up to a commit.
  /// Error kOffsetOutOfRange.
  Result<std::vector<IndexEntry>> Plan(Offset from, const ReadOptions& options) const;
  /// As Plan, from the first entry of a commit after `after` on.
  Result<std::vector<IndexEntry>> PlanAfter(CommitId after, const ReadOptions& options) const;
  Result<Offset> OffsetAtTime(int64_t time_ns) const;
  Result<Offset> OffsetAtRecordTime(int64_t time_ns) const;
  Result<Offset> OffsetOfLastBytes(uint64_t bytes) const;
  Result<Offset> OffsetAfterCommit(CommitId commit) const;
  Result<uint64_t> BytesBetween(Offset from, Offset to) const;
  Offset end() const;

  /// The start that leaves out whole commits below `to`, and nothing else; nullopt if that is the
  /// start already.
  Result<std::optional<LogStart>> StartAt(Offset to) const;
  void SetStart(const LogStart& start);
  CommitId trimmed() const;

  // What writers sent; also what a group that is in work sends. Changed by the committer only.
  /// Error: what writers are told when the log takes no entries any more; what was taken before is
  /// a duplicate then, too.
  Result<WriterWindow::Answer> Judge(WriterId writer, int32_t sequence) const;
  void AddSent(WriterId writer, const WriterWindow::Sent& sent);
  void TakeBackSent(WriterId writer);
  std::optional<int32_t> LastSequence(WriterId writer) const;

  /// The last commit of entries in memory; 0 if there are none. Also of a log that is not loaded.
  CommitId Newest() const;
  /// What writers are told; OK while the log takes entries. Also of a log that is not loaded.
  Status closed() const;
  void Close(const Status& answer);
  /// Entries in memory of the file `number`.
  std::vector<IndexEntry> EntriesOf(uint64_t number) const;
  WriterWindow Writers() const;
  /// May it leave memory, if nobody holds it? Then its entries are of files up to `through`.
  bool Idle(uint64_t through) const;

  // The committer's own, once it is loaded.
  Offset next;                      // the offset to give next; ahead of end() inside a group
  std::atomic<bool> touched{true};  // since memory was last looked through

 private:
  /// Let entries in memory go.
  template <typename Gone>
  void EraseTail(const Gone& gone) {
    std::erase_if(tail_, gone);
    tail_bytes_ = 0;
    for (const IndexEntry& entry : tail_) tail_bytes_ += entry.body_bytes;
  }
  struct Placed {
    std::shared_ptr<const IndexFile> file;
    IndexRun run;
  };
  using Runs = std::vector<Placed>;
  /// Where a walk begins: these are monotone, first true, then false.
  struct Seek {
    std::function<bool(const IndexRun&)> before_run;  // all of the run lies before
    std::function<bool(const IndexEntry&)> before;
  };
  /// Visit entries from a place on, in order, until `visit` says false.
  Status Walk(const Seek& seek, const std::function<bool(const IndexEntry&)>& visit) const;
  Status Take(const Seek& seek, const ReadOptions& options, std::vector<IndexEntry>* plan) const;
  Result<Offset> FirstOffset(const Seek& seek) const;

  const LogId id_;
  BlockCache* const blocks_;
  std::atomic<uint64_t> generation_{0};
  IndexSetPtr set_;  // what runs_ is of; the loader's own
  mutable std::mutex mutex_;
  std::shared_ptr<const Runs> runs_;  // guarded by mutex_
  std::vector<IndexEntry> tail_;      // guarded by mutex_; after all runs
  uint64_t tail_bytes_ = 0;           // guarded by mutex_; of bodies in tail_
  WriterWindow writers_;              // guarded by mutex_
  Status closed_;                     // guarded by mutex_
  Offset start_;                      // guarded by mutex_
  Offset end_;                        // guarded by mutex_
  CommitId trimmed_{0};               // guarded by mutex_; entries up to it are below the start
  CommitId last_commit_{0};           // guarded by mutex_
  int64_t last_time_ns_ = 0;          // guarded by mutex_
};
using LogStatePtr = std::shared_ptr<LogState>;

/// All logs by id. Thread-safe.
class LogTable {
 public:
  explicit LogTable(const LogOptions* options)
      : options_(options),
        blocks_(options->index_cache_bytes),
        set_(std::make_shared<IndexSet>()),
        sweep_at_(options->logs_in_memory) {}

  /// The log, loaded. Reads the disk when it was not in memory.
  Result<LogStatePtr> Get(LogId log);
  /// The log, perhaps not loaded.
  LogStatePtr Shell(LogId log);
  /// The logs whose last commit is after `commit`.
  Result<std::vector<LogId>> After(CommitId commit) const;
  /// The last commit with entries at or before a time; 0 if there is none.
  Result<CommitId> LastCommitAt(int64_t time_ns) const;

  /// Note commits with entries in a file that has no index yet; in rising order.
  void AddCommits(std::span<const CommitTime> commits, uint64_t file);
  /// Make the index of a file from what is in memory, and let its entries leave memory. Blocks.
  Status WriteIndex(const LiveFile& file, uint64_t file_bytes, const std::string& path);
  /// From now on `set` says where the entries of closed files lie.
  void Publish(IndexSetPtr set);
  IndexSetPtr set() const;
  std::vector<LogStatePtr> InMemory() const;
  size_t size() const;

 private:
  // With mutex_ held.
  LogStatePtr FindOrMake(LogId log);
  void Sweep();
  std::mutex& LoadingOf(LogId log) {
    return loading_[static_cast<size_t>(log.value) % loading_.size()];
  }

  const LogOptions* const options_;
  mutable BlockCache blocks_;
  std::array<std::mutex, 64> loading_;  // of the logs with these last bits
  mutable std::mutex mutex_;
  std::unordered_map<LogId, LogStatePtr> logs_;         // guarded by mutex_
  IndexSetPtr set_;                                     // guarded by mutex_
  std::deque<std::pair<CommitTime, uint64_t>> recent_;  // guarded by mutex_
  size_t sweep_at_;                                     // guarded by mutex_
};

}  // namespace firth::log
