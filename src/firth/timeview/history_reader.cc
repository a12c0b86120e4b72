#include "firth/timeview/history_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "firth/timeview/record.h"

namespace firth::timeview {
namespace {

/// The last of a sorted list that begins at or before `revision`; nullptr for none.
template <typename Entry>
const Entry* LastBeginning(const std::vector<Entry>& entries, int64_t revision) {
  const auto after =
      std::upper_bound(entries.begin(), entries.end(), revision,
                       [](int64_t r, const Entry& entry) { return r < entry.first; });
  return after == entries.begin() ? nullptr : &*std::prev(after);
}

std::optional<HistoryItem> FirstRoot(const std::vector<HistoryItem>& items, int64_t revision) {
  for (const HistoryItem& item : items) {
    if (item.kind == HistoryItem::Kind::kRoot && item.first >= revision) return item;
  }
  return std::nullopt;
}

template <typename Entry>
bool Between(const Entry& entry, int64_t from, int64_t to) {
  return entry.last > from && entry.first <= to;
}

}  // namespace

Result<std::vector<HistoryBlock>> HistoryReader::Blocks(const HistoryBlock& block) const {
  ARROW_ASSIGN_OR_RAISE(const auto loaded, source_.Load(block.address, RecordKind::kHistoryIndex));
  ByteReader in(loaded.payload);
  auto blocks = DecodeHistoryIndex(&in);
  if (!blocks.ok()) return source_.AddPlace(blocks.status(), block.address);
  return blocks;
}

Result<std::vector<HistoryItem>> HistoryReader::Items(const HistoryBlock& block) const {
  ARROW_ASSIGN_OR_RAISE(const auto loaded, source_.Load(block.address, RecordKind::kHistory));
  ByteReader in(loaded.payload);
  auto items = DecodeHistory(&in);
  if (!items.ok()) return source_.AddPlace(items.status(), block.address);
  return items;
}

Result<std::shared_ptr<const EditRun>> HistoryReader::Edits(const HistoryItem& item) const {
  if (item.edits) return item.edits;
  if (item.coded) {
    ARROW_ASSIGN_OR_RAISE(EditRun run, DecodeEdits(AsBytes(*item.coded)));
    return std::make_shared<const EditRun>(std::move(run));
  }
  ARROW_ASSIGN_OR_RAISE(const auto loaded, source_.Load(item.address, RecordKind::kEdits));
  auto run = DecodeEdits(loaded.payload);
  if (!run.ok()) return source_.AddPlace(run.status(), item.address);
  if (static_cast<int64_t>(run->steps.size()) != item.last - item.first + 1) {
    return source_.AddPlace(Malformed("the number of edits"), item.address);
  }
  return std::make_shared<const EditRun>(*std::move(run));
}

Result<HistoryItem> HistoryReader::LastFrom(int64_t revision) const {
  if (const HistoryItem* item = LastBeginning(history_.items(), revision)) return *item;
  const auto& levels = history_.levels();
  for (size_t level = 0; level < levels.size(); ++level) {
    const HistoryBlock* found = LastBeginning(levels[level], revision);
    if (found == nullptr) continue;
    HistoryBlock block = *found;
    for (size_t below = level; below > 0; --below) {
      ARROW_ASSIGN_OR_RAISE(const auto blocks, Blocks(block));
      found = LastBeginning(blocks, revision);
      if (found == nullptr) {
        return source_.AddPlace(Malformed("a history's index"), block.address);
      }
      block = *found;
    }
    ARROW_ASSIGN_OR_RAISE(const auto items, Items(block));
    const HistoryItem* item = LastBeginning(items, revision);
    if (item == nullptr) return source_.AddPlace(Malformed("a history"), block.address);
    return *item;
  }
  return Malformed("a history that does not begin at its beginning");
}

Result<std::optional<HistoryItem>> HistoryReader::NextRoot(int64_t revision) const {
  const auto& levels = history_.levels();
  const auto has_root = [revision](const HistoryBlock& block) {
    return block.last_root >= revision;
  };
  for (size_t level = levels.size(); level-- > 0;) {
    const auto found = std::find_if(levels[level].begin(), levels[level].end(), has_root);
    if (found == levels[level].end()) continue;
    HistoryBlock block = *found;
    for (size_t below = level; below > 0; --below) {
      ARROW_ASSIGN_OR_RAISE(const auto blocks, Blocks(block));
      const auto next = std::find_if(blocks.begin(), blocks.end(), has_root);
      if (next == blocks.end()) {
        return source_.AddPlace(Malformed("a history's index"), block.address);
      }
      block = *next;
    }
    ARROW_ASSIGN_OR_RAISE(const auto items, Items(block));
    auto root = FirstRoot(items, revision);
    if (!root) return source_.AddPlace(Malformed("a history"), block.address);
    return root;
  }
  return FirstRoot(history_.items(), revision);
}

Result<bool> HistoryReader::HasBlock(const NodeAddress& address, int64_t first) const {
  const auto& levels = history_.levels();
  for (size_t level = 0; level < levels.size(); ++level) {
    const HistoryBlock* found = LastBeginning(levels[level], first);
    if (found == nullptr) continue;
    HistoryBlock block = *found;
    for (size_t below = level;; --below) {
      if (block.address == address) return true;
      if (below == 0) return false;
      ARROW_ASSIGN_OR_RAISE(const auto blocks, Blocks(block));
      found = LastBeginning(blocks, first);
      if (found == nullptr) return false;
      block = *found;
    }
  }
  return false;
}

Result<HistoryPlace> HistoryReader::Find(int64_t revision) const {
  HistoryPlace place;
  // Where items overlap in a revision, the later one says it more simply.
  ARROW_ASSIGN_OR_RAISE(place.item, LastFrom(revision));
  if (place.item.last < revision || place.item.kind == HistoryItem::Kind::kStep ||
      place.item.kind == HistoryItem::Kind::kLate) {
    return Malformed("a history with a gap");
  }
  if (place.item.kind == HistoryItem::Kind::kCuts) {
    ARROW_ASSIGN_OR_RAISE(place.root, NextRoot(revision));
  } else if (place.item.kind == HistoryItem::Kind::kEdits) {
    ARROW_ASSIGN_OR_RAISE(place.root, LastFrom(place.item.first - 1));
    if (place.root->kind != HistoryItem::Kind::kRoot) {
      return Malformed("a history whose edits follow no root");
    }
  }
  return place;
}

Status HistoryReader::VisitRemovals(int64_t from, int64_t to, const Visit& visit) const {
  return VisitAll({.from = from,
                   .to = to,
                   .in_block = [](const HistoryBlock& block) { return block.removes; },
                   .item = [](const HistoryItem& item) { return item.removes; }},
                  visit);
}

Status HistoryReader::VisitLate(int64_t from, int64_t to, const Visit& visit) const {
  return VisitAll(
      {.from = from,
       .to = to,
       .in_block = [](const HistoryBlock& block) { return block.late; },
       .item = [](const HistoryItem& item) { return item.kind == HistoryItem::Kind::kLate; }},
      visit);
}

Status HistoryReader::VisitAll(const Wanted& wanted, const Visit& visit) const {
  const auto& levels = history_.levels();
  for (size_t level = levels.size(); level-- > 0;) {
    for (const HistoryBlock& block : levels[level]) {
      ARROW_RETURN_NOT_OK(VisitBelow(block, level, wanted, visit));
    }
  }
  for (const HistoryItem& item : history_.items()) {
    if (wanted.item(item) && Between(item, wanted.from, wanted.to))
      ARROW_RETURN_NOT_OK(visit(item));
  }
  return Status::OK();
}

Status HistoryReader::VisitBelow(const HistoryBlock& block, size_t level, const Wanted& wanted,
                                 const Visit& visit) const {
  if (!wanted.in_block(block) || !Between(block, wanted.from, wanted.to)) return Status::OK();
  if (level > 0) {
    ARROW_ASSIGN_OR_RAISE(const auto blocks, Blocks(block));
    for (const HistoryBlock& below : blocks) {
      ARROW_RETURN_NOT_OK(VisitBelow(below, level - 1, wanted, visit));
    }
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const auto items, Items(block));
  for (const HistoryItem& item : items) {
    if (wanted.item(item) && Between(item, wanted.from, wanted.to))
      ARROW_RETURN_NOT_OK(visit(item));
  }
  return Status::OK();
}

}  // namespace firth::timeview
