// A new tree from an old one and an overlay: nodes that change are copied, the others are shared.
#pragma once

#include <vector>

#include "firth/timeview/leaf_coder.h"
#include "firth/timeview/node.h"
#include "firth/timeview/overlay.h"
#include "firth/timeview/point_room.h"

namespace firth::timeview {

class PayloadEncoder;

/// A tree, and which nodes of files the old one had that it has not. Nodes below a link that a hole
/// took whole are not listed.
struct MergedTree {
  NodeLink root;  // empty for no points
  std::vector<NodeAddress> replaced;
  bool met_equal = false;  // points came to the time of a point that was there
};

/// What is kept from one tree to the next, so that its memory is used again. One thread at a time.
struct GrowRoom {
  GrowRoom(NodeMemory* memory, PayloadEncoder* payloads) : coder(memory), encoder(payloads) {}

  LeafCoder coder;
  PayloadEncoder* const encoder;
  PointRoom run;
  PointRoom joined;
};

/// How the nodes of a new tree are made.
struct TreeShape {
  size_t leaf_points_max = kLeafPoints;
  size_t late_times_max = 512 << 10;
  /// Of the points that come last, so many may be in no node yet, where some come late.
  size_t tail_points_max = 0;
  /// Of who makes many trees.
  GrowRoom* room = nullptr;
  /// With a room, leaves all of whose points come before this are coded at once.
  int64_t coded_before = kTimeMin;

  /// Leaves of fewer points are joined with what comes beside them.
  size_t leaf_points_low() const { return leaf_points_max / 2; }
};

/// Merge an overlay's points and holes into the tree `root`. The new nodes carry `revision`. Where
/// nothing changes the old nodes stay, up to the root. The points of `tail` come in, too, before
/// those of equal time. Time and memory: the points of the overlay, and the paths to them. Errors:
/// as NodeSource::Get.
Result<MergedTree> MergeTree(const NodeSource& source, const TreeShape& shape, const NodeLink& root,
                             int64_t revision, PointSpan points, std::span<const TimeRange> holes,
                             PointSpan tail = {});

namespace internal {

/// Makes nodes of one revision from sorted points.
class Builder {
 public:
  Builder(const TreeShape& shape, int64_t revision) : shape_(shape), revision_(revision) {}

  /// Build what holds these points in the grid cell of `width` at `start`; empty for none.
  NodeLink BuildNode(int width, int64_t start, PointSpan points) const;
  NodeLink BuildLeaf(int width, int64_t start, PointSpan points) const;
  /// Build links for these points, which lie in slots of the cell, and append them to `links`.
  void BuildLinks(int width, int64_t start, PointSpan points, std::vector<NodeLink>* links) const;
  NodeLink BuildInner(int width, int64_t start, std::vector<NodeLink> links) const;
  /// Build a pile of points that share the time `start` and are too many for a leaf.
  NodeLink BuildPile(int64_t start, PointSpan points) const;
  /// Append points, which are not empty, to a pile.
  Result<NodeLink> AppendToPile(const NodeSource& source, const NodeLink& pile, PointSpan points,
                                std::vector<NodeAddress>* replaced) const;

  const TreeShape& shape() const { return shape_; }

 private:
  void AddLeaves(int64_t start, PointSpan points, std::vector<NodeLink>* links) const;
  std::vector<NodeLink> PilesOver(int64_t start, std::vector<NodeLink> links) const;
  Status AppendAt(const NodeSource& source, const NodeLink& link, int height, PointSpan points,
                  std::vector<NodeLink>* out, std::vector<NodeAddress>* replaced) const;

  const TreeShape shape_;
  const int64_t revision_;
};

}  // namespace internal
}  // namespace firth::timeview
