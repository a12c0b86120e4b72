#include "firth/timeview/overlay.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "firth/timeview/number_range.h"

namespace firth::timeview {
namespace {

/// Merge sorted points into sorted columns, behind those of equal time: from the back, in place.
void MergeBehind(PointSpan points, std::vector<int64_t>* times, std::vector<double>* values) {
  size_t left = times->size();
  size_t right = points.size();
  if (right == 0) return;
  if (left == 0 || times->back() <= points.times.front()) {
    times->insert(times->end(), points.times.begin(), points.times.end());
    values->insert(values->end(), points.values.begin(), points.values.end());
    return;
  }
  size_t out = left + right;
  times->resize(out);
  values->resize(out);
  int64_t* t = times->data();
  double* v = values->data();
  while (right > 0) {
    --out;
    if (left > 0 && t[left - 1] > points.times[right - 1]) {
      --left;
      t[out] = t[left];
      v[out] = v[left];
    } else {
      --right;
      t[out] = points.times[right];
      v[out] = points.values[right];
    }
  }
}

/// Leave out what is no point: the values that are NaN.
void LeaveOutNone(std::vector<int64_t>* times, std::vector<double>* values) {
  size_t kept = 0;
  for (size_t i = 0; i < times->size(); ++i) {
    if (std::isnan((*values)[i])) continue;
    (*times)[kept] = (*times)[i];
    (*values)[kept++] = (*values)[i];
  }
  times->resize(kept);
  values->resize(kept);
}

}  // namespace

void SortPoints(std::vector<int64_t>* times, std::vector<double>* values) {
  if (AreInOrder(*times)) return;
  // Most points are in order: keep those that do not step back where they are and sort the strays.
  // A stray comes after every point of its own time that is kept, because it comes after a later
  // one.
  struct Stray {
    int64_t time;
    double value;
  };
  std::vector<Stray> strays;
  size_t kept = 0;
  int64_t last = times->front();
  for (size_t i = 0; i < times->size(); ++i) {
    if ((*times)[i] < last) {
      strays.push_back({(*times)[i], (*values)[i]});
      continue;
    }
    last = (*times)[i];
    (*times)[kept] = last;
    (*values)[kept] = (*values)[i];
    ++kept;
  }
  std::stable_sort(strays.begin(), strays.end(),
                   [](const Stray& a, const Stray& b) { return a.time < b.time; });
  std::vector<int64_t> stray_times;
  std::vector<double> stray_values;
  stray_times.reserve(strays.size());
  stray_values.reserve(strays.size());
  for (const Stray& stray : strays) {
    stray_times.push_back(stray.time);
    stray_values.push_back(stray.value);
  }
  times->resize(kept);
  values->resize(kept);
  MergeBehind({stray_times, stray_values}, times, values);
}

void EditRun::Append(const Edit& edit) {
  Step step{.kind = edit.kind, .replace = edit.replace, .start = edit.start, .end = edit.end};
  if (edit.kind == Edit::Kind::kInsert) {
    step.distinct = AreDistinct(edit.times);
    if (step.distinct || AreInOrder(edit.times)) {
      times.insert(times.end(), edit.times.begin(), edit.times.end());
      values.insert(values.end(), edit.values.begin(), edit.values.end());
    } else {
      std::vector<int64_t> sorted_times(edit.times.begin(), edit.times.end());
      std::vector<double> sorted_values(edit.values.begin(), edit.values.end());
      SortPoints(&sorted_times, &sorted_values);
      times.insert(times.end(), sorted_times.begin(), sorted_times.end());
      values.insert(values.end(), sorted_values.begin(), sorted_values.end());
    }
  }
  step.points_end = static_cast<uint32_t>(times.size());
  steps.push_back(step);
}

void EditRun::AppendSteps(const EditRun& other, size_t first) {
  const PointSpan points =
      PointSpan{other.times, other.values}.Sub(other.PointsBegin(first), other.times.size());
  const size_t before = times.size();
  for (size_t i = first; i < other.steps.size(); ++i) {
    Step& step = steps.emplace_back(other.steps[i]);
    step.points_end += static_cast<uint32_t>(before);
    step.points_end -= static_cast<uint32_t>(other.PointsBegin(first));
  }
  times.insert(times.end(), points.times.begin(), points.times.end());
  values.insert(values.end(), points.values.begin(), points.values.end());
}

void Overlay::Insert(PointSpan points) {
  MergeBehind(points, &times, &values);
}

void Overlay::Remove(TimeRange range, int64_t tree_end) {
  const auto begin = std::lower_bound(times.begin(), times.end(), range.start) - times.begin();
  const auto end = std::lower_bound(times.begin(), times.end(), range.end) - times.begin();
  times.erase(times.begin() + begin, times.begin() + end);
  values.erase(values.begin() + begin, values.begin() + end);

  range.end = std::min(range.end, tree_end);
  if (range.start >= range.end) return;
  // All holes that overlap or touch become one with the new one.
  auto first = std::lower_bound(holes.begin(), holes.end(), range.start,
                                [](const TimeRange& h, int64_t t) { return h.end < t; });
  auto last = std::upper_bound(first, holes.end(), range.end,
                               [](int64_t t, const TimeRange& h) { return t < h.start; });
  if (first != last) {
    range.start = std::min(range.start, first->start);
    range.end = std::max(range.end, std::prev(last)->end);
  }
  holes.insert(holes.erase(first, last), range);
}

void Overlay::Replace(PointSpan points, int64_t tree_end) {
  // Each time for itself would move the rest of the columns each time: mark, then close up once.
  const auto& gone = points.times;
  if (!times.empty() && gone.front() <= times.back()) {
    size_t next = 0;
    size_t kept = static_cast<size_t>(std::lower_bound(times.begin(), times.end(), gone.front()) -
                                      times.begin());
    for (size_t i = kept; i < times.size(); ++i) {
      while (next < gone.size() && gone[next] < times[i]) ++next;
      if (next < gone.size() && gone[next] == times[i]) continue;
      times[kept] = times[i];
      values[kept] = values[i];
      ++kept;
    }
    times.resize(kept);
    values.resize(kept);
  }
  if (gone.front() < tree_end) {
    std::vector<TimeRange> joint;
    size_t next = 0;
    const auto add = [&joint](TimeRange range) {
      if (!joint.empty() && joint.back().end >= range.start) {
        joint.back().end = std::max(joint.back().end, range.end);
      } else {
        joint.push_back(range);
      }
    };
    for (const TimeRange& hole : holes) {
      for (; next < gone.size() && gone[next] < hole.start; ++next) {
        add({gone[next], gone[next] + 1});
      }
      add(hole);
    }
    for (; next < gone.size() && gone[next] < tree_end; ++next) add({gone[next], gone[next] + 1});
    holes = std::move(joint);
  }
}

void Overlay::Apply(const EditRun& run, size_t begin, size_t end, int64_t tree_end) {
  // Inserts that remove nothing are gathered and go in at once.
  size_t gathered = begin;
  const auto insert_gathered = [&](size_t until) {
    if (gathered == until) return;
    const size_t from = run.PointsBegin(gathered);
    const size_t to = run.PointsBegin(until);
    const PointSpan points = PointSpan{run.times, run.values}.Sub(from, to);
    const bool replaces = std::any_of(run.steps.begin() + static_cast<ptrdiff_t>(gathered),
                                      run.steps.begin() + static_cast<ptrdiff_t>(until),
                                      [](const EditRun::Step& step) { return step.replace; });
    if (!replaces && std::is_sorted(points.times.begin(), points.times.end())) {
      Insert(points);
    } else {
      std::vector<int64_t> sorted_times(points.times.begin(), points.times.end());
      std::vector<double> sorted_values(points.values.begin(), points.values.end());
      if (replaces) LeaveOutNone(&sorted_times, &sorted_values);
      SortPoints(&sorted_times, &sorted_values);
      Insert({sorted_times, sorted_values});
    }
  };
  int64_t latest = times.empty() ? INT64_MIN : times.back();  // of what is gathered, too
  for (size_t i = begin; i < end; ++i) {
    const EditRun::Step& step = run.steps[i];
    const PointSpan points = run.Points(i);
    const bool removes = step.kind == Edit::Kind::kRemove ||
                         (step.replace && !points.empty() &&
                          (points.times.front() < tree_end || points.times.front() <= latest));
    if (removes) {
      insert_gathered(i);
      gathered = i;
      if (step.kind == Edit::Kind::kRemove) {
        Remove({step.start, step.end}, tree_end);
        gathered = i + 1;
      } else {
        Replace(points, tree_end);
      }
    }
    if (!points.empty()) latest = std::max(latest, points.times.back());
  }
  insert_gathered(end);
}

const TimeRange* Overlay::HoleAt(int64_t time) const {
  const auto found = std::upper_bound(holes.begin(), holes.end(), time,
                                      [](int64_t t, const TimeRange& h) { return t < h.end; });
  return found != holes.end() && found->start <= time ? &*found : nullptr;
}

}  // namespace firth::timeview
