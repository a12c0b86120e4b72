// Piles: the points of one time when a leaf cannot hold them. A pile only grows at its end, where
// the last arrivals are, or goes as a whole, so its nodes are filled from the left, like a B+ tree
// that is loaded in order.

#include <algorithm>
#include <utility>

#include "firth/timeview/merge.h"

namespace firth::timeview::internal {
namespace {

/// How many levels of piles are above the leaves of a pile, itself included.
Result<int> HeightOf(const NodeSource& source, const NodeLink& pile) {
  int height = 0;
  NodeLink at = pile;
  while (at.kind == NodeKind::kPile) {
    ++height;
    ARROW_ASSIGN_OR_RAISE(const NodePtr node, source.Get(at));
    at = node->links.front();
  }
  return height;
}

}  // namespace

/// Leaves of all these points, full but for the last.
void Builder::AddLeaves(int64_t start, PointSpan points, std::vector<NodeLink>* links) const {
  const size_t leaf_max = shape_.leaf_points_max;
  for (size_t at = 0; at < points.size(); at += leaf_max) {
    links->push_back(
        MakeLeaf(0, start, revision_, points.Sub(at, std::min(at + leaf_max, points.size()))));
  }
}

/// One level of piles above `links`, each full but for the last.
std::vector<NodeLink> Builder::PilesOver(int64_t start, std::vector<NodeLink> links) const {
  std::vector<NodeLink> piles;
  for (size_t at = 0; at < links.size(); at += kFanOut) {
    const size_t end = std::min(at + kFanOut, links.size());
    piles.push_back(
        MakeInner(NodeKind::kPile, 0, start, revision_,
                  {std::make_move_iterator(links.begin() + static_cast<ptrdiff_t>(at)),
                   std::make_move_iterator(links.begin() + static_cast<ptrdiff_t>(end))}));
  }
  return piles;
}

/// The node `link` with points appended, and what did not fit as nodes of the same height after it.
Status Builder::AppendAt(const NodeSource& source, const NodeLink& link, int height,
                         PointSpan points, std::vector<NodeLink>* out,
                         std::vector<NodeAddress>* replaced) const {
  ARROW_ASSIGN_OR_RAISE(const NodePtr node, source.Get(link));
  const int64_t start = node->start;
  if (height == 0) {
    if (node->times.size() >= shape_.leaf_points_max) {
      out->push_back(link);
      AddLeaves(start, points, out);
      return Status::OK();
    }
    if (link.address.known()) replaced->push_back(link.address);
    std::vector<int64_t> times(node->times.begin(), node->times.end());
    std::vector<double> values(node->values.begin(), node->values.end());
    times.insert(times.end(), points.times.begin(), points.times.end());
    values.insert(values.end(), points.values.begin(), points.values.end());
    AddLeaves(start, {times, values}, out);
    return Status::OK();
  }
  if (link.address.known()) replaced->push_back(link.address);
  std::vector<NodeLink> links(node->links.begin(), std::prev(node->links.end()));
  ARROW_RETURN_NOT_OK(AppendAt(source, node->links.back(), height - 1, points, &links, replaced));
  for (NodeLink& pile : PilesOver(start, std::move(links))) {
    out->push_back(std::move(pile));
  }
  return Status::OK();
}

NodeLink Builder::BuildPile(int64_t start, PointSpan points) const {
  std::vector<NodeLink> links;
  AddLeaves(start, points, &links);
  FIRTH_CHECK(links.size() > 1);
  while (links.size() > 1) links = PilesOver(start, std::move(links));
  return std::move(links.front());
}

Result<NodeLink> Builder::AppendToPile(const NodeSource& source, const NodeLink& pile,
                                       PointSpan points, std::vector<NodeAddress>* replaced) const {
  ARROW_ASSIGN_OR_RAISE(const int height, HeightOf(source, pile));
  ARROW_ASSIGN_OR_RAISE(const NodePtr node, source.Get(pile));
  std::vector<NodeLink> links;
  ARROW_RETURN_NOT_OK(AppendAt(source, pile, height, points, &links, replaced));
  while (links.size() > 1) links = PilesOver(node->start, std::move(links));
  return std::move(links.front());
}

}  // namespace firth::timeview::internal
