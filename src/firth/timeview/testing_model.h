// A time view's answers, worked out the plain way: every revision is a sorted vector, every window
// a loop over it. Tests compare the view with it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "firth/timeview/time_view.h"

#define TIMEVIEW_OK(expression)             \
  do {                                      \
    const ::firth::Status got_(expression); \
    ASSERT_TRUE(got_.ok()) << got_;         \
  } while (false)

namespace firth::timeview {

inline SeriesId TestSeries(uint8_t number) {
  SeriesId id;
  id.bytes.fill(static_cast<char>(number));
  return id;
}

/// An edit that owns its points.
struct OwnedEdit {
  Edit edit;
  std::vector<int64_t> times;
  std::vector<double> values;

  const Edit& get() {
    edit.times = times;
    edit.values = values;
    return edit;
  }
};

struct ModelPoint {
  int64_t time;
  double value;

  bool operator==(const ModelPoint& other) const {
    return time == other.time &&
           std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(other.value);
  }
};
using ModelPoints = std::vector<ModelPoint>;

inline std::ostream& operator<<(std::ostream& out, const ModelPoint& point) {
  return out << "(" << point.time << ", " << point.value << ")";
}

/// One series with all its revisions.
class ModelSeries {
 public:
  ModelSeries() : states_(1), changed_(1), touched_(1) {}

  int64_t latest() const { return kEmptyRevision + static_cast<int64_t>(states_.size()) - 1; }
  const ModelPoints& At(int64_t revision) const {
    return states_[static_cast<size_t>(revision - kEmptyRevision)];
  }

  void Apply(const Edit& edit) {
    const ModelPoints& before = states_.back();
    ModelPoints after;
    std::set<int64_t> touched;
    if (edit.kind == Edit::Kind::kRemove) {
      for (const ModelPoint& p : before) {
        if (p.time >= edit.start && p.time < edit.end) {
          touched.insert(p.time);
        } else {
          after.push_back(p);
        }
      }
    } else {
      touched.insert(edit.times.begin(), edit.times.end());
      for (const ModelPoint& p : before) {
        if (!edit.replace || touched.count(p.time) == 0) after.push_back(p);
      }
      for (size_t i = 0; i < edit.times.size(); ++i) {
        if (!std::isnan(edit.values[i])) after.push_back({edit.times[i], edit.values[i]});
      }
      std::stable_sort(after.begin(), after.end(),
                       [](const ModelPoint& a, const ModelPoint& b) { return a.time < b.time; });
    }
    std::set<int64_t> changed;
    for (const int64_t time : touched) {
      if (PointsAt(before, time) != PointsAt(after, time)) changed.insert(time);
    }
    states_.push_back(std::move(after));
    changed_.push_back(std::move(changed));
    touched_.push_back(std::move(touched));
  }

  static ModelPoints PointsAt(const ModelPoints& points, int64_t time) {
    return Between(points, time, time + 1);
  }
  static ModelPoints Between(const ModelPoints& points, int64_t start, int64_t end) {
    const auto less = [](const ModelPoint& p, int64_t t) { return p.time < t; };
    return {std::lower_bound(points.begin(), points.end(), start, less),
            std::lower_bound(points.begin(), points.end(), end, less)};
  }

  /// The times that changed in (from, to], and those that edits named.
  std::set<int64_t> Changed(int64_t from, int64_t to) const { return Union(changed_, from, to); }
  std::set<int64_t> Touched(int64_t from, int64_t to) const { return Union(touched_, from, to); }

  /// Which points a write would keep, point by point.
  std::vector<uint32_t> Decide(MergePolicy policy, const std::vector<int64_t>& times,
                               const std::vector<double>& values) const {
    struct Entry {
      ModelPoint point;
      std::optional<uint32_t> index;
    };
    std::vector<Entry> all;
    for (const ModelPoint& p : states_.back()) all.push_back({p, std::nullopt});
    for (uint32_t i = 0; i < times.size(); ++i) {
      const auto same_time = [&](const Entry& e) { return e.point.time == times[i]; };
      bool drop = false;
      if (policy == MergePolicy::kRetain) {
        drop = std::any_of(all.begin(), all.end(), same_time);
      } else if (policy == MergePolicy::kEqual) {
        drop = std::any_of(all.begin(), all.end(), [&](const Entry& e) {
          return same_time(e) && e.point.value == values[i];
        });
      } else if (policy == MergePolicy::kReplace) {
        all.erase(std::remove_if(all.begin(), all.end(), same_time), all.end());
      }
      if (!drop) all.push_back({{times[i], values[i]}, i});
    }
    std::vector<uint32_t> kept;
    for (const Entry& e : all) {
      if (e.index) kept.push_back(*e.index);
    }
    std::sort(kept.begin(), kept.end());
    return kept;
  }

 private:
  static std::set<int64_t> Union(const std::vector<std::set<int64_t>>& sets, int64_t from,
                                 int64_t to) {
    std::set<int64_t> all;
    for (int64_t r = std::max(from, kEmptyRevision) + 1; r <= to; ++r) {
      const auto& one = sets[static_cast<size_t>(r - kEmptyRevision)];
      all.insert(one.begin(), one.end());
    }
    return all;
  }

  std::vector<ModelPoints> states_;
  std::vector<std::set<int64_t>> changed_;
  std::vector<std::set<int64_t>> touched_;
};

/// Plain statistics, in long double.
inline Statistics PlainStatistics(const ModelPoints& points) {
  Statistics out;
  if (points.empty()) return out;
  out.count = points.size();
  out.min = out.max = points.front().value;
  long double sum = 0;
  for (const ModelPoint& p : points) {
    out.min = std::min(out.min, p.value);
    out.max = std::max(out.max, p.value);
    sum += p.value;
  }
  const long double mean = sum / static_cast<long double>(points.size());
  long double squares = 0;
  for (const ModelPoint& p : points) squares += (p.value - mean) * (p.value - mean);
  out.mean = static_cast<double>(mean);
  out.stddev = static_cast<double>(std::sqrt(squares / static_cast<long double>(points.size())));
  return out;
}

inline void ExpectStatistics(const Statistics& got, const Statistics& want,
                             const std::string& where) {
  EXPECT_EQ(got.count, want.count) << where;
  EXPECT_EQ(got.min, want.min) << where;
  EXPECT_EQ(got.max, want.max) << where;
  const double scale = std::max(std::abs(want.min), std::abs(want.max));
  const double least = 2 * std::numeric_limits<double>::denorm_min();
  EXPECT_LE(std::abs(got.mean - want.mean), 1e-12 * scale + least) << where;
  EXPECT_LE(std::abs(got.stddev - want.stddev), 1e-7 * want.stddev + 1e-14 * scale + least)
      << where;
}

inline ModelPoints AllPoints(const Snapshot& snapshot, int64_t start, int64_t end,
                             size_t rows_max) {
  ModelPoints points;
  auto cursor = snapshot.Points(start, end).ValueOrDie();
  PointBatch batch;
  for (;;) {
    const Status status = cursor->Next(rows_max, &batch);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_LE(batch.size(), rows_max);
    if (!status.ok() || batch.size() == 0) return points;
    for (size_t i = 0; i < batch.size(); ++i) points.push_back({batch.times[i], batch.values[i]});
  }
}

inline WindowBatch AllWindows(WindowCursor* cursor, size_t rows_max) {
  WindowBatch all;
  WindowBatch batch;
  for (;;) {
    const Status status = cursor->Next(rows_max, &batch);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_LE(batch.size(), rows_max);
    if (!status.ok() || batch.size() == 0) return all;
    for (size_t i = 0; i < batch.size(); ++i) {
      all.Add(batch.starts[i], {.count = batch.count[i],
                                .min = batch.min[i],
                                .mean = batch.mean[i],
                                .max = batch.max[i],
                                .stddev = batch.stddev[i]});
    }
  }
}

/// Compares a view with a model in every way that there is to read it, at chosen and random places.
class Comparison {
 public:
  Comparison(TimeView* view, SeriesId series, const ModelSeries* model, uint64_t seed)
      : view_(view), series_(series), model_(model), random_(seed) {}

  /// Compare one revision.
  void Revision(int64_t revision) {
    const auto pinned = view_->Pin(series_, revision);
    ASSERT_TRUE(pinned.ok()) << pinned.status();
    ASSERT_EQ(pinned->revision(), revision);
    State(*pinned, model_->At(revision), "revision " + std::to_string(revision));
  }

  void State(const Snapshot& snapshot, const ModelPoints& want, const std::string& where) {
    ASSERT_EQ(AllPoints(snapshot, kTimeMin, kTimeTop, 1 + random_() % 40), want) << where;
    const auto [start, end] = SomeRange(want);
    ASSERT_EQ(AllPoints(snapshot, start, end, 7), ModelSeries::Between(want, start, end))
        << where << " [" << start << ", " << end << ")";
    const auto summary = snapshot.Summarise(start, end);
    ASSERT_TRUE(summary.ok()) << summary.status();
    ExpectStatistics(*summary, PlainStatistics(ModelSeries::Between(want, start, end)), where);
    for (int i = 0; i < 3; ++i) Nearest(snapshot, want, SomeTime(want), where);
    Windows(snapshot, want, start, end, where);
    Aligned(snapshot, want, start, end, where);
  }

  void Changes(int64_t from, int64_t to, int resolution) {
    const std::string where = "changes (" + std::to_string(from) + ", " + std::to_string(to) +
                              "] at " + std::to_string(resolution);
    auto cursor = view_->Changes(series_, from, to, resolution);
    ASSERT_TRUE(cursor.ok()) << cursor.status();
    std::vector<TimeRange> got, batch;
    do {
      TIMEVIEW_OK((*cursor)->Next(1 + random_() % 5, &batch));
      got.insert(got.end(), batch.begin(), batch.end());
    } while (!batch.empty());
    const auto must = model_->Changed(from, to);
    const auto may = model_->Touched(from, to);
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_LT(got[i].start, got[i].end) << where;
      if (i > 0) {
        ASSERT_LT(got[i - 1].end, got[i].start) << where;
      }
      if (resolution < 63) {
        const int64_t mask = (int64_t{1} << resolution) - 1;
        ASSERT_EQ(got[i].start & mask, 0) << where;
        ASSERT_EQ(got[i].end & mask, 0) << where;
        // No cell without a reason.
        for (int64_t cell = got[i].start; cell < got[i].end; cell += mask + 1) {
          const auto touched = may.lower_bound(cell);
          ASSERT_TRUE(touched != may.end() && *touched <= cell + mask) << where << " " << cell;
          if (mask > int64_t{1} << 60) break;
        }
      }
    }
    for (const int64_t time : must) {
      const auto after =
          std::upper_bound(got.begin(), got.end(), time,
                           [](int64_t t, const TimeRange& range) { return t < range.start; });
      ASSERT_TRUE(after != got.begin() && time < std::prev(after)->end) << where << " " << time;
    }
  }

  /// Every revision, and changes between `pairs` random pairs of them.
  void Everything(int pairs) {
    ASSERT_EQ(view_->LatestRevision(series_).ValueOrDie(), model_->latest());
    for (int64_t r = kEmptyRevision; r <= model_->latest() && !testing::Test::HasFailure(); ++r) {
      Revision(r);
    }
    for (int i = 0; i < pairs && !testing::Test::HasFailure(); ++i) SomeChanges();
  }
  void SomeRevision() {
    Revision(kEmptyRevision +
             static_cast<int64_t>(random_() % static_cast<uint64_t>(model_->latest() - 9)));
  }
  void SomeChanges() {
    const auto some = [&] {
      return kEmptyRevision +
             static_cast<int64_t>(random_() % static_cast<uint64_t>(model_->latest() - 9));
    };
    const auto [from, to] = std::minmax({some(), some()});
    // Wide cells only where few of them are walked by the check.
    static constexpr int kResolutions[] = {0, 0, 1, 3, 6, 10, 17, 61, 62, 63};
    int resolution = kResolutions[random_() % std::size(kResolutions)];
    Changes(from, to, resolution);
  }

 private:
  int64_t SomeTime(const ModelPoints& points) {
    if (points.empty() || random_() % 8 == 0) {
      return kTimeMin + static_cast<int64_t>(random_() % (uint64_t{1} << 62));
    }
    const int64_t near = points[random_() % points.size()].time;
    return std::clamp<int64_t>(near + static_cast<int64_t>(random_() % 5) - 2, kTimeMin,
                               kTimeTop - 1);
  }
  TimeRange SomeRange(const ModelPoints& points) {
    for (;;) {
      const auto [start, end] = std::minmax({SomeTime(points), SomeTime(points)});
      if (start < end) return {start, end};
      if (points.size() < 2) return {kTimeMin, kTimeTop};
    }
  }

  void Nearest(const Snapshot& snapshot, const ModelPoints& points, int64_t time,
               const std::string& where) {
    const auto less = [](const ModelPoint& p, int64_t t) { return p.time < t; };
    const auto at = std::lower_bound(points.begin(), points.end(), time, less);
    const auto forward = snapshot.Nearest(time, Direction::kForward);
    const auto backward = snapshot.Nearest(time, Direction::kBackward);
    ASSERT_TRUE(forward.ok() && backward.ok());
    ASSERT_EQ(forward->has_value(), at != points.end()) << where << " " << time;
    if (at != points.end()) {
      ASSERT_EQ((ModelPoint{(*forward)->time, (*forward)->value}), *at) << where << " " << time;
    }
    ASSERT_EQ(backward->has_value(), at != points.begin()) << where << " " << time;
    if (at != points.begin()) {
      ASSERT_EQ((ModelPoint{(*backward)->time, (*backward)->value}), *std::prev(at))
          << where << " " << time;
    }
  }

  void Windows(const Snapshot& snapshot, const ModelPoints& points, int64_t start, int64_t end,
               const std::string& where) {
    const auto span = static_cast<uint64_t>(end - start);
    const uint64_t width = std::max<uint64_t>(1, span / (1 + random_() % 30) + random_() % 2);
    auto cursor = snapshot.Windows(start, end, width);
    ASSERT_TRUE(cursor.ok()) << cursor.status();
    const WindowBatch got = AllWindows(cursor->get(), 4);
    ASSERT_EQ(got.size(), span / width) << where;
    for (size_t i = 0; i < got.size(); ++i) {
      const int64_t from = start + static_cast<int64_t>(i * width);
      ASSERT_EQ(got.starts[i], from) << where;
      ExpectStatistics(
          At(got, i),
          PlainStatistics(ModelSeries::Between(points, from, from + static_cast<int64_t>(width))),
          where + " window " + std::to_string(from) + " of " + std::to_string(width));
    }
  }

  void Aligned(const Snapshot& snapshot, const ModelPoints& points, int64_t start, int64_t end,
               const std::string& where) {
    int width = static_cast<int>(random_() % 64);
    auto cursor = snapshot.AlignedWindows(start, end, width);
    ASSERT_TRUE(cursor.ok()) << cursor.status();
    const WindowBatch got = AllWindows(cursor->get(), 3);
    const auto cell_of = [&](int64_t time) {
      return static_cast<int64_t>((static_cast<uint64_t>(time) >> width) << width);
    };
    const int64_t first = cell_of(start);
    const int64_t last = cell_of(end);
    size_t window = 0;
    for (size_t i = 0; i < points.size();) {
      const int64_t cell = cell_of(points[i].time);
      size_t next = i + 1;
      while (next < points.size() && cell_of(points[next].time) == cell) ++next;
      if (cell >= first && cell < last) {
        ASSERT_LT(window, got.size()) << where << " aligned " << width;
        ASSERT_EQ(got.starts[window], cell) << where << " aligned " << width;
        ExpectStatistics(At(got, window),
                         PlainStatistics({points.begin() + static_cast<ptrdiff_t>(i),
                                          points.begin() + static_cast<ptrdiff_t>(next)}),
                         where + " aligned " + std::to_string(width));
        ++window;
      }
      i = next;
    }
    ASSERT_EQ(window, got.size()) << where << " aligned " << width;
  }

  static Statistics At(const WindowBatch& batch, size_t i) {
    return {.count = batch.count[i],
            .min = batch.min[i],
            .mean = batch.mean[i],
            .max = batch.max[i],
            .stddev = batch.stddev[i]};
  }

  TimeView* const view_;
  const SeriesId series_;
  const ModelSeries* const model_;
  std::mt19937_64 random_;
};

}  // namespace firth::timeview
