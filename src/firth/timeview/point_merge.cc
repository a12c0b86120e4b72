// Which of two points comes next is a matter of chance, and where the next two lie depends on it:
// a processor can neither foretell it nor do other work of the same merge meanwhile. So the result
// is cut into lanes, whose beginnings in both runs are searched for, and which are merged side by
// side. In a lane, one point of the second run takes a step together with the next few of the first
// run: these are all copied, it is counted how many of them were to be, and the point is put behind
// so many.

#include "firth/timeview/point_merge.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace firth::timeview {
namespace {

/// Where the second run is less than such a part of the first, there are runs between its points.
constexpr size_t kFewParts = 16;
/// Points that are cut into lanes together: a place with no points of one run slows only these.
constexpr size_t kChunk = 4096;
constexpr size_t kLanes = 4;
/// Fewer points are merged one by one.
constexpr size_t kChunkLeast = 64;

/// The part of the two runs that has a part of the result.
struct Part {
  size_t first = 0;
  size_t first_end = 0;
  size_t second = 0;
  size_t second_end = 0;

  size_t size() const { return first_end - first + second_end - second; }
};

class PairOfRuns {
 public:
  PairOfRuns(PointSpan first, PointSpan second, const PointRoom::End& out)
      : first_times_(first.times.data()),
        first_values_(first.values.data()),
        second_times_(second.times.data()),
        second_values_(second.values.data()),
        times_(out.times),
        values_(out.values) {}

  bool met_equal() const { return met_equal_; }

  /// What lies between two points of the second run is copied as a whole.
  void MergeFew(Part part) {
    for (; part.second < part.second_end; ++part.second) {
      const int64_t time = second_times_[part.second];
      const auto end = static_cast<size_t>(
          std::upper_bound(first_times_ + part.first, first_times_ + part.first_end, time) -
          first_times_);
      met_equal_ |= end > 0 && first_times_[end - 1] == time;
      CopyFirst(&part, end);
      times_[part.first + part.second] = time;
      values_[part.first + part.second] = second_values_[part.second];
    }
    CopyFirst(&part, part.first_end);
  }

  void Merge(const Part& part) {
    Part rest = part;
    while (rest.size() >= kChunkLeast) {
      Part chunk = rest;
      CutAt(rest, std::min(rest.size(), kChunk), &chunk.first_end, &chunk.second_end);
      MergeChunk(chunk);
      rest.first = chunk.first_end;
      rest.second = chunk.second_end;
    }
    MergeOneByOne(rest);
  }

 private:
  void CopyFirst(Part* part, size_t end) {
    std::copy(first_times_ + part->first, first_times_ + end, times_ + part->first + part->second);
    std::copy(first_values_ + part->first, first_values_ + end,
              values_ + part->first + part->second);
    part->first = end;
  }

  /// Where the first `count` points of a part end in both runs.
  void CutAt(const Part& part, size_t count, size_t* first_end, size_t* second_end) {
    const size_t seconds = part.second_end - part.second;
    size_t low = part.first + (count > seconds ? count - seconds : 0);
    size_t high = std::min(part.first + count, part.first_end);
    const size_t all = part.first + part.second + count;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      if (first_times_[middle] <= second_times_[all - middle - 1]) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    *first_end = low;
    *second_end = all - low;
    // These two are in different parts then, and not compared again.
    if (low > part.first && *second_end < part.second_end) {
      met_equal_ |= first_times_[low - 1] == second_times_[*second_end];
    }
  }

  void MergeChunk(const Part& chunk) {
    std::array<Part, kLanes> lanes;
    Part rest = chunk;
    for (size_t i = 0; i < kLanes; ++i) {
      lanes[i] = rest;
      CutAt(rest, rest.size() / (kLanes - i), &lanes[i].first_end, &lanes[i].second_end);
      rest.first = lanes[i].first_end;
      rest.second = lanes[i].second_end;
    }
#if defined(__x86_64__)
    static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
    if (has_avx2) MergeByFours(&lanes);
#endif
    static_assert(kLanes == 4);
    MergeTwo(&lanes[0], &lanes[1]);
    MergeTwo(&lanes[2], &lanes[3]);
    for (const Part& lane : lanes) MergeOneByOne(lane);
  }

#if defined(__x86_64__)
  /// Take steps in all lanes as long as there are points in all of them.
  [[gnu::target("avx2")]] void MergeByFours(std::array<Part, kLanes>* lanes) {
    constexpr size_t kWidth = 4;
    std::array<size_t, kLanes> first;
    std::array<size_t, kLanes> second;
    for (size_t i = 0; i < kLanes; ++i) {
      first[i] = (*lanes)[i].first;
      second[i] = (*lanes)[i].second;
    }
    __m256i equal = _mm256_setzero_si256();
    for (;;) {
      // A step takes so many points of the first run at most, and writes one more.
      size_t steps = kChunk;
      for (size_t i = 0; i < kLanes; ++i) {
        steps = std::min({steps, ((*lanes)[i].first_end - first[i]) / kWidth,
                          (*lanes)[i].second_end - second[i]});
      }
      if (steps == 0) break;
      for (; steps > 0; --steps) {
#pragma GCC unroll 4
        for (size_t i = 0; i < kLanes; ++i) {
          const size_t at = first[i] + second[i];
          const int64_t time = second_times_[second[i]];
          const __m256i four =
              _mm256_loadu_si256(reinterpret_cast<const __m256i*>(first_times_ + first[i]));
          const __m256i same = _mm256_set1_epi64x(time);
          const __m256i later = _mm256_cmpgt_epi64(four, same);
          equal = _mm256_or_si256(equal, _mm256_cmpeq_epi64(four, same));
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(times_ + at), four);
          _mm256_storeu_pd(values_ + at, _mm256_loadu_pd(first_values_ + first[i]));
          const auto mask = static_cast<unsigned>(_mm256_movemask_pd(_mm256_castsi256_pd(later)));
          const auto count = static_cast<size_t>(std::countr_zero(mask | 1u << kWidth));
          // Where all four come before it, it comes again.
          times_[at + count] = time;
          values_[at + count] = second_values_[second[i]];
          first[i] += count;
          second[i] += count < kWidth ? 1 : 0;
        }
      }
    }
    met_equal_ |= _mm256_testz_si256(equal, equal) == 0;
    for (size_t i = 0; i < kLanes; ++i) {
      (*lanes)[i].first = first[i];
      (*lanes)[i].second = second[i];
    }
  }
#endif

  /// Merge two lanes side by side as long as there are points of both runs in both.
  void MergeTwo(Part* one, Part* other) {
    Part a = *one;
    Part b = *other;
    bool equal = false;
    for (;;) {
      size_t steps = std::min({a.first_end - a.first, a.second_end - a.second,
                               b.first_end - b.first, b.second_end - b.second});
      if (steps == 0) break;
      for (; steps > 0; --steps) {
        equal |= Step(&a);
        equal |= Step(&b);
      }
    }
    met_equal_ |= equal;
    *one = a;
    *other = b;
  }

  void MergeOneByOne(Part part) {
    bool equal = false;
    while (part.first < part.first_end && part.second < part.second_end) equal |= Step(&part);
    met_equal_ |= equal;
    const size_t at = part.first + part.second;
    std::copy(second_times_ + part.second, second_times_ + part.second_end, times_ + at);
    std::copy(second_values_ + part.second, second_values_ + part.second_end, values_ + at);
    part.second = part.first < part.first_end ? part.second : part.second_end;
    CopyFirst(&part, part.first_end);
  }

  /// Take the next point. Are the two that are compared of equal time?
  bool Step(Part* part) {
    // Of a choice between numbers in memory a compiler makes a branch, which takes twice as long;
    // of this it makes none.
    const int64_t time = first_times_[part->first];
    const int64_t other = second_times_[part->second];
    const auto is_second = static_cast<uint64_t>(other < time);
    const size_t at = part->first + part->second;
    times_[at] = static_cast<int64_t>(
        Either(static_cast<uint64_t>(time), static_cast<uint64_t>(other), is_second));
    values_[at] = std::bit_cast<double>(
        Either(std::bit_cast<uint64_t>(first_values_[part->first]),
               std::bit_cast<uint64_t>(second_values_[part->second]), is_second));
    part->second += is_second;
    part->first += 1 - is_second;
    return time == other;
  }
  /// The second number if `second` is 1, the first if it is 0.
  static uint64_t Either(uint64_t first, uint64_t other, uint64_t second) {
    return first ^ ((first ^ other) & (uint64_t{0} - second));
  }

  const int64_t* const first_times_;
  const double* const first_values_;
  const int64_t* const second_times_;
  const double* const second_values_;
  int64_t* const times_;
  double* const values_;
  bool met_equal_ = false;
};

}  // namespace

bool MergePoints(PointSpan first, PointSpan second, const PointRoom::End& out) {
  PairOfRuns runs(first, second, out);
  const Part all{.first_end = first.size(), .second_end = second.size()};
  if (second.size() < first.size() / kFewParts) {
    runs.MergeFew(all);
  } else {
    runs.Merge(all);
  }
  return runs.met_equal();
}

}  // namespace firth::timeview
