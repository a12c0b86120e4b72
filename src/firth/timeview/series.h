// The words of the time view: the time line, series, points, revisions and edits.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "firth/common/checksum.h"
#include "firth/common/ids.h"
#include "firth/common/status.h"
#include "firth/timeview/number_range.h"

namespace firth::timeview {

/// The time line: nanoseconds since the epoch in [kTimeMin, kTimeTop), 2^62 of them.
inline constexpr int64_t kTimeMin = -(int64_t{16} << 56);
inline constexpr int64_t kTimeTop = int64_t{48} << 56;
/// The last time at which a point can be stored.
inline constexpr int64_t kTimeLast = kTimeTop - 2;

/// The revision of a series without points, before its first edit. The first edit makes 11.
inline constexpr int64_t kEmptyRevision = 10;
/// "The latest", where a revision is asked for.
inline constexpr int64_t kLatestRevision = 0;

/// The id of a series: 16 bytes, never used twice.
struct SeriesId {
  std::array<char, 16> bytes{};

  auto operator<=>(const SeriesId&) const = default;
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
  /// `text` holds 16 bytes.
  static SeriesId From(std::string_view text) {
    FIRTH_CHECK(text.size() == 16);
    SeriesId id;
    std::memcpy(id.bytes.data(), text.data(), 16);
    return id;
  }
};

/// [start, end) in nanoseconds.
struct TimeRange {
  int64_t start = 0;
  int64_t end = 0;

  bool operator==(const TimeRange&) const = default;
};

struct Point {
  int64_t time = 0;
  double value = 0;
};

/// One step of a series from a revision to the next, as the log holds it: the outcome of a write,
/// not its wish. It may change nothing.
struct Edit {
  enum class Kind : uint8_t {
    kInsert,  // add `times` and `values`
    kRemove,  // remove the points with start <= time < end
  };

  SeriesId series;
  int64_t revision = 0;  // the one that it makes: the series' latest plus one
  CommitId commit;
  Kind kind = Kind::kInsert;
  /// Insert: the points that were there at the inserted times are removed first. A value that is
  /// NaN is no point then: nothing comes to its time.
  bool replace = false;
  /// What it inserts or removes passed CheckEdit, which is not asked again.
  bool checked = false;
  /// Insert: points in order of arrival, of equal number. Borrowed for the call.
  std::span<const int64_t> times;
  std::span<const double> values;
  /// Remove: the range.
  int64_t start = 0;
  int64_t end = 0;
};

/// Check a range to read or to remove: kTimeMin <= start < end <= kTimeTop. Error kInvalidArgument
/// / kTimeOutOfRange.
Status CheckRange(int64_t start, int64_t end);
/// Check points to store: each time in [kTimeMin, kTimeLast] (kInvalidArgument / kTimeOutOfRange),
/// each value finite (kInvalidArgument / kBadValue), both of equal number (kInvalidArgument). The
/// range of the times, if it is wanted.
Status CheckPoints(std::span<const int64_t> times, std::span<const double> values,
                   NumberRange* range = nullptr);
/// Check what an edit inserts or removes. Errors: those of the two above.
Status CheckEdit(const Edit& edit);

}  // namespace firth::timeview

template <>
struct std::hash<firth::timeview::SeriesId> {
  size_t operator()(const firth::timeview::SeriesId& id) const noexcept {
    // Ids may be chosen by a stranger, so their own bits are not trusted to be spread.
    return firth::Hash64(std::as_bytes(std::span(id.bytes)));
  }
};
