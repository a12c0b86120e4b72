// SQL over tables: one SELECT statement, run by DuckDB in a fresh database in memory that can see
// nothing but the tables which the statement names.
#pragma once

#include <arrow/record_batch.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firth/common/status.h"

namespace firth::query {

/// What one query may take.
struct QueryOptions {
  uint64_t memory_bytes = uint64_t{1} << 30;  // of DuckDB; nothing is spilled to disk
  int threads = 2;
  int64_t timeout_ns = int64_t{300} * 1'000'000'000;  // from the start to the last row
};

/// Rows of a table that lie in Parquet files of the operating system, which DuckDB reads by itself.
struct ParquetRows {
  std::vector<std::string> paths;
  /// For each column of the table in order, the files' column; empty: it is null in all of them.
  std::vector<std::string> columns;
  /// Only rows whose column of this name (of type int64) is at most this.
  std::optional<std::pair<std::string, int64_t>> at_most;
};

/// A table as a query reads it: its rows in Parquet files, and all that are not in them.
struct ResolvedTable {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<ParquetRows> parquet;
  std::shared_ptr<const void> hold;  // kept until the query ends
  /// Open the rows that are not in `parquet` anew, with these columns (at least one) in this order.
  /// Called once for each time that the statement reads the table, from threads of DuckDB; may
  /// block.
  std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>(
      const std::vector<std::string>& columns)>
      open;
};

/// Tells which table a name means, and whether it may be read.
class TableResolver {
 public:
  virtual ~TableResolver() = default;
  /// `name` is one part, or a schema and a name, as the statement writes them, without quotes.
  virtual Result<ResolvedTable> Resolve(const std::vector<std::string>& name) = 0;
};

/// The rows of a query, batch by batch. One thread at a time; given up at any time.
class QueryResult {
 public:
  virtual ~QueryResult() = default;
  /// Names are unique: a repeated one has `_1`, `_2`, … behind it.
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// The next rows, at least one; null at the end. Blocks. Errors: as of QueryEngine::Run.
  virtual Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
};

/// Thread-safe.
class QueryEngine {
 public:
  static constexpr size_t kStatementBytesMax = size_t{256} << 10;
  static constexpr int kQueriesMax = 8;

  /// Run one SELECT statement. The result keeps what `resolver` gave, not the resolver itself, and
  /// must not outlive the engine. Blocks. Errors: kInvalidArgument/kQueryRefused for a statement
  /// that is not one SELECT, that names a function which reads something else than its arguments,
  /// or that DuckDB does not take; kDeadlineExceeded; kOverBudget for memory and for more than
  /// kQueriesMax queries at once; what the resolver and its tables say.
  Result<std::unique_ptr<QueryResult>> Run(const std::string& sql, TableResolver* resolver,
                                           const QueryOptions& options);

 private:
  std::atomic<int> running_{0};
};

}  // namespace firth::query
