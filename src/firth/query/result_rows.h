// The rows of a result as Arrow, with names and types that every client of ours knows.
#pragma once

#include <arrow/record_batch.h>
#include <duckdb.h>

#include <memory>

#include "firth/query/session.h"

namespace firth::query {

/// Columns of a prepared statement. Lives no longer than its session.
class ResultRows {
 public:
  explicit ResultRows(Session* session) : session_(session) {}
  ~ResultRows();
  ResultRows(const ResultRows&) = delete;
  ResultRows& operator=(const ResultRows&) = delete;

  /// Error kQueryRefused for types that must be cast.
  Status Describe(duckdb_prepared_statement statement);
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> ToArrow(duckdb_data_chunk chunk) const;

 private:
  Session* const session_;
  duckdb_arrow_options options_ = nullptr;
  std::shared_ptr<arrow::Schema> raw_schema_;  // as DuckDB gives it
  std::shared_ptr<arrow::Schema> schema_;
};

}  // namespace firth::query
