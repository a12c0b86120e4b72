#include "firth/table/series_facts.h"

#include <algorithm>

#include "firth/common/text.h"
#include "firth/table/series_facts_upgrade.h"
#include "firth/table/series_place.h"
#include "firth/table/series_record.h"

namespace firth::table {
namespace {

constexpr int64_t kScanned = 1000;

catalog::Thing ThingOf(const SeriesInfo& info) {
  return {.id = std::string(info.id.view()), .place = PlaceOf(info), .facts = EncodeRecord(info)};
}

}  // namespace

Status SeriesFacts::Open() {
  return TakeOverSeriesValues(catalog_);
}

Result<SeriesFacts::Known> SeriesFacts::KnownOf(const catalog::Thing& thing) {
  if (!thing.place.has_value()) return Known{.burnt = true};
  auto info = std::make_shared<SeriesInfo>();
  info->id = SeriesId::From(thing.id);
  ARROW_ASSIGN_OR_RAISE(const std::string_view collection, CollectionOfPlace(*thing.place));
  ARROW_ASSIGN_OR_RAISE(info->collection, Path::Parse(collection));
  ARROW_ASSIGN_OR_RAISE(info->tags, TagsOfPlace(*thing.place));
  ARROW_RETURN_NOT_OK(DecodeRecord(thing.facts, info.get()));
  return Known{.series = std::move(info)};
}

Result<SeriesFacts::Known> SeriesFacts::Load(const SeriesId& id) {
  uint64_t changes = 0;
  {
    std::lock_guard lock(mutex_);
    const auto found = known_.find(id);
    if (found != known_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return found->second->second;
    }
    changes = changes_;
  }
  ARROW_ASSIGN_OR_RAISE(const auto thing, facts_->Find(std::string(id.view())));
  Known known;
  if (thing.has_value()) {
    ARROW_ASSIGN_OR_RAISE(known, KnownOf(*thing));
  }
  std::lock_guard lock(mutex_);
  // What was changed meanwhile may not be what was read.
  if (changes != changes_ || known_.contains(id)) return known;
  order_.emplace_front(id, known);
  known_[id] = order_.begin();
  while (order_.size() > kKeptMax) {
    known_.erase(order_.back().first);
    order_.pop_back();
  }
  return known;
}

Result<SeriesPtr> SeriesFacts::Find(const SeriesId& id) {
  ARROW_ASSIGN_OR_RAISE(Known known, Load(id));
  return std::move(known.series);
}

Result<bool> SeriesFacts::Burnt(const SeriesId& id) {
  ARROW_ASSIGN_OR_RAISE(const Known known, Load(id));
  return known.burnt;
}

Result<std::vector<SeriesId>> SeriesFacts::BurntAfter(CommitId commit) {
  std::vector<SeriesId> found;
  const BurntRange range = BurntSince(commit);
  std::string from = range.begin;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto values, catalog_->ScanValues(from, range.end, kScanned));
    if (values.empty()) return found;
    for (const auto& [name, text] : values) {
      ARROW_ASSIGN_OR_RAISE(found.emplace_back(), IdOfBurnt(name));
    }
    from = values.back().first + '\0';
  }
}

Result<std::optional<SeriesId>> SeriesFacts::Twin(const SeriesInfo& info) {
  ARROW_ASSIGN_OR_RAISE(const auto id, facts_->IdAt(PlaceOf(info)));
  if (!id.has_value()) return std::nullopt;
  return SeriesId::From(*id);
}

void SeriesFacts::Forget(const std::vector<SeriesId>& ids) {
  std::lock_guard lock(mutex_);
  ++changes_;
  for (const SeriesId& id : ids) {
    const auto found = known_.find(id);
    if (found == known_.end()) continue;
    order_.erase(found->second);
    known_.erase(found);
  }
}

Status SeriesFacts::Put(const SeriesPtr& series, const SeriesPtr& old) {
  if (old == nullptr) return PutNew({series});
  const Status put = facts_->Replace(ThingOf(*series), {});
  Forget({series->id});
  return put;
}

Status SeriesFacts::PutNew(const std::vector<SeriesPtr>& series) {
  std::vector<SeriesId> ids;
  std::vector<catalog::Thing> things;
  for (const SeriesPtr& one : series) {
    ids.push_back(one->id);
    things.push_back(ThingOf(*one));
  }
  const Status put = facts_->Add(things, {});
  Forget(ids);
  return put;
}

Status SeriesFacts::Burn(const SeriesPtr& series, CommitId last_commit) {
  const Status burnt =
      facts_->Replace({.id = std::string(series->id.view()), .place = {}, .facts = {}},
                      {{.name = BurntName(series->id, last_commit), .value = ""}});
  Forget({series->id});
  return burnt;
}

Status SeriesFacts::VisitCollection(const Path& collection, const Visit& visit, SeriesParts parts) {
  if (parts == SeriesParts::kCount) return VisitBlanks(collection, visit);
  std::vector<SeriesPtr> group;  // of one name and unit
  std::string group_place;
  const auto visit_group = [&]() -> Result<bool> {
    std::sort(group.begin(), group.end(),
              [](const SeriesPtr& a, const SeriesPtr& b) { return a->id.view() < b->id.view(); });
    for (const SeriesPtr& series : group) {
      ARROW_ASSIGN_OR_RAISE(const bool more, visit(series));
      if (!more) return false;
    }
    group.clear();
    return true;
  };
  SeriesPlaces range = PlacesIn(collection);
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto things,
                          facts_->Scan(range.begin, range.end, kScanned,
                                       /*with_facts=*/parts == SeriesParts::kAll));
    for (const catalog::Thing& thing : things) {
      auto series = std::make_shared<SeriesInfo>();
      series->id = SeriesId::From(thing.id);
      series->collection = collection;
      ARROW_ASSIGN_OR_RAISE(series->tags, TagsOfPlace(*thing.place));
      if (parts == SeriesParts::kAll) {
        ARROW_RETURN_NOT_OK(DecodeRecord(thing.facts, series.get()));
      }
      ARROW_ASSIGN_OR_RAISE(const std::string_view now, GroupOfPlace(*thing.place));
      if (now != group_place) {
        ARROW_ASSIGN_OR_RAISE(const bool more, visit_group());
        if (!more) return Status::OK();
        group_place = now;
      }
      group.push_back(std::move(series));
    }
    if (things.empty()) return visit_group().status();
    range.begin = *things.back().place + '\0';
  }
}

Status SeriesFacts::VisitBlanks(const Path& collection, const Visit& visit) {
  const SeriesPlaces range = PlacesIn(collection);
  ARROW_ASSIGN_OR_RAISE(const int64_t count, facts_->Count(range.begin, range.end));
  const auto blank = std::make_shared<SeriesInfo>();
  for (int64_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const bool more, visit(blank));
    if (!more) break;
  }
  return Status::OK();
}

Result<std::vector<Path>> SeriesFacts::Collections(const std::string& prefix) {
  std::vector<Path> found;
  SeriesPlaces range = PlacesWithPrefix(prefix);
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto things,
                          facts_->Scan(range.begin, range.end, 1, /*with_facts=*/false));
    if (things.empty()) return found;
    ARROW_ASSIGN_OR_RAISE(const std::string_view text, CollectionOfPlace(*things.front().place));
    ARROW_ASSIGN_OR_RAISE(found.emplace_back(), Path::Parse(text));
    range.begin = PlacesIn(found.back()).end;
  }
}

}  // namespace firth::table
