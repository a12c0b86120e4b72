// The files that hold commits: the journal, which groups of commits are appended to, and files that
// were rewritten from closed ones, sorted by log. Finding them at a start, appending, and
// replacing.
#pragma once

#include <algorithm>
#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/block_memory.h"
#include "firth/common/clock.h"
#include "firth/common/status.h"
#include "firth/log/journal_format.h"
#include "firth/store/block_file.h"
#include "firth/store/cached_pages.h"
#include "firth/store/file_system.h"
#include "firth/store/recent_bytes.h"

namespace firth::log {

/// Files that were rewritten have numbers of their own, with this bit.
inline constexpr uint64_t kRewrittenBit = uint64_t{1} << 62;

struct JournalOptions {
  store::FileSystem* files = nullptr;
  const Clock* clock = nullptr;
  std::string folder;
  uint64_t file_bytes_max = 0;
  uint64_t file_entries_max = UINT64_MAX;
  uint64_t reserve_bytes = 0;
  /// Of what was appended last, kept in memory for readers.
  uint64_t recent_bytes = uint64_t{32} << 20;
  /// The text that says which files are live, as `keep_live` was given it; empty: no file was
  /// replaced yet.
  std::function<Result<std::string>()> live;
  std::function<Status(const std::string&)> keep_live;
  /// The same for how far the journal is known to reach.
  std::function<Result<std::string>()> end;
  std::function<Status(const std::string&)> keep_end;
};

/// A commit as recovery found it.
struct RecoveredCommit {
  uint64_t file = 0;
  uint64_t at = 0;  // in the file
  ParsedCommit commit;
  std::vector<ParsedEntry> entries;
  std::vector<uint32_t> header_at;  // of each entry, from the start of the record
};
using VisitCommit = std::function<Status(const RecoveredCommit&)>;

/// A file that holds the commits of the journal files [from, to].
struct LiveFile {
  uint64_t number = 0;
  uint64_t from = 0;
  uint64_t to = 0;
};

/// Append by one thread at a time; replace by one thread at a time; read by any.
class Journal {
 public:
  /// Find the live files and remove what is left of others. A live file that is not there is
  /// kDataLoss and is named.
  static Result<std::unique_ptr<Journal>> Open(JournalOptions options);

  /// Live files, in the order of their commits; the last one is appended to.
  std::vector<LiveFile> live() const;
  uint64_t BytesOf(uint64_t number) const;
  /// Verify a file's headers, and with `bodies` all its bodies, and call `visit` for each commit in
  /// order (not for seals). In the last file the bodies of the newest group are verified in any
  /// case, and a torn tail is cut off: bytes of the last group that was begun but never synced.
  /// Anything else that does not verify is kDataLoss and names file and place. Of the last file
  /// before it is appended to, `recover` must be set, and only then.
  Status Scan(uint64_t number, bool recover, bool bodies, const VisitCommit& visit);
  /// There are commits up to this one, so those of files that are scanned next have greater ids.
  void Passed(CommitId commit) { last_id_ = std::max(last_id_, commit); }
  /// Begin to append, after the last file was scanned.
  Status Begin();

  /// Make room for a group of `bytes` with `entries`: in the current file, or in a new one. On
  /// error (kDiskFull) nothing has changed for readers or recovery; unless `broken`.
  Status Prepare(uint64_t bytes, uint64_t entries);
  /// The number of the file, and the place in it, where the next group begins.
  uint64_t file_number() const { return number_; }
  uint64_t position() const { return position_; }
  /// A sync has failed: nothing may be appended any more.
  bool broken() const { return broken_; }
  /// Write one group and sync it, once. An error is final: nothing may be appended after it.
  Status Append(const std::vector<store::HeldBytes>& parts, uint64_t bytes);
  /// As store::BlockFile has it, of the file that is appended to.
  uint64_t align_bytes() const { return appended_->align_bytes(); }
  /// Write a seal, so that damage to what is there can be told from a torn tail, and cut off the
  /// room that was reserved. On a full disk there may be no seal. The journal takes nothing more.
  Status Close(CommitId last, int64_t last_time_ns);

  /// A number for a file that is to replace others.
  uint64_t NewNumber();
  /// Name the live files without `gone` and with `made`, durably. The files of `gone` stay until
  /// they are removed.
  Status Replace(const std::vector<uint64_t>& gone, const std::vector<LiveFile>& made);

  /// Remove a file and its index.
  Status RemoveFile(uint64_t number);

  /// An open file by its number. Error kFileMissing.
  Result<std::shared_ptr<store::File>> FileByNumber(uint64_t number) const;
  /// Where long reads are put: as much of it stays as there is of what was appended last.
  const std::shared_ptr<BlockMemory>& read_memory() const { return read_memory_; }
  size_t file_count() const;
  uint64_t syncs() const { return syncs_; }

  /// The mark as it would be written now, for a copy of the files.
  std::string MarkContent() const;
  std::string MarkPath() const;

  static std::string FileName(uint64_t number);
  static std::string IndexName(uint64_t number);
  std::string PathOf(uint64_t number) const;
  std::string IndexPathOf(uint64_t number) const;

 private:
  explicit Journal(JournalOptions options);

  Status Find();
  /// The last file may have nothing, not even a header: where it could neither be begun nor removed
  /// again, the one before it was written on, and is the last, which may have a tail.
  Status DropFileBegunInVain();
  Status BeginFile(uint64_t number);
  void SetCurrent(std::unique_ptr<store::BlockFile> file);
  Status Sync(store::File* file);
  /// A file, and how many of its bytes are durable.
  struct Marked {
    uint64_t number = 0;
    uint64_t bytes = 0;
    auto operator<=>(const Marked&) const = default;
  };
  /// Note, without a sync, how far the journal is known to be durable: after a crash of the
  /// process, and mostly after one of the machine, damage before that place is told from a torn
  /// tail. One of the mark's two records is written, in turns, so that one of them is whole.
  void Mark();
  /// Note it in both records, durably, and let the catalog know that there is a mark; as far as
  /// there is room.
  Status MarkDurably();
  /// Where only one record is whole, make the other one say the same, durably: else the next power
  /// cut could tear the only one.
  Status MendMark();
  /// Learn what was noted: by the mark, and by the catalog, which says whether there is to be one.
  Status FindMark();
  uint64_t MarkedBytes(uint64_t number) const {
    return marked_.number == number ? marked_.bytes : 0;
  }

  const JournalOptions options_;
  /// What was appended last, from which readers are served.
  const std::shared_ptr<store::RecentBytes> recent_;
  const std::shared_ptr<BlockMemory> read_memory_;
  /// What was read of closed files past the system's cache.
  const std::shared_ptr<store::LatelyRead> lately_ = std::make_shared<store::LatelyRead>();
  mutable std::mutex mutex_;
  std::vector<LiveFile> live_;                                     // guarded by mutex_
  uint64_t through_ = 0;                                           // guarded by mutex_
  mutable std::map<uint64_t, std::shared_ptr<store::File>> open_;  // guarded by mutex_
  uint64_t next_rewritten_ = kRewrittenBit + 1;
  std::shared_ptr<store::File> current_;
  store::BlockFile* appended_ = nullptr;  // current_, once it is appended to
  std::unique_ptr<store::File> mark_;
  std::atomic<uint64_t> number_{0};
  std::atomic<uint64_t> position_{0};
  uint64_t reserved_ = 0;
  uint64_t entries_ = 0;  // in the current file
  uint64_t syncs_ = 0;
  bool broken_ = false;
  bool may_be_left_ = false;           // the next file, begun in vain, could not be removed either
  Marked marked_;                      // found at the start
  std::optional<size_t> torn_record_;  // the same: which, if the other one is whole
  bool end_is_kept_ = false;
  uint64_t marks_ = 0;
  CommitId last_id_{0};
};

}  // namespace firth::log
