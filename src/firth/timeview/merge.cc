#include "firth/timeview/merge.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "firth/timeview/point_merge.h"

namespace firth::timeview {
namespace {

/// The part of an overlay that lies in one range of time.
struct Slice {
  PointSpan tail;  // those that come before `points` of equal time
  PointSpan points;
  std::span<const TimeRange> holes;

  bool has_points() const { return !tail.empty() || !points.empty(); }
  bool empty() const { return !has_points() && holes.empty(); }
  bool RemovesAll(int64_t start, int64_t end) const {
    return std::any_of(holes.begin(), holes.end(), [&](const TimeRange& hole) {
      return hole.start <= start && hole.end >= end;
    });
  }
};

/// Takes slices of an overlay from left to right.
class Slicer {
 public:
  explicit Slicer(Slice all) : rest_(all) {}

  /// What lies before `end`. A hole that reaches beyond it is in this slice and in the next.
  Slice Before(int64_t end) {
    Slice taken;
    taken.tail = PointsBefore(end, &rest_.tail);
    taken.points = PointsBefore(end, &rest_.points);
    size_t holes = 0;
    while (holes < rest_.holes.size() && rest_.holes[holes].start < end) ++holes;
    taken.holes = rest_.holes.first(holes);
    const bool beyond = holes > 0 && rest_.holes[holes - 1].end > end;
    rest_.holes = rest_.holes.subspan(beyond ? holes - 1 : holes);
    return taken;
  }

 private:
  static PointSpan PointsBefore(int64_t end, PointSpan* rest) {
    const auto count = static_cast<size_t>(
        std::lower_bound(rest->times.begin(), rest->times.end(), end) - rest->times.begin());
    const PointSpan taken = rest->Sub(0, count);
    *rest = rest->Sub(count, rest->size());
    return taken;
  }

  Slice rest_;
};

class Merger {
 public:
  Merger(const NodeSource& source, const TreeShape& shape, int64_t revision, MergedTree* tree)
      : source_(source),
        builder_(shape, revision),
        run_(shape.room == nullptr ? own_run_ : shape.room->run),
        joined_(shape.room == nullptr ? own_joined_ : shape.room->joined),
        replaced_(&tree->replaced),
        met_equal_(&tree->met_equal) {}

  /// The node of the cell with the slice merged in; the same link if nothing changes.
  Result<NodeLink> MergeNode(const NodeLink& old, int width, int64_t start, const Slice& slice) {
    if (slice.empty()) return old;
    if (old.empty()) return builder_.BuildNode(width, start, Joined(slice));
    if (slice.RemovesAll(start, start + (int64_t{1} << width))) {
      Replace(old);
      return builder_.BuildNode(width, start, Joined(slice));
    }
    switch (old.kind) {
      case NodeKind::kLeaf: {
        PointRoom points;
        ARROW_ASSIGN_OR_RAISE(const bool changed, MergeLeaf(old, slice, &points));
        if (!changed) return old;
        Replace(old);
        return builder_.BuildNode(width, start, points.span());
      }
      case NodeKind::kPile:
        if (!slice.has_points()) return old;
        *met_equal_ = true;
        return builder_.AppendToPile(source_, old, Joined(slice), replaced_);
      case NodeKind::kInner:
        return MergeInner(old, width, start, slice);
    }
    FIRTH_CHECK(false);
  }

 private:
  void Replace(const NodeLink& link) {
    if (link.address.known()) replaced_->push_back(link.address);
  }

  /// The points of a slice as one run, until the next is asked for.
  PointSpan Joined(const Slice& slice) {
    if (slice.tail.empty()) return slice.points;
    if (slice.points.empty()) return slice.tail;
    joined_.Clear();
    Append(slice, &joined_);
    return joined_.span();
  }

  /// Append them to points that come before them.
  void Append(const Slice& slice, PointRoom* out) {
    if (slice.tail.empty() || slice.points.empty()) {
      out->Add(slice.tail.empty() ? slice.points : slice.tail);
      return;
    }
    const size_t count = slice.tail.size() + slice.points.size();
    if (MergePoints(slice.tail, slice.points, out->Room(count))) *met_equal_ = true;
    out->Added(count);
  }

  /// Append the points of a leaf, merged with a slice, to `out`. False, and nothing appended, if
  /// the slice changes nothing.
  Result<bool> MergeLeaf(const NodeLink& leaf, const Slice& slice, PointRoom* out) {
    ARROW_ASSIGN_OR_RAISE(const NodePtr node, source_.Get(leaf));
    const PointSpan old{node->times, node->values};
    const PointSpan added_points = Joined(slice);
    if (slice.holes.empty() && !added_points.empty() &&
        old.times.back() <= added_points.times.front()) {
      if (old.times.back() == added_points.times.front()) *met_equal_ = true;
      out->Add(old);
      out->Add(added_points);
      return true;
    }
    if (slice.holes.empty()) {
      if (added_points.empty()) return false;
      if (MergePoints(old, added_points, out->Room(old.size() + added_points.size()))) {
        *met_equal_ = true;
      }
      out->Added(old.size() + added_points.size());
      return true;
    }
    const PointRoom::End end = out->Room(old.size() + added_points.size());
    size_t added = 0;
    const auto add = [&](PointSpan points, size_t at) {
      end.times[added] = points.times[at];
      end.values[added] = points.values[at];
      ++added;
    };
    bool removed = false;
    size_t next = 0;
    auto hole = slice.holes.begin();
    for (size_t i = 0; i < old.size(); ++i) {
      for (; next < added_points.size() && added_points.times[next] < old.times[i]; ++next) {
        add(added_points, next);
      }
      if (next < added_points.size() && added_points.times[next] == old.times[i]) {
        *met_equal_ = true;
      }
      while (hole != slice.holes.end() && hole->end <= old.times[i]) ++hole;
      if (hole != slice.holes.end() && hole->start <= old.times[i]) {
        removed = true;
      } else {
        add(old, i);
      }
    }
    for (; next < added_points.size(); ++next) add(added_points, next);
    if (!removed && added_points.empty()) return false;
    out->Added(added);
    return true;
  }

  Result<NodeLink> MergeInner(const NodeLink& old, int width, int64_t start, const Slice& slice) {
    ARROW_ASSIGN_OR_RAISE(const NodePtr node, source_.Get(old));
    Slicer slicer(slice);
    std::vector<NodeLink> links;
    links.reserve(kFanOut);
    // Neighbouring points that need new leaves. There are none when another node is gone into.
    PointRoom& run = run_;
    FIRTH_CHECK(run.empty());
    bool changed = false;
    const auto finish_run = [&] {
      builder_.BuildLinks(width, start, run.span(), &links);
      run.Clear();
    };
    // New points between links go to the leaf before them if it is small.
    const auto add_between = [&](const Slice& between) -> Status {
      if (!between.has_points()) return Status::OK();
      changed = true;
      if (run.empty() && !links.empty() && links.back().kind == NodeKind::kLeaf &&
          links.back().statistics.count < builder_.shape().leaf_points_low()) {
        ARROW_ASSIGN_OR_RAISE(const NodePtr leaf, source_.Get(links.back()));
        Replace(links.back());
        run.Add({leaf->times, leaf->values});
        links.pop_back();
      }
      Append(between, &run);
      return Status::OK();
    };
    for (const NodeLink& link : node->links) {
      const int64_t link_start = node->LinkStart(link);
      ARROW_RETURN_NOT_OK(add_between(slicer.Before(link_start)));
      const Slice part = slicer.Before(node->LinkEnd(link));
      if (part.empty()) {
        finish_run();
        links.push_back(link);
      } else if (link.kind == NodeKind::kLeaf) {
        ARROW_ASSIGN_OR_RAISE(const bool leaf_changed, MergeLeaf(link, part, &run));
        if (leaf_changed) {
          changed = true;
          Replace(link);
        } else {
          finish_run();
          links.push_back(link);
        }
      } else {
        finish_run();
        ARROW_ASSIGN_OR_RAISE(NodeLink merged,
                              MergeNode(link, WidthBelow(width), link_start, part));
        changed = changed || !merged.Same(link);
        merged.slot_begin = link.slot_begin;
        merged.slot_end = link.slot_end;
        if (!merged.empty()) links.push_back(std::move(merged));
      }
    }
    ARROW_RETURN_NOT_OK(add_between(slicer.Before(start + (int64_t{1} << width))));
    finish_run();
    if (!changed) return old;
    Replace(old);
    return Finish(width, start, std::move(links));
  }

  /// An inner node of these links, or a leaf if they hold few points, or nothing.
  Result<NodeLink> Finish(int width, int64_t start, std::vector<NodeLink> links) {
    if (links.empty()) return NodeLink{};
    uint64_t count = 0;
    for (const NodeLink& link : links) count += link.statistics.count;
    if (count > builder_.shape().leaf_points_low()) {
      return builder_.BuildInner(width, start, std::move(links));
    }
    PointRoom all;
    for (const NodeLink& link : links) ARROW_RETURN_NOT_OK(Gather(link, &all));
    return builder_.BuildNode(width, start, all.span());
  }

  /// Append all points below a link that goes.
  Status Gather(const NodeLink& link, PointRoom* out) {
    ARROW_ASSIGN_OR_RAISE(const NodePtr node, source_.Get(link));
    Replace(link);
    out->Add({node->times, node->values});
    for (const NodeLink& below : node->links) ARROW_RETURN_NOT_OK(Gather(below, out));
    return Status::OK();
  }

  const NodeSource& source_;
  const internal::Builder builder_;
  PointRoom own_run_;
  PointRoom own_joined_;
  PointRoom& run_;
  PointRoom& joined_;
  std::vector<NodeAddress>* const replaced_;
  bool* const met_equal_;
};

}  // namespace

Result<MergedTree> MergeTree(const NodeSource& source, const TreeShape& shape, const NodeLink& root,
                             int64_t revision, PointSpan points, std::span<const TimeRange> holes,
                             PointSpan tail) {
  MergedTree tree;
  if (shape.room != nullptr) {
    shape.room->run.Reset();
    shape.room->joined.Reset();
  }
  Merger merger(source, shape, revision, &tree);
  ARROW_ASSIGN_OR_RAISE(tree.root,
                        merger.MergeNode(root, kRootWidth, kTimeMin, {tail, points, holes}));
  return tree;
}

}  // namespace firth::timeview
