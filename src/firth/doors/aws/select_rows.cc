// The rows that a query takes.
#include <arrow/compute/api_vector.h>
#include <arrow/compute/ordering.h>
#include <arrow/table.h>
#include <arrow/util/byte_size.h>

#include <utility>

#include "firth/doors/aws/query_run.h"
#include "firth/doors/aws/table_rows.h"
#include "firth/schema/take_rows.h"
#include "firth/table/lake.h"
#include "firth/table/series_rows.h"

namespace firth::doors::aws {
namespace {

using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

constexpr int64_t kSortedBytesMax = int64_t{1} << 30;
constexpr int64_t kBatchRows = 64 * 1024;

/// Decides which rows are taken, and shows those.
class Filter {
 public:
  Filter(TableShape shape, RegionSet regions)
      : shape_(std::move(shape)), keys_(shape_), regions_(std::move(regions)) {
    keys_.fields.resize(static_cast<size_t>(keys_.row_keys));
  }

  /// Null if no row is taken.
  Result<BatchPtr> Apply(const BatchPtr& stored) const {
    if (regions_.takes_all()) return ShowRows(*stored, shape_);
    ARROW_ASSIGN_OR_RAISE(const BatchPtr keys, ShowRows(*stored, keys_));
    ARROW_ASSIGN_OR_RAISE(const auto taken, regions_.Take(keys->columns()));
    if (taken.empty()) return nullptr;
    ARROW_ASSIGN_OR_RAISE(const BatchPtr rows, schema::TakeRows(stored, taken));
    return ShowRows(*rows, shape_);
  }
  const TableShape& shape() const { return shape_; }

 private:
  const TableShape shape_;
  TableShape keys_;  // as much of it as decides
  const RegionSet regions_;
};

/// Of a table that is kept in the order of its keys.
class OrderedRows : public SelectedRows {
 public:
  OrderedRows(std::unique_ptr<table::RangeScanner> scanner, Filter filter)
      : scanner_(std::move(scanner)), filter_(std::move(filter)) {}

  Result<BatchPtr> Next() override {
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const BatchPtr stored, scanner_->Next());
      if (stored == nullptr) return nullptr;
      ARROW_ASSIGN_OR_RAISE(BatchPtr rows, filter_.Apply(stored));
      if (rows != nullptr) return rows;
    }
  }

 private:
  const std::unique_ptr<table::RangeScanner> scanner_;
  const Filter filter_;
};

/// Of series, which come in the order of their ids, then by time.
class SeriesRows : public SelectedRows {
 public:
  SeriesRows(std::shared_ptr<arrow::RecordBatchReader> rows, Filter filter)
      : rows_(std::move(rows)), filter_(std::move(filter)) {}

  Result<BatchPtr> Next() override {
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const BatchPtr stored, rows_->Next());
      if (stored == nullptr) return nullptr;
      ARROW_ASSIGN_OR_RAISE(BatchPtr rows, filter_.Apply(stored));
      if (rows != nullptr) return rows;
    }
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> rows_;
  const Filter filter_;
};

/// Of a table that has no order of its own: its rows are sorted here.
class SortedRows : public SelectedRows {
 public:
  SortedRows(std::unique_ptr<table::Scanner> scanner, Filter filter)
      : scanner_(std::move(scanner)), filter_(std::move(filter)) {}

  Result<BatchPtr> Next() override {
    if (sorted_ == nullptr) ARROW_RETURN_NOT_OK(Sort());
    return batches_->Next();
  }

 private:
  Status Sort() {
    std::vector<BatchPtr> batches;
    int64_t bytes = 0;
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const auto stored, scanner_->Next());
      if (!stored.has_value()) break;
      ARROW_ASSIGN_OR_RAISE(BatchPtr rows, filter_.Apply(stored->rows));
      if (rows == nullptr) continue;
      bytes += arrow::util::TotalBufferSize(*rows);
      if (bytes > kSortedBytesMax) {
        return Error(Code::kResourceExhausted, Reason::kOverBudget,
                     "the table has no order, and the query takes more than 1 GiB of its rows: ask "
                     "for smaller ranges");
      }
      batches.push_back(std::move(rows));
    }
    const TableShape& shape = filter_.shape();
    ARROW_ASSIGN_OR_RAISE(sorted_, arrow::Table::FromRecordBatches(shape.schema(), batches));
    std::vector<arrow::compute::SortKey> keys;
    for (int i = 0; i < shape.keys(); ++i) {
      keys.emplace_back(arrow::FieldRef(i), arrow::compute::SortOrder::Ascending,
                        arrow::compute::NullPlacement::AtStart);
    }
    ARROW_ASSIGN_OR_RAISE(
        const auto order,
        arrow::compute::SortIndices(sorted_, arrow::compute::SortOptions(std::move(keys))));
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum in_order, arrow::compute::Take(sorted_, order));
    sorted_ = in_order.table();
    batches_ = std::make_unique<arrow::TableBatchReader>(*sorted_);
    batches_->set_chunksize(kBatchRows);
    return Status::OK();
  }

  const std::unique_ptr<table::Scanner> scanner_;
  const Filter filter_;
  std::shared_ptr<arrow::Table> sorted_;
  std::unique_ptr<arrow::TableBatchReader> batches_;
};

}  // namespace

Result<std::unique_ptr<SelectedRows>> SelectRows(table::Database* database,
                                                 const access::Caller& caller,
                                                 const table::TablePtr& table,
                                                 const TableShape& shape,
                                                 const RegionSet& regions) {
  std::vector<std::string> columns;
  for (const ShapeField& field : shape.fields) columns.push_back(field.name);
  Filter filter(shape, regions);
  const auto sort_columns = table::SortColumns(*table);
  if (table::IsCollection(*table->current)) {
    ARROW_ASSIGN_OR_RAISE(auto found, database->series()->OpenRows(caller, table->path, columns));
    return std::make_unique<SeriesRows>(std::move(found.rows), std::move(filter));
  }
  if (sort_columns.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto scanner,
                          database->Scan(caller, {.table = table, .columns = columns}));
    return std::make_unique<SortedRows>(std::move(scanner), std::move(filter));
  }
  table::RangeScanRequest request{.table = table, .columns = columns};
  const auto& schema = *table->current->newest().schema;
  const auto stored = schema.GetFieldByName(sort_columns.front());
  // Bounds are in the type that is shown; in another the ranges would be others.
  const bool same = stored != nullptr && stored->name() == shape.fields.front().name &&
                    stored->type()->Equals(*shape.fields.front().type);
  if (same) {
    for (const auto& [from, to] : regions.spans()) request.ranges.push_back({from, to});
  }
  ARROW_ASSIGN_OR_RAISE(auto scanner, database->lake()->ScanRange(caller, request));
  return std::make_unique<OrderedRows>(std::move(scanner), std::move(filter));
}

}  // namespace firth::doors::aws
