// Values as JSON, where there is nothing but text to show them in.
#pragma once

#include <arrow/array.h>

#include <memory>

#include "firth/common/status.h"

namespace firth::format {

/// Each value as the JSON that stands for it in JSON lines, as utf8; null stays null.
Result<std::shared_ptr<arrow::Array>> ToJsonText(const std::shared_ptr<arrow::Array>& values);

}  // namespace firth::format
