// Cursors over logs, key views and results: where a reader stands, written in few bytes. Nothing is
// kept for it elsewhere: what is too long for a cursor is cut short, with a digest of the whole by
// which it is known again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "firth/common/status.h"

namespace firth::work {

/// Bytes that Encode gives at most; with a signature they are what a client may keep.
inline constexpr size_t kCursorBodyMax = 1008;

/// A text of which only the beginning is at hand: its length, and a digest of all of it.
struct LongText {
  size_t size = 0;
  std::string digest;  // 16 bytes; empty: none

  static LongText Of(std::string_view text);
  bool IsSet() const { return !digest.empty(); }
  /// Is it this?
  bool Is(std::string_view text) const;
  /// Does `text` begin with it?
  bool Begins(std::string_view text) const;
};

/// A range of canonical keys (schema/key.h), [from, to); an empty `to` has no end.
struct KeyRange {
  std::string from;
  std::string to;
  /// Of the keys in the range only those that begin so.
  LongText prefix;

  bool IsAll() const { return from.empty() && to.empty(); }
  bool IsEmpty() const { return !to.empty() && from >= to; }
  bool Holds(std::string_view key) const {
    return key >= from && (to.empty() || key < to) && (!prefix.IsSet() || prefix.Begins(key));
  }
  /// All keys that begin with one text, so that nothing but that text is needed.
  bool IsOfPrefix() const;
};

struct Cursor {
  enum class Kind : uint8_t {
    kReplay = 1,   // the log from `from` up to `to`
    kPeek = 2,     // the log backwards from `from`
    kChanges = 3,  // the log from `from` on, only keys in `keys`
    kIndex = 4,    // the key view in `keys`
    kResult = 5,   // rows of a job's result from `from` on
  };
  Kind kind = Kind::kReplay;
  std::string id;  // 16 bytes: of what it is a cursor, as its owner names it
  int64_t from = 0;
  int64_t to = 0;
  KeyRange keys;
  /// `keys.from` is a key that was shown, and a zero byte: the reader goes on behind that key.
  bool behind = false;
  /// `keys.from` is only the beginning of the key behind which the reader goes on.
  LongText after;
};

/// A cursor as at most kCursorBodyMax bytes. Error kInvalidArgument for a range whose bounds are
/// too long; a position inside of a range that was written once can always be written.
Result<std::string> EncodeCursor(const Cursor& cursor);
/// Error kInvalidArgument for anything but what EncodeCursor gave.
Result<Cursor> DecodeCursor(std::string_view bytes);

}  // namespace firth::work
