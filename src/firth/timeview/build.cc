// Nodes from sorted points.

#include <algorithm>
#include <utility>

#include "firth/timeview/merge.h"

namespace firth::timeview::internal {
namespace {

/// The end of the run of times below `limit` that begins at `begin`: galloping, so that a node
/// whose points are all in one slot is not read through.
size_t EndBelow(std::span<const int64_t> times, size_t begin, int64_t limit) {
  size_t step = 1;
  size_t low = begin;
  while (low + step < times.size() && times[low + step] < limit) {
    low += step;
    step *= 2;
  }
  const size_t high = std::min(low + step, times.size());
  return static_cast<size_t>(std::lower_bound(times.begin() + static_cast<ptrdiff_t>(low),
                                              times.begin() + static_cast<ptrdiff_t>(high), limit) -
                             times.begin());
}

}  // namespace

NodeLink Builder::BuildNode(int width, int64_t start, PointSpan points) const {
  if (points.empty()) return {};
  if (points.size() <= shape_.leaf_points_max) return BuildLeaf(width, start, points);
  if (width == 0) return BuildPile(start, points);
  std::vector<NodeLink> links;
  BuildLinks(width, start, points, &links);
  return BuildInner(width, start, std::move(links));
}

NodeLink Builder::BuildLeaf(int width, int64_t start, PointSpan points) const {
  if (shape_.room != nullptr && points.times.back() < shape_.coded_before) {
    return shape_.room->coder.Make(width, start, revision_, points);
  }
  return MakeLeaf(width, start, revision_, points);
}

NodeLink Builder::BuildInner(int width, int64_t start, std::vector<NodeLink> links) const {
  return MakeInner(NodeKind::kInner, width, start, revision_, std::move(links));
}

void Builder::BuildLinks(int width, int64_t start, PointSpan points,
                         std::vector<NodeLink>* links) const {
  const size_t leaf_max = shape_.leaf_points_max;
  const int below = WidthBelow(width);
  // Leaves are filled evenly, so that none is left with a handful of points.
  const size_t leaves = (points.size() + leaf_max - 1) / leaf_max;
  const size_t fill = leaves == 0 ? 0 : (points.size() + leaves - 1) / leaves;
  size_t leaf_begin = 0;
  uint8_t leaf_slot = 0;
  uint8_t leaf_slot_end = 0;
  const auto finish_leaf = [&](size_t end) {
    if (leaf_begin == end) return;
    NodeLink link =
        BuildLeaf(below, start + (int64_t{leaf_slot} << below), points.Sub(leaf_begin, end));
    link.slot_begin = leaf_slot;
    link.slot_end = leaf_slot_end;
    links->push_back(std::move(link));
  };
  for (size_t i = 0; i < points.size();) {
    const auto slot = static_cast<uint8_t>((points.times[i] - start) >> below);
    const int64_t slot_start = start + (int64_t{slot} << below);
    const size_t end = EndBelow(points.times, i, slot_start + (int64_t{1} << below));
    if (end - i > leaf_max) {
      finish_leaf(i);
      NodeLink link = BuildNode(below, slot_start, points.Sub(i, end));
      link.slot_begin = slot;
      link.slot_end = static_cast<uint8_t>(slot + 1);
      links->push_back(std::move(link));
      leaf_begin = end;
    } else {
      if (i > leaf_begin && (i - leaf_begin >= fill || end - leaf_begin > leaf_max)) {
        finish_leaf(i);
        leaf_begin = i;
      }
      if (leaf_begin == i) leaf_slot = slot;
      leaf_slot_end = static_cast<uint8_t>(slot + 1);
    }
    i = end;
  }
  finish_leaf(points.size());
}

}  // namespace firth::timeview::internal
