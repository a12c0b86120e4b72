// Summaries of ranges of time that follow each other, many at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "firth/timeview/node.h"
#include "firth/timeview/statistics.h"
#include "firth/timeview/tree_reader.h"

namespace firth::timeview {

/// Goes down a tree to many edges at once, level by level, so that the memory (and the files) that
/// they need is waited for together, and nodes that neighbours share are taken once. A window
/// between two edges is then: the links between their paths where these part, and of the nodes
/// below, the sums behind the one edge and before the other. One thread at a time.
class RangeReader {
 public:
  /// Edges of one call at most: their leaves are all held in memory.
  static constexpr size_t kEdgesMax = 129;

  RangeReader(const NodeSource* source, NodeLink root, int64_t limit)
      : source_(source), root_(std::move(root)), limit_(limit) {}

  /// Find these edges, which ascend. Errors: as NodeSource::Get.
  Status Seek(std::span<const int64_t> edges);
  /// Add the parts of a summary of the range between edge `i` and the next to `sum`.
  void Summarise(size_t i, StatisticsSum* sum);

 private:
  /// Where an edge cuts an inner node: before link `link`, or inside it.
  struct Cut {
    const Node* node = nullptr;
    uint8_t link = 0;
    bool inside = false;
  };
  struct Edge {
    int64_t time = 0;
    size_t cuts = 0;             // inner nodes on its path
    const Node* leaf = nullptr;  // that it cuts, if any
    size_t index = 0;            // of the first point behind it
    // Of a coded leaf, the block that it cuts, and what of this is in front of it and behind it, as
    // far as a window to an edge elsewhere asks for it.
    size_t block = 0;
    Statistics block_before;
    Statistics block_after;
  };

  Cut CutAt(const Node& node, int64_t time) const;
  const Cut& At(size_t level, size_t edge) const { return cuts_[level * kEdgesMax + edge]; }
  Status GetNodes(size_t level);
  void FindInLeaves();
  void AskForLeaf(size_t i);
  void AskForBlock(size_t i);
  void FindInLeaf(size_t i);
  void FindInCoded(size_t i);
  /// Are both in one block of a coded leaf?
  static bool InOneBlock(const Edge& left, const Edge& right) {
    return left.leaf == right.leaf && left.block == right.block;
  }
  /// The values of a block of a coded leaf, good until the next call.
  std::span<const double> BlockValues(const Node& leaf, size_t block);
  void AddBeforeInLeaf(const Edge& edge, StatisticsSum* sum) const;
  void AddFromInLeaf(const Edge& edge, StatisticsSum* sum) const;
  void AddWithinLeaf(const Edge& from, const Edge& to, StatisticsSum* sum);
  static void AddBefore(const Cut& cut, StatisticsSum* sum);
  static void AddFrom(const Cut& cut, StatisticsSum* sum);

  const NodeSource* source_;
  NodeLink root_;
  int64_t limit_;
  std::vector<Edge> edges_;
  std::vector<Cut> cuts_;
  // Of the level that is being looked at: what is to be got, for which edges, and what came.
  std::vector<const NodeLink*> wanted_;
  std::vector<size_t> wanted_by_;  // for each edge, the index of its node; kNone for none
  std::vector<const Node*> got_;
  // The block of a coded leaf that was looked at last.
  struct Block {
    const Node* leaf = nullptr;
    size_t number = 0;
    size_t points = 0;
    bool has_values = false;
    std::array<int64_t, Node::kBlockPoints> times;
    std::array<double, Node::kBlockPoints> values;
  };
  Block block_;
  // The nodes of all levels of this call; the last of each level of the call before.
  std::vector<NodePtr> held_;
  struct Last {
    NodeLink link;
    NodePtr node;
  };
  std::array<Last, 2 * kDepthMax> last_;
};

}  // namespace firth::timeview
