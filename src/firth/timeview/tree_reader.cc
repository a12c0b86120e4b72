#include "firth/timeview/tree_reader.h"

#include <algorithm>

namespace firth::timeview {

Result<NodePtr> TreeReader::Get(const NodeLink& link, size_t depth) {
  if (link.node && !link.node->is_coded()) return link.node;
  if (depth >= remembered_.size()) {
    return Error(Code::kDataLoss, Reason::kChecksumMismatch, "a tree that has no leaves");
  }
  auto& places = remembered_[depth];
  for (const Remembered& place : places) {
    if (place.node && place.link.Same(link)) return place.node;
  }
  ARROW_ASSIGN_OR_RAISE(NodePtr node, source_->Get(link));
  Remembered& place = places[oldest_[depth]];
  oldest_[depth] ^= 1;
  place.link = link;
  place.node = node;
  return node;
}

Status TreeReader::Summarise(int64_t start, int64_t end, StatisticsSum* sum) {
  end = std::min(end, limit_);
  if (root_.empty() || start >= end) return Status::OK();
  if (start <= kTimeMin && end >= kTimeTop) {
    sum->Add(root_.statistics);
    return Status::OK();
  }
  return SummariseNode(root_, 0, start, end, sum);
}

Status TreeReader::SummariseNode(const NodeLink& link, size_t depth, int64_t start, int64_t end,
                                 StatisticsSum* sum) {
  ARROW_ASSIGN_OR_RAISE(const NodePtr node, Get(link, depth));
  if (node->leaf()) {
    SummariseWithin(*node, IndexFrom(*node, start), IndexFrom(*node, end), sum);
    return Status::OK();
  }
  for (size_t i = FirstLinkEndingAfter(*node, start); i < node->links.size(); ++i) {
    const NodeLink& below = node->links[i];
    const int64_t below_start = node->LinkStart(below);
    if (below_start >= end) break;
    if (start <= below_start && node->LinkEnd(below) <= end) {
      sum->Add(below.statistics);
    } else {
      ARROW_RETURN_NOT_OK(SummariseNode(below, depth + 1, start, end, sum));
    }
  }
  return Status::OK();
}

Result<std::optional<Point>> TreeReader::FirstFrom(int64_t time) {
  if (root_.empty() || time >= limit_) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(std::optional<Point> point, FirstIn(root_, 0, time));
  if (point && point->time >= limit_) point.reset();
  return point;
}

Result<std::optional<Point>> TreeReader::FirstIn(const NodeLink& link, size_t depth, int64_t time) {
  ARROW_ASSIGN_OR_RAISE(const NodePtr node, Get(link, depth));
  if (node->leaf()) {
    const size_t i = IndexFrom(*node, time);
    if (i == node->times.size()) return std::nullopt;
    return Point{node->times[i], node->values[i]};
  }
  // At most the first link has nothing at or after the time.
  for (size_t i = FirstLinkEndingAfter(*node, time); i < node->links.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto point, FirstIn(node->links[i], depth + 1, time));
    if (point) return point;
  }
  return std::nullopt;
}

Result<std::optional<Point>> TreeReader::LastBefore(int64_t time) {
  if (root_.empty()) return std::nullopt;
  return LastIn(root_, 0, std::min(time, limit_));
}

Result<std::optional<Point>> TreeReader::LastIn(const NodeLink& link, size_t depth, int64_t time) {
  ARROW_ASSIGN_OR_RAISE(const NodePtr node, Get(link, depth));
  if (node->leaf()) {
    const size_t i = IndexFrom(*node, time);
    if (i == 0) return std::nullopt;
    return Point{node->times[i - 1], node->values[i - 1]};
  }
  size_t i = node->links.size();
  while (i > 0 && node->LinkStart(node->links[i - 1]) >= time) --i;
  for (; i > 0; --i) {
    ARROW_ASSIGN_OR_RAISE(const auto point, LastIn(node->links[i - 1], depth + 1, time));
    if (point) return point;
  }
  return std::nullopt;
}

LeafCursor::LeafCursor(const NodeSource* source, const NodeLink& root, int64_t start, int64_t end)
    : source_(source), start_(start), end_(end) {
  if (!root.empty() && start < end) root_ = root;
}

Result<LeafCursor::Found> LeafCursor::Next() {
  while (root_ || !path_.empty()) {
    NodeLink link;
    if (root_) {
      link = *std::move(root_);
      root_.reset();
    } else {
      Level& level = path_.back();
      if (level.next == level.node->links.size()) {
        path_.pop_back();
        continue;
      }
      link = level.node->links[level.next++];
      if (level.node->LinkStart(link) >= end_) {
        path_.clear();
        break;
      }
    }
    ARROW_ASSIGN_OR_RAISE(NodePtr node, source_->Get(link));
    if (!node->leaf()) {
      const size_t first = FirstLinkEndingAfter(*node, start_);
      path_.push_back({std::move(node), first});
      continue;
    }
    const size_t begin = IndexFrom(*node, start_);
    const size_t end = IndexFrom(*node, end_);
    if (begin < end) return Found{std::move(node), begin, end};
  }
  return Found{};
}

}  // namespace firth::timeview
