// The last step of every read of a table: rows as the ticket wants to see them.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/status.h"
#include "firth/doors/flight/ticket.h"

namespace firth::doors::flight {

/// Picks, filters and limits rows. One thread at a time.
class ShownRows {
 public:
  explicit ShownRows(const Ticket& ticket);

  /// The columns to read: those to show, then those that only the filter needs; none for all.
  const std::vector<std::string>& columns() const { return columns_; }
  /// Say what is read: these columns, perhaps with hidden ones behind them. Errors:
  /// kColumnNotFound, kInvalidArgument for a filter that does not fit.
  Status Bind(const std::shared_ptr<arrow::Schema>& wide);
  /// The schema of what is shown, without metadata, which is the server's own.
  const std::shared_ptr<arrow::Schema>& schema() const { return schema_; }

  /// What is shown of `rows`, perhaps nothing. Their schema may differ from the bound one, after
  /// the table's was changed: columns are then found by field id, and null where they are gone.
  Result<std::shared_ptr<arrow::RecordBatch>> Show(std::shared_ptr<arrow::RecordBatch> rows);
  /// Has everything been shown that the limit allows?
  bool full() const { return rows_left_ == 0; }

 private:
  const size_t columns_shown_;  // of columns_; the others are the filter's
  std::vector<std::string> columns_;
  Filter filter_;
  std::optional<int64_t> rows_left_;
  std::shared_ptr<arrow::Schema> wide_;
  std::shared_ptr<arrow::Schema> schema_;
  int change_column_ = -1;  // as shown; -1: not shown
};

}  // namespace firth::doors::flight
