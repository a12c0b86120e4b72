// The journal's files: appending groups of commits, and reading them back after a start.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/status.h"
#include "firth/log/journal_format.h"
#include "firth/store/file_system.h"

namespace firth::log {

struct JournalOptions {
  store::FileSystem* files = nullptr;
  const Clock* clock = nullptr;
  std::string folder;
  uint64_t file_bytes_max = 0;
  uint64_t reserve_bytes = 0;
};

/// A commit as recovery found it.
struct RecoveredCommit {
  uint64_t file = 0;
  uint64_t at = 0;  // in the file
  ParsedCommit commit;
  std::vector<ParsedEntry> entries;
  std::vector<uint32_t> header_at;  // of each entry, from the start of the record
};

/// Append by one thread at a time; read by any.
class Journal {
 public:
  /// Find the files, verify all headers, and call `visit` for each commit in order (not for seals).
  /// A torn tail is cut off: bytes of the last group that was begun but never synced. Anything else
  /// that does not verify is kDataLoss and names file and place.
  static Result<std::unique_ptr<Journal>> Open(
      JournalOptions options, const std::function<Status(const RecoveredCommit&)>& visit);

  /// Make room for a group of `bytes`: in the current file, or in a new one. On error (kDiskFull)
  /// nothing has changed for readers or recovery.
  Status Prepare(uint64_t bytes);
  /// The number of the file, and the place in it, where the next group begins.
  uint64_t file_number() const { return number_; }
  uint64_t position() const { return position_; }
  /// Write one group and sync it, once. An error is final: nothing may be appended after it.
  Status Append(const std::vector<Bytes>& parts, uint64_t bytes);
  /// Write a seal, so that damage to what is there can be told from a torn tail, and cut off the
  /// room that was reserved. The journal takes nothing more.
  Status Close(CommitId last, int64_t last_time_ns);

  /// An open file by its number. Error kFileMissing.
  Result<std::shared_ptr<store::File>> FileByNumber(uint64_t number) const;
  size_t file_count() const;
  uint64_t syncs() const { return syncs_; }

  static std::string FileName(uint64_t number);

 private:
  explicit Journal(JournalOptions options) : options_(std::move(options)) {}

  Status Recover(const std::function<Status(const RecoveredCommit&)>& visit);
  Status RecoverFile(uint64_t number, bool last,
                     const std::function<Status(const RecoveredCommit&)>& visit);
  Status BeginFile(uint64_t number);
  std::string PathOf(uint64_t number) const;

  const JournalOptions options_;
  mutable std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<store::File>> files_;  // guarded by mutex_
  std::shared_ptr<store::File> current_;
  uint64_t number_ = 0;
  uint64_t position_ = 0;
  uint64_t reserved_ = 0;
  uint64_t syncs_ = 0;
  CommitId last_id_{0};
};

}  // namespace firth::log
