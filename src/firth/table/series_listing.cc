#include "firth/table/series_listing.h"

#include <algorithm>
#include <tuple>

#include "firth/table/database_impl.h"
#include "firth/table/series_store.h"

namespace firth::table {

Result<std::vector<Path>> SeriesStoreImpl::Collections(const access::Caller& caller,
                                                       const std::string& prefix) {
  ARROW_ASSIGN_OR_RAISE(std::vector<Path> found, facts_.Collections(prefix));
  std::erase_if(found, [&](const Path& path) {
    return (database_->access()->RightsOn(caller, path) & access::kSee) == 0;
  });
  ARROW_ASSIGN_OR_RAISE(const auto columns, columns_.Tables(caller, prefix));
  found.insert(found.end(), columns.begin(), columns.end());
  std::sort(found.begin(), found.end());
  return found;
}

Status SeriesStoreImpl::Visit(const access::Caller& caller, const Path& collection,
                              const SeriesFacts::Visit& visit, SeriesParts parts) {
  bool more = true;
  if ((database_->access()->RightsOn(caller, collection) & access::kSee) != 0) {
    ARROW_RETURN_NOT_OK(facts_.VisitCollection(
        collection,
        [&](const SeriesPtr& series) -> Result<bool> {
          ARROW_ASSIGN_OR_RAISE(more, visit(series));
          return more;
        },
        parts));
  }
  if (!more) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(auto columns, columns_.FindIn(caller, collection));
  std::sort(columns.begin(), columns.end(), [](const auto& a, const auto& b) {
    return std::tuple(a->info->tags.at("name"), a->info->id) <
           std::tuple(b->info->tags.at("name"), b->info->id);
  });
  for (const ColumnSeriesPtr& column : columns) {
    ARROW_ASSIGN_OR_RAISE(more, visit(column->info));
    if (!more) break;
  }
  return Status::OK();
}

Result<std::vector<SeriesPtr>> SeriesStoreImpl::Find(const access::Caller& caller,
                                                     const SeriesQuery& query) {
  std::vector<Path> collections;
  if (query.collection.has_value()) {
    if (query.collection->ToString().starts_with(query.collection_prefix)) {
      collections.push_back(*query.collection);
    }
  } else {
    ARROW_ASSIGN_OR_RAISE(collections, Collections(caller, query.collection_prefix));
  }
  std::vector<SeriesPtr> found;
  for (const Path& collection : collections) {
    ARROW_RETURN_NOT_OK(Visit(caller, collection, [&](const SeriesPtr& series) -> Result<bool> {
      found.push_back(series);
      return true;
    }));
  }
  return found;
}

Result<std::vector<Path>> ListCollections(SeriesStore* series, const access::Caller& caller,
                                          const std::string& prefix) {
  // This room makes every SeriesStore there is.
  return static_cast<SeriesStoreImpl*>(series)->Collections(caller, prefix);
}

Status VisitSeries(SeriesStore* series, const access::Caller& caller, const Path& collection,
                   const std::function<Result<bool>(const SeriesPtr&)>& visit, SeriesParts parts) {
  return static_cast<SeriesStoreImpl*>(series)->Visit(caller, collection, visit, parts);
}

}  // namespace firth::table
