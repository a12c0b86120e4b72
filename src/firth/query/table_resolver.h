// How the names of a statement become rows.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firth/common/status.h"
#include "firth/query/named_table.h"
#include "firth/schema/row_filter.h"

namespace firth::query {

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
  /// Rows that do not meet `filter` may be left out: nobody wants them. Called once for each time
  /// that the statement reads the table, from threads of DuckDB; may block. Null if all rows are in
  /// `parquet`.
  std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>(
      const std::vector<std::string>& columns, const schema::RowFilter& filter)>
      open;
};

/// Tells which tables names mean, and whether they may be read.
class TableResolver {
 public:
  virtual ~TableResolver() = default;
  /// All tables of a statement, together, so that they can be cut at one commit: an answer each.
  virtual Result<std::vector<ResolvedTable>> Resolve(const std::vector<NamedTable>& tables) = 0;
};

}  // namespace firth::query
