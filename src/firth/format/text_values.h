// Values of any type as text: what value_column.h reads.
#pragma once

#include <arrow/array/array_base.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace firth::format {

/// Append the value at `index` as JSON; a null is `null`.
void AppendJsonValue(const arrow::Array& array, int64_t index, std::string* out);

/// Append the value at `index`, which is not null, as it stands alone: text as it is, nested values
/// as JSON, the rest as in JSON without quotes.
void AppendPlainValue(const arrow::Array& array, int64_t index, std::string* out);

/// Append `text` in quotes.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace firth::format
