#include "firth/timeview/tree_tail.h"

#include <algorithm>

namespace firth::timeview {
namespace {

const std::shared_ptr<const Overlay>& NoPoints() {
  static const auto none = std::make_shared<const Overlay>();
  return none;
}

}  // namespace

TreeTail::TreeTail() : points_(NoPoints()) {}

Result<TreeTail> TreeTail::Make(const NodeSource& source, const NodeLink& root, PointSpan points) {
  TreeTail tail;
  if (points.empty()) return tail;
  NodeLink link = root;
  while (!link.empty()) {
    // A leaf in memory may be coded; who wants it reads it without files.
    if (link.node && link.node->leaf()) break;
    ARROW_ASSIGN_OR_RAISE(const NodePtr node, source.Get(link));
    if (link.address.known()) tail.path_.emplace_back(link.address, node);
    if (node->leaf()) break;
    link = node->links.back();
  }
  auto overlay = std::make_shared<Overlay>();
  overlay->times.assign(points.times.begin(), points.times.end());
  overlay->values.assign(points.values.begin(), points.values.end());
  tail.points_ = std::move(overlay);
  return tail;
}

std::shared_ptr<const Overlay> TreeTail::Before(int64_t end, std::span<const int64_t> late) const {
  if (empty() || points_->times.front() >= end) return NoPoints();
  auto before = std::make_shared<Overlay>();
  auto next = late.begin();
  for (size_t i = 0; i < size() && points_->times[i] < end; ++i) {
    const int64_t time = points_->times[i];
    next = std::find_if(next, late.end(), [time](int64_t t) { return t >= time; });
    if (next != late.end() && *next == time) continue;
    before->times.push_back(time);
    before->values.push_back(points_->values[i]);
  }
  return before;
}

Result<NodePtr> TreeTail::Source::Get(const NodeLink& link) const {
  for (const auto& [address, node] : tail_.path_) {
    if (!link.node && link.address == address) return node;
  }
  return source_.Get(link);
}

}  // namespace firth::timeview
