// Points of tables' numeric columns, fed from the logs into a time view of their own.
//
// A table is fed from the first time that one of its columns is asked for, or from the start where
// its edition declares a time view. Each commit that changes the points of a series is a revision
// of it. In the view one that brings very much to one series is several, which are shown as one.
// Where a table has a key its
// log must tell what each effect took away (image full), and rows must have times of their own:
// then a revision takes the old points away and brings the new ones.
//
// The view's files can be lost: they are made again from the logs, as long as these were not
// trimmed. What was absorbed is written in the catalog beside the commit of the view's base.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firth/table/column_passes.h"
#include "firth/table/column_points.h"
#include "firth/table/database.h"
#include "firth/table/in_work.h"
#include "firth/table/series_bases.h"
#include "firth/table/series_feed.h"
#include "firth/table/series_stats.h"
#include "firth/timeview/time_view.h"

namespace firth::table {

class DatabaseImpl;

/// A series of an edition, as the feed finds it.
struct FedSeries {
  TablePtr table;
  SeriesId id;
};

/// Thread-safe. Calls block.
class ColumnFeed {
 public:
  ColumnFeed(DatabaseImpl* database, SeriesFeed* told);
  ~ColumnFeed();

  Status Open(const DatabaseOptions& options);
  /// Begin to absorb, and to publish bases, in the background.
  void Start();
  /// Publish what is left, and end what runs in the background.
  void Stop();

  /// Are columns of this edition fed? Those of others are read from their log (column_series.h).
  static bool Takes(const EditionInfo& edition);

  /// Values that one step looks at, and that are in memory of a commit that has more; tests make it
  /// small.
  void set_step_values_max(uint64_t values) { step_values_max_ = values; }

  /// Absorb every commit that is durable now. Errors: kUnavailable when that takes too long, then
  /// it is to be asked again; kDataLoss when the view was lost and the log was trimmed;
  /// kOverBudget.
  Status CatchUp(const TablePtr& table);
  /// The keys of a table's series, after CatchUp.
  Result<std::vector<SeriesKey>> KeysOf(const TablePtr& table);
  Result<int64_t> LatestRevision(const FedSeries& series);
  Result<Snapshot> Pin(const FedSeries& series, int64_t revision);
  Result<std::unique_ptr<timeview::RangeCursor>> Changes(const FedSeries& series, int64_t from,
                                                         int64_t to, int resolution);

  /// Behind this commit the log of an edition may be trimmed, as far as its series are concerned:
  /// INT64_MAX where none are fed.
  CommitId BaseOf(const EditionInfo& edition) const;
  /// How the series of an edition stand; nothing where none are fed.
  Result<std::optional<SeriesStats>> StatsOf(const TableInfo& table) const;
  Status CutBase() { return bases_->Cut(); }
  std::unique_lock<std::mutex> HoldBase() { return bases_->Hold(); }

  /// A group of commits is durable. Does not block.
  void Committed();

 private:
  /// Columns of an edition that have absorbed the same commits.
  struct Run {
    std::vector<std::string> columns;
    CommitId watermark{0};
  };
  /// Revisions in the view that one commit made, of which only the last is shown.
  struct Joined {
    int64_t first = 0;
    int64_t last = 0;
  };
  using JoinedRevisions = std::vector<Joined>;  // ascending
  /// What is fed of an edition.
  struct Fed {
    EditionId edition;
    TableId table;
    int64_t generation = 0;  // one more each time that its series were begun anew
    std::vector<Run> runs;
    uint64_t points = 0;                         // that came
    std::set<PartitionId> partitions;            // those that rows came from
    std::map<SeriesId, JoinedRevisions> joined;  // by what a series is called in the view
    SeriesKeys keys;
    size_t keys_saved = 0;
    CommitId base{0};    // up to which the last base holds everything; 0: there is none
    CommitId saving{0};  // the same of the base that is being made
    std::string told;    // what last kept it from being fed in the background
    Status broken;       // nothing more can be fed, or what was lost cannot be made again
  };
  /// Where rows of a step are.
  struct Part {
    BucketRef where;
    Offset from;
    Offset to;
  };
  struct Step {
    CommitId end{0};  // what comes up to this commit is in it
    std::vector<Part> parts;
    bool whole = false;  // one commit of many rows
  };
  struct Shared {
    std::mutex mutex;
    bool stopped = true;  // guarded by mutex
    InWork in_work;
  };

  // column_feed_state.cc
  Status OpenView();
  Status LoadState(bool lost);
  /// Before a base is made, and after.
  Status SaveState();
  void StateSaved();
  Status SaveKeys(Fed* fed);

  /// The edition's state, made if it is absent. Under feed_mutex_.
  Fed* Register(const TableInfo& table);
  Fed* FindFed(EditionId edition) const;
  CommitId WatermarkOf(const Fed& fed) const;
  Result<bool> IsCurrent(const TablePtr& table, CommitId target);
  /// Obliterate all series and begin them anew. Under feed_mutex_.
  Status BeginAnew(Fed* fed);
  /// Forget what is no longer the current edition of a table, and register what declares a time
  /// view. Under feed_mutex_.
  Status FollowDefinitions();
  /// Absorb a bounded number of rows. Under feed_mutex_.
  Status TakeStep(Fed* fed, const TablePtr& table, CommitId target);
  Status PrepareRuns(Fed* fed, const TableInfo& table,
                     const std::vector<PartitionInfo>& partitions);
  Result<Step> PlanStep(const std::vector<PartitionInfo>& partitions, CommitId after,
                        CommitId target, uint64_t rows_max) const;
  Status Absorb(Fed* fed, const TablePtr& table, const std::vector<std::string>& columns,
                const Step& step);
  Status Apply(Fed* fed, const std::vector<std::string>& columns, GatheredPoints gathered,
               bool part_of_commit);
  /// Absorb one commit of any number of rows, which `open` scans.
  Status AbsorbWhole(Fed* fed, const std::vector<std::string>& columns, const ColumnPoints& points,
                     ColumnPasses::Open open);
  /// What was hidden of a commit is whole: show it as one revision.
  Status ShowWhole(Fed* fed);
  SeriesId InnerOf(const Fed& fed, const SeriesId& id) const;
  /// The latest revision that is shown, and what a series is called in the view.
  struct Shown {
    SeriesId inner;
    int64_t revision = 0;  // as it is shown
    JoinedRevisions joined;

    /// The view's revision that is shown as `revision`, which there is.
    Result<int64_t> InView(int64_t revision) const;
  };
  Result<Shown> ShownOf(const FedSeries& series);
  static int64_t AsShown(const JoinedRevisions& joined, int64_t revision);
  Result<bool> Trimmed(const std::vector<PartitionInfo>& partitions) const;
  /// Absorb a keyed table whose log was trimmed: its rows as they stand are the first revision.
  Status TakeRowsAsOf(Fed* fed, const TablePtr& table, const std::vector<PartitionInfo>& partitions,
                      const std::vector<std::string>& columns, CommitId at);
  /// The columns whose watermark is `from` have absorbed the commits up to `to`. Under both locks.
  static void MoveRuns(Fed* fed, CommitId from, CommitId to);
  /// Look for work in the background soon.
  void Wake();
  void Round();
  void PostRound(int64_t delay_ns);

  DatabaseImpl* const database_;
  SeriesFeed* const told_;
  timeview::TimeViewOptions view_options_;
  std::unique_ptr<timeview::TimeView> view_;
  std::unique_ptr<SeriesBases> bases_;
  Executor* executor_ = nullptr;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::atomic<bool> queued_{false};
  std::atomic<uint64_t> step_values_max_{uint64_t{1} << 21};
  std::atomic<size_t> count_{0};          // of editions_
  std::mutex feed_mutex_;                 // held by who absorbs; taken before mutex_
  int64_t sequence_ = 0;                  // guarded by feed_mutex_; of what was applied to the view
  std::string saved_state_;               // guarded by feed_mutex_; that of the last base
  std::string saving_state_;              // guarded by feed_mutex_; that of the one being made
  std::atomic<uint64_t> definitions_{0};  // DefinitionsVersion when they were looked at
  std::atomic<bool> looks_again_{false};
  int64_t definitions_at_ns_ = 0;  // guarded by feed_mutex_
  mutable std::mutex mutex_;
  std::map<EditionId, std::unique_ptr<Fed>> editions_;  // guarded by mutex_; changed under both
  // Guarded by mutex_: series of which a commit is partly applied, and what is shown until it is
  // whole; how often that ended.
  std::unordered_map<SeriesId, int64_t> hidden_;
  uint64_t shown_again_ = 0;
};

/// The id of a series that is a column of a table.
SeriesId ColumnSeriesId(EditionId edition, const std::string& column, const SeriesKey& key);
/// The columns of a table that are series; none of a table of series.
std::vector<std::string> SeriesColumns(const TableInfo& table);

}  // namespace firth::table
