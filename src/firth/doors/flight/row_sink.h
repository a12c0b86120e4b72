// Rows on their way in: collected, and written in commits of bounded size.
#pragma once

#include <arrow/record_batch.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "firth/common/path.h"
#include "firth/common/status.h"
#include "firth/doors/flight/cursor.h"
#include "firth/table/database.h"

namespace firth::doors::flight {

/// A commit holds about this many bytes of Arrow data at the most.
inline constexpr int64_t kCommitBytesMax = int64_t{64} << 20;

/// Where rows go. As JSON: {"path": "a/b", "delete": false, "create": true, and what `create` takes
/// for a new table}.
struct PutTarget {
  Path path;
  /// Delete the rows with these keys; otherwise a table with a key takes upserts, another appends.
  bool deletes = false;
  /// How to make the table if it is absent; without a schema, with that of the rows.
  std::optional<table::TableSpec> create;

  static Result<PutTarget> FromJson(std::string_view json);
};

/// What was written by one commit.
struct PutAnswer {
  int64_t rows = 0;
  CommitId commit;

  std::string ToJson() const;  // {"rows": …, "commit": …}
};

/// Called with each commit that has become durable, one at a time, from a thread of the sink.
using OnAnswer = std::function<void(const PutAnswer& answer)>;

/// Collects rows into commits of about kCommitBytesMax; one commit is made while the rows of the
/// next are collected, so at most two are in memory. One thread at a time.
class RowSink {
 public:
  /// `schema` is that of the rows as the client has them.
  static Result<std::unique_ptr<RowSink>> Open(const Request& request, const PutTarget& target,
                                               const arrow::Schema& schema, OnAnswer on_answer);
  /// Waits for the commit under way; what was not asked for is not written.
  ~RowSink();

  /// Take rows, after checking them wholly. Blocks while the store is behind. Errors: also those of
  /// the commits before, after which no more is written.
  Status Write(const std::shared_ptr<arrow::RecordBatch>& rows);
  /// Have all that was taken written, in the next commit. Does not wait for it: who asks often has
  /// many answered by one commit.
  Status Commit();
  /// Write all that was taken. On return it is durable and answered.
  Status Flush();

 private:
  using Rows = std::vector<std::shared_ptr<arrow::RecordBatch>>;

  RowSink(const Request& request, table::TablePtr table, bool deletes,
          std::shared_ptr<arrow::Schema> schema, OnAnswer on_answer);
  /// Begin to commit what was collected, unless that is being done. mutex_ is held.
  void Begin();
  /// Commit what was collected, again and again while that is asked for.
  void MakeCommits();

  const Request request_;
  const table::TablePtr table_;
  const bool deletes_;
  const std::shared_ptr<arrow::Schema> schema_;  // plain
  const OnAnswer on_answer_;

  std::mutex mutex_;
  std::condition_variable changed_;  // a commit was made
  Rows rows_;                        // guarded by mutex_
  int64_t bytes_ = 0;                // guarded by mutex_
  bool asked_ = false;               // guarded by mutex_; for all of rows_
  bool committing_ = false;          // guarded by mutex_
  Status failed_;                    // guarded by mutex_
  std::thread committer_;            // ends by itself; joined before the next
};

}  // namespace firth::doors::flight
