#include <nlohmann/json.hpp>

#include "firth/common/text.h"
#include "firth/table/series_store.h"

namespace firth::table {
namespace {

constexpr char kPrefix[] = "series/";

Status Damaged(const std::string& name) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the catalog's value " + name + " is not the facts of a series");
}

}  // namespace

std::string SeriesFacts::ValueName(const SeriesId& id) {
  return kPrefix + ToHex(id.view());
}

std::string SeriesFacts::Encode(const SeriesInfo& info) {
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

std::string SeriesFacts::EncodeBurnt(CommitId last_commit) {
  return nlohmann::json{{"version", 1}, {"burnt", true}, {"last_commit", last_commit.value}}.dump();
}

Status SeriesFacts::Load(catalog::Catalog* catalog) {
  ARROW_ASSIGN_OR_RAISE(const auto values, catalog->ListValues(kPrefix));
  for (const auto& [name, text] : values) {
    const auto bytes = FromHex(std::string_view(name).substr(sizeof kPrefix - 1));
    const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!bytes.ok() || bytes->size() != 16 || !json.is_object()) return Damaged(name);
    const SeriesId id = SeriesId::From(*bytes);
    if (json.value("burnt", false)) {
      burnt_[id] = CommitId(json.value("last_commit", INT64_MAX));
      continue;
    }
    auto info = std::make_shared<SeriesInfo>();
    info->id = id;
    try {
      ARROW_ASSIGN_OR_RAISE(info->collection,
                            Path::Parse(json.at("collection").get<std::string>()));
      info->tags = json.at("tags").get<std::map<std::string, std::string>>();
      for (const auto& [key, value] : json.at("annotations").items()) {
        info->annotations[key] =
            value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
      }
      info->property_version = json.at("property_version").get<uint64_t>();
    } catch (const nlohmann::json::exception&) {
      return Damaged(name);
    }
    Put(info);
  }
  return Status::OK();
}

SeriesPtr SeriesFacts::Find(const SeriesId& id) const {
  const auto found = living_.find(id);
  return found == living_.end() ? nullptr : found->second;
}

SeriesPtr SeriesFacts::Twin(const SeriesInfo& info) const {
  const auto found = places_.find(PlaceOf(info));
  return found == places_.end() ? nullptr : Find(found->second);
}

void SeriesFacts::Put(const SeriesPtr& series) {
  if (const SeriesPtr old = Find(series->id); old != nullptr) places_.erase(PlaceOf(*old));
  living_[series->id] = series;
  places_[PlaceOf(*series)] = series->id;
}

void SeriesFacts::Burn(const SeriesId& id, CommitId last_commit) {
  if (const SeriesPtr old = Find(id); old != nullptr) places_.erase(PlaceOf(*old));
  living_.erase(id);
  burnt_[id] = last_commit;
}

std::vector<SeriesId> SeriesFacts::BurntAfter(CommitId commit) const {
  std::vector<SeriesId> found;
  for (const auto& [id, last_commit] : burnt_) {
    if (last_commit >= commit) found.push_back(id);
  }
  return found;
}

std::vector<SeriesPtr> SeriesFacts::All() const {
  // The order of places is that of collection and tags.
  std::vector<SeriesPtr> all;
  all.reserve(places_.size());
  for (const auto& [place, id] : places_) all.push_back(Find(id));
  return all;
}

}  // namespace firth::table
