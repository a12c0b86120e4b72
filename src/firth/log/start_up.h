// What a log store does at its start: take over the indexes of closed files, make those that are
// missing, and read the last file, which has none yet.
#pragma once

#include <map>
#include <vector>

#include "firth/log/journal.h"
#include "firth/log/log_index.h"

namespace firth::log {

/// The entries that a file holds, as its index is to have them.
struct FileContents {
  std::map<LogId, std::vector<IndexEntry>> logs;
  std::vector<CommitTime> commits;
};

/// The entries of a commit as an index has them.
std::vector<std::pair<LogId, IndexEntry>> EntriesOf(const RecoveredCommit& record);

class StartUp {
 public:
  StartUp(const LogOptions* options, Journal* journal, LogTable* logs)
      : options_(options), journal_(journal), logs_(logs) {}

  /// Errors: kDataLoss, which names the file: damage, a missing file, a commit that the catalog
  /// names and its file does not hold.
  Status Run();
  CommitId last() const { return last_; }
  int64_t last_time_ns() const { return last_time_ns_; }

 private:
  /// The index of a closed file; made anew if it is missing or does not verify.
  Result<std::shared_ptr<const IndexFile>> IndexOf(const LiveFile& file);
  /// Visit the commits of a journal file that hold, and check that all are there that should be.
  Status ScanNamed(uint64_t number, bool recover, const VisitCommit& visit);

  const LogOptions* const options_;
  Journal* const journal_;
  LogTable* const logs_;
  CommitId last_{0};
  int64_t last_time_ns_ = 0;
};

/// Verify all bytes of the live files, and their indexes against them.
Result<LogStore::Verified> VerifyFiles(Journal* journal, const IndexSetPtr& set);

}  // namespace firth::log
