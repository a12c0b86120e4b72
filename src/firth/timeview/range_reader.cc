#include "firth/timeview/range_reader.h"

#include <algorithm>
#include <utility>

#include "firth/timeview/block_leaf.h"

namespace firth::timeview {
namespace {

constexpr size_t kNone = SIZE_MAX;
constexpr size_t kLineBytes = 64;
/// Edges whose memory is asked for before the first of them is looked at.
constexpr size_t kAhead = 12;
/// Of a coded leaf, so much of what is looked at first.
constexpr size_t kHeadLines = 8;

void Prefetch(const void* from, size_t bytes) {
  const auto* at = static_cast<const char*>(from);
  for (size_t i = 0; i < bytes; i += kLineBytes) __builtin_prefetch(at + i);
  __builtin_prefetch(at + bytes - 1);
}

/// Ask for what a summary of a part of a leaf looks at.
void PrefetchParts(const Node& leaf, size_t index) {
  const size_t block = index / Node::kBlockPoints;
  const size_t begin = block * Node::kBlockPoints;
  Prefetch(leaf.sums.data() + block, sizeof(SideSums));
  const size_t end = std::min(leaf.values.size(), begin + Node::kBlockPoints);
  if (begin < end) Prefetch(leaf.values.data() + begin, (end - begin) * sizeof(double));
}

}  // namespace

RangeReader::Cut RangeReader::CutAt(const Node& node, int64_t time) const {
  const size_t link = FirstLinkEndingAfter(node, time);
  return {.node = &node,
          .link = static_cast<uint8_t>(link),
          .inside = link < node.links.size() && node.LinkStart(node.links[link]) < time};
}

Status RangeReader::Seek(std::span<const int64_t> edges) {
  FIRTH_CHECK(edges.size() <= kEdgesMax);
  edges_.clear();
  held_.clear();
  block_.leaf = nullptr;
  for (const int64_t time : edges) edges_.push_back({.time = std::min(time, limit_)});
  cuts_.resize(last_.size() * kEdgesMax);
  if (root_.empty()) return Status::OK();
  wanted_.assign(1, &root_);
  wanted_by_.assign(edges_.size(), 0);
  for (size_t level = 0; !wanted_.empty(); ++level) {
    if (level == last_.size()) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a tree that has no leaves");
    }
    ARROW_RETURN_NOT_OK(GetNodes(level));
    for (const Node* const node : got_) {
      if (!node->leaf()) Prefetch(node->first_link, kLineBytes);
    }
    Cut* const cuts = &cuts_[level * kEdgesMax];
    for (size_t i = 0; i < edges_.size(); ++i) {
      if (wanted_by_[i] == kNone) continue;
      const Node& node = *got_[wanted_by_[i]];
      if (node.leaf()) {
        edges_[i].leaf = &node;
        continue;
      }
      const size_t link = FirstLinkEndingAfter(node, edges_[i].time);
      const size_t part = link / Node::kLinksOfSum;
      Prefetch(node.sums.data() + part, sizeof(SideSums));
      const auto links =
          node.links.subspan(std::min(part * Node::kLinksOfSum, node.links.size() - 1));
      Prefetch(links.data(), std::min(links.size(), Node::kLinksOfSum) * sizeof(NodeLink));
    }
    wanted_.clear();
    for (size_t i = 0; i < edges_.size(); ++i) {
      const size_t from = std::exchange(wanted_by_[i], kNone);
      if (from == kNone || edges_[i].leaf != nullptr) continue;
      const Node& node = *got_[from];
      cuts[i] = CutAt(node, edges_[i].time);
      edges_[i].cuts = level + 1;
      if (!cuts[i].inside) continue;
      const NodeLink* const link = &node.links[cuts[i].link];
      if (wanted_.empty() || wanted_.back() != link) wanted_.push_back(link);
      wanted_by_[i] = wanted_.size() - 1;
    }
  }
  FindInLeaves();
  return Status::OK();
}

/// The nodes of a level. The first is often the last of the call before.
Status RangeReader::GetNodes(size_t level) {
  const size_t begin = held_.size();
  held_.resize(begin + wanted_.size());
  const std::span<NodePtr> got = std::span(held_).subspan(begin);
  Last& last = last_[level];
  if (wanted_.front()->node == nullptr && last.node && last.link.Same(*wanted_.front())) {
    got.front() = last.node;
  }
  ARROW_RETURN_NOT_OK(source_->GetMany(wanted_, got));
  last = {.link = *wanted_.back(), .node = got.back()};
  got_.clear();
  for (const NodePtr& node : got) got_.push_back(node.get());
  return Status::OK();
}

/// Of each leaf the head is asked for, then the block that its head says, then it is looked at.
void RangeReader::FindInLeaves() {
  const size_t count = edges_.size();
  for (size_t i = 0; i < count + 2 * kAhead; ++i) {
    if (i < count) AskForLeaf(i);
    if (i >= kAhead && i - kAhead < count) AskForBlock(i - kAhead);
    if (i >= 2 * kAhead) FindInLeaf(i - 2 * kAhead);
  }
}

void RangeReader::AskForLeaf(size_t i) {
  const Node* const leaf = edges_[i].leaf;
  if (leaf == nullptr || (i > 0 && leaf == edges_[i - 1].leaf)) return;
  if (leaf->is_coded()) {
    Prefetch(leaf->coded.data(), std::min(leaf->coded.size(), kHeadLines * kLineBytes));
  }
}

void RangeReader::AskForBlock(size_t i) {
  Edge& edge = edges_[i];
  if (edge.leaf == nullptr) return;
  const Node& leaf = *edge.leaf;
  if (leaf.is_coded()) {
    const BlockLeaf coded(leaf.coded);
    edge.block = coded.BlockOf(edge.time);
    if (i == 0 || !InOneBlock(edges_[i - 1], edge)) coded.Prefetch(edge.block);
  } else {
    edge.index = GuessIndex(leaf, edge.time);
    __builtin_prefetch(leaf.times.data() + edge.index);
    PrefetchParts(leaf, edge.index);
  }
}

void RangeReader::FindInLeaf(size_t i) {
  Edge& edge = edges_[i];
  if (edge.leaf == nullptr) return;
  if (edge.leaf->is_coded()) {
    FindInCoded(i);
  } else {
    edge.index = IndexFrom(*edge.leaf, edge.time);
  }
}

void RangeReader::FindInCoded(size_t i) {
  Edge& edge = edges_[i];
  const BlockLeaf leaf(edge.leaf->coded);
  const size_t number = edge.block;
  const size_t points = leaf.PointsOf(number);
  if (block_.leaf != edge.leaf || block_.number != number) {
    block_.leaf = edge.leaf;
    block_.number = number;
    block_.points = points;
    block_.has_values = false;
    leaf.Times(number, block_.times);
  }
  const auto begin = block_.times.begin();
  const auto at = static_cast<size_t>(
      std::lower_bound(begin, begin + static_cast<ptrdiff_t>(points), edge.time) - begin);
  edge.index = number * Node::kBlockPoints + at;
  edge.block_before = edge.block_after = {};
  const bool before = i > 0 && !InOneBlock(edges_[i - 1], edge);
  const bool after = i + 1 < edges_.size() && !InOneBlock(edge, edges_[i + 1]);
  // A whole block need not be read, unless there is nothing else.
  if (at == 0 && leaf.blocks() > 1) {
    edge.block_after = leaf.StatisticsAt(number);
  } else if (at == points && leaf.blocks() > 1) {
    edge.block_before = leaf.StatisticsAt(number);
  } else if (before || after) {
    const std::span<const double> values = BlockValues(*edge.leaf, number);
    if (before) edge.block_before = StatisticsOf(values.first(at));
    if (after) edge.block_after = StatisticsOf(values.subspan(at));
  }
}

std::span<const double> RangeReader::BlockValues(const Node& leaf, size_t block) {
  if (block_.leaf != &leaf || block_.number != block) {
    const BlockLeaf coded(leaf.coded);
    block_.leaf = &leaf;
    block_.number = block;
    block_.points = coded.PointsOf(block);
    block_.has_values = false;
    coded.Times(block, block_.times);
  }
  if (!std::exchange(block_.has_values, true)) BlockLeaf(leaf.coded).Values(block, block_.values);
  return std::span(block_.values).first(block_.points);
}

namespace {

/// The block that an edge of this index cuts, or in front of which it is: as BlockLeaf::BlockOf.
size_t BlockAt(size_t index) {
  return index == 0 ? 0 : (index - 1) / Node::kBlockPoints;
}

}  // namespace

void RangeReader::AddBeforeInLeaf(const Edge& edge, StatisticsSum* sum) const {
  if (!edge.leaf->is_coded()) return SummariseBefore(*edge.leaf, edge.index, sum);
  const BlockLeaf leaf(edge.leaf->coded);
  const size_t block = BlockAt(edge.index);
  for (size_t i = 0; i < block; ++i) sum->Add(leaf.StatisticsAt(i));
  sum->Add(edge.block_before);
}

void RangeReader::AddFromInLeaf(const Edge& edge, StatisticsSum* sum) const {
  if (!edge.leaf->is_coded()) return SummariseFrom(*edge.leaf, edge.index, sum);
  const BlockLeaf leaf(edge.leaf->coded);
  sum->Add(edge.block_after);
  for (size_t i = BlockAt(edge.index) + 1; i < leaf.blocks(); ++i) sum->Add(leaf.StatisticsAt(i));
}

void RangeReader::AddWithinLeaf(const Edge& from, const Edge& to, StatisticsSum* sum) {
  if (!from.leaf->is_coded()) return SummariseWithin(*from.leaf, from.index, to.index, sum);
  if (from.index >= to.index) return;
  const BlockLeaf leaf(from.leaf->coded);
  const size_t begin = BlockAt(from.index);
  const size_t end = BlockAt(to.index);
  if (begin == end) {
    const std::span<const double> values = BlockValues(*from.leaf, begin);
    const size_t first = from.index - begin * Node::kBlockPoints;
    sum->Add(StatisticsOf(values.subspan(first, to.index - from.index)));
    return;
  }
  sum->Add(from.block_after);
  for (size_t i = begin + 1; i < end; ++i) sum->Add(leaf.StatisticsAt(i));
  sum->Add(to.block_before);
}

void RangeReader::AddBefore(const Cut& cut, StatisticsSum* sum) {
  const size_t part = cut.link / Node::kLinksOfSum;
  sum->Add(cut.node->sums[part].before);
  for (size_t i = part * Node::kLinksOfSum; i < cut.link; ++i) {
    sum->Add(cut.node->links[i].statistics);
  }
}

void RangeReader::AddFrom(const Cut& cut, StatisticsSum* sum) {
  const Node& node = *cut.node;
  const size_t first = cut.link + (cut.inside ? size_t{1} : 0);
  const size_t part = (first + Node::kLinksOfSum - 1) / Node::kLinksOfSum;
  const size_t whole = std::min(node.links.size(), part * Node::kLinksOfSum);
  for (size_t i = first; i < whole; ++i) sum->Add(node.links[i].statistics);
  sum->Add(part == 0 ? node.sums.back().before : node.sums[part - 1].after);
}

void RangeReader::Summarise(size_t i, StatisticsSum* sum) {
  const Edge& from = edges_[i];
  const Edge& to = edges_[i + 1];
  if (from.time >= to.time) return;
  // Down to where the paths part.
  const size_t shared_max = std::min(from.cuts, to.cuts);
  size_t level = 0;
  for (; level < shared_max; ++level) {
    const Cut& left = At(level, i);
    const Cut& right = At(level, i + 1);
    if (left.inside && right.inside && left.link == right.link) continue;
    const auto& links = left.node->links;
    for (size_t link = left.link + (left.inside ? size_t{1} : 0); link < right.link; ++link) {
      sum->Add(links[link].statistics);
    }
    break;
  }
  if (level == shared_max) {
    // The same leaf, or there are no points at all.
    if (from.leaf != nullptr) AddWithinLeaf(from, to, sum);
    return;
  }
  for (size_t below = level + 1; below < from.cuts; ++below) AddFrom(At(below, i), sum);
  if (from.leaf != nullptr) AddFromInLeaf(from, sum);
  for (size_t below = level + 1; below < to.cuts; ++below) AddBefore(At(below, i + 1), sum);
  if (to.leaf != nullptr) AddBeforeInLeaf(to, sum);
}

}  // namespace firth::timeview
