// Paths: the names of tables and namespaces inside the engine, and how a door with fewer levels or
// fewer letters spells them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firth/common/status.h"

namespace firth {

/// A list of segments; a segment is any non-empty text. The empty path is the root.
struct Path {
  std::vector<std::string> segments;

  auto operator<=>(const Path&) const = default;
  bool empty() const { return segments.empty(); }
  Path Parent() const;
  const std::string& Name() const { return segments.back(); }
  Path Child(std::string name) const;
  /// Is `other` this path or below it?
  bool Covers(const Path& other) const;

  /// The path as one text, for people and for the catalog: segments joined by `/`; a `/`, a control
  /// byte, and a literal `_x` inside a segment are escaped (`_x2F_`, …), so that it can be parsed
  /// back.
  std::string ToString() const;
  /// Parse what ToString wrote. Errors: kInvalidName for an empty segment, a bad escape, text that
  /// is not UTF-8, more than 256 segments or more than 2048 bytes.
  static Result<Path> Parse(std::string_view text);
};

/// Which bytes a door's names may hold. `joiner` joins leading segments when the path has more
/// levels than the door; 0 where the door's names allow no joiner, so that `_x2F_` is used.
struct NameRules {
  bool (*allowed)(unsigned char byte) = nullptr;
  char joiner = 0;
};

/// Write one segment with only allowed bytes: any other byte becomes `_xHH_`, a literal `_x`
/// becomes
/// `_x5F_x`, and a segment that is itself `_` becomes `_x5F_`. Empty text (a missing leading
/// segment) becomes `_`. Without a joiner letter, a `/` becomes `_x2f_`: `_x2F_` joins segments
/// then.
std::string EscapeSegment(std::string_view segment, const NameRules& rules);
/// The inverse of EscapeSegment. `_` gives the empty text.
Result<std::string> UnescapeSegment(std::string_view name);

/// Spell a path in exactly `levels` names: leading segments joined, missing ones `_`.
std::vector<std::string> PathToNames(const Path& path, size_t levels, const NameRules& rules);
/// The inverse of PathToNames.
Result<Path> NamesToPath(const std::vector<std::string>& names, const NameRules& rules);

}  // namespace firth
