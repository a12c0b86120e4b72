// Where one log's entries lie, by offset, commit and time; and what its writers sent last.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/log/entry.h"
#include "firth/log/log_store.h"

namespace firth::log {

/// One entry's place.
struct IndexEntry {
  Offset base_offset;
  CommitId commit;
  int64_t commit_time_ns = 0;
  uint64_t record_at = 0;  // of its commit, in the file
  uint64_t body_at = 0;    // in the file
  uint64_t file = 0;
  uint64_t body_checksum = 0;
  uint32_t header_at = 0;  // of its entry header, from the start of the record
  uint32_t body_bytes = 0;
  uint32_t offsets = 0;
  uint32_t rows = 0;
  int32_t sequence = -1;
  WriterId writer_id = kNoWriter;
  SchemaId schema_id;
  EntryKind kind = EntryKind::kRows;
  bool needs_header = false;  // a side or record times are to be read from the entry header

  Offset end_offset() const { return Offset(base_offset.value + offsets); }
};

/// The last batches of each writer of one log.
class WriterWindow {
 public:
  enum class Verdict { kNew, kDuplicate, kOutOfOrder };
  struct Answer {
    Verdict verdict = Verdict::kNew;
    EntryResult first;     // of a duplicate
    CommitId commit;       // of a duplicate
    int64_t time_ns = 0;   // of a duplicate
    int32_t expected = 0;  // of one out of order
  };

  /// What is a batch (writer, sequence)? After 2^31-1 comes 0. A writer that is not known begins at
  /// 0.
  Answer Judge(WriterId writer, int32_t sequence) const;
  /// Remember a batch; the oldest beyond `window` is forgotten.
  void Add(WriterId writer, int32_t sequence, Offset base, Offset end, CommitId commit,
           int64_t time_ns, int window);
  /// Forget the writer's last batch, which was not committed after all.
  void TakeBack(WriterId writer);
  std::optional<int32_t> Last(WriterId writer) const;

 private:
  struct Sent {
    int32_t sequence;
    Offset base;
    Offset end;
    CommitId commit;
    int64_t time_ns;
  };
  std::unordered_map<WriterId, std::deque<Sent>> writers_;
};

/// One log. Its durable part is read by any thread, under the mutex.
class LogState {
 public:
  explicit LogState(LogId id) : id_(id) {}

  /// Add a durable entry; it begins where the log ends. Error kDataLoss when it does not.
  Status Append(const IndexEntry& entry);
  LogRange Range() const;
  /// Entries from the one that holds `from` on, until `bytes_max` (at least one), up to a commit.
  /// Error kOffsetOutOfRange.
  Result<std::vector<IndexEntry>> Plan(Offset from, const ReadOptions& options) const;
  /// As Plan, from the first entry of a commit after `after` on.
  std::vector<IndexEntry> PlanAfter(CommitId after, const ReadOptions& options) const;
  Offset OffsetAtTime(int64_t time_ns) const;
  Offset OffsetAfterCommit(CommitId commit) const;
  /// The last commit at or before a time; 0 if there is none.
  CommitId LastCommitAt(int64_t time_ns) const;
  uint64_t BytesBetween(Offset from, Offset to) const;
  void SetStart(Offset start);
  Offset end() const;

  // What writers sent; also what a group that is in work sends. Changed by the committer only.
  WriterWindow::Answer Judge(WriterId writer, int32_t sequence) const;
  void AddSent(WriterId writer, int32_t sequence, Offset base, Offset end, CommitId commit,
               int64_t time_ns, int window);
  void TakeBackSent(WriterId writer);
  std::optional<int32_t> LastSequence(WriterId writer) const;

  // The committer's own.
  Offset next;    // the offset to give next; ahead of end() inside a group
  Status closed;  // what writers are told; OK while the log takes entries

 private:
  /// The place of the entry that holds `offset`, under the mutex.
  size_t Find(Offset offset) const;
  std::vector<IndexEntry> Take(size_t from, const ReadOptions& options) const;

  const LogId id_;
  mutable std::mutex mutex_;
  Offset start_;                    // guarded by mutex_
  Offset end_;                      // guarded by mutex_
  std::deque<IndexEntry> entries_;  // guarded by mutex_; dense, ascending
  WriterWindow writers_;            // guarded by mutex_
};

}  // namespace firth::log
