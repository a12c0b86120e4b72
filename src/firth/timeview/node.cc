#include "firth/timeview/node.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <utility>

namespace firth::timeview {
namespace {

/// What a node is made of: more memory than the one object needs, and where the rest is.
struct Tail {
  size_t bytes = 0;
  NodeMemory* memory = nullptr;
  std::byte* at = nullptr;
};

template <typename T>
struct TailAllocator {
  using value_type = T;

  explicit TailAllocator(Tail* of) : tail(of), pooled(of->memory != nullptr) {}
  template <typename Other>
  TailAllocator(const TailAllocator<Other>& other) : tail(other.tail), pooled(other.pooled) {}

  T* allocate(size_t count) {
    const size_t whole = count * sizeof(T);
    void* const piece =
        pooled ? tail->memory->Take(whole + tail->bytes) : ::operator new(whole + tail->bytes);
    tail->at = static_cast<std::byte*>(piece) + whole;
    return static_cast<T*>(piece);
  }
  void deallocate(T* piece, size_t) {
    pooled ? NodeMemory::GiveBack(piece) : ::operator delete(piece);
  }
  template <typename Other>
  bool operator==(const TailAllocator<Other>& other) const {
    return pooled == other.pooled;
  }

  Tail* tail;  // for allocate alone
  bool pooled;
};

/// The object with what counts its holders.
constexpr size_t kHeadBytesMax = sizeof(Node) + 64;

/// The begin of `rest` for `count` of T, which begin their life there.
template <typename T>
std::span<T> Place(std::span<std::byte>* rest, size_t count) {
  static_assert(alignof(T) <= 8);
  T* const first = new (rest->data()) T[count];
  *rest = rest->subspan(count * sizeof(T));
  return {first, count};
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

constexpr size_t BlocksOf(size_t points) {
  return (points + Node::kBlockPoints - 1) / Node::kBlockPoints;
}
constexpr size_t SumsOf(size_t links) {
  return (links + Node::kLinksOfSum - 1) / Node::kLinksOfSum;
}

}  // namespace

Node::~Node() {
  for (const NodeLink& link : links) link.~NodeLink();
}

NewNode::NewNode(size_t bytes, NodeMemory* memory) {
  const bool pooled = kHeadBytesMax + bytes <= NodeMemory::kPieceBytesMax;
  Tail tail{.bytes = bytes, .memory = pooled ? memory : nullptr};
  node = std::allocate_shared<Node>(TailAllocator<Node>(&tail));
  node->storage_bytes = bytes;
  // Written wholly by whoever asked for it.
  storage = {tail.at, bytes};
}

// What is behind a leaf: times | values | blocks | sums.
NewLeaf::NewLeaf(size_t points, NodeMemory* memory) {
  const size_t parts = BlocksOf(points);
  NewNode made(points * (sizeof(int64_t) + sizeof(double)) + parts * sizeof(Statistics) +
                   (parts + 1) * sizeof(SideSums),
               memory);
  node = std::move(made.node);
  rest_ = made.storage;
  times = Place<int64_t>(&rest_, points);
  values = Place<double>(&rest_, points);
  node->times = times;
  node->values = values;
}

void NewLeaf::Finish() {
  const size_t parts = BlocksOf(times.size());
  const std::span<Statistics> blocks = Place<Statistics>(&rest_, parts);
  const std::span<SideSums> sums = Place<SideSums>(&rest_, parts + 1);
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

// What is behind an inner node: the first link of each slot | sums | links.
NewInnerNode::NewInnerNode(NodeKind kind, int width, int64_t start, int64_t revision, size_t count,
                           NodeMemory* memory) {
  const size_t sums = SumsOf(count) + 1;
  NewNode made(kFanOut + sums * sizeof(SideSums) + count * sizeof(NodeLink), memory);
  node = std::move(made.node);
  rest_ = made.storage;
  node->kind = kind;
  node->width = static_cast<uint8_t>(width);
  node->start = start;
  node->revision = revision;
  auto behind = rest_.subspan(kFanOut + sums * sizeof(SideSums));
  links = Place<NodeLink>(&behind, count);
  node->links = links;
}

void NewInnerNode::Finish() {
  const size_t parts = SumsOf(links.size());
  const std::span<uint8_t> first_link = Place<uint8_t>(&rest_, kFanOut);
  const std::span<SideSums> sums = Place<SideSums>(&rest_, parts + 1);
  size_t link = 0;
  for (size_t slot = 0; slot < kFanOut; ++slot) {
    while (link < links.size() && links[link].slot_end <= slot) ++link;
    first_link[slot] = static_cast<uint8_t>(link);
  }
  std::array<Statistics, SumsOf(kFanOut)> joined;
  StatisticsSum sum;
  for (size_t i = 0; i < links.size(); ++i) {
    sum.Add(links[i].statistics);
    if ((i + 1) % Node::kLinksOfSum != 0 && i + 1 < links.size()) continue;
    joined[i / Node::kLinksOfSum] = sum.Total();
    sum.Clear();
  }
  SumSides(parts, [&](size_t i) -> const Statistics& { return joined[i]; }, sums);
  node->first_link = first_link.data();
  node->sums = sums;
}

std::shared_ptr<Node> NewInner(NodeKind kind, int width, int64_t start, int64_t revision,
                               std::vector<NodeLink> links) {
  NewInnerNode made(kind, width, start, revision, links.size());
  std::move(links.begin(), links.end(), made.links.begin());
  made.Finish();
  return made.node;
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
