// Column types as people write them, in commands, in JSON and in listings:
//
//   bool, int8 … int64, uint8 … uint64, float16, float32, float64, text, bytes, bytes(16), date,
//   time(s|ms|us|ns), timestamp(s|ms|us|ns[,UTC]), duration(s|ms|us|ns), decimal(p,s), list<int32>,
//   list<int32,4>, map<text,int64>, struct<a:int32,b:text>, large_text, large_bytes, large_list<…>
//
// `time`, `timestamp` and `duration` alone are of microseconds. A `!` behind a type says that the
// column (list item, field) has no nulls. A schema is `name:type,name:type!,…`; a name with a
// letter of `:,<>!"` in it stands in double quotes, doubled inside.
#pragma once

#include <arrow/type.h>

#include <memory>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::flight {

/// Parse one type. Errors: kInvalidArgument names the place and what is known.
Result<std::shared_ptr<arrow::DataType>> ParseType(std::string_view text);
/// Write a type so that ParseType reads it; a type that has no such form gets Arrow's own name.
std::string TypeToText(const arrow::DataType& type);

/// Parse a schema's short form.
Result<std::shared_ptr<arrow::Schema>> ParseSchemaText(std::string_view text);
std::string SchemaToText(const arrow::Schema& schema);

}  // namespace firth::doors::flight
