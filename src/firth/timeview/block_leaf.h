// Leaves of which one block of points can be read without the others: what a window needs of a leaf
// that its edge cuts is the statistics of whole blocks, which are kept, and one block.
// docs/formats/timeview.md has the layout.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "firth/common/bytes.h"
#include "firth/common/status.h"
#include "firth/timeview/node.h"
#include "firth/timeview/value_codec.h"

namespace firth::timeview {

/// Writes them. It keeps scratch space between them. One thread at a time.
class BlockLeafEncoder {
 public:
  /// Append a leaf to `out`. False, and nothing appended, where columns that are coded as a whole
  /// (record.h) need much less: where in each block few numbers are much larger than the others.
  /// `blocks`: the statistics of each Node::kBlockPoints of its points.
  bool Encode(PointSpan points, std::span<const Statistics> blocks, ValueEncoder* values,
              std::string* out);

 private:
  /// A column as it is packed block by block.
  struct Column {
    int order = 0;
    int64_t base = 0;
    size_t base_bytes = 0;  // of what the base of each block is more than that
    std::vector<int64_t> bases;
    std::vector<uint8_t> widths;
    size_t packed_bytes = 0;
  };
  static void Plan(std::span<const int64_t> numbers, int order, Column* column);
  void Pack(std::span<const int64_t> numbers, const Column& column, std::string* out);

  Column times_;
  std::array<Column, 2> values_;  // by order
  std::vector<uint64_t> left_;
};

/// Looks at the bytes of one.
class BlockLeaf {
 public:
  /// Bytes that must be readable behind those of the leaf, whatever they are.
  static constexpr size_t kSlack = sizeof(uint64_t);

  /// Check any bytes: if they pass, nothing that is read of the leaf lies outside of them. Error
  /// kDataLoss / kChecksumMismatch, without a place.
  static Status Check(Bytes bytes);
  /// Of bytes that passed.
  explicit BlockLeaf(Bytes bytes);

  size_t points() const { return points_; }
  size_t blocks() const { return blocks_; }
  size_t PointsOf(size_t block) const {
    return std::min(Node::kBlockPoints, points_ - block * Node::kBlockPoints);
  }
  int64_t FirstTime(size_t block) const { return LoadLe<int64_t>(firsts_ + 8 * block); }
  /// The statistics of a whole block; a leaf of one block does not hold them.
  Statistics StatisticsAt(size_t block) const;
  /// The last block that begins before `time`, or the first.
  size_t BlockOf(int64_t time) const;
  /// Ask for the memory of a block, which is read soon.
  void Prefetch(size_t block) const;
  /// The points of a block, into room for as many.
  void Times(size_t block, std::span<int64_t> times) const;
  void Values(size_t block, std::span<double> values) const;

 private:
  struct Column {
    int order = 0;
    int64_t base = 0;
    size_t base_bytes = 0;
    const std::byte* firsts = nullptr;  // none for order 0
    const std::byte* bases = nullptr;
    const std::byte* widths = nullptr;
    Bytes packed;
  };
  /// Where the numbers of a block are.
  static size_t PackedAt(const Column& column, size_t block);
  /// The numbers of a block.
  void Numbers(const Column& column, size_t block, std::span<int64_t> numbers) const;

  size_t points_;
  size_t blocks_;
  ValueRule rule_;
  size_t odd_;
  Column times_;
  Column values_;
  const std::byte* firsts_;
  const std::byte* statistics_;
  const std::byte* odd_values_;
  const std::byte* odd_places_;
};

/// A leaf of bytes that passed Check, or that were encoded. Its memory is from `memory`, if there
/// is any.
NodePtr NewCodedLeaf(int width, int64_t start, int64_t revision, Bytes coded, NodeMemory* memory);

/// A leaf that is coded as a node with its columns. Error kDataLoss / kChecksumMismatch, without a
/// place, when its points are not in order. Its memory is from `memory`, if there is any.
Result<NodePtr> Unpack(const Node& leaf, NodeMemory* memory = nullptr);

}  // namespace firth::timeview
