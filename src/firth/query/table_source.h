// A resolved table as a table function of DuckDB.
#pragma once

#include <duckdb.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "firth/query/duckdb_library.h"
#include "firth/query/table_resolver.h"

namespace firth::query {

/// The function, and what went wrong while it was read. Outlives every statement that reads it.
class TableSource {
 public:
  /// Error kQueryRefused for a column whose type DuckDB does not have.
  static Result<std::unique_ptr<TableSource>> Make(const DuckDb* duckdb,
                                                   duckdb_connection connection,
                                                   ResolvedTable table);
  ~TableSource();
  TableSource(const TableSource&) = delete;
  TableSource& operator=(const TableSource&) = delete;

  const std::shared_ptr<arrow::Schema>& schema() const { return table_.schema; }
  /// From here on rows that do not meet the filter need not be read, and what is read is counted
  /// anew. To be called while nothing reads.
  void Begin(schema::RowFilter filter) {
    filter_ = std::move(filter);
    rows_read_ = 0;
    bytes_read_ = 0;
  }
  /// What all reads gave so far: rows, and their bytes as Arrow. Thread-safe.
  int64_t rows_read() const { return rows_read_; }
  uint64_t bytes_read() const { return bytes_read_; }
  /// Register the function, without parameters, under `name`.
  Status Register(const std::string& name);
  /// The first error of a read. Thread-safe.
  Status error();

 private:
  struct Reading;
  struct Column {
    std::shared_ptr<arrow::Schema> schema;  // of this column alone
    duckdb_arrow_converted_schema converted = nullptr;
    duckdb_logical_type type = nullptr;
  };

  TableSource(const DuckDb* duckdb, duckdb_connection connection, ResolvedTable table)
      : duckdb_(duckdb), connection_(connection), table_(std::move(table)) {}

  Status Prepare();
  /// Rows of one column as a chunk, which the caller destroys.
  Result<duckdb_data_chunk> Convert(const Column& column,
                                    const std::shared_ptr<arrow::Array>& rows);
  Result<std::unique_ptr<Reading>> Open(duckdb_init_info info);
  Status Fill(Reading* reading, duckdb_data_chunk output);
  /// Remember an error; its text for DuckDB.
  std::string Failed(const Status& status);

  // What DuckDB calls. It hands the TableSource back as a pointer.
  static void Bind(duckdb_bind_info info);
  static void Init(duckdb_init_info info);
  static void Read(duckdb_function_info info, duckdb_data_chunk output);

  const DuckDb* const duckdb_;
  const duckdb_connection connection_;
  const ResolvedTable table_;
  std::vector<Column> columns_;
  schema::RowFilter filter_;
  std::atomic<int64_t> rows_read_{0};
  std::atomic<uint64_t> bytes_read_{0};
  std::mutex mutex_;
  Status error_;  // guarded by mutex_
};

}  // namespace firth::query
