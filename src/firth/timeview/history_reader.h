// Finding revisions in a history, part of which is in files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "firth/timeview/history.h"
#include "firth/timeview/node_files.h"

namespace firth::timeview {

/// Where a revision stands.
struct HistoryPlace {
  HistoryItem item;                 // cuts, root or edits
  std::optional<HistoryItem> root;  // cuts: the next one, none if the tree still grows; edits: the
                                    // one before
};

/// Reads one history. Errors: as FileNodeSource::Load.
class HistoryReader {
 public:
  HistoryReader(const FileNodeSource& source, const History& history)
      : source_(source), history_(history) {}

  /// Time: logarithmic.
  Result<HistoryPlace> Find(int64_t revision) const;
  /// Call `visit` for each item that removed points in revisions of (from, to], in order.
  Status VisitRemovals(int64_t from, int64_t to,
                       const std::function<Status(const HistoryItem&)>& visit) const;
  /// Call `visit` for each list of late times of revisions of (from, to], in order.
  Status VisitLate(int64_t from, int64_t to,
                   const std::function<Status(const HistoryItem&)>& visit) const;
  /// The edits of an item that has some.
  Result<std::shared_ptr<const EditRun>> Edits(const HistoryItem& item) const;

  /// The blocks below one of `level` (> 0), and the items below one of level 0.
  Result<std::vector<HistoryBlock>> Blocks(const HistoryBlock& block) const;
  Result<std::vector<HistoryItem>> Items(const HistoryBlock& block) const;

  /// The last item that begins at or before `revision`.
  Result<HistoryItem> LastFrom(int64_t revision) const;
  /// The first root at or after `revision`.
  Result<std::optional<HistoryItem>> NextRoot(int64_t revision) const;
  /// Is the record at `address`, whose first revision is `first`, one of this history's blocks?
  Result<bool> HasBlock(const NodeAddress& address, int64_t first) const;

 private:
  /// Call `visit` for each item that `wanted` is true of, and which has to do with a revision of
  /// (from, to].
  struct Wanted {
    int64_t from = 0;
    int64_t to = 0;
    bool (*in_block)(const HistoryBlock&) = nullptr;
    bool (*item)(const HistoryItem&) = nullptr;
  };
  using Visit = std::function<Status(const HistoryItem&)>;
  Status VisitAll(const Wanted& wanted, const Visit& visit) const;
  Status VisitBelow(const HistoryBlock& block, size_t level, const Wanted& wanted,
                    const Visit& visit) const;

  const FileNodeSource& source_;
  const History& history_;
};

}  // namespace firth::timeview
