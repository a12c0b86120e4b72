#include "firth/table/series_facts_upgrade.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "firth/catalog/facts.h"
#include "firth/common/logging.h"
#include "firth/common/text.h"
#include "firth/table/series_place.h"
#include "firth/table/series_record.h"

namespace firth::table {
namespace {

constexpr char kSeries[] = "series/";
constexpr char kSeriesEnd[] = "series0";
constexpr char kPlaces[] = "seriesplace/";
constexpr char kPlacesEnd[] = "seriesplace0";
/// It said that all series have a place.
constexpr char kComplete[] = "seriesplaces";
constexpr char kBurnt[] = "seriesburnt/";
constexpr char kBurntEnd[] = "seriesburnt0";
constexpr int64_t kScanned = 10'000;

Status Damaged(const std::string& name) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the catalog's value " + name + " is not the facts of a series");
}

Result<SeriesId> IdAfter(const std::string& name, size_t prefix) {
  const auto bytes = FromHex(std::string_view(name).substr(prefix));
  if (!bytes.ok() || bytes->size() != 16) return Damaged(name);
  return SeriesId::From(*bytes);
}

std::string DigitsOf(CommitId commit) {
  std::string digits = std::to_string(std::max<int64_t>(commit.value, 0));
  digits.insert(0, 19 - digits.size(), '0');
  return digits;
}

/// A series as its old value has it; what is to be kept of an obliterated one is put to `changes`.
Result<catalog::Thing> Parse(const std::string& name, const std::string& text,
                             std::vector<catalog::ValueChange>* changes) {
  SeriesInfo info;
  ARROW_ASSIGN_OR_RAISE(info.id, IdAfter(name, sizeof kSeries - 1));
  const std::string id(info.id.view());
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Damaged(name);
  try {
    if (json.value("burnt", false)) {
      const CommitId commit(json.value("last_commit", INT64_MAX));
      changes->push_back({.name = BurntName(info.id, commit), .value = ""});
      return catalog::Thing{.id = id, .place = {}, .facts = {}};
    }
    ARROW_ASSIGN_OR_RAISE(info.collection, Path::Parse(json.at("collection").get<std::string>()));
    info.tags = json.at("tags").get<std::map<std::string, std::string>>();
    for (const auto& [key, value] : json.at("annotations").items()) {
      info.annotations[key] =
          value.is_null() ? std::nullopt : std::optional(value.get<std::string>());
    }
    info.property_version = json.at("property_version").get<uint64_t>();
  } catch (const nlohmann::json::exception&) {
    return Damaged(name);
  }
  return catalog::Thing{.id = id, .place = PlaceOf(info), .facts = EncodeRecord(info)};
}

}  // namespace

std::string BurntName(const SeriesId& id, CommitId commit) {
  return kBurnt + DigitsOf(commit) + "/" + ToHex(id.view());
}

BurntRange BurntSince(CommitId commit) {
  return {.begin = kBurnt + DigitsOf(commit), .end = kBurntEnd};
}

Result<SeriesId> IdOfBurnt(const std::string& name) {
  return IdAfter(name, name.rfind('/') + 1);
}

Status TakeOverSeriesValues(catalog::Catalog* catalog) {
  uint64_t taken = 0;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto values, catalog->ScanValues(kSeries, kSeriesEnd, kScanned));
    if (values.empty()) break;
    if (taken == 0) logging::Info("table", "the facts of series are moved to their new form");
    std::vector<catalog::Thing> things;
    std::vector<catalog::ValueChange> changes;
    for (const auto& [name, text] : values) {
      ARROW_ASSIGN_OR_RAISE(things.emplace_back(), Parse(name, text, &changes));
      changes.push_back({.name = name, .value = std::nullopt});
    }
    ARROW_RETURN_NOT_OK(catalog::FactsOf(catalog)->Add(things, changes));
    taken += things.size();
  }
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto places, catalog->ScanValues(kPlaces, kPlacesEnd, kScanned));
    if (places.empty()) break;
    std::vector<catalog::ValueChange> changes;
    for (const auto& [name, id] : places) changes.push_back({.name = name, .value = std::nullopt});
    ARROW_RETURN_NOT_OK(catalog->ChangeValues(changes));
  }
  if (taken > 0) logging::Info("table", "the facts of {} series were moved", taken);
  ARROW_ASSIGN_OR_RAISE(const auto complete, catalog->GetValue(kComplete));
  return complete.has_value() ? catalog->RemoveValue(kComplete) : Status::OK();
}

}  // namespace firth::table
