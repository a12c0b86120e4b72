// Closed files of which little is kept, or whose logs lie scattered, written anew: sorted by log,
// bodies unchanged.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "firth/log/journal.h"
#include "firth/log/log_index.h"

namespace firth::log {

/// One look at all closed files. The caller sees to it that there is one at a time.
class Rewriter {
 public:
  Rewriter(const LogOptions* options, Journal* journal, LogTable* logs)
      : options_(options), journal_(journal), logs_(logs) {}

  Status Run();

 private:
  using IndexFilePtr = std::shared_ptr<const IndexFile>;
  struct Use {
    IndexFilePtr file;
    uint64_t kept_bytes = 0;
    uint64_t logs = 0;
    uint64_t runs = 0;
  };

  /// The last commit of a log that is trimmed away; all of a log that is nobody's.
  Result<CommitId> TrimmedOf(LogId log);
  Result<Use> Measure(const IndexFilePtr& file);
  /// Lie the logs of the file so that reading one reads all over it?
  bool IsScattered(const Use& use) const;
  /// Put one file, or none, in the place of neighbours.
  Status Replace(const std::vector<IndexFilePtr>& sources);
  Result<IndexFilePtr> Write(const std::vector<IndexFilePtr>& sources, uint64_t number);

  const LogOptions* const options_;
  Journal* const journal_;
  LogTable* const logs_;
  std::map<LogId, CommitId> trimmed_;
};

}  // namespace firth::log
