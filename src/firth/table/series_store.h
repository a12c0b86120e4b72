// How the series of a Database are kept: their facts in memory and in the catalog, their points in
// the logs of their collections and in the time view.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/log/log_store.h"
#include "firth/table/column_series.h"
#include "firth/table/series.h"
#include "firth/table/series_bases.h"
#include "firth/table/series_facts.h"
#include "firth/table/series_feed.h"
#include "firth/table/series_rows.h"
#include "firth/table/series_writer.h"
#include "firth/timeview/time_view.h"

namespace firth::table {

class DatabaseImpl;
struct DatabaseOptions;

/// A table of series: a collection, also as they were made before their rows showed the facts of
/// series.
bool HoldsSeries(const catalog::EditionInfo& edition);

class SeriesStoreImpl : public SeriesStore {
 public:
  SeriesStoreImpl(DatabaseImpl* database, catalog::Catalog* catalog)
      : database_(database),
        facts_(catalog),
        column_feed_(database, &feed_),
        columns_(database, &column_feed_) {}

  /// Load the facts, open the time view, and replay what the logs hold beyond it.
  Status Open(const DatabaseOptions& options);
  /// Begin to publish bases in the background.
  void Start() {
    bases_->Start();
    column_feed_.Start();
  }
  /// Publish what is left, and end what runs in the background. Blocks. No write comes after it.
  void Stop();
  /// The commit up to which the time view holds everything durably: logs of collections are needed
  /// only behind it. It only rises. Thread-safe.
  CommitId BaseCommit() const { return view_->base_watermark(); }
  /// Publish a base now, so that BaseCommit rises. Blocks. Errors: kDiskFull, kIo.
  Status CutBase() {
    ARROW_RETURN_NOT_OK(bases_->Cut());
    return column_feed_.CutBase();
  }
  /// While these are held, the files that the last bases name stay as they are, and they the last.
  std::pair<std::unique_lock<std::mutex>, std::unique_lock<std::mutex>> HoldBases() {
    return {bases_->Hold(), column_feed_.HoldBase()};
  }
  /// As StatsOfSeries (series_stats.h).
  Result<std::optional<SeriesStats>> StatsOf(const access::Caller& caller, const TableInfo& table);
  /// The series that are columns of tables.
  ColumnFeed* column_feed() { return &column_feed_; }
  /// Absorb what is durable of the table that a series is a column of, if it is one, and do so from
  /// now on. Error kInvalidArgument for one that cannot be subscribed to.
  Status PrepareToTell(const access::Caller& caller, const SeriesId& id);

  Status Create(const access::Caller& caller, const SeriesInfo& series) override;
  Result<SeriesPtr> Get(const access::Caller& caller, const SeriesId& id) override;
  Result<std::vector<SeriesPtr>> Find(const access::Caller& caller,
                                      const SeriesQuery& query) override;
  Status Alter(const access::Caller& caller, const SeriesId& id,
               const SeriesChange& change) override;
  Status Obliterate(const access::Caller& caller, const SeriesId& id) override;
  using SeriesStore::Insert;
  Result<int64_t> Insert(const access::Caller& caller, const SeriesId& id,
                         std::span<const int64_t> times, std::span<const double> values,
                         MergePolicy policy, const PointMessage& message) override;
  Result<int64_t> Delete(const access::Caller& caller, const SeriesId& id, int64_t start,
                         int64_t end) override;
  Result<int64_t> LatestRevision(const access::Caller& caller, const SeriesId& id) override;
  Result<Snapshot> Pin(const access::Caller& caller, const SeriesId& id, int64_t revision) override;
  Result<std::unique_ptr<timeview::RangeCursor>> Changes(const access::Caller& caller,
                                                         const SeriesId& id, int64_t from,
                                                         int64_t to, int resolution) override;

  Result<CollectionRows> OpenRows(const access::Caller& caller, const Path& collection,
                                  const std::vector<std::string>& columns) override;

  /// The series that a collection has now, with their facts of now, as they stood at a commit that
  /// is visible; waits until that is applied. Blocks: the time it takes rises with what was written
  /// to the collection since. Errors: kVersionNotFound where logs of series were trimmed since,
  /// kInvalidArgument for a table of another shape.
  Result<CollectionCut> CutAt(const TablePtr& table, CommitId commit);
  /// Its points as rows of these columns of the edition's newest schema; without some that do not
  /// meet the filter.
  static Result<std::shared_ptr<arrow::RecordBatchReader>> RowsOfCut(
      const EditionInfo& edition, const std::vector<std::string>& columns, const CollectionCut& cut,
      const schema::RowFilter& filter = {});

  /// What is known of a series, whoever asks; null when it is gone.
  Result<SeriesPtr> Known(const SeriesId& id) { return facts_.Find(id); }

  // As series_listing.h has them.
  Result<std::vector<Path>> Collections(const access::Caller& caller, const std::string& prefix);
  Status Visit(const access::Caller& caller, const Path& collection,
               const SeriesFacts::Visit& visit, SeriesParts parts = SeriesParts::kAll);

  SeriesFeed* feed() { return &feed_; }

 private:
  /// The series, if `caller` has `rights` on its collection.
  Result<SeriesPtr> Check(const access::Caller& caller, uint32_t rights, const SeriesId& id);
  /// What `read` says of the points of a series that `caller` may read. Error kSeriesNotFound also
  /// where it vanishes meanwhile.
  template <typename Read>
  auto ReadPoints(const access::Caller& caller, const SeriesId& id, const Read& read)
      -> decltype(read());
  /// The log of a collection, which is made if it is absent.
  Result<LogId> LogOfCollection(const Path& collection);
  Status MakeCollection(const access::Caller& caller, const Path& collection);
  /// The revision that a write makes behind those in flight.
  Result<int64_t> NextRevision(const SeriesId& id,
                               const std::vector<SeriesWriter::WritePtr>& in_flight);
  /// Decide by a merge policy what of these points is inserted behind the writes in flight: is
  /// there any?
  Result<bool> DecideOn(const std::vector<SeriesWriter::WritePtr>& in_flight, const SeriesId& id,
                        std::span<const int64_t> times, std::span<const double> values,
                        MergePolicy policy, SeriesWriter::Write* write);
  /// Put a decided write on its way with its entry, let the next be decided, and wait until it is
  /// durable and applied.
  Status Commit(const std::shared_ptr<SeriesWriter>& writer,
                const std::shared_ptr<SeriesWriter::Write>& write, log::EntryDraft entry,
                std::unique_lock<std::mutex> deciding);
  /// What is durable is applied: in the order of commits.
  Status Apply(const SeriesWriter::Write& write);
  /// Open the view with its last base.
  Status OpenView();
  /// Begin a view anew, because of what is wrong with its files; the logs are to make it again.
  /// Error kDataLoss where the start of the log of any collection is gone.
  Status BeginAnew(const Status& wrong);
  Result<bool> Trimmed();
  /// `bytes`: what was applied counts so much towards the next base.
  Status Replay(uint64_t* bytes);
  Status ReplayEntry(const log::StoredEntry& entry);
  /// A series that somebody waits for.
  struct Creation {
    const access::Caller& caller;
    const SeriesInfo& series;
    bool done = false;  // guarded by change_mutex_, as is what came of it
    Status made;
  };
  /// Make series, many in one step. Under change_mutex_.
  void MakeAll(const std::vector<Creation*>& all);
  /// Nothing stands in its way; its collection is there then.
  Status MayCreate(const access::Caller& caller, const SeriesInfo& series);
  std::shared_ptr<SeriesWriter> WriterOf(const SeriesId& id);
  /// A series of a cut, and the revision that it has in it.
  struct CutSeries {
    SeriesPtr info;
    int64_t revision = 0;
  };
  Result<bool> IsLogOfSeries(LogId log);
  /// Is every write of a series up to this commit applied?
  Result<bool> HasApplied(CommitId commit);
  /// Does a log still have every entry of commits after this? Error kVersionNotFound.
  Status CheckReaches(LogId log, const Path& collection, CommitId commit);
  /// Lower each series' revision to the one before the first that a commit after `commit` made.
  Status FindFirstAfter(const TablePtr& table, CommitId commit,
                        std::map<SeriesId, CutSeries>* series);

  /// The column of a table with this id, if no series of its own has it; null: none has.
  Result<ColumnSeriesPtr> ColumnOf(const access::Caller& caller, const SeriesId& id);

  DatabaseImpl* const database_;
  SeriesFacts facts_;
  SeriesFeed feed_;
  ColumnFeed column_feed_;
  ColumnSeriesStore columns_;
  timeview::TimeViewOptions view_options_;
  std::unique_ptr<timeview::TimeView> view_;
  mutable std::mutex mutex_;
  std::unordered_map<SeriesId, std::weak_ptr<SeriesWriter>> writers_;  // guarded by mutex_
  std::vector<Creation*> creations_;                                   // guarded by mutex_
  Status broken_;            // guarded by mutex_; what is durable could not be applied
  std::mutex change_mutex_;  // one change of facts at a time; taken before mutex_
  std::mutex apply_mutex_;   // the time view has one writer
  std::unique_ptr<SeriesBases> bases_;
};

}  // namespace firth::table
