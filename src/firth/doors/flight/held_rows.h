// Rows that are there already, as a read.
#pragma once

#include <memory>
#include <utility>

#include "firth/doors/flight/cursor.h"

namespace firth::doors::flight {

class HeldRows : public Cursor {
 public:
  explicit HeldRows(std::shared_ptr<arrow::RecordBatch> rows)
      : schema_(rows->schema()), rows_(std::move(rows)) {}
  const std::shared_ptr<arrow::Schema>& schema() const override { return schema_; }
  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    if (rows_ == nullptr || rows_->num_rows() == 0) return nullptr;
    return std::exchange(rows_, nullptr);
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::RecordBatch> rows_;
};

}  // namespace firth::doors::flight
