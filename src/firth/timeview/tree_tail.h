// The end of a tree that points still come to. Where points come late, most of them come soon: a
// leaf that was made of what came first would be made again for what comes a little later. So the
// last points of a tree wait outside it as one sorted run, until there are points behind them, or
// the tree is written.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "firth/timeview/node.h"
#include "firth/timeview/overlay.h"

namespace firth::timeview {

/// The points of a tree that are in none of its nodes, all at later times than those that are.
/// Immutable.
class TreeTail {
 public:
  /// None.
  TreeTail();
  /// These points. What must be read of the tree to put them into it is read now: it cannot fail
  /// later. Errors: as NodeSource::Get.
  static Result<TreeTail> Make(const NodeSource& source, const NodeLink& root, PointSpan points);

  bool empty() const { return points_->empty(); }
  size_t size() const { return points_->times.size(); }
  PointSpan points() const { return points_->points(); }
  /// The points as what comes over the tree; never null.
  const std::shared_ptr<const Overlay>& overlay() const { return points_; }
  /// Those before `end`, but for those at the times of `late`, which are sorted.
  std::shared_ptr<const Overlay> Before(int64_t end, std::span<const int64_t> late) const;
  size_t MemoryBytes() const { return empty() ? 0 : points_->MemoryBytes(); }

  /// A source for putting the points into the tree, which needs nothing of files. Borrows both.
  class Source : public NodeSource {
   public:
    Source(const NodeSource& source, const TreeTail& tail) : source_(source), tail_(tail) {}
    Result<NodePtr> Get(const NodeLink& link) const override;

   private:
    const NodeSource& source_;
    const TreeTail& tail_;
  };

 private:
  std::shared_ptr<const Overlay> points_;
  std::vector<std::pair<NodeAddress, NodePtr>> path_;  // to the tree's last point, what is in files
};

}  // namespace firth::timeview
