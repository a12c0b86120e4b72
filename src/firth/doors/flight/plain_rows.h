// Rows as clients send them, made plain: the types that many libraries make by themselves
// (dictionaries, large and view layouts, half floats, columns
// of nothing but nulls) become those that tables have.
#pragma once

#include <arrow/record_batch.h>

#include <memory>

#include "firth/common/status.h"

namespace firth::doors::flight {

/// The schema with plain types, and without metadata: that is the server's own.
std::shared_ptr<arrow::Schema> PlainSchema(const arrow::Schema& schema);

/// `rows` under `schema`, which is PlainSchema of theirs. Checks the rows wholly: their bytes came
/// from a client. Errors: kBadValue.
Result<std::shared_ptr<arrow::RecordBatch>> PlainRows(
    const std::shared_ptr<arrow::RecordBatch>& rows, const std::shared_ptr<arrow::Schema>& schema);

}  // namespace firth::doors::flight
