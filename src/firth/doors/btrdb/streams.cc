#include "firth/doors/btrdb/streams.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "firth/doors/btrdb/facts.h"
#include "firth/table/series_listing.h"

namespace firth::doors::btrdb {
namespace {

/// With what the path, as text, begins of every collection whose text begins with `prefix`: as much
/// of that as the engine spells in the same way.
std::string PathPrefix(const std::string& prefix) {
  const auto differs = [](char c) { return c == '_' || static_cast<unsigned char>(c) < 0x20; };
  size_t same =
      static_cast<size_t>(std::find_if(prefix.begin(), prefix.end(), differs) - prefix.begin());
  const size_t empty = prefix.find("//");
  if (empty != std::string::npos) same = std::min(same, empty + 1);
  if (prefix.starts_with('/')) same = 0;
  return prefix.substr(0, same);
}

}  // namespace

Result<std::vector<Collection>> CollectionsWithPrefix(table::Database* database,
                                                      const access::Caller& caller,
                                                      const std::string& prefix) {
  ARROW_ASSIGN_OR_RAISE(auto paths,
                        table::ListCollections(database->series(), caller, PathPrefix(prefix)));
  std::vector<Collection> found;
  for (Path& path : paths) {
    std::string text = CollectionText(path);
    if (text.starts_with(prefix)) found.push_back({std::move(text), std::move(path)});
  }
  std::sort(found.begin(), found.end(),
            [](const Collection& a, const Collection& b) { return a.text < b.text; });
  return found;
}

Status VisitStreamsWithPrefix(table::Database* database, const access::Caller& caller,
                              const std::string& prefix, const VisitStream& visit,
                              table::SeriesParts parts) {
  ARROW_ASSIGN_OR_RAISE(const auto collections, CollectionsWithPrefix(database, caller, prefix));
  bool more = true;
  for (const Collection& collection : collections) {
    const auto visit_one = [&](const table::SeriesPtr& series) -> Result<bool> {
      ARROW_ASSIGN_OR_RAISE(more, visit(series));
      return more;
    };
    ARROW_RETURN_NOT_OK(
        table::VisitSeries(database->series(), caller, collection.path, visit_one, parts));
    if (!more) break;
  }
  return Status::OK();
}

Status VisitStreamsOf(table::Database* database, const access::Caller& caller,
                      const std::string& collection, const VisitStream& visit,
                      table::SeriesParts parts) {
  Path path;
  if (ReadCollection(collection, &path).has_value()) return Status::OK();
  return table::VisitSeries(database->series(), caller, path, visit, parts);
}

Status VisitStreamsIn(table::Database* database, const access::Caller& caller,
                      const SqlScope& scope, const VisitStream& visit) {
  if (!scope.ids.has_value()) {
    return scope.collection.has_value()
               ? VisitStreamsOf(database, caller, *scope.collection, visit, scope.parts)
               : VisitStreamsWithPrefix(database, caller, scope.prefix, visit, scope.parts);
  }
  std::vector<std::pair<std::string, table::SeriesPtr>> found;  // by the collection's text
  for (const table::SeriesId& id : *scope.ids) {
    const auto series = database->series()->Get(caller, id);
    const Code code = CodeOf(series.status());
    if (code == Code::kNotFound || code == Code::kPermissionDenied) continue;
    ARROW_RETURN_NOT_OK(series.status());
    found.emplace_back(CollectionText((*series)->collection), *series);
  }
  const auto order = [](const auto& one) {
    const auto tag = [&](const char* key) {
      const auto held = one.second->tags.find(key);
      return held == one.second->tags.end() ? std::string_view() : std::string_view(held->second);
    };
    return std::tuple(std::string_view(one.first), tag("name"), tag("unit"), one.second->id.view());
  };
  std::sort(found.begin(), found.end(),
            [&](const auto& a, const auto& b) { return order(a) < order(b); });
  const auto same = [](const auto& a, const auto& b) { return a.second->id == b.second->id; };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  for (const auto& [text, series] : found) {
    ARROW_ASSIGN_OR_RAISE(const bool more, visit(series));
    if (!more) break;
  }
  return Status::OK();
}

}  // namespace firth::doors::btrdb
