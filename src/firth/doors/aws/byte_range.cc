#include "firth/doors/aws/byte_range.h"

#include <fmt/format.h>

#include <algorithm>

#include "firth/common/text.h"
#include "firth/doors/aws/errors.h"

namespace firth::doors::aws {

Result<ByteRange> ReadByteRange(std::string_view header, uint64_t bytes) {
  const ByteRange whole{.begin = 0, .end = bytes};
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return whole;
  header.remove_prefix(kUnit.size());
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos || header.find(',') != std::string_view::npos) return whole;
  const std::string_view first = header.substr(0, dash);
  const std::string_view last = header.substr(dash + 1);
  const auto unmet = [&] {
    return Fault("InvalidRange",
                 fmt::format("the range does not begin within the object's {} bytes", bytes));
  };
  if (first.empty()) {
    const auto count = ParseInt64(last);
    if (!count.ok() || *count < 0) return whole;
    if (*count == 0 || bytes == 0) return unmet();
    return ByteRange{bytes - std::min(bytes, static_cast<uint64_t>(*count)), bytes, true};
  }
  const auto begin = ParseInt64(first);
  const auto end = last.empty() ? Result<int64_t>(INT64_MAX - 1) : ParseInt64(last);
  if (!begin.ok() || !end.ok() || *begin < 0 || *end < *begin) return whole;
  if (static_cast<uint64_t>(*begin) >= bytes) return unmet();
  return ByteRange{static_cast<uint64_t>(*begin), std::min(bytes, static_cast<uint64_t>(*end) + 1),
                   true};
}

}  // namespace firth::doors::aws
