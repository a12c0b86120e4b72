#include "firth/timeview/liveness.h"

#include <utility>

#include "firth/timeview/history_reader.h"

namespace firth::timeview {
namespace {

/// Is the node at `address`, whose cell begins at `start`, below `link`?
Result<bool> LeadsTo(const NodeSource& source, const NodeLink& link, int64_t start,
                     const NodeAddress& address) {
  if (link.empty()) return false;
  if (link.address == address) return true;
  if (link.kind == NodeKind::kLeaf) return false;
  ARROW_ASSIGN_OR_RAISE(const NodePtr node, source.Get(link));
  if (!node->pile()) {
    const size_t i = FirstLinkEndingAfter(*node, start);
    if (i == node->links.size() || node->LinkStart(node->links[i]) > start) return false;
    return LeadsTo(source, node->links[i], start, address);
  }
  for (const NodeLink& below : node->links) {
    ARROW_ASSIGN_OR_RAISE(const bool leads, LeadsTo(source, below, start, address));
    if (leads) return true;
  }
  return false;
}

}  // namespace

Status Liveness::LookAt(const SeriesId& series) {
  if (known_ && series == series_) return Status::OK();
  known_ = false;
  at_ = {};
  ARROW_ASSIGN_OR_RAISE(const auto in_files, base_->directory().Find(series));
  if (in_files) {
    ARROW_ASSIGN_OR_RAISE(at_.head, open_->Find(series));
    at_.roots = at_.head->GetRoots();
  }
  series_ = series;
  known_ = true;
  return Status::OK();
}

Result<bool> Liveness::IsLive(const RecordHeader& header, const NodeAddress& address) {
  ARROW_RETURN_NOT_OK(LookAt(header.series));
  if (!at_.head) return false;
  const auto source = base_->Source();
  const HistoryReader reader(*source, at_.roots.history);
  switch (header.kind) {
    case RecordKind::kLeaf:
    case RecordKind::kBlockLeaf:
    case RecordKind::kInner:
    case RecordKind::kPile: {
      ARROW_ASSIGN_OR_RAISE(const auto root, reader.NextRoot(header.revision));
      return LeadsTo(*source, root ? root->root : at_.roots.root, header.start, address);
    }
    case RecordKind::kEdits: {
      ARROW_ASSIGN_OR_RAISE(const HistoryItem item, reader.LastFrom(header.start));
      if (item.kind == HistoryItem::Kind::kEdits) return item.address == address;
      bool found = false;
      ARROW_RETURN_NOT_OK(
          reader.VisitLate(header.start - 1, header.start, [&](const HistoryItem& late) {
            found = found || late.address == address;
            return Status::OK();
          }));
      return found;
    }
    case RecordKind::kHistory:
    case RecordKind::kHistoryIndex:
      return reader.HasBlock(address, header.start);
    case RecordKind::kSeries:
    case RecordKind::kHeadPart:
      return at_.head->HasPart(address);
  }
  FIRTH_CHECK(false);
}

}  // namespace firth::timeview
