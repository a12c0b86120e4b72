// Reading one tree: statistics of ranges, nearest points, and leaves in order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "firth/timeview/node.h"
#include "firth/timeview/series.h"
#include "firth/timeview/statistics.h"

namespace firth::timeview {

/// Answers about the points before `limit` of a tree. It remembers the paths that it went last, so
/// that questions which follow each other in time cost little. One thread at a time. Errors: as
/// NodeSource::Get.
class TreeReader {
 public:
  TreeReader(const NodeSource* source, NodeLink root, int64_t limit)
      : source_(source), root_(std::move(root)), limit_(limit) {}

  /// Add the parts of a summary of [start, end) to `sum`.
  Status Summarise(int64_t start, int64_t end, StatisticsSum* sum);
  /// The first point at or after `time`, of equal ones the first.
  Result<std::optional<Point>> FirstFrom(int64_t time);
  /// The last point before `time`, of equal ones the last.
  Result<std::optional<Point>> LastBefore(int64_t time);

  const NodeLink& root() const { return root_; }
  int64_t limit() const { return limit_; }
  const NodeSource& source() const { return *source_; }

 private:
  struct Remembered {
    NodeLink link;
    NodePtr node;
  };

  Result<NodePtr> Get(const NodeLink& link, size_t depth);
  Status SummariseNode(const NodeLink& link, size_t depth, int64_t start, int64_t end,
                       StatisticsSum* sum);
  Result<std::optional<Point>> FirstIn(const NodeLink& link, size_t depth, int64_t time);
  Result<std::optional<Point>> LastIn(const NodeLink& link, size_t depth, int64_t time);

  const NodeSource* source_;
  NodeLink root_;
  int64_t limit_;
  // The two nodes last seen at each depth: the edges of a window.
  std::array<std::array<Remembered, 2>, 2 * kDepthMax> remembered_;
  std::array<uint8_t, 2 * kDepthMax> oldest_{};
};

/// The leaves of a tree that have points in a range, in order.
class LeafCursor {
 public:
  /// Of the points in [start, end).
  LeafCursor(const NodeSource* source, const NodeLink& root, int64_t start, int64_t end);

  struct Found {
    NodePtr leaf;  // none at the end
    size_t begin = 0;
    size_t end = 0;
  };
  Result<Found> Next();

 private:
  struct Level {
    NodePtr node;
    size_t next = 0;
  };

  const NodeSource* source_;
  std::optional<NodeLink> root_;  // until it was visited
  int64_t start_;
  int64_t end_;
  std::vector<Level> path_;
};

}  // namespace firth::timeview
