// One revision of one series, pinned: every way to read it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "firth/common/status.h"
#include "firth/timeview/series.h"
#include "firth/timeview/statistics.h"

namespace firth::timeview {

enum class Direction : uint8_t { kForward, kBackward };

/// Points by columns, ascending in time, equal times in order of arrival.
struct PointBatch {
  std::vector<int64_t> times;
  std::vector<double> values;

  size_t size() const { return times.size(); }
  void Clear() {
    times.clear();
    values.clear();
  }
};

/// Windows by columns, ascending in time. A window without points has zeros.
struct WindowBatch {
  std::vector<int64_t> starts;
  std::vector<double> min;
  std::vector<double> mean;
  std::vector<double> max;
  std::vector<uint64_t> count;
  std::vector<double> stddev;

  size_t size() const { return starts.size(); }
  void Clear();
  void Add(int64_t start, const Statistics& statistics);
};

/// A stream of rows from a pinned revision. It holds what it reads from, so it may outlive its
/// Snapshot, and its memory does not grow with what it streams. One thread at a time. Blocks.
template <typename Batch>
class Cursor {
 public:
  virtual ~Cursor() = default;
  /// Replace what `batch` holds by the next rows, at most `rows_max` (> 0) of them; none means the
  /// end. After an error the cursor is not to be used. Errors: as in Snapshot.
  virtual Status Next(size_t rows_max, Batch* batch) = 0;
};
using PointCursor = Cursor<PointBatch>;
using WindowCursor = Cursor<WindowBatch>;
using RangeCursor = Cursor<std::vector<TimeRange>>;

namespace internal {
struct SnapshotState;
}

/// A revision of a series, which never changes. Cheap to copy; it keeps what it needs alive, also
/// when the series is obliterated and when the view is closed. Thread-safe. Reads block. Errors of
/// all reads: kDataLoss / kChecksumMismatch or kFileMissing, which name the file; kIo; of those
/// with a range, kInvalidArgument / kTimeOutOfRange when not kTimeMin <= start < end <= kTimeTop.
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const internal::SnapshotState> state);

  const SeriesId& series() const;
  int64_t revision() const;

  /// Find the first point at or after `time` (forward; of equal ones the first), or the last point
  /// before it (backward; of equal ones the last). Time: logarithmic, whatever the gap.
  Result<std::optional<Point>> Nearest(int64_t time, Direction direction) const;

  /// Summarise the points in [start, end). Time: the depth of the tree.
  Result<Statistics> Summarise(int64_t start, int64_t end) const;

  /// Stream the points in [start, end).
  Result<std::unique_ptr<PointCursor>> Points(int64_t start, int64_t end) const;

  /// Stream the windows [start + i*width, start + (i+1)*width) that lie in [start, end), empty ones
  /// included; `width` is 1 to 2^63 (else kInvalidArgument). Time: the windows and the depth of the
  /// tree.
  Result<std::unique_ptr<WindowCursor>> Windows(int64_t start, int64_t end, uint64_t width) const;

  /// Stream the windows [k*2^point_width, (k+1)*2^point_width) that hold points, from that which
  /// holds `start` up to but without that which holds `end`; `point_width` is 0 to 63 (else
  /// kInvalidArgument). Time: the windows returned and the depth of the tree.
  Result<std::unique_ptr<WindowCursor>> AlignedWindows(int64_t start, int64_t end,
                                                       int point_width) const;

  /// Make the snapshot that applying `edits` would give; nothing is stored. They are this series'
  /// and follow its revision one by one. Errors: as TimeView::Apply.
  Result<Snapshot> With(std::span<const Edit> edits) const;

  const std::shared_ptr<const internal::SnapshotState>& state() const { return state_; }

 private:
  std::shared_ptr<const internal::SnapshotState> state_;
};

/// What a write does where the time of a new point is already taken.
enum class MergePolicy : uint8_t {
  kNever,    // keep both
  kEqual,    // drop the new one if a stored point there has a numerically equal value
  kRetain,   // drop the new one
  kReplace,  // remove all that are there
};

/// Which points of a write survive its merge policy, and how they are to be applied.
struct Decision {
  bool all = false;            // every point; `kept` is then empty
  std::vector<uint32_t> kept;  // otherwise: which ones, ascending
  bool replace = false;        // Edit::replace of the edit that stores them
};

/// Decide a write against everything that is stored before it, point by point in the order of the
/// request, earlier points of the request included. `state` is the series as it will be then: what
/// is pinned, With() the edits that were decided but not applied. The points passed CheckPoints.
/// Time: a look at each taken time; writes after the last point need none. Blocks.
Result<Decision> Decide(const Snapshot& state, MergePolicy policy, std::span<const int64_t> times,
                        std::span<const double> values);

}  // namespace firth::timeview
