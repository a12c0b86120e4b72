// Which bytes of an object a request is for.
#pragma once

#include <cstdint>
#include <string_view>

#include "firth/common/status.h"

namespace firth::doors::aws {

/// The bytes [begin, end) of an object.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  bool partial = false;
};

/// Read `Range: bytes=a-b`, `a-` or `-n` for an object of that many bytes; what is no such range is
/// overlooked, as HTTP asks. Error InvalidRange for one that begins behind the object.
Result<ByteRange> ReadByteRange(std::string_view header, uint64_t bytes);

}  // namespace firth::doors::aws
