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

/// Writes columns. It keeps scratch space between them. One thread at a time.
class IntegerEncoder {
 public:
  IntegerEncoder();
  ~IntegerEncoder();

  /// Append the column to `out`. Its length is not written.
  void Encode(std::span<const int64_t> numbers, std::string* out);

  /// About how many bits Encode needs for each number, from a look at some of them.
  static double EstimateBits(std::span<const int64_t> numbers);

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  /// Append bytes as one of: all equal, compressed if `compress`, as they are.
  void AddBlock(const std::string& bytes, bool compress, std::string* out);

  std::unique_ptr<ZSTD_CCtx_s, FreeContext> context_;
  std::vector<uint64_t> left_;
  std::string block_;
  std::string compressed_;
};

/// Read a column of `numbers.size()` numbers from the front of `in`, which may be any bytes. Error
/// kDataLoss / kChecksumMismatch, without a place, when they are not what Encode wrote.
Status DecodeIntegers(ByteReader* in, std::span<int64_t> numbers);

/// The error for bytes that cannot be decoded.
Status Malformed(const char* what);

}  // namespace firth::timeview
