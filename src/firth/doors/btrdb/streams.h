// Looking streams up, in this door's order.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "firth/doors/btrdb/sql_query.h"
#include "firth/table/database.h"
#include "firth/table/series.h"

namespace firth::doors::btrdb {

/// A collection as this door spells it, and where it is.
struct Collection {
  std::string text;
  Path path;
};

/// The collections whose text begins with `prefix`, by their bytes.
Result<std::vector<Collection>> CollectionsWithPrefix(table::Database* database,
                                                      const access::Caller& caller,
                                                      const std::string& prefix);

/// Visit streams, one after the other, until `visit` says false or fails: those whose collection
/// begins with `prefix`, by collection, name, unit, uuid, with these parts of them.
Status VisitStreamsWithPrefix(table::Database* database, const access::Caller& caller,
                              const std::string& prefix, const VisitStream& visit,
                              table::SeriesParts parts = table::SeriesParts::kAll);
/// The same of the streams of one collection; none where that is no name of one.
Status VisitStreamsOf(table::Database* database, const access::Caller& caller,
                      const std::string& collection, const VisitStream& visit,
                      table::SeriesParts parts = table::SeriesParts::kAll);
/// The same of those that a statement can be about.
Status VisitStreamsIn(table::Database* database, const access::Caller& caller,
                      const SqlScope& scope, const VisitStream& visit);

}  // namespace firth::doors::btrdb
