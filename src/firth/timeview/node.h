// Nodes of a tree, as they are in memory. Immutable once they are linked to.
//
// A tree covers the time line in a fixed grid: the root node 2^62 ns, each level a 64th of the one
// above, the last but one 4 ns, the last 1 ns. An inner node is cut into the slots of its grid;
// each of its links takes a run of neighbouring slots: one slot if an inner node is below, any
// number of them for a leaf, so that a leaf holds about a thousand points at any rate of them.
// Where more points than that share one time, a pile is below: links to leaves and piles in order
// of arrival.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/timeview/node_memory.h"
#include "firth/timeview/read_helpers.h"
#include "firth/timeview/series.h"
#include "firth/timeview/statistics.h"

namespace firth::timeview {

/// Points of a leaf, unless the view's options say otherwise: at most this many, and about a
/// thousand on average.
inline constexpr size_t kLeafPoints = 1536;
/// What is read as a leaf has no more, so that a damaged one cannot ask for much memory.
inline constexpr size_t kLeafPointsRead = size_t{1} << 16;
/// Links of an inner node at most.
inline constexpr size_t kFanOut = 64;

/// The width of the root, and of the nodes below a node of `width`; widths are powers of two, given
/// as their logarithm.
inline constexpr int kRootWidth = 62;
constexpr int WidthBelow(int width) {
  return width > 2 ? width - 6 : 0;
}
inline constexpr int kDepthMax = 12;
static_assert(int64_t{1} << kRootWidth == kTimeTop - kTimeMin);
static_assert(WidthBelow(kRootWidth - 60) == 0);

enum class NodeKind : uint8_t { kLeaf = 1, kInner = 2, kPile = 3 };

/// Where a record lies: `offset` is in units of 8 bytes. No file: nowhere yet.
struct NodeAddress {
  uint32_t file = 0;
  uint32_t offset = 0;
  uint32_t bytes = 0;

  bool known() const { return file != 0; }
  bool operator==(const NodeAddress&) const = default;
};

struct Node;
using NodePtr = std::shared_ptr<const Node>;

/// A link to a node: what is below, by summary and by place. Empty where there are no points.
struct NodeLink {
  NodeKind kind = NodeKind::kLeaf;
  uint8_t slot_begin = 0;  // within the node that holds the link; of a pile, its index
  uint8_t slot_end = 0;
  NodeAddress address;  // once the node is in a file
  NodePtr node;         // until then
  Statistics statistics;

  bool empty() const { return statistics.count == 0; }
  /// Do both lead to the same bytes?
  bool Same(const NodeLink& other) const {
    return node ? node == other.node : address.known() && address == other.address;
  }
};

/// Of a sequence of parts and one of them: what is in front of it, and what is behind it.
struct SideSums {
  Statistics before;
  Statistics after;
};

struct Node {
  NodeKind kind = NodeKind::kLeaf;
  uint8_t width = 0;     // of the grid cell that it covers; of a leaf, of its parent's slots
  int64_t start = 0;     // of the grid cell; of a leaf, of its first slot
  int64_t revision = 0;  // of the first tree that had it
  // What windows look at comes first, so that it lies in two lines of memory. All spans lie right
  // behind the node, so that a reader finds all of it in few pages.
  // Of a leaf that was read to be looked at in one place, or made to be written, its bytes
  // (block_leaf.h), and nothing else of what a leaf has.
  Bytes coded;
  // Inner and pile.
  std::span<const NodeLink> links;
  // Of the blocks, or of each kLinksOfSum links, and one more, whose `before` is all: what a window
  // that ends inside a part takes of the others, at once.
  std::span<const SideSums> sums;
  const uint8_t* first_link = nullptr;  // inner: for each slot, the first link that ends behind it
  // Leaf.
  int64_t first_time = 0;
  int64_t last_time = 0;
  std::span<const int64_t> times;
  std::span<const double> values;
  std::span<const Statistics> blocks;  // of each kBlockPoints values
  size_t storage_bytes = 0;            // behind the node

  static constexpr size_t kBlockPoints = 128;
  static constexpr size_t kLinksOfSum = 4;

  Node() = default;
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  bool leaf() const { return kind == NodeKind::kLeaf; }
  bool pile() const { return kind == NodeKind::kPile; }
  bool is_coded() const { return !coded.empty(); }
  /// The half-open range that a link covers.
  int64_t LinkStart(const NodeLink& link) const {
    return pile() ? start : start + (int64_t{link.slot_begin} << WidthBelow(width));
  }
  int64_t LinkEnd(const NodeLink& link) const {
    return pile() ? start + 1 : start + (int64_t{link.slot_end} << WidthBelow(width));
  }
  /// Memory that it takes, without what its links hold.
  size_t MemoryBytes() const { return sizeof(Node) + storage_bytes; }
};

/// Sorted points, borrowed.
struct PointSpan {
  std::span<const int64_t> times;
  std::span<const double> values;

  size_t size() const { return times.size(); }
  bool empty() const { return times.empty(); }
  PointSpan Sub(size_t begin, size_t end) const {
    return {times.subspan(begin, end - begin), values.subspan(begin, end - begin)};
  }
};

/// A leaf whose columns are still to be filled in, then finished; nobody else sees it before. Its
/// memory is from `memory`, as that of all that follow, if there is any.
struct NewLeaf {
  explicit NewLeaf(size_t points, NodeMemory* memory = nullptr);
  /// Summarise what the columns hold now.
  void Finish();

  std::shared_ptr<Node> node;
  std::span<int64_t> times;
  std::span<double> values;

 private:
  std::span<std::byte> rest_;
};

/// A node with room behind it, in one piece of memory: nodes that are read and dropped again are
/// many.
struct NewNode {
  NewNode(size_t bytes, NodeMemory* memory);

  std::shared_ptr<Node> node;
  std::span<std::byte> storage;
};

/// An inner node or a pile whose links are still to be filled in, then finished.
struct NewInnerNode {
  NewInnerNode(NodeKind kind, int width, int64_t start, int64_t revision, size_t count,
               NodeMemory* memory = nullptr);
  /// Summarise the links, which are not empty and in order.
  void Finish();

  std::shared_ptr<Node> node;
  std::span<NodeLink> links;

 private:
  std::span<std::byte> rest_;
};

/// An inner node or a pile of links that are not empty and in order.
std::shared_ptr<Node> NewInner(NodeKind kind, int width, int64_t start, int64_t revision,
                               std::vector<NodeLink> links);

/// Make a leaf of points that are not empty, with its link.
NodeLink MakeLeaf(int width, int64_t start, int64_t revision, PointSpan points);
/// Make an inner node or a pile of links that are not empty, with its link.
NodeLink MakeInner(NodeKind kind, int width, int64_t start, int64_t revision,
                   std::vector<NodeLink> links);
/// Summarise points [begin, end) of a leaf, adding parts to `sum`.
void SummariseWithin(const Node& leaf, size_t begin, size_t end, StatisticsSum* sum);
/// The same of points [0, end) and of [begin, size), which take the sums of whole blocks at once.
void SummariseBefore(const Node& leaf, size_t end, StatisticsSum* sum);
void SummariseFrom(const Node& leaf, size_t begin, StatisticsSum* sum);

/// The index of the first link that ends after `time`; links.size() if none does.
size_t FirstLinkEndingAfter(const Node& node, int64_t time);
/// The index of the first point of a leaf at or after `time`; of none, times.size().
size_t IndexFrom(const Node& leaf, int64_t time);
/// Where in a leaf that point would be if its points were regular.
size_t GuessIndex(const Node& leaf, int64_t time);

/// Where a reader gets nodes from.
class NodeSource {
 public:
  virtual ~NodeSource() = default;
  /// The node of a link that is not empty, never coded. Errors: kDataLoss, kIo.
  virtual Result<NodePtr> Get(const NodeLink& link) const = 0;
  /// The nodes of many links, so that they are waited for together; leaves may be coded. Places of
  /// `out` that hold a node are left alone. Fails as the first of them.
  virtual Status GetMany(std::span<const NodeLink* const> links, std::span<NodePtr> out) const;
  /// Threads that help readers, or null.
  virtual ReadHelpers* helpers() const { return nullptr; }
};

/// A source for trees that are wholly in memory, none of whose leaves is coded.
class MemoryNodeSource : public NodeSource {
 public:
  Result<NodePtr> Get(const NodeLink& link) const override {
    FIRTH_CHECK(link.node != nullptr);
    return link.node;
  }
};

}  // namespace firth::timeview
