#include "firth/timeview/history.h"

#include <algorithm>
#include <utility>

#include "firth/timeview/integer_codec.h"

namespace firth::timeview {

Result<History> History::Make(std::vector<std::vector<HistoryBlock>> levels,
                              std::vector<HistoryItem> items) {
  int64_t last = 0;
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    for (const HistoryBlock& block : *level) {
      if (block.first < last || block.last < block.first) return Malformed("a history's order");
      last = block.last;
    }
  }
  for (const HistoryItem& item : items) {
    if (item.first < last || item.last < item.first) return Malformed("a history's order");
    last = item.last;
  }
  if (last < kEmptyRevision) return Malformed("a history without revisions");
  History history;
  history.levels_ = std::move(levels);
  history.items_ = std::move(items);
  history.last_ = last;
  history.late_items_ = kLateItemsMax;
  return history;
}

void History::Add(HistoryItem item) {
  FIRTH_CHECK(item.first >= last_ && item.last >= item.first);
  last_ = item.last;
  items_.push_back(std::move(item));
}

void History::AddCut(int64_t revision, int64_t cut) {
  if (!items_.empty() && items_.back().kind == HistoryItem::Kind::kCuts &&
      items_.back().cuts.size() < kCutsMax) {
    HistoryItem& item = items_.back();
    FIRTH_CHECK(revision == item.last + 1 && cut >= item.cuts.back());
    item.last = last_ = revision;
    item.cuts.push_back(cut);
    return;
  }
  Add({.kind = HistoryItem::Kind::kCuts, .first = revision, .last = revision, .cuts = {cut}});
}

void History::AddRoot(int64_t revision, const NodeLink& root, int64_t end) {
  FIRTH_CHECK(revision == last_);
  late_times_ = late_items_ = 0;
  Add({.kind = HistoryItem::Kind::kRoot,
       .first = revision,
       .last = revision,
       .root = root,
       .end = end});
}

void History::AddEdits(int64_t first, std::shared_ptr<const EditRun> edits) {
  FIRTH_CHECK(first == last_ + 1 && !edits->steps.empty());
  const auto steps = static_cast<int64_t>(edits->steps.size());
  Add({.kind = HistoryItem::Kind::kEdits,
       .removes = edits->Removes(),
       .first = first,
       .last = first + steps - 1,
       .edits = std::move(edits)});
}

void History::AddLate(int64_t revision, std::shared_ptr<const std::string> coded, size_t times) {
  FIRTH_CHECK(revision == last_ + 1 && times > 0);
  late_times_ += times;
  ++late_items_;
  Add({.kind = HistoryItem::Kind::kLate,
       .first = revision,
       .last = revision,
       .coded = std::move(coded)});
}

void History::AddStep(int64_t revision, bool removes) {
  FIRTH_CHECK(revision == last_ + 1);
  Add({.kind = HistoryItem::Kind::kStep, .removes = removes, .first = revision, .last = revision});
}

}  // namespace firth::timeview
