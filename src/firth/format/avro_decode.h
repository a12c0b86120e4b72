// Decoding Avro's binary encoding into Arrow arrays.
#pragma once

#include <arrow/record_batch.h>

#include <memory>
#include <string_view>

#include "firth/common/status.h"
#include "firth/format/avro_schema.h"

namespace firth::format {

/// Read a variable-length zigzag number and cut it off. False: there is none.
bool TakeAvroLong(std::string_view* bytes, int64_t* value);

/// Decode `count` records, which are all of `bytes`, as rows of `schema` (the record's fields).
/// Takes hostile bytes; memory is bounded by their length. Error kInvalidArgument.
Result<std::shared_ptr<arrow::RecordBatch>> DecodeAvro(
    const AvroNode& record, int64_t count, std::string_view bytes,
    const std::shared_ptr<arrow::Schema>& schema);

}  // namespace firth::format
