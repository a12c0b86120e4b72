// Rows as JSON objects.
#include <arrow/array.h>

#include "firth/doors/aws/digests.h"
#include "firth/doors/aws/query_run.h"

namespace firth::doors::aws {
namespace {

using arrow::Type;

/// Only the types that a shape has.
Result<json> ValueAt(const arrow::Array& values, int64_t i) {
  if (values.IsNull(i)) return json();
  switch (values.type_id()) {
    case Type::INT32:
      return json(static_cast<const arrow::Int32Array&>(values).Value(i));
    case Type::INT64:
      return json(static_cast<const arrow::Int64Array&>(values).Value(i));
    case Type::STRING:
      return json(static_cast<const arrow::StringArray&>(values).GetString(i));
    case Type::BINARY:
      return json(ToBase64(static_cast<const arrow::BinaryArray&>(values).GetView(i)));
    case Type::LIST: {
      const auto& list = static_cast<const arrow::ListArray&>(values);
      json out = json::array();
      for (int64_t at = list.value_offset(i); at < list.value_offset(i + 1); ++at) {
        ARROW_ASSIGN_OR_RAISE(out.emplace_back(), ValueAt(*list.values(), at));
      }
      return out;
    }
    case Type::MAP: {
      const auto& map = static_cast<const arrow::MapArray&>(values);
      json out = json::object();
      for (int64_t at = map.value_offset(i); at < map.value_offset(i + 1); ++at) {
        ARROW_ASSIGN_OR_RAISE(const json key, ValueAt(*map.keys(), at));
        ARROW_ASSIGN_OR_RAISE(out[key.is_string() ? key.get<std::string>() : key.dump()],
                              ValueAt(*map.items(), at));
      }
      return out;
    }
    default:
      return Error(Code::kInternal, Reason::kInvalidSchema,
                   "a shape has no type " + values.type()->ToString());
  }
}

}  // namespace

Result<json> RowsToJson(const arrow::RecordBatch& rows) {
  json list = json::array();
  for (int64_t i = 0; i < rows.num_rows(); ++i) {
    json row = json::object();
    for (int c = 0; c < rows.num_columns(); ++c) {
      ARROW_ASSIGN_OR_RAISE(row[rows.column_name(c)], ValueAt(*rows.column(c), i));
    }
    list.push_back(std::move(row));
  }
  return list;
}

}  // namespace firth::doors::aws
