// The heads that are in memory: found, loaded, and let go again.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "firth/timeview/base.h"
#include "firth/timeview/series_head.h"
#include "firth/timeview/series_map.h"

namespace firth::timeview {

using HeadPtr = std::shared_ptr<SeriesHead>;

/// Readers and one writer; each says which calls are whose.
class OpenSeries {
 public:
  OpenSeries(Base* base, size_t heads_max) : base_(base), heads_max_(heads_max) {}

  // --- Readers.
  /// The head of a series; of an unknown one an empty head that nobody else has. Errors: as
  /// FileNodeSource::Load.
  Result<HeadPtr> Find(const SeriesId& series);
  size_t size() const;
  /// Memory of edits that went with heads that were let go, since the view was opened.
  uint64_t pending_bytes_gone() const { return pending_bytes_gone_.load(); }

  // --- The writer.
  /// The head of a series; that of an unknown one is kept from now on. `is_new` tells.
  Result<HeadPtr> FindOrMake(const SeriesId& series, bool* is_new);
  /// The head of a series if it is in memory.
  HeadPtr FindOpen(const SeriesId& series);
  /// Forget a head. The directory says so already.
  void Remove(const SeriesId& series);
  /// Keep a head in memory until it was written.
  void MarkChanged(const HeadPtr& head);
  /// It was written.
  void MarkWritten(const HeadPtr& head);
  /// The heads that are to be written, and among the least recently used of them those that stand
  /// in the way of others: none unless there are too many heads.
  std::vector<HeadPtr> Changed();
  std::vector<HeadPtr> ChangedToEvict() const;
  /// Let heads go that were written, some more than are too many, so that it is not done for each
  /// new head.
  void Trim();

 private:
  using Order = std::list<HeadPtr>;  // the most recently used first

  /// A head that is not in memory, from files; none if there is no such series.
  Result<HeadPtr> Load(const SeriesId& series, const FileNodeSource& source) const;
  Result<HeadPtr> FindOrLoad(const SeriesId& series);
  HeadPtr Use(const SeriesId& series);
  void ForgetWritten();
  void Insert(const HeadPtr& head);
  /// Let heads go until there are `heads_low`, but look at no more than `looks_max` of them.
  void TrimLocked(size_t heads_low, size_t looks_max, std::vector<HeadPtr>* dropped);
  uint64_t& VersionOf(const SeriesId& series) {
    return versions_[static_cast<uint8_t>(series.bytes[0]) % versions_.size()];
  }

  Base* const base_;
  const size_t heads_max_;
  mutable std::mutex mutex_;
  Order order_;                       // guarded by mutex_
  SeriesMap<Order::iterator> heads_;  // guarded by mutex_
  // The writer's: heads that changed, in the order in which they did, and some that were written
  // since.
  std::vector<HeadPtr> changed_;
  // Guarded by mutex_: how often a series of each group was let go. What was read meanwhile may be
  // old.
  std::array<uint64_t, 64> versions_{};
  std::atomic<uint64_t> pending_bytes_gone_{0};
};

}  // namespace firth::timeview
