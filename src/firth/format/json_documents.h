// JSON texts in a stream of bytes, one by one.
#pragma once

#include <arrow/io/interfaces.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "firth/common/status.h"

namespace firth::format {

/// What one document may take.
inline constexpr size_t kJsonDocumentBytesMax = size_t{16} << 20;
/// Readable bytes behind every document, as simdjson wants them.
inline constexpr size_t kJsonPadding = 64;

/// Cut a stream into documents: one a line; or, where the first one goes on over a line's end, one
/// after another; or the items of one array around them all.
class JsonDocuments {
 public:
  explicit JsonDocuments(std::shared_ptr<arrow::io::InputStream> input)
      : input_(std::move(input)) {}

  /// The next document, valid until the next call, with kJsonPadding readable bytes behind it;
  /// empty at the end. Its brackets fit one another, and nothing else about it is known. Errors
  /// name the line.
  Result<std::string_view> Next();
  /// The line on which the last document began, from 1 on.
  int64_t line() const { return line_; }
  /// Bytes that have been taken.
  int64_t bytes() const { return bytes_before_ + static_cast<int64_t>(at_); }

 private:
  enum class Layout { kUnknown, kLines, kRun, kArray, kEnd };

  Status Fill();
  Status Bad(const std::string& what) const;
  Result<bool> SkipBlank();
  Result<size_t> EndOfLine();
  Result<size_t> EndOfValue();
  Result<bool> EnterItem();

  const std::shared_ptr<arrow::io::InputStream> input_;
  Layout layout_ = Layout::kUnknown;
  std::string buffer_;                    // [0, filled_) is input; kJsonPadding more are there
  size_t read_bytes_ = size_t{16} << 10;  // by the next read; grows, so that little input is cheap
  size_t filled_ = 0;
  size_t at_ = 0;             // what is before has been taken
  int64_t bytes_before_ = 0;  // of input before the buffer
  bool input_ended_ = false;
  bool first_item_ = true;
  int64_t line_ = 1;
  int64_t next_line_ = 1;  // at `at_`
};

}  // namespace firth::format
