#include "firth/timeview/node.h"

#include <algorithm>
#include <new>
#include <utility>

namespace firth::timeview {
namespace {

/// A place in a node's storage for `count` of T, which begin their life there.
template <typename T>
std::span<T> Place(Node* node, size_t* at, size_t count) {
  static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 8);
  T* const first = new (node->storage.get() + *at) T[count];
  *at += count * sizeof(T);
  return {first, count};
}

void Allocate(Node* node, size_t bytes) {
  // Written wholly by whoever asked for it.
  node->storage = std::make_unique_for_overwrite<std::byte[]>(bytes);
  node->storage_bytes = bytes;
}

/// Fill the sums of parts; there is one more of them than parts.
template <typename StatisticsAt>
void SumSides(size_t parts, StatisticsAt at, std::span<SideSums> sums) {
  RunningStatistics sum;
  for (size_t i = 0; i < parts; ++i) {
    sums[i].before = sum.total();
    sum.Add(at(i));
  }
  sums[parts] = {.before = sum.total(), .after = {}};
  sum = {};
  for (size_t i = parts; i-- > 0;) {
    sums[i].after = sum.total();
    sum.Add(at(i));
  }
}

size_t BlocksOf(size_t points) {
  return (points + Node::kBlockPoints - 1) / Node::kBlockPoints;
}

}  // namespace

// The storage of a leaf: times | values | blocks | sums.
NewLeaf::NewLeaf(size_t points) : node(std::make_shared<Node>()) {
  const size_t parts = BlocksOf(points);
  Allocate(node.get(), points * (sizeof(int64_t) + sizeof(double)) + parts * sizeof(Statistics) +
                           (parts + 1) * sizeof(SideSums));
  size_t at = 0;
  times = Place<int64_t>(node.get(), &at, points);
  values = Place<double>(node.get(), &at, points);
  node->times = times;
  node->values = values;
}

void NewLeaf::Finish() {
  size_t at = times.size_bytes() + values.size_bytes();
  const size_t parts = BlocksOf(times.size());
  const std::span<Statistics> blocks = Place<Statistics>(node.get(), &at, parts);
  const std::span<SideSums> sums = Place<SideSums>(node.get(), &at, parts + 1);
  for (size_t i = 0; i < parts; ++i) {
    const size_t begin = i * Node::kBlockPoints;
    const size_t count = std::min(Node::kBlockPoints, values.size() - begin);
    blocks[i] = StatisticsOf(values.subspan(begin, count));
  }
  SumSides(parts, [&](size_t i) -> const Statistics& { return blocks[i]; }, sums);
  node->blocks = blocks;
  node->sums = sums;
  node->first_time = times.front();
  node->last_time = times.back();
}

// The storage of an inner node: the first link of each slot | sums.
std::shared_ptr<Node> NewInner(NodeKind kind, int width, int64_t start, int64_t revision,
                               std::vector<NodeLink> links) {
  auto node = std::make_shared<Node>();
  node->kind = kind;
  node->width = static_cast<uint8_t>(width);
  node->start = start;
  node->revision = revision;
  node->links = std::move(links);
  const size_t parts = node->links.size();
  Allocate(node.get(), kFanOut + (parts + 1) * sizeof(SideSums));
  size_t at = 0;
  const std::span<uint8_t> first_link = Place<uint8_t>(node.get(), &at, kFanOut);
  const std::span<SideSums> sums = Place<SideSums>(node.get(), &at, parts + 1);
  size_t link = 0;
  for (size_t slot = 0; slot < kFanOut; ++slot) {
    while (link < parts && node->links[link].slot_end <= slot) ++link;
    first_link[slot] = static_cast<uint8_t>(link);
  }
  SumSides(parts, [&](size_t i) -> const Statistics& { return node->links[i].statistics; }, sums);
  node->first_link = first_link.data();
  node->sums = sums;
  return node;
}

NodeLink MakeLeaf(int width, int64_t start, int64_t revision, PointSpan points) {
  FIRTH_CHECK(!points.empty());
  NewLeaf leaf(points.size());
  std::copy(points.times.begin(), points.times.end(), leaf.times.begin());
  std::copy(points.values.begin(), points.values.end(), leaf.values.begin());
  leaf.node->width = static_cast<uint8_t>(width);
  leaf.node->start = start;
  leaf.node->revision = revision;
  leaf.Finish();
  StatisticsSum sum;
  for (const Statistics& block : leaf.node->blocks) sum.Add(block);
  NodeLink link;
  link.kind = NodeKind::kLeaf;
  link.statistics = sum.Total();
  link.node = std::move(leaf.node);
  return link;
}

NodeLink MakeInner(NodeKind kind, int width, int64_t start, int64_t revision,
                   std::vector<NodeLink> links) {
  FIRTH_CHECK(kind != NodeKind::kLeaf && !links.empty() && links.size() <= kFanOut);
  FIRTH_CHECK((kind == NodeKind::kPile) == (width == 0));
  StatisticsSum sum;
  for (size_t i = 0; i < links.size(); ++i) {
    NodeLink& link = links[i];
    FIRTH_CHECK(!link.empty());
    if (kind == NodeKind::kPile) {
      link.slot_begin = static_cast<uint8_t>(i);
      link.slot_end = static_cast<uint8_t>(i + 1);
    }
    FIRTH_CHECK(link.slot_begin < link.slot_end && link.slot_end <= kFanOut);
    FIRTH_CHECK(i == 0 || links[i - 1].slot_end <= link.slot_begin);
    sum.Add(link.statistics);
  }
  NodeLink link;
  link.kind = kind;
  link.statistics = sum.Total();
  link.node = NewInner(kind, width, start, revision, std::move(links));
  return link;
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

void SummariseBefore(const Node& leaf, size_t end, StatisticsSum* sum) {
  const size_t block = end / Node::kBlockPoints;
  sum->Add(leaf.sums[block].before);
  const size_t begin = block * Node::kBlockPoints;
  if (begin < end) sum->Add(StatisticsOf(leaf.values.subspan(begin, end - begin)));
}

void SummariseFrom(const Node& leaf, size_t begin, StatisticsSum* sum) {
  if (begin == leaf.values.size()) return;
  const size_t block = begin / Node::kBlockPoints;
  const size_t end = std::min(leaf.values.size(), (block + 1) * Node::kBlockPoints);
  sum->Add(StatisticsOf(leaf.values.subspan(begin, end - begin)));
  sum->Add(leaf.sums[block].after);
}

size_t FirstLinkEndingAfter(const Node& node, int64_t time) {
  if (node.pile()) return time < node.start + 1 ? 0 : node.links.size();
  if (time < node.start) return 0;
  const uint64_t slot =
      (static_cast<uint64_t>(time) - static_cast<uint64_t>(node.start)) >> WidthBelow(node.width);
  return slot < kFanOut ? node.first_link[slot] : node.links.size();
}

size_t GuessIndex(const Node& leaf, int64_t time) {
  if (time <= leaf.first_time) return 0;
  const size_t last = leaf.times.size() - 1;
  if (time >= leaf.last_time) return last;
  const double part = static_cast<double>(time - leaf.first_time) /
                      static_cast<double>(leaf.last_time - leaf.first_time);
  return std::min(last, static_cast<size_t>(part * static_cast<double>(last)));
}

/// Most series are regular, so it is looked for where it would be in one, and from there in steps
/// that double: a search that halves would wait for memory at each of its steps.
size_t IndexFrom(const Node& leaf, int64_t time) {
  const std::span<const int64_t> times = leaf.times;
  if (times.empty() || time <= leaf.first_time) return 0;
  if (time > leaf.last_time) return times.size();
  const size_t last = times.size() - 1;
  const size_t guess = GuessIndex(leaf, time);
  // times[low] < time <= times[high]
  size_t low = guess;
  size_t high = guess;
  if (times[guess] < time) {
    for (size_t step = 1; high < last && times[high] < time; step *= 2) {
      low = high;
      high = std::min(last, high + step);
    }
  } else {
    for (size_t step = 1; times[low] >= time; step *= 2) {
      high = low;
      low = low > step ? low - step : 0;
    }
  }
  const auto begin = times.begin();
  return static_cast<size_t>(std::lower_bound(begin + static_cast<ptrdiff_t>(low),
                                              begin + static_cast<ptrdiff_t>(high), time) -
                             begin);
}

Status NodeSource::GetMany(std::span<const NodeLink* const> links, std::span<NodePtr> out) const {
  for (size_t i = 0; i < links.size(); ++i) {
    if (out[i]) continue;
    ARROW_ASSIGN_OR_RAISE(out[i], Get(*links[i]));
  }
  return Status::OK();
}

}  // namespace firth::timeview
