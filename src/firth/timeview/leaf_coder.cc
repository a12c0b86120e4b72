#include "firth/timeview/leaf_coder.h"

#include <algorithm>
#include <cstring>

#include "firth/common/status.h"

namespace firth::timeview {
namespace {

/// Where one leaf is better coded as a whole, so are those behind it: a try that fails is for
/// nothing.
constexpr size_t kUntried = 31;

}  // namespace

NodeLink LeafCoder::Make(int width, int64_t start, int64_t revision, PointSpan points) {
  FIRTH_CHECK(!points.empty());
  if (untried_ > 0) {
    --untried_;
    return MakeLeaf(width, start, revision, points);
  }
  blocks_.clear();
  StatisticsSum sum;
  for (size_t begin = 0; begin < points.size(); begin += Node::kBlockPoints) {
    const size_t count = std::min(Node::kBlockPoints, points.size() - begin);
    blocks_.push_back(StatisticsOf(points.values.subspan(begin, count)));
    sum.Add(blocks_.back());
  }
  bytes_.clear();
  if (!leaves_.Encode(points, blocks_, &values_, &bytes_)) {
    untried_ = kUntried;
    return MakeLeaf(width, start, revision, points);
  }
  NodeLink link;
  link.kind = NodeKind::kLeaf;
  link.statistics = sum.Total();
  link.node = NewCodedLeaf(width, start, revision, AsBytes(bytes_), memory_);
  return link;
}

}  // namespace firth::timeview
