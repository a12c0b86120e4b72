// Rows of the simulation in the forms that the interface takes.
#pragma once

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <memory>
#include <string>
#include <vector>

#include "firth/table/database.h"
#include "sim/model.h"

namespace firth::sim {

std::shared_ptr<arrow::Schema> PairSchema();
std::shared_ptr<arrow::RecordBatch> Pairs(const std::vector<Row>& rows);
/// The same with nulls for the columns that `schema` has more.
std::shared_ptr<arrow::RecordBatch> WithNulls(const std::shared_ptr<arrow::RecordBatch>& pairs,
                                              const arrow::Schema& schema);
/// Upserts as a producer encodes them.
Result<table::UpsertBatch> UpsertBatchOf(const table::TableInfo& table,
                                         const std::vector<Row>& rows);
/// A file of JSON lines.
std::string FileOf(const std::vector<Row>& rows);

}  // namespace firth::sim
