#include "firth/table/series_facts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "firth/common/logging.h"
#include "firth/common/text.h"

namespace firth::table {
namespace {

constexpr char kPrefix[] = "series/";
constexpr char kPlaces[] = "seriesplace/";
constexpr char kBurnt[] = "seriesburnt/";
/// It is there when places and burnt ids were written.
constexpr char kComplete[] = "seriesplaces";
constexpr int64_t kScanned = 1000;
/// Ends a collection in a place; no path has it as text.
constexpr char kEnd = '\x01';

Status Damaged(const std::string& name) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the catalog's value " + name + " is not the facts of a series");
}

std::string NameOf(const SeriesId& id) {
  return kPrefix + ToHex(id.view());
}

/// Text such that what follows it does not change the order.
void AppendText(std::string_view text, std::string* place) {
  for (const char c : text) {
    place->push_back(c);
    if (c == kEnd) place->push_back('\x02');
  }
  place->append(2, kEnd);
}

std::string BurntName(const SeriesId& id, CommitId commit) {
  std::string digits = std::to_string(std::max<int64_t>(commit.value, 0));
  digits.insert(0, 19 - digits.size(), '0');
  return kBurnt + digits + "/" + ToHex(id.view());
}

Result<SeriesId> IdOf(const std::string& name, std::string_view hex) {
  const auto bytes = FromHex(hex);
  if (!bytes.ok() || bytes->size() != 16) return Damaged(name);
  return SeriesId::From(*bytes);
}

std::string Encode(const SeriesInfo& info) {
  nlohmann::json annotations = nlohmann::json::object();
  for (const auto& [key, value] : info.annotations) {
    annotations[key] = value.has_value() ? nlohmann::json(*value) : nlohmann::json(nullptr);
  }
  return nlohmann::json{{"version", 1},
                        {"collection", info.collection.ToString()},
                        {"tags", info.tags},
                        {"annotations", annotations},
                        {"property_version", info.property_version}}
      .dump();
}

}  // namespace

Status SeriesFacts::Open() {
  ARROW_ASSIGN_OR_RAISE(const auto complete, catalog_->GetValue(kComplete));
  if (complete.has_value()) return Status::OK();
  std::string from = kPrefix;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto values, catalog_->ScanValues(from, "series0", kScanned));
    std::vector<catalog::ValueChange> changes;
    for (const auto& [name, text] : values) {
      ARROW_ASSIGN_OR_RAISE(const SeriesId id,
                            IdOf(name, std::string_view(name).substr(sizeof kPrefix - 1)));
      ARROW_ASSIGN_OR_RAISE(const Known known, Parse(id, name, text));
      if (known.series != nullptr) {
        changes.push_back({.name = PlaceOf(*known.series), .value = ToHex(id.view())});
      } else {
        const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
        changes.push_back(
            {.name = BurntName(id, CommitId(json.value("last_commit", INT64_MAX))), .value = ""});
      }
    }
    if (values.empty()) changes.push_back({.name = kComplete, .value = "1"});
    ARROW_RETURN_NOT_OK(catalog_->ChangeValues(changes));
    if (values.empty()) return Status::OK();
    from = values.back().first + '\0';
  }
}

/// Collection, name, unit, then all other tags.
std::string SeriesFacts::PlaceOf(const SeriesInfo& info, bool with_others) {
  std::string place = kPlaces + info.collection.ToString() + kEnd;
  for (const char* tag : {"name", "unit"}) {
    const auto found = info.tags.find(tag);
    AppendText(found == info.tags.end() ? std::string_view() : found->second, &place);
  }
  if (!with_others) return place;
  for (const auto& [tag, value] : info.tags) {
    if (tag == "name" || tag == "unit") continue;
    AppendText(tag, &place);
    AppendText(value, &place);
  }
  return place;
}

Result<SeriesFacts::Known> SeriesFacts::Parse(const SeriesId& id, const std::string& name,
                                              const std::string& text) const {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Damaged(name);
  auto info = std::make_shared<SeriesInfo>();
  info->id = id;
  try {
    if (json.value("burnt", false)) return Known{.burnt = true};
    ARROW_ASSIGN_OR_RAISE(info->collection, Path::Parse(json.at("collection").get<std::string>()));
    info->tags = json.at("tags").get<std::map<std::string, std::string>>();
    for (const auto& [key, value] : json.at("annotations").items()) {
      info->annotations[key] =
          value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
    }
    info->property_version = json.at("property_version").get<uint64_t>();
  } catch (const nlohmann::json::exception&) {
    return Damaged(name);
  }
  return Known{.series = std::move(info)};
}

Result<SeriesFacts::Known> SeriesFacts::Load(const SeriesId& id, bool keep) {
  uint64_t changes = 0;
  {
    std::lock_guard lock(mutex_);
    const auto found = known_.find(id);
    if (found != known_.end()) {
      if (keep) order_.splice(order_.begin(), order_, found->second);
      return found->second->second;
    }
    changes = changes_;
  }
  const std::string name = NameOf(id);
  ARROW_ASSIGN_OR_RAISE(const auto text, catalog_->GetValue(name));
  Known known;
  if (text.has_value()) {
    ARROW_ASSIGN_OR_RAISE(known, Parse(id, name, *text));
  }
  if (!keep) return known;
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
  std::string from = BurntName({}, commit).substr(0, sizeof kBurnt - 1 + 19);
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto values, catalog_->ScanValues(from, "seriesburnt0", kScanned));
    if (values.empty()) return found;
    for (const auto& [name, text] : values) {
      ARROW_ASSIGN_OR_RAISE(found.emplace_back(),
                            IdOf(name, std::string_view(name).substr(name.rfind('/') + 1)));
    }
    from = values.back().first + '\0';
  }
}

Result<std::optional<SeriesId>> SeriesFacts::Twin(const SeriesInfo& info) {
  const std::string place = PlaceOf(info);
  ARROW_ASSIGN_OR_RAISE(const auto hex, catalog_->GetValue(place));
  if (!hex.has_value()) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const SeriesId id, IdOf(place, *hex));
  return id;
}

Status SeriesFacts::Change(const std::vector<SeriesId>& ids,
                           const std::vector<catalog::ValueChange>& changes) {
  Status changed = catalog_->ChangeValues(changes);
  std::lock_guard lock(mutex_);
  ++changes_;
  for (const SeriesId& id : ids) {
    const auto found = known_.find(id);
    if (found == known_.end()) continue;
    order_.erase(found->second);
    known_.erase(found);
  }
  return changed;
}

Status SeriesFacts::Put(const SeriesPtr& series, const SeriesPtr& old) {
  std::vector<catalog::ValueChange> changes;
  const std::string place = PlaceOf(*series);
  if (old != nullptr && PlaceOf(*old) != place) {
    changes.push_back({.name = PlaceOf(*old), .value = std::nullopt});
  }
  changes.push_back({.name = place, .value = ToHex(series->id.view())});
  changes.push_back({.name = NameOf(series->id), .value = Encode(*series)});
  return Change({series->id}, changes);
}

Status SeriesFacts::PutNew(const std::vector<SeriesPtr>& series) {
  std::vector<SeriesId> ids;
  std::vector<catalog::ValueChange> changes;
  for (const SeriesPtr& one : series) {
    ids.push_back(one->id);
    changes.push_back({.name = PlaceOf(*one), .value = ToHex(one->id.view())});
    changes.push_back({.name = NameOf(one->id), .value = Encode(*one)});
  }
  return Change(ids, changes);
}

Status SeriesFacts::Burn(const SeriesPtr& series, CommitId last_commit) {
  const nlohmann::json burnt = {
      {"version", 1}, {"burnt", true}, {"last_commit", last_commit.value}};
  return Change({series->id}, {{.name = PlaceOf(*series), .value = std::nullopt},
                               {.name = BurntName(series->id, last_commit), .value = ""},
                               {.name = NameOf(series->id), .value = burnt.dump()}});
}

Status SeriesFacts::VisitCollection(const Path& collection, const Visit& visit) {
  const std::string begin = kPlaces + collection.ToString() + kEnd;
  std::string end = begin;
  ++end.back();
  std::string from = begin;
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
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto values, catalog_->ScanValues(from, end, kScanned));
    for (const auto& [place, hex] : values) {
      ARROW_ASSIGN_OR_RAISE(const SeriesId id, IdOf(place, hex));
      ARROW_ASSIGN_OR_RAISE(const Known known, Load(id, /*keep=*/false));
      const SeriesPtr& series = known.series;
      // It was moved or obliterated meanwhile.
      if (series == nullptr || series->collection != collection) continue;
      std::string now = PlaceOf(*series, /*with_others=*/false);
      if (now != group_place) {
        ARROW_ASSIGN_OR_RAISE(const bool more, visit_group());
        if (!more) return Status::OK();
        group_place = std::move(now);
      }
      group.push_back(series);
    }
    if (values.empty()) return visit_group().status();
    from = values.back().first + '\0';
  }
}

Result<std::vector<Path>> SeriesFacts::Collections(const std::string& prefix) {
  const std::string begin = kPlaces + prefix;
  std::string end = begin;
  ++end.back();
  std::vector<Path> found;
  std::string from = begin;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto values, catalog_->ScanValues(from, end, 1));
    if (values.empty()) return found;
    const std::string& place = values.front().first;
    const size_t stop = place.find(kEnd);
    if (stop == std::string::npos) return Damaged(place);
    ARROW_ASSIGN_OR_RAISE(found.emplace_back(),
                          Path::Parse(std::string_view(place).substr(sizeof kPlaces - 1,
                                                                     stop - (sizeof kPlaces - 1))));
    from = place.substr(0, stop) + '\x02';
  }
}

}  // namespace firth::table
