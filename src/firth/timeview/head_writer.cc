#include "firth/timeview/head_writer.h"

#include <algorithm>

namespace firth::timeview {
namespace {

/// A history's newest part is put into a record when it has become as long as this: a head is
/// written again at each checkpoint, and must stay small.
constexpr size_t kHistoryTailBytes = 4096;

}  // namespace

void HeadWriter::Begin(const SeriesId& series) {
  series_ = series;
  written_.clear();
}

Result<NodeLink> HeadWriter::WriteTree(const NodeLink& link) {
  if (link.empty() || link.address.known()) return link;
  NodeLink out = link;
  out.node.reset();
  const auto found = written_.find(link.node.get());
  if (found != written_.end()) {
    out.address = found->second;
    return out;
  }
  NodePtr node = link.node;
  if (!node->leaf()) {
    std::vector<NodeLink> links(node->links.begin(), node->links.end());
    for (NodeLink& below : links) {
      ARROW_ASSIGN_OR_RAISE(below, WriteTree(below));
    }
    node = NewInner(node->kind, node->width, node->start, node->revision, std::move(links));
  }
  const PayloadEncoder::EncodedNode encoded = encoder_->EncodeNode(*node);
  const RecordHeader header{.kind = encoded.kind,
                            .width = node->width,
                            .series = series_,
                            .start = node->start,
                            .revision = node->revision};
  ARROW_ASSIGN_OR_RAISE(out.address, writer_->Append(header, AsBytes(encoded.payload)));
  written_[link.node.get()] = out.address;
  fresh_.emplace_back(out.address, std::move(node));
  return out;
}

Result<NodeAddress> HeadWriter::Append(RecordKind kind, int64_t first, int64_t last,
                                       Bytes payload) {
  return writer_->Append({.kind = kind, .series = series_, .start = first, .revision = last},
                         payload);
}

Result<NodeAddress> HeadWriter::WriteSeries(Bytes payload) {
  return Append(RecordKind::kSeries, 0, 0, payload);
}

Result<NodeAddress> HeadWriter::WritePart(int64_t first, int64_t last, Bytes payload) {
  return Append(RecordKind::kHeadPart, first, last, payload);
}

Result<std::string> HeadWriter::WriteHistory(History* history) {
  std::vector<HistoryItem>& items = *history->mutable_items();
  for (HistoryItem& item : items) {
    if (item.kind == HistoryItem::Kind::kRoot) {
      ARROW_ASSIGN_OR_RAISE(item.root, WriteTree(item.root));
    } else if (item.edits) {
      const std::string edits = encoder_->EncodeEdits(*item.edits, CodedFor::kKeeping);
      ARROW_ASSIGN_OR_RAISE(item.address,
                            Append(RecordKind::kEdits, item.first, item.last, AsBytes(edits)));
      item.edits.reset();
    } else if (item.coded) {
      ARROW_ASSIGN_OR_RAISE(
          item.address, Append(RecordKind::kEdits, item.first, item.last, AsBytes(*item.coded)));
      item.coded.reset();
    }
  }
  std::string payload = encoder_->EncodeHistory(items);
  if (payload.size() < kHistoryTailBytes) return payload;

  HistoryBlock block{.first = items.front().first};
  for (const HistoryItem& item : items) {
    block.last = std::max(block.last, item.last);
    block.removes = block.removes || item.removes;
    block.late = block.late || item.kind == HistoryItem::Kind::kLate;
    if (item.kind == HistoryItem::Kind::kRoot) block.last_root = item.last;
  }
  ARROW_ASSIGN_OR_RAISE(block.address,
                        Append(RecordKind::kHistory, block.first, block.last, AsBytes(payload)));
  items.clear();
  auto& levels = *history->mutable_levels();
  for (size_t level = 0;; ++level) {
    if (level == levels.size()) levels.emplace_back();
    levels[level].push_back(block);
    if (levels[level].size() < kHistoryFanOut) break;
    // A full level becomes one block of the next.
    const std::vector<HistoryBlock> full = std::move(levels[level]);
    levels[level].clear();
    block = {.first = full.front().first, .last = full.back().last};
    for (const HistoryBlock& below : full) {
      block.last_root = std::max(block.last_root, below.last_root);
      block.removes = block.removes || below.removes;
      block.late = block.late || below.late;
    }
    ARROW_ASSIGN_OR_RAISE(block.address, Append(RecordKind::kHistoryIndex, block.first, block.last,
                                                AsBytes(encoder_->EncodeHistoryIndex(full))));
  }
  return encoder_->EncodeHistory(items);
}

void HeadWriter::Finish() {
  for (const auto& [address, node] : fresh_) cache_->Insert(address, node);
  Abandon();
}

void HeadWriter::Abandon() {
  fresh_.clear();
  written_.clear();
}

}  // namespace firth::timeview
