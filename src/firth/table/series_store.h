// How the series of a Database are kept: their facts in memory and in the catalog, their points in
// the logs of their collections and in the time view.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/log/log_store.h"
#include "firth/table/column_series.h"
#include "firth/table/series.h"
#include "firth/table/series_feed.h"
#include "firth/table/series_rows.h"
#include "firth/timeview/time_view.h"

namespace firth::table {

class DatabaseImpl;

/// The facts of all series, with what is unique among them. Not thread-safe: the owner guards it.
class SeriesFacts {
 public:
  /// Read what the catalog keeps.
  Status Load(catalog::Catalog* catalog);
  SeriesPtr Find(const SeriesId& id) const;
  bool Burnt(const SeriesId& id) const { return burnt_.contains(id); }
  /// The series with this collection and these tags, if there is one.
  SeriesPtr Twin(const SeriesInfo& info) const;
  void Put(const SeriesPtr& series);
  void Burn(const SeriesId& id);
  std::vector<SeriesPtr> All() const;

  static std::string ValueName(const SeriesId& id);
  static std::string Encode(const SeriesInfo& info);

 private:
  using Place = std::pair<std::string, std::map<std::string, std::string>>;
  static Place PlaceOf(const SeriesInfo& info) { return {info.collection.ToString(), info.tags}; }

  std::unordered_map<SeriesId, SeriesPtr> living_;
  std::map<Place, SeriesId> places_;
  std::set<SeriesId> burnt_;
};

class SeriesStoreImpl : public SeriesStore {
 public:
  explicit SeriesStoreImpl(DatabaseImpl* database) : database_(database), columns_(database) {}

  /// Load the facts, open the time view, and replay what the logs hold beyond it.
  Status Open(store::FileSystem* files);

  Status Create(const access::Caller& caller, const SeriesInfo& series) override;
  Result<SeriesPtr> Get(const access::Caller& caller, const SeriesId& id) override;
  Result<std::vector<SeriesPtr>> Find(const access::Caller& caller,
                                      const SeriesQuery& query) override;
  Status Alter(const access::Caller& caller, const SeriesId& id,
               const SeriesChange& change) override;
  Status Obliterate(const access::Caller& caller, const SeriesId& id) override;
  Result<int64_t> Insert(const access::Caller& caller, const SeriesId& id,
                         std::span<const int64_t> times, std::span<const double> values,
                         MergePolicy policy) override;
  Result<int64_t> Delete(const access::Caller& caller, const SeriesId& id, int64_t start,
                         int64_t end) override;
  Result<int64_t> LatestRevision(const access::Caller& caller, const SeriesId& id) override;
  Result<Snapshot> Pin(const access::Caller& caller, const SeriesId& id, int64_t revision) override;
  Result<std::unique_ptr<timeview::RangeCursor>> Changes(const access::Caller& caller,
                                                         const SeriesId& id, int64_t from,
                                                         int64_t to, int resolution) override;

  /// As OpenCollectionRows.
  Result<CollectionRows> OpenRows(const access::Caller& caller, const Path& collection,
                                  const std::vector<std::string>& columns);

  /// What is known of a series, whoever asks; null when it is gone.
  SeriesPtr Known(const SeriesId& id) const;

  SeriesFeed* feed() { return &feed_; }

 private:
  /// The series, if `caller` has `rights` on its collection.
  Result<SeriesPtr> Check(const access::Caller& caller, uint32_t rights, const SeriesId& id);
  /// The log of a collection, which is made if it is absent.
  Result<LogId> LogOfCollection(const Path& collection);
  Status MakeCollection(const access::Caller& caller, const Path& collection);
  /// Commit one edit's entry and apply it; the caller holds the series.
  Status Write(log::EntryDraft entry, timeview::Edit edit);
  Status Replay();
  Status ReplayEntry(const log::StoredEntry& entry);
  /// Serialises the writes of one series: each is decided on what the last one left.
  std::shared_ptr<std::mutex> WriterOf(const SeriesId& id);

  /// The column of a table with this id, if no series of its own has it; null: none has.
  Result<ColumnSeriesPtr> ColumnOf(const access::Caller& caller, const SeriesId& id);

  DatabaseImpl* const database_;
  ColumnSeriesStore columns_;
  std::unique_ptr<timeview::TimeView> view_;
  SeriesFeed feed_;
  mutable std::mutex mutex_;
  SeriesFacts facts_;                                                // guarded by mutex_
  std::unordered_map<SeriesId, std::weak_ptr<std::mutex>> writers_;  // guarded by mutex_
  std::mutex change_mutex_;  // one change of facts at a time; taken before mutex_
  std::mutex apply_mutex_;   // the time view has one writer
};

}  // namespace firth::table
