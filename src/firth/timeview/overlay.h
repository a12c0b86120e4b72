// What changes when edits go over a tree: points that come, and ranges of the tree that go.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "firth/timeview/node.h"
#include "firth/timeview/series.h"

namespace firth::timeview {

/// Edits as they wait for the tree: columns of points in order of arrival (each insert's own points
/// in order of time), and where each edit's begin.
struct EditRun {
  struct Step {
    Edit::Kind kind = Edit::Kind::kInsert;
    bool replace = false;
    uint32_t points_end = 0;  // they begin where those of the step before end
    bool distinct = false;    // known to have no two points of one time
    int64_t start = 0;        // of a remove
    int64_t end = 0;

    bool removes() const { return kind == Edit::Kind::kRemove || replace; }
  };
  std::vector<Step> steps;
  std::vector<int64_t> times;
  std::vector<double> values;

  /// Add an edit; its points are put in order of time, equal ones as they came.
  void Append(const Edit& edit);
  /// Add the steps of another run from `first` on.
  void AppendSteps(const EditRun& other, size_t first);
  size_t PointsBegin(size_t step) const { return step == 0 ? 0 : steps[step - 1].points_end; }
  PointSpan Points(size_t step) const {
    return PointSpan{times, values}.Sub(PointsBegin(step), steps[step].points_end);
  }
  /// Does any step remove points?
  bool Removes() const {
    return std::any_of(steps.begin(), steps.end(), [](const Step& step) { return step.removes(); });
  }
  size_t MemoryBytes() const {
    return steps.capacity() * sizeof(Step) + times.capacity() * sizeof(int64_t) +
           values.capacity() * sizeof(double);
  }
};

/// Order points by time, equal ones as they stand. Costs little where they nearly are.
void SortPoints(std::vector<int64_t>* times, std::vector<double>* values);

/// The joint effect of edits on a tree: first its points in `holes` go, then `times` and `values`,
/// which are sorted, come behind those of equal time. Holes are sorted and do not touch.
struct Overlay {
  std::vector<int64_t> times;
  std::vector<double> values;
  std::vector<TimeRange> holes;

  bool empty() const { return times.empty() && holes.empty(); }
  PointSpan points() const { return {times, values}; }
  /// Do steps [begin, end) of `run` after what was done already. The tree has no points at or after
  /// `tree_end`, so no holes are kept there.
  void Apply(const EditRun& run, size_t begin, size_t end, int64_t tree_end);
  void Insert(PointSpan points);
  void Remove(TimeRange range, int64_t tree_end);
  /// Is `time` in a hole? If so, the hole.
  const TimeRange* HoleAt(int64_t time) const;
  size_t MemoryBytes() const {
    return sizeof(Overlay) + times.capacity() * sizeof(int64_t) +
           values.capacity() * sizeof(double) + holes.capacity() * sizeof(TimeRange);
  }

 private:
  void Replace(PointSpan points, int64_t tree_end);
};

/// Call `visit(from, to)` for each part of [start, end) that lies in no hole, ascending, until it
/// fails.
template <typename Visit>
Status VisitOutside(std::span<const TimeRange> holes, int64_t start, int64_t end, Visit visit) {
  auto hole = std::upper_bound(holes.begin(), holes.end(), start,
                               [](int64_t t, const TimeRange& h) { return t < h.end; });
  while (start < end) {
    if (hole == holes.end() || hole->start >= end) return visit(start, end);
    if (hole->start > start) ARROW_RETURN_NOT_OK(visit(start, hole->start));
    start = hole->end;
    ++hole;
  }
  return Status::OK();
}

}  // namespace firth::timeview
