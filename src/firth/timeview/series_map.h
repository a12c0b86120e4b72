// Something small for each of many series, in one table: a look waits for memory once, and nothing
// is taken from the heap or given back for one series.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "firth/timeview/series.h"

namespace firth::timeview {

/// A hash table with open addressing, at most half of which is in use. What Find gives holds until
/// the next Put or Erase. One thread at a time.
template <typename Value>
class SeriesMap {
 public:
  size_t size() const { return size_; }

  /// Null if it is not there.
  const Value* Find(const SeriesId& series) const {
    if (table_.empty()) return nullptr;
    const Slot& slot = table_[Look(series, MarkOf(series))];
    return slot.mark == kFree ? nullptr : &slot.value;
  }

  /// Say it of a series, in place of what was said before. Was nothing said?
  bool Put(const SeriesId& series, Value value) {
    if (2 * (size_ + 1) > table_.size()) Grow();
    const uint32_t mark = MarkOf(series);
    Slot& slot = table_[Look(series, mark)];
    const bool is_new = slot.mark == kFree;
    if (is_new) ++size_;
    slot = {.series = series, .mark = mark, .value = std::move(value)};
    return is_new;
  }

  /// Was it there?
  bool Erase(const SeriesId& series) {
    if (table_.empty()) return false;
    size_t gap = Look(series, MarkOf(series));
    if (table_[gap].mark == kFree) return false;
    --size_;
    table_[gap] = {};
    // Those behind it that would not be found any more move up.
    for (size_t at = Next(gap); table_[at].mark != kFree; at = Next(at)) {
      const size_t home = table_[at].mark & mask();
      if (((at - home) & mask()) < ((at - gap) & mask())) continue;
      table_[gap] = std::exchange(table_[at], {});
      gap = at;
    }
    return true;
  }

  /// Call `visit(series, value)` for each, in no order.
  template <typename Visit>
  void VisitAll(Visit visit) const {
    for (const Slot& slot : table_) {
      if (slot.mark != kFree) visit(slot.series, slot.value);
    }
  }

  /// Forget all. The table is kept, unless it is large.
  void Clear() {
    size_ = 0;
    if (table_.size() > kKeptSlots) {
      table_ = {};
    } else {
      table_.assign(table_.size(), Slot());
    }
  }

 private:
  static constexpr uint32_t kFree = 0;
  static constexpr size_t kLeastSlots = 16;
  static constexpr size_t kKeptSlots = size_t{1} << 17;

  /// The mark is the hash, as far as it fits, and never that of a free slot; it also says where the
  /// series would like to be.
  struct Slot {
    SeriesId series;
    uint32_t mark = kFree;
    Value value{};
  };

  static uint32_t MarkOf(const SeriesId& series) {
    return static_cast<uint32_t>(std::hash<SeriesId>()(series)) | 0x80000000u;
  }
  size_t mask() const { return table_.size() - 1; }
  size_t Next(size_t at) const { return (at + 1) & mask(); }

  /// Where a series is, or the free slot where it would be.
  size_t Look(const SeriesId& series, uint32_t mark) const {
    for (size_t at = mark & mask();; at = Next(at)) {
      const Slot& slot = table_[at];
      if (slot.mark == kFree || (slot.mark == mark && slot.series == series)) return at;
    }
  }

  void Grow() {
    std::vector<Slot> old(table_.empty() ? kLeastSlots : 2 * table_.size());
    old.swap(table_);
    for (Slot& slot : old) {
      if (slot.mark == kFree) continue;
      size_t at = slot.mark & mask();
      while (table_[at].mark != kFree) at = Next(at);
      table_[at] = std::move(slot);
    }
  }

  std::vector<Slot> table_;  // a power of two, or nothing
  size_t size_ = 0;
};

}  // namespace firth::timeview
