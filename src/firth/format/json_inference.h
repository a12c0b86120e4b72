// The type of JSON values that nobody declared.
#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"
#include "firth/format/value_column.h"

namespace firth::format {

/// What has been seen of one member over many objects. The type is the narrowest that holds all:
/// booleans, int64, uint64, float64; date, or timestamp of microseconds or nanoseconds, naive or
/// UTC, where every string is one; lists and structs of such; text for everything else, in which
/// values that are not strings stand as JSON, and for what was only null.
class JsonInference {
 public:
  JsonInference();
  ~JsonInference();
  JsonInference(JsonInference&&) noexcept;
  JsonInference& operator=(JsonInference&&) noexcept;

  /// Take in one value. Errors: not JSON, nested deeper than columns may be, too many members.
  Status See(json::Value& value, int depth);
  std::shared_ptr<arrow::DataType> Type() const;

 private:
  struct Member;
  Status SeeString(std::string_view text);
  Status SeeObject(json::Value& value, int depth);

  uint32_t seen_ = 0;  // kinds, as bits
  int fraction_digits_ = 0;
  std::vector<Member> members_;
  std::unique_ptr<JsonInference> items_;
};

}  // namespace firth::format
