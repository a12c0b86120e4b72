// The text of a partition's values, read back as values.
#pragma once

#include <arrow/scalar.h>
#include <arrow/type.h>

#include <memory>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::fluss {

/// Read the text that a partition is named by for a value of `type`: text as it is, numbers in
/// decimal
/// (`_` for the point of a float), booleans `true` or `false`, dates `yyyy-MM-dd`, times
/// `HH-mm-ss_SSS`, timestamps `yyyy-MM-dd-HH-mm-ss_` and up to nine digits, bytes in hex. Error
/// kInvalidPartition.
Result<std::shared_ptr<arrow::Scalar>> ParsePartitionValue(
    const std::shared_ptr<arrow::DataType>& type, std::string_view text);

}  // namespace firth::doors::fluss
