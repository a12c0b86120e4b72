// An Avro schema as a tree of what is to be decoded, and the Arrow type that each is shown as.
#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth::format {

struct AvroNode {
  enum class Kind {
    kNull,
    kBoolean,
    kInt,   // 32 bit, also dates and times of day
    kLong,  // 64 bit, also times
    kFloat,
    kDouble,
    kText,     // bytes or UTF-8 behind their length
    kFixed,    // `bytes` of them
    kDecimal,  // big-endian, behind its length, or in `bytes` bytes if that is not negative
    kEnum,
    kArray,
    kMap,
    kRecord
  };
  Kind kind = Kind::kNull;
  std::shared_ptr<arrow::DataType> type;
  /// In a union with null: which branch that is, 0 or 1; -1: there is no union around it.
  int null_branch = -1;
  int32_t bytes = -1;
  std::vector<std::string> symbols;
  std::vector<AvroNode> children;  // a record's fields; an array's items; a map's values
  /// The least bytes that a value takes; 0 for what may take none.
  int64_t bytes_min = 0;
};

/// Takes hostile text. The top is a record. Error kInvalidSchema.
Result<AvroNode> ParseAvroSchema(std::string_view json);

}  // namespace firth::format
