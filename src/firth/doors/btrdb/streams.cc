#include "firth/doors/btrdb/streams.h"

#include <algorithm>
#include <tuple>

#include "firth/doors/btrdb/facts.h"

namespace firth::doors::btrdb {

Result<std::vector<table::SeriesPtr>> StreamsWithPrefix(table::Database* database,
                                                        const access::Caller& caller,
                                                        const std::string& prefix) {
  ARROW_ASSIGN_OR_RAISE(auto found, database->series()->Find(caller, {}));
  struct Place {
    std::string collection, name, unit;
    table::SeriesPtr series;
  };
  std::vector<Place> places;
  for (auto& series : found) {
    std::string collection = CollectionText(series->collection);
    if (!collection.starts_with(prefix)) continue;
    const auto tag = [&](const char* key) {
      const auto at = series->tags.find(key);
      return at == series->tags.end() ? std::string() : at->second;
    };
    places.push_back({std::move(collection), tag("name"), tag("unit"), std::move(series)});
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    const auto order = [](const Place& place) {
      return std::tuple<const std::string&, const std::string&, const std::string&,
                        std::string_view>(place.collection, place.name, place.unit,
                                          place.series->id.view());
    };
    return order(a) < order(b);
  });
  found.clear();
  for (auto& place : places) found.push_back(std::move(place.series));
  return found;
}

}  // namespace firth::doors::btrdb
