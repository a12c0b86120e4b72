// The place of a series in the catalog's lists: its collection and its tags, as bytes. No two
// living series have the same, and their order is that of collection, name and unit.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "firth/common/path.h"
#include "firth/common/status.h"
#include "firth/table/series.h"

namespace firth::table {

/// What the places of a collection begin with.
std::string PlacesOf(const Path& collection);
/// What those of all collections lie in: [begin, end); the text of their path begins with `prefix`.
struct SeriesPlaces {
  std::string begin;
  std::string end;
};
SeriesPlaces PlacesWithPrefix(const std::string& prefix);
SeriesPlaces PlacesIn(const Path& collection);

/// A series without one of the tags `name` and `unit` has the place of one where it is empty.
std::string PlaceOf(const SeriesInfo& info);
/// The text of the path of a place's collection, and the bytes up to and with its unit. Both are
/// views. Error kDataLoss.
Result<std::string_view> CollectionOfPlace(std::string_view place);
Result<std::string_view> GroupOfPlace(std::string_view place);
/// The tags of a place, with name and unit.
Result<std::map<std::string, std::string>> TagsOfPlace(std::string_view place);

}  // namespace firth::table
