#include "firth/timeview/history.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace firth::timeview {

bool Removes(const EditRun& run) {
  return std::any_of(run.steps.begin(), run.steps.end(), [](const EditRun::Step& step) {
    return step.kind == Edit::Kind::kRemove || step.replace;
  });
}

void History::AddCut(int64_t revision, int64_t cut) {
  if (!items_.empty() && items_.back().kind == HistoryItem::Kind::kCuts &&
      items_.back().cuts.size() < kCutsMax) {
    HistoryItem& item = items_.back();
    FIRTH_CHECK(revision == item.last + 1 && cut >= item.cuts.back());
    item.last = revision;
    item.cuts.push_back(cut);
    return;
  }
  FIRTH_CHECK(items_.empty() || revision >= items_.back().first);
  HistoryItem item{.kind = HistoryItem::Kind::kCuts, .first = revision, .last = revision};
  item.cuts.push_back(cut);
  items_.push_back(std::move(item));
}

void History::AddRoot(int64_t revision, const NodeLink& root, int64_t end) {
  FIRTH_CHECK(items_.back().kind == HistoryItem::Kind::kCuts && items_.back().last == revision);
  items_.push_back({.kind = HistoryItem::Kind::kRoot,
                    .first = revision,
                    .last = revision,
                    .root = root,
                    .end = end});
}

void History::AddEdits(int64_t first, std::shared_ptr<const EditRun> edits) {
  FIRTH_CHECK(items_.back().kind == HistoryItem::Kind::kRoot && items_.back().last + 1 == first);
  const auto steps = static_cast<int64_t>(edits->steps.size());
  items_.push_back({.kind = HistoryItem::Kind::kEdits,
                    .removes = Removes(*edits),
                    .first = first,
                    .last = first + steps - 1,
                    .edits = std::move(edits)});
}

void History::AddStep(int64_t revision, bool removes) {
  FIRTH_CHECK(items_.back().kind == HistoryItem::Kind::kRoot && items_.back().last + 1 == revision);
  items_.push_back(
      {.kind = HistoryItem::Kind::kStep, .removes = removes, .first = revision, .last = revision});
}

History::Place History::Find(int64_t revision) const {
  // Where items overlap in a revision, the later one says it more simply.
  auto found = std::upper_bound(items_.begin(), items_.end(), revision,
                                [](int64_t r, const HistoryItem& item) { return r < item.first; });
  FIRTH_CHECK(found != items_.begin());
  --found;
  FIRTH_CHECK(found->first <= revision && revision <= found->last);
  Place place{.item = &*found};
  switch (found->kind) {
    case HistoryItem::Kind::kCuts: {
      const auto root = std::find_if(found, items_.end(), [](const HistoryItem& item) {
        return item.kind == HistoryItem::Kind::kRoot;
      });
      if (root != items_.end()) place.root = &*root;
      break;
    }
    case HistoryItem::Kind::kEdits:
      place.root = &*std::prev(found);
      break;
    case HistoryItem::Kind::kRoot:
      break;
    case HistoryItem::Kind::kStep:
      FIRTH_CHECK(false);  // the cut after it is found instead
  }
  return place;
}

}  // namespace firth::timeview
