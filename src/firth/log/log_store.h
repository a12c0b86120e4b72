// All logs of a node: one journal, one committer, and readers beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/log/entry.h"
#include "firth/store/file_system.h"

namespace firth::log {

/// Logs that take no entries any more, and what their writers are told.
struct ClosedLogs {
  LogId first;
  int32_t count = 0;
  Status answer;         // never OK
  bool dropped = false;  // there is nothing to wait for either: followers are woken
};

/// One commit of a group as it is handed to the catalog. `result` and `closed` are filled in by the
/// callback.
struct CatalogCommit {
  CommitId id;
  int64_t time_ns = 0;
  uint64_t journal_file = 0;  // 0: it has no entries
  CatalogPart* part = nullptr;
  /// The logs that its entries are for. One that an earlier commit of the group closed refuses it.
  std::vector<LogId> logs;
  Status result;
  std::vector<ClosedLogs> closed;
};

/// Below this, a log's entries are gone: where it starts, and what its writers had sent by then.
struct LogStart {
  LogId log;
  Offset start;
  CommitId trimmed{0};  // the last commit below the start
  int64_t trimmed_time_ns = 0;
  std::string writers;  // WriterWindow::Encode
};

struct LogOptions {
  store::FileSystem* files = nullptr;
  const Clock* clock = nullptr;
  /// Runs the committer; one thread at the most works for the committer at any time.
  Executor* writer = nullptr;
  /// Runs what wakes followers.
  Executor* notifier = nullptr;
  std::string folder = "journal";
  /// A new journal file is begun when one has this many bytes.
  uint64_t file_bytes_max = uint64_t{1} << 30;
  /// Room is reserved in steps of this many bytes.
  uint64_t reserve_bytes = uint64_t{16} << 20;
  /// Memory for what was written last, from which it is written and its readers are served.
  uint64_t recent_bytes = uint64_t{32} << 20;
  /// A group takes at most this many bytes of bodies, and at least one commit.
  uint64_t group_bytes_max = uint64_t{64} << 20;
  /// Commits that wait hold at most this many bytes of bodies; more get kOverBudget.
  uint64_t queue_bytes_max = uint64_t{256} << 20;
  /// A new journal file is begun also when one has this many entries: those of files that have no
  /// index yet are kept in memory.
  uint64_t file_entries_max = uint64_t{1} << 17;
  /// Logs whose state stays in memory when nobody uses them.
  size_t logs_in_memory = 20'000;
  /// Memory for blocks of indexes that were read last.
  size_t index_cache_bytes = size_t{16} << 20;
  /// As many neighbouring closed files, each of many logs, are rewritten into one.
  size_t gather_files = 8;

  /// Apply the catalog parts of one group in one durable transaction, each for itself (a
  /// savepoint), and name the ids of those that succeed. A status that is not OK means that none of
  /// them was applied. Logs that a commit closes are closed to every commit after it, whenever that
  /// was prepared. Called in the committer.
  std::function<Status(std::vector<CatalogCommit>*)> apply;
  /// The commits with entries that the catalog names for this journal file; asked during recovery.
  std::function<Result<std::vector<CommitId>>(uint64_t journal_file)> named_in;
  /// Forget the names of commits in journal files below this one: they are gone, or their commits
  /// stand rewritten elsewhere. May be empty.
  std::function<Status(uint64_t below)> forget_names;
  /// What the catalog keeps for the log, each durable on return. A log without a start begins at 0;
  /// `live_files` is empty at first. Without them nothing can be trimmed or rewritten.
  std::function<Result<std::optional<LogStart>>(LogId)> start_of;
  std::function<Status(const std::vector<LogStart>&)> keep_starts;
  std::function<Result<std::string>()> live_files;
  std::function<Status(const std::string&)> keep_live_files;
  /// The same for how far the journal is known to reach, as of the last close; empty at first.
  /// Without it a mark that was lost is not missed.
  std::function<Result<std::string>()> journal_end;
  std::function<Status(const std::string&)> keep_journal_end;
  /// Is this log still somebody's? What is not is left out when files are rewritten.
  std::function<Result<bool>(LogId)> is_kept;
  /// The greatest commit id and time that the catalog knows.
  CommitId last_commit_in_catalog{0};
  int64_t last_time_ns_in_catalog = 0;
  /// Called when the journal can no longer be trusted to be durable (a sync failed). The process is
  /// to end; nothing more is acknowledged.
  std::function<void(const Status&)> on_fatal;
};

/// Which offsets of a log can be read.
struct LogRange {
  Offset start;  // the first that is kept
  Offset end;    // one past the last durable one
  CommitId last_commit{0};
  int64_t last_commit_time_ns = 0;
};

struct ReadOptions {
  /// Stop before the bodies read would exceed this; the first entry is given however large it is.
  uint64_t bytes_max = uint64_t{1} << 20;
  /// Give entries of later commits not at all.
  CommitId up_to{INT64_MAX};
};

/// What the index knows of an entry, without reading it.
struct EntryFacts {
  EntryKind kind = EntryKind::kRows;
  SchemaId schema_id;
  uint32_t rows = 0;
  uint32_t offsets = 0;
  uint32_t body_bytes = 0;
  Offset base_offset;
  CommitId commit;
  int64_t commit_time_ns = 0;

  Offset end_offset() const { return Offset(base_offset.value + offsets); }
};

/// One place of a follower: it is ready when the log's durable end is above `offset`.
struct FollowPoint {
  LogId log;
  Offset offset;
};

struct Metrics {
  uint64_t commits = 0;
  uint64_t groups = 0;
  uint64_t syncs = 0;
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t queue_bytes = 0;
  uint64_t followers = 0;
  uint64_t journal_files = 0;
  uint64_t logs_in_memory = 0;
};

/// Thread-safe unless a method says otherwise. Offsets below a log's durable end never change. What
/// asks for a log that is not in memory reads its index: it blocks on the disk, for a short time,
/// and fails with kDataLoss when the index is damaged.
class LogStore {
 public:
  using CommitDone = std::function<void(const Result<CommitResult>&)>;

  /// Recover: read every journal file's headers, cut off a torn tail, drop commits that the catalog
  /// does not name. Damage elsewhere is kDataLoss and names the file and place. Blocks.
  static Result<std::unique_ptr<LogStore>> Open(LogOptions options);
  virtual ~LogStore() = default;

  /// Queue a commit. `done` is called once, in the committer's thread, after the commit is durable
  /// or was refused; it must not block. Commits are made in the order of these calls.
  virtual void Commit(CommitDraft draft, CommitDone done) = 0;

  /// The range of a log; a log that was never written to is [0, 0).
  virtual Result<LogRange> Range(LogId log) const = 0;
  /// Entries of `log` from the one that holds `from`, in order, verified. `from` == end gives none;
  /// outside [start, end] gives kOffsetOutOfRange. Blocks on the disk.
  virtual Result<std::vector<StoredEntry>> Read(LogId log, Offset from,
                                                const ReadOptions& options) const = 0;
  /// Entries of `log` that commits after `after` wrote, in order, verified, marks included. Blocks.
  virtual Result<std::vector<StoredEntry>> ReadAfter(LogId log, CommitId after,
                                                     const ReadOptions& options) const = 0;
  /// The entries of `log` that commits after `after` and up to `up_to` wrote, in order, from the
  /// index.
  virtual Result<std::vector<EntryFacts>> List(LogId log, CommitId after, CommitId up_to) const = 0;
  /// The last commit with entries at or before `time_ns`; 0 if there is none.
  virtual Result<CommitId> LastCommitAt(int64_t time_ns) const = 0;
  /// The base offset of the first entry whose commit's time is at or after `time_ns`; the end if
  /// there is none.
  virtual Result<Offset> OffsetAtTime(LogId log, int64_t time_ns) const = 0;
  /// The first offset of `log` that a commit after `commit` wrote; the end if there is none.
  virtual Result<Offset> OffsetAfterCommit(LogId log, CommitId commit) const = 0;
  /// The logs that a commit after `commit` wrote to.
  virtual Result<std::vector<LogId>> LogsAfter(CommitId commit) const = 0;
  /// The sequence of the last batch that `writer` committed to `log`, if it is remembered.
  virtual Result<std::optional<int32_t>> LastSequence(LogId log, WriterId writer) const = 0;
  /// Bytes of bodies in [from, to) of `log`, counting whole entries.
  virtual Result<uint64_t> BytesBetween(LogId log, Offset from, Offset to) const = 0;

  /// Call `wake` once, on the notifier, as soon as any of `points` is ready (at once if one is) or
  /// the store closes. Returns an id for Unfollow. No thread waits.
  virtual uint64_t Follow(std::vector<FollowPoint> points, std::function<void()> wake) = 0;
  /// Forget a follower; its `wake` may still be running, or have run.
  virtual void Unfollow(uint64_t follower) = 0;
  /// Call `listener` in the committer's thread after each group, with the last visible commit. For
  /// views; it must not block. Set before the first commit.
  virtual void OnDurable(std::function<void(CommitId)> listener) = 0;

  // --- Retention.
  /// Whole commits of `log` that lie below an offset can be given up: the greatest start for which
  /// nothing at or after `to` is lost. Durable on return; the entries' bytes are freed by Rewrite.
  struct Trim {
    LogId log;
    Offset to;
  };
  virtual Status TrimLogs(const std::vector<Trim>& trims) = 0;
  /// The first entry of which a row's record time (its commit's, where rows have none) is at or
  /// after `time_ns`, if all before it are older; the end if there is none.
  virtual Result<Offset> OffsetAtRecordTime(LogId log, int64_t time_ns) const = 0;
  /// The first entry from which on bodies have at most `bytes`.
  virtual Result<Offset> OffsetOfLastBytes(LogId log, uint64_t bytes) const = 0;
  /// Look through closed files once: remove those of which nothing is kept, and rewrite, sorted by
  /// log, those of which little is kept or whose logs lie scattered. Blocks, for as long as that
  /// takes; one call at a time.
  virtual Status Rewrite() = 0;

  // --- Looking after it.
  /// Verify every byte of every live file, and that indexes agree with them. Error kDataLoss names
  /// the file. Blocks.
  struct Verified {
    uint64_t files = 0;
    uint64_t commits = 0;
    uint64_t entries = 0;
    uint64_t bytes = 0;
  };
  virtual Result<Verified> Verify() = 0;
  /// Call `now` in the committer, between two groups of commits, with what is durable then; the
  /// files that it is given stay, and do not change up to these bytes, until Unpin.
  struct PinnedFile {
    std::string path;
    uint64_t bytes = 0;
  };
  struct Pinned {
    CommitId last_commit;
    std::vector<PinnedFile> files;
    /// A file that is to lie beside copies of these, and all of its bytes.
    PinnedFile mark;
    std::string mark_content;
  };
  virtual void Pin(std::function<void(const Pinned&)> now) = 0;
  virtual void Unpin() = 0;

  /// The last commit that is durable, and visible with all before it.
  virtual CommitId LastCommit() const = 0;
  virtual int64_t LastCommitTimeNs() const = 0;
  virtual Metrics GetMetrics() const = 0;
  /// Take no more commits, finish those that wait, sync. Blocks (not with a ManualExecutor, where
  /// the caller runs the executor first).
  virtual Status Close() = 0;
};

}  // namespace firth::log
