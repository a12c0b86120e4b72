// Where Arrow rows go: fitted to a table's columns, then spread over its partitions and buckets.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/util/compression.h>

#include <memory>
#include <string>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/common/status.h"

namespace firth::table {

/// Rows of one batch that go to one bucket.
struct RoutedRows {
  std::vector<std::string> partition;
  int32_t bucket = 0;
  std::shared_ptr<arrow::RecordBatch> rows;
};

/// `rows` with exactly the columns of `schema`, matched by name, cast where nothing is lost; absent
/// ones are null. Errors: kColumnNotFound, kSchemaMismatch.
Result<std::shared_ptr<arrow::RecordBatch>> FitRows(const arrow::RecordBatch& rows,
                                                    const std::shared_ptr<arrow::Schema>& schema);

/// Spread rows; those of a table without bucket columns go to `bucket_otherwise`.
Result<std::vector<RoutedRows>> RouteRows(const catalog::EditionSpec& spec,
                                          const std::shared_ptr<arrow::RecordBatch>& rows,
                                          int32_t bucket_otherwise);

/// The compression of batches that we encode for an edition.
arrow::Compression::type CompressionOf(const catalog::EditionSpec& spec);

}  // namespace firth::table
