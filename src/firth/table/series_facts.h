// The facts of series, as the catalog keeps them.
//
// | value | what |
// |---|---|
// | `series/ID` | the facts as JSON; of an obliterated series, that its id is burnt |
// | `seriesplace/PLACE` | the id of the living series there: collection, name, unit and the other
// tags | | `seriesburnt/COMMIT/ID` | obliterated when that commit was the last |
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
#include "firth/table/series.h"

namespace firth::table {

/// Thread-safe; one thread at a time changes something. Calls may block on the catalog. Error
/// kDataLoss for values that are no facts.
class SeriesFacts {
 public:
  static constexpr size_t kKeptMax = 50'000;

  explicit SeriesFacts(catalog::Catalog* catalog) : catalog_(catalog) {}

  /// Add what an older version did not write. Errors: kDiskFull.
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
  /// What no two living series have in common: the collection and all tags, as bytes.
  static std::string PlaceOf(const SeriesInfo& info) { return PlaceOf(info, true); }
  Status Burn(const SeriesPtr& series, CommitId last_commit);

  /// Visit the series of a collection by name, unit and id, until `visit` says false. In memory are
  /// those of one name and unit.
  using Visit = std::function<Result<bool>(const SeriesPtr&)>;
  Status VisitCollection(const Path& collection, const Visit& visit);
  /// The collections with living series whose path, as text, begins with `prefix`.
  Result<std::vector<Path>> Collections(const std::string& prefix);

 private:
  struct Known {
    SeriesPtr series;  // null: there is none
    bool burnt = false;
  };
  using Order = std::list<std::pair<SeriesId, Known>>;  // the last used first

  /// Who goes through many does not `keep` them: they would push out those in use.
  Result<Known> Load(const SeriesId& id, bool keep = true);
  static std::string PlaceOf(const SeriesInfo& info, bool with_others);
  Result<Known> Parse(const SeriesId& id, const std::string& name, const std::string& text) const;
  /// Make changes, and forget what was known of series before and after.
  Status Change(const std::vector<SeriesId>& ids, const std::vector<catalog::ValueChange>& changes);

  catalog::Catalog* const catalog_;
  std::mutex mutex_;
  Order order_;                                          // guarded by mutex_
  std::unordered_map<SeriesId, Order::iterator> known_;  // guarded by mutex_
  uint64_t changes_ = 0;                                 // guarded by mutex_
};

}  // namespace firth::table
