#include "firth/table/series_place.h"

#include "firth/common/text.h"

namespace firth::table {
namespace {

/// Ends a collection in a place; no path has it as text.
constexpr char kEnd = '\x01';
/// Stands behind one that is part of a text.
constexpr char kMeant = '\x02';

Status Damaged(std::string_view place) {
  return Error(Code::kDataLoss, Reason::kChecksumMismatch,
               "the catalog has a place of a series that is none: " + ToHex(place.substr(0, 64)));
}

/// Text such that what follows it does not change the order.
void AppendText(std::string_view text, std::string* place) {
  for (const char c : text) {
    place->push_back(c);
    if (c == kEnd) place->push_back(kMeant);
  }
  place->append(2, kEnd);
}

/// Take a text from the front of what is left of a place; false where there is none.
bool TakeText(std::string_view* rest, std::string* text) {
  if (text != nullptr) text->clear();
  while (true) {
    const size_t end = rest->find(kEnd);
    if (end == std::string_view::npos || end + 1 == rest->size()) return false;
    const char next = (*rest)[end + 1];
    if (next != kEnd && next != kMeant) return false;
    if (text != nullptr) text->append(rest->substr(0, next == kEnd ? end : end + 1));
    rest->remove_prefix(end + 2);
    if (next == kEnd) return true;
  }
}

Result<std::string_view> AfterCollection(std::string_view place) {
  ARROW_ASSIGN_OR_RAISE(const std::string_view collection, CollectionOfPlace(place));
  return place.substr(collection.size() + 1);
}

}  // namespace

std::string PlacesOf(const Path& collection) {
  return collection.ToString() + kEnd;
}

SeriesPlaces PlacesWithPrefix(const std::string& prefix) {
  // Text is UTF-8, which has no byte 0xff.
  return {.begin = prefix, .end = prefix + '\xff'};
}

SeriesPlaces PlacesIn(const Path& collection) {
  SeriesPlaces range{.begin = PlacesOf(collection), .end = PlacesOf(collection)};
  ++range.end.back();
  return range;
}

std::string PlaceOf(const SeriesInfo& info) {
  std::string place = PlacesOf(info.collection);
  for (const char* tag : {"name", "unit"}) {
    const auto found = info.tags.find(tag);
    AppendText(found == info.tags.end() ? std::string_view() : found->second, &place);
  }
  for (const auto& [tag, value] : info.tags) {
    if (tag == "name" || tag == "unit") continue;
    AppendText(tag, &place);
    AppendText(value, &place);
  }
  return place;
}

Result<std::string_view> CollectionOfPlace(std::string_view place) {
  const size_t end = place.find(kEnd);
  if (end == std::string_view::npos) return Damaged(place);
  return place.substr(0, end);
}

Result<std::string_view> GroupOfPlace(std::string_view place) {
  ARROW_ASSIGN_OR_RAISE(std::string_view rest, AfterCollection(place));
  if (!TakeText(&rest, nullptr) || !TakeText(&rest, nullptr)) return Damaged(place);
  return place.substr(0, place.size() - rest.size());
}

Result<std::map<std::string, std::string>> TagsOfPlace(std::string_view place) {
  ARROW_ASSIGN_OR_RAISE(std::string_view rest, AfterCollection(place));
  std::map<std::string, std::string> tags;
  if (!TakeText(&rest, &tags["name"]) || !TakeText(&rest, &tags["unit"])) return Damaged(place);
  std::string tag;
  while (!rest.empty()) {
    if (!TakeText(&rest, &tag) || !TakeText(&rest, &tags[tag])) return Damaged(place);
  }
  return tags;
}

}  // namespace firth::table
