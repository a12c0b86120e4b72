#include "firth/format/json_documents.h"

#include <algorithm>
#include <cstring>

#include "firth/format/streams.h"

namespace firth::format {
namespace {

constexpr size_t kReadBytesMax = size_t{1} << 20;

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}  // namespace

Status JsonDocuments::Bad(const std::string& what) const {
  return Error(Code::kInvalidArgument, Reason::kNone,
               "line " + std::to_string(next_line_) + ": " + what);
}

/// Read more behind what is there, after dropping what has been taken.
Status JsonDocuments::Fill() {
  if (at_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + at_, filled_ - at_);
    bytes_before_ += static_cast<int64_t>(at_);
    filled_ -= at_;
    at_ = 0;
  }
  if (filled_ > kJsonDocumentBytesMax) {
    return Bad("a JSON text is longer than " + std::to_string(kJsonDocumentBytesMax) + " bytes");
  }
  buffer_.resize(std::max(buffer_.size(), filled_ + read_bytes_ + kJsonPadding));
  ARROW_ASSIGN_OR_RAISE(
      const int64_t count,
      ReadFully(input_.get(), static_cast<int64_t>(read_bytes_), buffer_.data() + filled_));
  filled_ += static_cast<size_t>(count);
  input_ended_ = static_cast<size_t>(count) < read_bytes_;
  read_bytes_ = std::min(2 * read_bytes_, kReadBytesMax);
  return Status::OK();
}

/// Go to the next byte that is not blank; false at the end of the input.
Result<bool> JsonDocuments::SkipBlank() {
  while (true) {
    for (; at_ < filled_; ++at_) {
      if (!IsBlank(buffer_[at_])) return true;
      if (buffer_[at_] == '\n') ++next_line_;
    }
    if (input_ended_) return false;
    ARROW_RETURN_NOT_OK(Fill());
  }
}

/// The length of the line at `at_`, without its end.
Result<size_t> JsonDocuments::EndOfLine() {
  size_t searched = 0;
  while (true) {
    const void* end = std::memchr(buffer_.data() + at_ + searched, '\n', filled_ - at_ - searched);
    if (end != nullptr) {
      return static_cast<size_t>(static_cast<const char*>(end) - (buffer_.data() + at_));
    }
    searched = filled_ - at_;
    if (input_ended_) return searched;
    ARROW_RETURN_NOT_OK(Fill());
  }
}

/// The length of the object or array at `at_`; of anything else, up to what could end it.
Result<size_t> JsonDocuments::EndOfValue() {
  size_t length = 0;
  int64_t depth = 0;
  bool in_text = false;
  bool escaped = false;
  while (true) {
    for (; at_ + length < filled_; ++length) {
      const char c = buffer_[at_ + length];
      if (in_text) {
        if (escaped) {
          escaped = false;
        } else if (c == '\\') {
          escaped = true;
        } else if (c == '"') {
          in_text = false;
        }
        continue;
      }
      switch (c) {
        case '"':
          in_text = true;
          break;
        case '{':
        case '[':
          ++depth;
          break;
        case '}':
        case ']':
          if (depth == 0) return length;
          if (--depth == 0) return length + 1;
          break;
        case ',':
        case '\n':
          if (depth == 0) return length;
          break;
        default:
          break;
      }
    }
    if (input_ended_) {
      if (depth > 0 || in_text) return Bad("the JSON text that begins here does not end");
      return length;
    }
    ARROW_RETURN_NOT_OK(Fill());
  }
}

/// In an array, go behind the comma before the next item; false at the array's end.
Result<bool> JsonDocuments::EnterItem() {
  ARROW_ASSIGN_OR_RAISE(const bool more, SkipBlank());
  if (!more) return Bad("the array does not end");
  if (buffer_[at_] == ']') {
    ++at_;
    layout_ = Layout::kEnd;
    ARROW_ASSIGN_OR_RAISE(const bool rest, SkipBlank());
    if (rest) return Bad("something stands behind the end of the array");
    return false;
  }
  if (!first_item_) {
    if (buffer_[at_] != ',') return Bad("a comma is missing between the items of the array");
    ++at_;
    ARROW_ASSIGN_OR_RAISE(const bool item, SkipBlank());
    if (!item) return Bad("the array does not end");
  }
  first_item_ = false;
  return true;
}

Result<std::string_view> JsonDocuments::Next() {
  if (layout_ == Layout::kEnd) return std::string_view();
  if (layout_ == Layout::kUnknown) {
    ARROW_RETURN_NOT_OK(Fill());
    if (std::string_view(buffer_.data(), filled_).starts_with("\xef\xbb\xbf")) at_ = 3;
    ARROW_ASSIGN_OR_RAISE(const bool any, SkipBlank());
    if (!any) return std::string_view();
    if (buffer_[at_] == '[') {
      layout_ = Layout::kArray;
      ++at_;
    } else {
      ARROW_ASSIGN_OR_RAISE(const size_t length, EndOfValue());
      const std::string_view first(buffer_.data() + at_, length);
      layout_ = first.find('\n') == std::string_view::npos ? Layout::kLines : Layout::kRun;
    }
  }
  bool more = false;
  if (layout_ == Layout::kArray) {
    ARROW_ASSIGN_OR_RAISE(more, EnterItem());
  } else {
    ARROW_ASSIGN_OR_RAISE(more, SkipBlank());
  }
  if (!more) return std::string_view();
  line_ = next_line_;
  size_t length = 0;
  if (layout_ == Layout::kLines) {
    ARROW_ASSIGN_OR_RAISE(length, EndOfLine());
  } else {
    ARROW_ASSIGN_OR_RAISE(length, EndOfValue());
    if (length == 0) return Bad("a JSON text was expected here");
  }
  const std::string_view document(buffer_.data() + at_, length);
  if (length > kJsonDocumentBytesMax) {
    return Bad("a JSON text is longer than " + std::to_string(kJsonDocumentBytesMax) + " bytes");
  }
  next_line_ += std::count(document.begin(), document.end(), '\n');
  at_ += length;
  return document;
}

}  // namespace firth::format
