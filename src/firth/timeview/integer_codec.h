// Columns of integers in few bytes. docs/formats/timeview.md has the layout and what was weighed.
//
// What is coded is what is left when the column, its differences, or the differences of those (the
// cheapest of the three) are taken about their median: for regular times nothing but a short
// pattern, for a measured quantity its noise. The low bits of noise are as good as random and are
// packed as they are; what is above them goes byte plane by byte plane through zstd, whose Huffman
// coder spends on each about what it is worth, and whose matches find patterns. So there is no
// entropy coder of our own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"

struct ZSTD_CCtx_s;

namespace firth::timeview {

/// Numbers of a column at most; more are an error of the format.
inline constexpr size_t kColumnMax = size_t{1} << 24;

/// What is coded of a column: its numbers (order 0), their differences (1) or the differences of
/// those (2), about a number that lies amid them.
struct ColumnPlan {
  int order = 0;
  uint64_t middle = 0;
  double bits = 0;  // that a number needs, about
};

/// What a column is coded for: to lie in files for long, or to be written again soon.
enum class CodedFor : uint8_t { kKeeping, kWaiting };

/// Writes columns. It keeps scratch space between them. One thread at a time.
class IntegerEncoder {
 public:
  IntegerEncoder();
  ~IntegerEncoder();

  /// Append the column to `out`, after the plan that PlanOf gives for it. Its length is not
  /// written.
  void Encode(std::span<const int64_t> numbers, const ColumnPlan& plan, CodedFor use,
              std::string* out);
  void Encode(std::span<const int64_t> numbers, CodedFor use, std::string* out) {
    Encode(numbers, PlanOf(numbers), use, out);
  }

  /// Plan a column after a look at some of its numbers.
  static ColumnPlan PlanOf(std::span<const int64_t> numbers);

 private:
  /// Append what is left of a column, its bits packed, if there are not few numbers in it that have
  /// many more than the others. False, and nothing appended, if there are.
  bool EncodePacked(std::span<const int64_t> first, const ColumnPlan& plan, std::string* out);
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  /// Append bytes as one of: all equal, compressed, as they are.
  void AddBlock(const std::string& bytes, std::string* out);

  std::unique_ptr<ZSTD_CCtx_s, FreeContext> context_;
  std::vector<uint64_t> left_;  // of the column
  std::vector<uint64_t> packed_;
  std::string block_;
  std::string compressed_;
};

/// Read a column of `numbers.size()` numbers from the front of `in`, which may be any bytes. Error
/// kDataLoss / kChecksumMismatch, without a place, when they are not what Encode wrote.
Status DecodeIntegers(ByteReader* in, std::span<int64_t> numbers);

/// The error for bytes that cannot be decoded.
Status Malformed(const char* what);

}  // namespace firth::timeview
