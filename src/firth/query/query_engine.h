// SQL over tables: one SELECT statement, run by DuckDB in a fresh database in memory that can see
// nothing but the tables which the statement names. A statement is prepared first, which tells its
// columns, its tables and what it would read, and runs nothing; then it may be run, once.
#pragma once

#include <arrow/record_batch.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/query/named_table.h"

namespace firth::query {

/// What each query may take, and all of them.
struct QueryLimits {
  uint64_t memory_bytes = uint64_t{1} << 30;  // of DuckDB; what does not fit is spilled
  uint64_t spill_bytes = uint64_t{4} << 30;   // on disk, in the engine's folder; 0: nothing
  int threads = 2;
  int64_t timeout_ns = int64_t{300} * 1'000'000'000;  // from the start of the run to the last row
  int queries = 8;                                    // that are prepared or run at once
};

/// What one query may take; absent: as the engine's limits say.
struct QueryOptions {
  std::optional<uint64_t> memory_bytes;
  std::optional<uint64_t> spill_bytes;
  std::optional<int> threads;
  std::optional<int64_t> timeout_ns;
  /// Refuse to run what would read more (PreparedQuery::ScanBytes); 0: no limit.
  uint64_t scan_bytes_max = 0;
};

struct QueryProgress {
  double part = -1;    // of the whole, 0 to 1; negative: nothing is known
  int64_t rows = 0;    // given so far
  uint64_t bytes = 0;  // of those, as Arrow
  /// What was read for it that does not lie in Parquet files, as Arrow: rows of the ends of logs,
  /// of tables with a key, of series. Rows that a filter leaves out where they lie are not counted.
  int64_t rows_read = 0;
  uint64_t bytes_read = 0;
};

/// The rows of a query, batch by batch: schema(), ReadNext() (blocks; errors: as of
/// QueryEngine::Prepare, kDeadlineExceeded, kCancelled, what the tables say). Names of columns are
/// unique: a repeated one has `_1`, `_2`, … behind it. One thread at a time, but for what says
/// otherwise; given up at any time. Must not outlive the engine.
class QueryResult : public arrow::RecordBatchReader {
 public:
  /// Make the query end soon, with kCancelled. Any thread.
  virtual void Cancel() = 0;
  /// Any thread.
  virtual QueryProgress progress() = 0;
};

/// What a statement reads of one table.
struct TableUse {
  NamedTable table;
  std::vector<std::string> columns;  // those that the result depends on, in the table's order
};

/// A statement that was understood and bound to its tables, as they stood when it was prepared. One
/// thread at a time. Must not outlive the engine.
class PreparedQuery {
 public:
  virtual ~PreparedQuery() = default;
  /// Of the result.
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// Each table that the statement names, once.
  virtual Result<std::vector<TableUse>> Tables() = 0;
  /// What it reads, exactly: the size of the columns in Tables(), over all rows of their tables.
  /// Numbers and times count 8 bytes, booleans 1, decimals 16, text and bytes 2 and their length,
  /// nulls 0, nested values the sum of what is in them. Reads those columns where it must. Blocks;
  /// within the options' time.
  virtual Result<uint64_t> ScanBytes() = 0;
  /// The plan, as text for people.
  virtual Result<std::string> Plan() = 0;
  /// Run it; once. The work is done by the result's ReadNext. Error kOverBudget over
  /// `scan_bytes_max`.
  virtual Result<std::unique_ptr<QueryResult>> Run() = 0;
};

class SpareSession;
class TableResolver;

/// Thread-safe.
class QueryEngine {
 public:
  static constexpr size_t kStatementBytesMax = size_t{256} << 10;

  QueryEngine();
  /// Removes what it spilled. No query is left.
  ~QueryEngine();

  /// To be called before the first query.
  void SetLimits(const QueryLimits& limits) { limits_ = limits; }
  /// The folder of the operating system that rows are spilled to: it is emptied now, made when it
  /// is needed. Without one nothing is spilled. To be called before the first query.
  void SetSpillFolder(std::string folder);

  /// Understand one SELECT statement. It keeps what `resolver` gave, not the resolver itself.
  /// Blocks. Errors: kInvalidArgument/kQueryRefused for a statement that is not one SELECT, that
  /// names a function which reads something else than its arguments, or that DuckDB does not take;
  /// kOverBudget for memory and for more queries at once than the limits have; what the resolver
  /// and its tables say.
  Result<std::unique_ptr<PreparedQuery>> Prepare(const std::string& sql, TableResolver* resolver,
                                                 const QueryOptions& options);
  /// Prepare and run.
  Result<std::unique_ptr<QueryResult>> Run(const std::string& sql, TableResolver* resolver,
                                           const QueryOptions& options);

 private:
  std::atomic<int> running_{0};
  std::atomic<int64_t> next_{0};
  std::string spill_folder_;
  QueryLimits limits_;
  const std::unique_ptr<SpareSession> spare_;
};

}  // namespace firth::query
