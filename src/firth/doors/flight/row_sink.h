// Rows on their way in: collected, and written in commits of bounded size.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

/// Collects rows into commits of about kCommitBytesMax; one commit is made while the rows of the
/// next are collected, so at most two are in memory. One thread at a time.
class RowSink {
 public:
  /// `schema` is that of the rows as the client has them.
  static Result<std::unique_ptr<RowSink>> Open(const Request& request, const PutTarget& target,
                                               const arrow::Schema& schema);

  /// Take rows, after checking them wholly. Blocks while the store is behind. The answers, which
  /// may be none, are of commits that have become durable. After an error no more is written.
  Result<std::vector<PutAnswer>> Write(const std::shared_ptr<arrow::RecordBatch>& rows);
  /// Write all that was taken. On return it is durable.
  Result<std::vector<PutAnswer>> Flush();

 private:
  RowSink(const Request& request, table::TablePtr table, bool deletes,
          std::shared_ptr<arrow::Schema> schema);
  /// Wait for the commit under way, if there is one, and add its answer.
  Status Await(std::vector<PutAnswer>* answers);
  /// Begin to commit what was collected.
  void Begin();

  const Request request_;
  const table::TablePtr table_;
  const bool deletes_;
  const std::shared_ptr<arrow::Schema> schema_;  // plain
  std::vector<std::shared_ptr<arrow::RecordBatch>> rows_;
  int64_t bytes_ = 0;
  std::future<Result<PutAnswer>> commit_;  // under way, if valid
};

}  // namespace firth::doors::flight
