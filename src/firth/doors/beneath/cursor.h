// Cursors as clients hold them: opaque, stateless, and signed, so that what comes back is what was
// given out.
#pragma once

#include <string>
#include <string_view>

#include "firth/doors/beneath/facts.h"
#include "firth/work/cursor_bytes.h"

namespace firth::doors::beneath {

using work::Cursor;

/// Cursors given out have at most this many bytes.
inline constexpr size_t kCursorBytesMax = 1024;

/// Thread-safe.
class Cursors {
 public:
  explicit Cursors(const Facts* facts) : facts_(facts) {}

  /// Errors: those of EncodeCursor.
  Result<std::string> Write(const Cursor& cursor) const;
  /// Error kInvalidArgument for anything but what Write gave.
  Result<Cursor> Read(std::string_view bytes) const;

 private:
  std::string Sign(std::string_view bytes) const;

  const Facts* const facts_;
};

}  // namespace firth::doors::beneath
