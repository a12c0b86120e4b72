// A column that is built from text and JSON, of any type that a table can hold.
//
// Text of a value: numbers and booleans as usual, NaN and Infinity by these names; decimals with
// all their digits; dates, times and timestamps by ISO 8601 (a timestamp without zone is UTC, and a
// zone is taken into account whether or not the type has one), or as the whole number that the type
// stores; durations as a whole number; bytes in base64. In JSON, numbers and booleans may also
// stand as themselves; lists are arrays, structs objects, maps objects (keys as text) or arrays of
// objects with the members `key` and `value`; what is read as text and is none stays as the JSON
// that it is.
#pragma once

#include <arrow/array/builder_base.h>
#include <arrow/type.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "firth/common/status.h"

namespace firth::format {

namespace json {
/// A value of simdjson's on-demand parser, hidden so that its 30,000 lines stay out of headers.
struct Value;
}  // namespace json

class ValueColumn {
 public:
  /// Error kInvalidSchema for a type that cannot be built from text.
  static Result<std::unique_ptr<ValueColumn>> Make(const std::string& name,
                                                   const std::shared_ptr<arrow::DataType>& type);
  ~ValueColumn();

  Status AppendNull();
  /// Errors name the column and show the text.
  Status AppendText(std::string_view text);
  /// Append a whole JSON text; kJsonPadding readable bytes follow it.
  Status AppendJsonText(std::string_view text);
  Status AppendJson(json::Value& value);
  Result<std::shared_ptr<arrow::Array>> Finish();
  int64_t length() const;

 private:
  struct Node;
  struct Parser;
  explicit ValueColumn(std::shared_ptr<arrow::DataType> type);

  const std::shared_ptr<arrow::DataType> type_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
  std::unique_ptr<Node> root_;
  std::unique_ptr<Parser> parser_;
};

}  // namespace firth::format
