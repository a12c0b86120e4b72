// Where a reader stands. Cursors are opaque to clients, hold all that is needed to go on, and are
// signed, so that what comes back is what was given out. Those that would be longer than a client
// may keep lie in the catalog, and the client holds their digest.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "firth/doors/beneath/facts.h"

namespace firth::doors::beneath {

/// Cursors given out have at most this many bytes.
inline constexpr size_t kCursorBytesMax = 1024;

/// A range of canonical keys (schema/key.h), [from, to); an empty `to` has no end.
struct KeyRange {
  std::string from;
  std::string to;

  bool IsAll() const { return from.empty() && to.empty(); }
  bool IsEmpty() const { return !to.empty() && from >= to; }
  bool Holds(std::string_view key) const { return key >= from && (to.empty() || key < to); }
};

struct Cursor {
  enum class Kind : uint8_t {
    kReplay = 1,     // the log from `from` up to `to`
    kPeek = 2,       // the log backwards from `from`
    kChanges = 3,    // the log from `from` on, only keys in `keys`
    kIndex = 4,      // the index in `keys`
    kWarehouse = 5,  // rows of a job from `from` on
  };
  Kind kind = Kind::kReplay;
  std::string id;  // 16 bytes: the instance, or the job
  int64_t from = 0;
  int64_t to = 0;
  KeyRange keys;
};

/// Thread-safe.
class Cursors {
 public:
  Cursors(catalog::Catalog* catalog, Facts* facts) : catalog_(catalog), facts_(facts) {}

  Result<std::string> Write(const Cursor& cursor);
  /// Error kInvalidArgument for anything but what Write gave.
  Result<Cursor> Read(std::string_view bytes);
  /// Forget what is kept for cursors of an instance that is gone.
  static Status Forget(catalog::Catalog* catalog, std::string_view id);

 private:
  std::string Sign(std::string_view bytes) const;

  catalog::Catalog* const catalog_;
  Facts* const facts_;
};

}  // namespace firth::doors::beneath
