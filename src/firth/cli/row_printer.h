// Rows on standard output: as a table, or a JSON object a line.
#pragma once

#include <arrow/record_batch.h>

#include <memory>

#include "firth/common/status.h"

namespace firth::cli {

class RowPrinter {
 public:
  static Result<std::unique_ptr<RowPrinter>> Make(const std::shared_ptr<arrow::Schema>& schema,
                                                  bool json);
  virtual ~RowPrinter() = default;
  /// On return the rows are on their way: whoever reads the output has them.
  virtual Status Print(const std::shared_ptr<arrow::RecordBatch>& rows) = 0;
  virtual Status Close() = 0;
};

}  // namespace firth::cli
