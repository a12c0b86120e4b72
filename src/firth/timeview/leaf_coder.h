// Leaves that are coded while their points are still in the processor's cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "firth/timeview/block_leaf.h"
#include "firth/timeview/node.h"
#include "firth/timeview/value_codec.h"

namespace firth::timeview {

/// Makes them. A leaf that is likely to stay as it is takes an eighth of the memory so, and is not
/// looked at again when it is written. One thread at a time.
class LeafCoder {
 public:
  /// Leaves have their memory from `memory`.
  explicit LeafCoder(NodeMemory* memory) : memory_(memory) {}

  /// As MakeLeaf, but coded, except where the column is better coded as a whole (block_leaf.h).
  NodeLink Make(int width, int64_t start, int64_t revision, PointSpan points);

 private:
  NodeMemory* const memory_;
  ValueEncoder values_;
  BlockLeafEncoder leaves_;
  std::vector<Statistics> blocks_;
  std::string bytes_;
  size_t untried_ = 0;  // leaves to come that are not tried
};

}  // namespace firth::timeview
