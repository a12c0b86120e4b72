// Room for points that are put together, used again and again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "firth/timeview/node.h"

namespace firth::timeview {

/// Columns of points that grow at their end. Their room stays, and is not filled with zeros first.
class PointRoom {
 public:
  PointSpan span() const { return {{times_.get(), size_}, {values_.get(), size_}}; }
  bool empty() const { return size_ == 0; }
  void Clear() { size_ = 0; }
  /// The same, and let go of what is more than most need.
  void Reset() {
    Clear();
    if (capacity_ <= kPointsKept) return;
    times_.reset();
    values_.reset();
    capacity_ = 0;
  }
  /// Room for so many points behind those that are there; Added then says how many came.
  struct End {
    int64_t* times;
    double* values;
  };
  End Room(size_t points) {
    if (size_ + points > capacity_) {
      const size_t capacity = std::max(size_ + points, 2 * capacity_);
      auto times = std::make_unique_for_overwrite<int64_t[]>(capacity);
      auto values = std::make_unique_for_overwrite<double[]>(capacity);
      std::copy_n(times_.get(), size_, times.get());
      std::copy_n(values_.get(), size_, values.get());
      times_ = std::move(times);
      values_ = std::move(values);
      capacity_ = capacity;
    }
    return {times_.get() + size_, values_.get() + size_};
  }
  void Added(size_t points) { size_ += points; }
  void Add(PointSpan points) {
    const End end = Room(points.size());
    std::copy(points.times.begin(), points.times.end(), end.times);
    std::copy(points.values.begin(), points.values.end(), end.values);
    Added(points.size());
  }

 private:
  static constexpr size_t kPointsKept = 256 << 10;

  std::unique_ptr<int64_t[]> times_;
  std::unique_ptr<double[]> values_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace firth::timeview
