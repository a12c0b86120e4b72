// A batch of stored values, as scans of keyed tables answer them: int32 bytes after this | int8
// magic 0 | int32 count | values, each an int32 length and its bytes; little-endian.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "firth/common/bytes.h"

namespace firth::doors::fluss {

class ValueBatch {
 public:
  void Add(std::string_view value) {
    AppendLe(&values_, static_cast<int32_t>(value.size()));
    values_ += value;
    ++count_;
  }
  /// Of the values and their lengths.
  size_t bytes() const { return values_.size(); }
  int32_t count() const { return count_; }

  std::string Finish() const {
    constexpr int32_t kBehindLength = 5;
    std::string batch;
    AppendLe(&batch, static_cast<int32_t>(values_.size()) + kBehindLength);
    AppendLe(&batch, int8_t{0});
    AppendLe(&batch, count_);
    return batch + values_;
  }

 private:
  std::string values_;
  int32_t count_ = 0;
};

}  // namespace firth::doors::fluss
