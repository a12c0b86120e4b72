// Columns of doubles in few bytes, back bit for bit.
//
// Measured values are seldom any double: most are float32 numbers, decimal numbers with a few
// digits, or both (a decimal number that went through a float32). Whole numbers that stand for them
// are coded as integers (integer_codec.h): k for k / 10^e, the place of a float32 or a double among
// all of them in order, or k for k * 2^s. The few values that do not fit the rule of their column
// are listed beside it. (The idea is that of ALP: Afroozeh, Kuffó, Boncz, SIGMOD 2024.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/timeview/integer_codec.h"

namespace firth::timeview {

/// How whole numbers stand for the values of a column.
struct ValueRule {
  uint8_t rule = 0;
  int16_t scale = 0;
};

/// Writes columns. One thread at a time.
class ValueEncoder {
 public:
  /// Values as numbers.
  struct Numbers {
    ValueRule rule;
    ColumnPlan plan;  // for `numbers`
    std::span<const int64_t> numbers;
    std::span<const uint32_t> odd;  // places of the values that the rule does not give back
  };
  /// Turn values, which are not empty, into numbers by the rule that makes them small. At most one
  /// in 32 values is odd. The spans are good until the next call.
  Numbers Turn(std::span<const double> values);

  /// Append the column to `out`, by means of `integers`. Its length is not written.
  void Encode(std::span<const double> values, CodedFor use, IntegerEncoder* integers,
              std::string* out);

 private:
  std::vector<int64_t> numbers_;
  std::vector<uint32_t> odd_;
};

/// Is there such a rule? Error kDataLoss / kChecksumMismatch, without a place.
Status CheckRule(const ValueRule& rule);
/// Turn numbers back into as many values, by a rule that there is.
void FromNumbers(const ValueRule& rule, std::span<const int64_t> numbers, std::span<double> values);

/// Read a column of `values.size()` values. Errors: as DecodeIntegers.
Status DecodeValues(ByteReader* in, std::span<double> values);

}  // namespace firth::timeview
