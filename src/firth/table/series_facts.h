// The facts of series, as the catalog keeps them (catalog/facts.h): a series' place is its
// collection with its tags (series_place.h), its facts are the rest (series_record.h); an
// obliterated one has no place, for its id is burnt. Beside them is the value
// `seriesburnt/COMMIT/ID`: obliterated when that commit was the last.
//
// In memory are those that were used last.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/catalog/facts.h"
#include "firth/table/series.h"
#include "firth/table/series_listing.h"

namespace firth::table {

/// Thread-safe; one thread at a time changes something. Calls may block on the catalog. Error
/// kDataLoss for values that are no facts.
class SeriesFacts {
 public:
  static constexpr size_t kKeptMax = 50'000;

  explicit SeriesFacts(catalog::Catalog* catalog)
      : catalog_(catalog), facts_(catalog::FactsOf(catalog)) {}

  /// Take over what an older version wrote. Errors: kDiskFull.
  Status Open();

  /// A living series; null if there is none.
  Result<SeriesPtr> Find(const SeriesId& id);
  Result<bool> Burnt(const SeriesId& id);
  /// Those that were obliterated when `commit`, or a later one, was the last.
  Result<std::vector<SeriesId>> BurntAfter(CommitId commit);
  /// The series with this collection and these tags, if there is one.
  Result<std::optional<SeriesId>> Twin(const SeriesInfo& info);

  /// Keep a series' facts, durably; `old` are those until now, null for a new one.
  Status Put(const SeriesPtr& series, const SeriesPtr& old);
  /// The same of new ones, all or none of them; no two have the same id or place.
  Status PutNew(const std::vector<SeriesPtr>& series);
  Status Burn(const SeriesPtr& series, CommitId last_commit);

  /// Visit the series of a collection by name, unit and id, until `visit` says false. In memory are
  /// those of one name and unit.
  using Visit = std::function<Result<bool>(const SeriesPtr&)>;
  Status VisitCollection(const Path& collection, const Visit& visit,
                         SeriesParts parts = SeriesParts::kAll);
  /// The collections with living series whose path, as text, begins with `prefix`.
  Result<std::vector<Path>> Collections(const std::string& prefix);

 private:
  struct Known {
    SeriesPtr series;  // null: there is none
    bool burnt = false;
  };
  using Order = std::list<std::pair<SeriesId, Known>>;  // the last used first

  Result<Known> Load(const SeriesId& id);
  static Result<Known> KnownOf(const catalog::Thing& thing);
  Status VisitBlanks(const Path& collection, const Visit& visit);
  /// What was known of series is not so any more.
  void Forget(const std::vector<SeriesId>& ids);

  catalog::Catalog* const catalog_;
  catalog::Facts* const facts_;
  std::mutex mutex_;
  Order order_;                                          // guarded by mutex_
  std::unordered_map<SeriesId, Order::iterator> known_;  // guarded by mutex_
  uint64_t changes_ = 0;                                 // guarded by mutex_
};

}  // namespace firth::table
