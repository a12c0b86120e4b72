#include "firth/timeview/node.h"

#include <algorithm>
#include <utility>

namespace firth::timeview {

NodeLink MakeLeaf(int width, int64_t start, int64_t revision, PointSpan points) {
  FIRTH_CHECK(!points.empty());
  auto node = std::make_shared<Node>();
  node->kind = NodeKind::kLeaf;
  node->width = static_cast<uint8_t>(width);
  node->start = start;
  node->revision = revision;
  node->times.assign(points.times.begin(), points.times.end());
  node->values.assign(points.values.begin(), points.values.end());
  SummariseBlocks(node.get());
  StatisticsSum sum;
  for (const Statistics& block : node->blocks) sum.Add(block);
  NodeLink link;
  link.kind = NodeKind::kLeaf;
  link.statistics = sum.Total();
  link.node = std::move(node);
  return link;
}

NodeLink MakeInner(NodeKind kind, int width, int64_t start, int64_t revision,
                   std::vector<NodeLink> links) {
  FIRTH_CHECK(kind != NodeKind::kLeaf && !links.empty() && links.size() <= kFanOut);
  FIRTH_CHECK((kind == NodeKind::kPile) == (width == 0));
  auto node = std::make_shared<Node>();
  node->kind = kind;
  node->width = static_cast<uint8_t>(width);
  node->start = start;
  node->revision = revision;
  node->links = std::move(links);
  StatisticsSum sum;
  for (size_t i = 0; i < node->links.size(); ++i) {
    NodeLink& link = node->links[i];
    FIRTH_CHECK(!link.empty());
    if (kind == NodeKind::kPile) {
      link.slot_begin = static_cast<uint8_t>(i);
      link.slot_end = static_cast<uint8_t>(i + 1);
    }
    FIRTH_CHECK(link.slot_begin < link.slot_end && link.slot_end <= kFanOut);
    FIRTH_CHECK(i == 0 || node->links[i - 1].slot_end <= link.slot_begin);
    sum.Add(link.statistics);
  }
  NodeLink link;
  link.kind = kind;
  link.statistics = sum.Total();
  link.node = std::move(node);
  return link;
}

void SummariseBlocks(Node* leaf) {
  const std::span<const double> values = leaf->values;
  leaf->blocks.clear();
  leaf->blocks.reserve((values.size() + Node::kBlockPoints - 1) / Node::kBlockPoints);
  for (size_t at = 0; at < values.size(); at += Node::kBlockPoints) {
    leaf->blocks.push_back(
        StatisticsOf(values.subspan(at, std::min(Node::kBlockPoints, values.size() - at))));
  }
}

void SummariseWithin(const Node& leaf, size_t begin, size_t end, StatisticsSum* sum) {
  const std::span<const double> values = leaf.values;
  const size_t first_block = (begin + Node::kBlockPoints - 1) / Node::kBlockPoints;
  const size_t last_block = end == values.size() ? leaf.blocks.size() : end / Node::kBlockPoints;
  if (first_block >= last_block) {
    sum->Add(StatisticsOf(values.subspan(begin, end - begin)));
    return;
  }
  sum->Add(StatisticsOf(values.subspan(begin, first_block * Node::kBlockPoints - begin)));
  for (size_t block = first_block; block < last_block; ++block) sum->Add(leaf.blocks[block]);
  const size_t rest = std::min(last_block * Node::kBlockPoints, end);
  sum->Add(StatisticsOf(values.subspan(rest, end - rest)));
}

size_t FirstLinkEndingAfter(const Node& node, int64_t time) {
  if (node.pile()) return time < node.start + 1 ? 0 : node.links.size();
  const auto found =
      std::upper_bound(node.links.begin(), node.links.end(), time,
                       [&node](int64_t t, const NodeLink& link) { return t < node.LinkEnd(link); });
  return static_cast<size_t>(found - node.links.begin());
}

}  // namespace firth::timeview
