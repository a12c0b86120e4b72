// Reading one journal file from its start to its end, telling a torn tail from rot.
//
// Only the last group of the last file can be torn: a group is begun after the one before it was
// synced. A record that does not verify is therefore a torn tail if nothing after it verifies that
// belongs to a later group (records say where their group began) and it does not lie before the
// place up to which the journal is known to have been synced; it is rot otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/log/journal_format.h"
#include "firth/store/file_system.h"

namespace firth::log {

struct RecoveredCommit;

class FileScan {
 public:
  struct Options {
    bool last = false;                // it may have a torn tail
    bool rewritten = false;           // sorted by log: ids do not rise
    bool bodies = false;              // verify all bodies, not only those of the newest group
    uint64_t bytes_max = UINT64_MAX;  // look no further: what follows is room that is reserved
    uint64_t synced_bytes = 0;  // up to here the last file was durable: no tail begins before it
  };

  /// `last_id`: of the last commit in the files before this one.
  FileScan(store::File* file, uint64_t number, CommitId last_id)
      : file_(file), number_(number), last_id_(last_id) {}

  /// Check the file's header. False: the file was begun but holds nothing (only the last file may).
  Result<bool> CheckHeader(bool last);
  /// Visit all commits. Error kDataLoss names the file and the place.
  Status Run(const Options& options, const std::function<Status(const RecoveredCommit&)>& visit);
  /// Read and verify the record at `at`, headers only.
  Result<RecoveredCommit> ReadRecord(uint64_t at);

  /// Where what verifies ends.
  uint64_t end() const { return end_; }
  CommitId last_id() const { return last_id_; }

 private:
  /// As File::Read, in strides: what lies close together is read once.
  Status Read(uint64_t at, std::span<std::byte> out);
  Status VerifyBodies(const RecoveredCommit& record);
  /// The tail from `at` on does not verify: is it torn (OK) or rot?
  Status CheckTail(uint64_t at);
  Status Damage(uint64_t at, const Status& why) const;
  Result<bool> IsZero(uint64_t from);

  store::File* const file_;
  const uint64_t number_;
  CommitId last_id_;
  uint64_t size_ = 0;
  uint64_t end_ = 0;
  std::string window_;
  uint64_t window_at_ = 0;
};

}  // namespace firth::log
