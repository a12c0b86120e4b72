// The index of a closed file of commits: which entries of which logs it holds, and where. It can be
// made again from the file; the layout is in docs/formats/journal.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "firth/log/index_entry.h"
#include "firth/log/writer_window.h"
#include "firth/store/file_system.h"

namespace firth::log {

inline constexpr uint64_t kIndexMagic = 0x58444e4948545246;  // "FRTHINDX"
inline constexpr uint32_t kIndexVersion = 1;
inline constexpr size_t kIndexHeaderBytes = 128;
inline constexpr size_t kIndexPageBytes = 4096;
inline constexpr size_t kRunBytes = 112;
inline constexpr size_t kRunsPerPage = 36;
inline constexpr size_t kCommitsPerPage = 255;
/// A run has at most this many entries, so that few are read to find one.
inline constexpr size_t kRunEntriesMax = 1024;

/// Entries of one log that follow each other, in one file.
struct IndexRun {
  LogId log;
  Offset base;
  Offset end;
  CommitId first_commit{0};
  CommitId last_commit{0};
  int64_t first_time_ns = 0;
  int64_t last_time_ns = 0;
  uint64_t body_bytes = 0;
  uint64_t block_at = 0;  // in the index: the entries
  uint32_t block_bytes = 0;
  uint32_t entries = 0;
  uint64_t writers_at = 0;  // in the index: what the log's writers sent last, up to this file's end
  uint32_t writers_bytes = 0;  // 0 in all but a log's last run
};

struct CommitTime {
  CommitId id;
  int64_t time_ns = 0;
};

using IndexBlock = std::vector<IndexEntry>;

/// Gather an index in memory and write it.
class IndexWriter {
 public:
  /// Of the file `number`, which has `file_bytes` bytes.
  IndexWriter(uint64_t number, uint64_t file_bytes) : number_(number), file_bytes_(file_bytes) {}

  /// Logs come in ascending order, entries in theirs.
  void AddLog(LogId log, std::span<const IndexEntry> entries, const WriterWindow& writers);
  /// Write it, durably and whole or not at all. `commits`: all that have entries, ascending.
  Status Write(store::FileSystem* files, const std::string& path,
               const std::vector<CommitTime>& commits);
  /// What was added, by log.
  const std::vector<IndexRun>& runs() const { return runs_; }

 private:
  const uint64_t number_;
  const uint64_t file_bytes_;
  std::string blocks_;
  std::vector<IndexRun> runs_;
  uint64_t entries_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t stretches_ = 0;
};

/// An index that was written. Nothing but its header stays in memory. Thread-safe; methods read the
/// disk and verify what they read: error kDataLoss names the file.
class IndexFile {
 public:
  /// Error kChecksumMismatch when it is damaged or is not of this file; kFormatTooNew.
  static Result<std::shared_ptr<const IndexFile>> Open(store::FileSystem* files,
                                                       const std::string& path, uint64_t number,
                                                       uint64_t file_bytes);

  /// The file that it is of.
  uint64_t number() const { return number_; }
  uint64_t file_bytes() const { return file_bytes_; }
  uint64_t entries() const { return entries_; }
  uint64_t body_bytes() const { return body_bytes_; }
  /// Places where the file changes from one log to another, and one.
  uint64_t stretches() const { return stretches_; }
  CommitId last_commit() const { return last_commit_; }
  int64_t last_time_ns() const { return last_time_ns_; }
  const std::string& name() const { return file_->name(); }

  /// The runs of a log, in order.
  Result<std::vector<IndexRun>> Find(LogId log) const;
  /// All runs, by log; until `visit` is not OK.
  Status ForEachRun(const std::function<Status(const IndexRun&)>& visit) const;
  Result<std::shared_ptr<const IndexBlock>> ReadBlock(const IndexRun& run) const;
  /// Add what the log's writers sent, as the run knows it, to `writers`.
  Status ReadWriters(const IndexRun& run, WriterWindow* writers) const;
  /// The last commit at or before a time; 0 if there is none.
  Result<CommitId> LastCommitAt(int64_t time_ns) const;
  /// All commits with entries here, ascending.
  Result<std::vector<CommitTime>> Commits() const;

 private:
  Result<std::string> ReadChecked(uint64_t at, uint64_t bytes) const;
  Result<std::vector<IndexRun>> ReadRunPage(uint64_t page) const;
  Result<std::vector<CommitTime>> ReadCommitPage(uint64_t page) const;
  Status Damaged(uint64_t at) const;

  std::unique_ptr<store::File> file_;
  uint64_t number_ = 0;
  uint64_t file_bytes_ = 0;
  CommitId last_commit_{0};
  int64_t first_time_ns_ = 0;
  int64_t last_time_ns_ = 0;
  uint64_t entries_ = 0;
  uint64_t runs_ = 0;
  uint64_t commits_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t runs_at_ = 0;
  uint64_t commits_at_ = 0;
  uint64_t stretches_ = 0;
};

}  // namespace firth::log
