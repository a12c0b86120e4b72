// Going through series one after the other, without holding all of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "firth/table/series.h"

namespace firth::table {

/// The collections with series that the caller may see, whose path, as text, begins with `prefix`:
/// by path. Blocks.
Result<std::vector<Path>> ListCollections(SeriesStore* series, const access::Caller& caller,
                                          const std::string& prefix);

/// What of each series is asked for; less costs less.
enum class SeriesParts {
  kAll,
  kTags,   // annotations and property version are as those of a new series
  kCount,  // nothing but how many there are: each may be a series without anything
};

/// Visit the series of a collection that the caller may see, by name, unit and id, until `visit`
/// says false or fails. Blocks.
Status VisitSeries(SeriesStore* series, const access::Caller& caller, const Path& collection,
                   const std::function<Result<bool>(const SeriesPtr&)>& visit,
                   SeriesParts parts = SeriesParts::kAll);

}  // namespace firth::table
