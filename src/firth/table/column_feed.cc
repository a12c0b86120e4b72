#include "firth/table/column_feed.h"

#include <algorithm>
#include <optional>

#include "firth/common/bytes.h"
#include "firth/common/logging.h"
#include "firth/common/name_uuid.h"
#include "firth/table/database_impl.h"
#include "firth/timeview/snapshot_state.h"

namespace firth::table {
namespace {

constexpr uint64_t kStepRowsMin = 4096;
/// Commits that are looked at to find where a step ends.
constexpr int64_t kCommitsLooked = 16 * 1024;
/// A reader waits so long for what was written before it.
constexpr int64_t kWaitMaxNs = int64_t{60} * 1'000'000'000;
/// Rounds of the background begin at most so often.
constexpr int64_t kRoundNs = 5'000'000;
constexpr int64_t kDefinitionsNs = 1'000'000'000;
constexpr int kStepsPerRound = 8;
/// What an edit and a point count towards the next base.
constexpr uint64_t kEditBytes = 128;
constexpr uint64_t kPointBytes = 16;
/// The name space of what series are called that were begun anew.
constexpr std::string_view kAnewSpace{
    "\x5e\x1d\x93\x04\xaf\x2c\x47\x0b\x86\x3f\xd2\x19\x70\x68\xc5\x4e", 16};

bool Declares(const EditionInfo& edition) {
  return (edition.spec.views & catalog::kTimeView) != 0 || !edition.spec.series_by.empty();
}

/// The first commit after `after` that wrote to a log whose last one is `last`.
Result<CommitId> FirstAfter(const log::LogStore& log, LogId one, CommitId after, CommitId last) {
  for (int64_t looked = 64; after < last; looked = std::min(looked * 8, kCommitsLooked)) {
    const CommitId to(std::min(last.value, after.value + looked));
    ARROW_ASSIGN_OR_RAISE(const auto entries, log.List(one, after, to));
    if (!entries.empty()) return entries.front().commit;
    after = to;
  }
  return CommitId(INT64_MAX);
}

}  // namespace

ColumnFeed::ColumnFeed(DatabaseImpl* database, SeriesFeed* told)
    : database_(database), told_(told) {}

ColumnFeed::~ColumnFeed() = default;

bool ColumnFeed::Takes(const EditionInfo& edition) {
  return edition.spec.key.empty() ||
         (edition.spec.image == catalog::LogImage::kFull && !edition.spec.time_column.empty());
}

void ColumnFeed::Start() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopped = false;
  }
  bases_->Start();
  Wake();
}

void ColumnFeed::Stop() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
  }
  shared_->in_work.Wait();
  if (bases_ != nullptr) bases_->Stop();
}

void ColumnFeed::Committed() {
  // Called for every group of commits.
  if (count_.load() > 0 || definitions_.load() != database_->DefinitionsVersion()) Wake();
}

void ColumnFeed::Wake() {
  if (executor_ == nullptr || queued_.exchange(true)) return;
  PostRound(kRoundNs);
}

void ColumnFeed::PostRound(int64_t delay_ns) {
  // A timer that fires as we end holds `shared`, not us.
  executor_->PostAt(database_->clock().MonotonicNs() + delay_ns, [this, shared = shared_] {
    {
      std::lock_guard lock(shared->mutex);
      if (shared->stopped) return;
      shared->in_work.Begin();
    }
    Round();
    shared->in_work.End();
  });
}

void ColumnFeed::Round() {
  queued_ = false;  // what comes from now on wants another round
  bool more = false;
  for (int i = 0; i < kStepsPerRound; ++i) {
    std::lock_guard feeding(feed_mutex_);
    if (i == 0) {
      const Status followed = FollowDefinitions();
      if (!followed.ok()) {
        logging::Warning("table", "columns are not fed: {}", MessageOf(followed));
        return;
      }
    }
    more = false;
    const CommitId target = database_->LastCommit();
    std::vector<Fed*> behind;
    for (const auto& [edition, fed] : editions_) {
      if (fed->broken.ok() && !fed->runs.empty()) behind.push_back(fed.get());
    }
    for (Fed* fed : behind) {
      const auto table = database_->catalog()->GetTable(fed->table);
      if (!table.ok() || !(*table)->current.has_value() || (*table)->current->id != fed->edition) {
        continue;
      }
      const auto current = IsCurrent(*table, target);
      if (current.ok() && *current) continue;
      const Status taken = current.ok() ? TakeStep(fed, *table, target) : current.status();
      if (!taken.ok()) {
        // Who reads it is told each time, the journal of this process once.
        if (std::exchange(fed->told, MessageOf(taken)) != MessageOf(taken)) {
          logging::Warning("table", "the series of '{}' are behind: {}", (*table)->path.ToString(),
                           MessageOf(taken));
        }
        continue;
      }
      more = true;
    }
    if (!more) break;
  }
  if (more && !queued_.exchange(true)) PostRound(0);
}

Status ColumnFeed::FollowDefinitions() {
  const uint64_t definitions = database_->DefinitionsVersion();
  const int64_t now_ns = database_->clock().MonotonicNs();
  if (definitions == definitions_) return Status::OK();
  if (now_ns < definitions_at_ns_ + kDefinitionsNs) {
    // All tables are looked at: not after each change of many.
    if (!looks_again_.exchange(true)) {
      executor_->PostAt(definitions_at_ns_ + kDefinitionsNs, [this, shared = shared_] {
        std::lock_guard lock(shared->mutex);
        if (shared->stopped) return;
        looks_again_ = false;
        Wake();
      });
    }
    return Status::OK();
  }
  catalog::Catalog* const catalog = database_->catalog();
  std::vector<Fed*> all;
  for (const auto& [edition, fed] : editions_) all.push_back(fed.get());
  for (Fed* fed : all) {
    const auto table = catalog->GetTable(fed->table);
    if (!table.ok() && ReasonOf(table.status()) != Reason::kTableNotFound) return table.status();
    const bool current =
        table.ok() && (*table)->current.has_value() && (*table)->current->id == fed->edition;
    if (!current && !fed->runs.empty()) ARROW_RETURN_NOT_OK(BeginAnew(fed));
  }
  ARROW_ASSIGN_OR_RAISE(const auto tables, catalog->ListTables(Path{}));
  for (const TablePtr& table : tables) {
    if (!table->current.has_value() || !Takes(*table->current)) continue;
    if (Declares(*table->current) && !HoldsSeries(*table->current)) Register(*table);
  }
  definitions_ = definitions;
  definitions_at_ns_ = now_ns;
  return Status::OK();
}

ColumnFeed::Fed* ColumnFeed::FindFed(EditionId edition) const {
  const auto found = editions_.find(edition);
  return found == editions_.end() ? nullptr : found->second.get();
}

ColumnFeed::Fed* ColumnFeed::Register(const TableInfo& table) {
  std::lock_guard lock(mutex_);
  auto& fed = editions_[table.current->id];
  if (fed == nullptr) {
    fed = std::make_unique<Fed>();
    fed->edition = table.current->id;
    fed->table = table.id;
  }
  if (fed->runs.empty()) fed->runs.push_back({.columns = SeriesColumns(table)});
  count_ = editions_.size();
  return fed.get();
}

CommitId ColumnFeed::WatermarkOf(const Fed& fed) const {
  CommitId least(INT64_MAX);
  for (const Run& run : fed.runs) least = std::min(least, run.watermark);
  return fed.runs.empty() ? CommitId(0) : least;
}

Result<bool> ColumnFeed::IsCurrent(const TablePtr& table, CommitId target) {
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        database_->catalog()->ListPartitions(table->current->id));
  CommitId watermark;
  {
    std::lock_guard lock(mutex_);
    const Fed* fed = FindFed(table->current->id);
    if (fed == nullptr || fed->runs.empty() || !fed->broken.ok()) return false;
    std::set<std::string> columns;
    for (const Run& run : fed->runs) columns.insert(run.columns.begin(), run.columns.end());
    for (const std::string& column : SeriesColumns(*table)) {
      if (!columns.contains(column)) return false;
    }
    size_t found = 0;
    for (const PartitionInfo& partition : partitions) found += fed->partitions.count(partition.id);
    if (found != fed->partitions.size()) return false;
    watermark = WatermarkOf(*fed);
  }
  if (watermark >= target) return true;
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(partition.LogOf(b)));
      if (range.last_commit > watermark) return false;
    }
  }
  return true;
}

Status ColumnFeed::CatchUp(const TablePtr& table) {
  const CommitId target = database_->LastCommit();
  const int64_t until_ns = database_->clock().MonotonicNs() + kWaitMaxNs;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool current, IsCurrent(table, target));
    if (current) return Status::OK();
    if (database_->clock().MonotonicNs() > until_ns) {
      return Error(Code::kUnavailable, Reason::kNone,
                   "the time view of '" + table->path.ToString() +
                       "' is still being made from its log; try again");
    }
    std::lock_guard feeding(feed_mutex_);
    Fed* const fed = Register(*table);
    ARROW_RETURN_NOT_OK(fed->broken);
    ARROW_RETURN_NOT_OK(TakeStep(fed, table, target));
  }
}

Status ColumnFeed::BeginAnew(Fed* fed) {
  std::set<std::string> columns;
  for (const Run& run : fed->runs) columns.insert(run.columns.begin(), run.columns.end());
  for (const std::string& encoded : fed->keys.encoded()) {
    ARROW_ASSIGN_OR_RAISE(const SeriesKey key, SeriesKeys::Decode(encoded));
    for (const std::string& column : columns) {
      const SeriesId inner = InnerOf(*fed, ColumnSeriesId(fed->edition, column, key));
      ARROW_RETURN_NOT_OK(view_->Obliterate(inner, view_->watermark()));
    }
  }
  ARROW_RETURN_NOT_OK(view_->Apply({}, CommitId(sequence_ + 1)));
  ++sequence_;
  bases_->Obliterated();
  std::lock_guard lock(mutex_);
  ++fed->generation;
  fed->joined.clear();
  fed->points = 0;
  fed->runs.clear();
  fed->partitions.clear();
  fed->broken = Status::OK();
  return Status::OK();
}

SeriesId ColumnFeed::InnerOf(const Fed& fed, const SeriesId& id) const {
  if (fed.generation == 0) return id;
  std::string name(id.view());
  AppendBe<int64_t>(&name, fed.generation);
  return SeriesId::From(NameUuid(kAnewSpace, name));
}

Status ColumnFeed::PrepareRuns(Fed* fed, const TableInfo& table,
                               const std::vector<PartitionInfo>& partitions) {
  size_t found = 0;
  for (const PartitionInfo& partition : partitions) found += fed->partitions.count(partition.id);
  if (found != fed->partitions.size()) {
    // Rows of a partition that was dropped are gone, and their points with them.
    ARROW_RETURN_NOT_OK(BeginAnew(fed));
  }
  std::set<std::string> known;
  for (const Run& run : fed->runs) known.insert(run.columns.begin(), run.columns.end());
  Run added;
  for (const std::string& column : SeriesColumns(table)) {
    if (!known.contains(column)) added.columns.push_back(column);
  }
  if (added.columns.empty() && !fed->runs.empty()) return Status::OK();
  std::lock_guard lock(mutex_);
  fed->runs.push_back(std::move(added));
  return Status::OK();
}

Result<ColumnFeed::Step> ColumnFeed::PlanStep(const std::vector<PartitionInfo>& partitions,
                                              CommitId after, CommitId target,
                                              uint64_t rows_max) const {
  log::LogStore* const log = database_->log();
  std::vector<std::pair<BucketRef, LogId>> logs;
  CommitId first(INT64_MAX);  // that wrote to any of them
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const LogId one = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, log->Range(one));
      if (range.last_commit <= after) continue;
      logs.push_back({{.partition = partition.id, .bucket = b}, one});
      ARROW_ASSIGN_OR_RAISE(const CommitId next, FirstAfter(*log, one, after, range.last_commit));
      first = std::min(first, next);
    }
  }
  Step step{.end = target};
  if (first > target) return step;
  const CommitId looked(std::min(target.value, first.value + kCommitsLooked));
  std::map<CommitId, uint64_t> rows;
  for (const auto& [where, one] : logs) {
    ARROW_ASSIGN_OR_RAISE(const auto entries, log->List(one, CommitId(first.value - 1), looked));
    for (const log::EntryFacts& entry : entries) rows[entry.commit] += entry.rows;
  }
  step.end = looked;
  uint64_t sum = 0;
  for (const auto& [commit, count] : rows) {
    sum += count;
    if (sum <= rows_max) continue;
    step.whole = commit == first;
    step.end = step.whole ? commit : CommitId(commit.value - 1);
    break;
  }
  for (const auto& [where, one] : logs) {
    ARROW_ASSIGN_OR_RAISE(const Offset from, log->OffsetAfterCommit(one, after));
    ARROW_ASSIGN_OR_RAISE(const Offset to, log->OffsetAfterCommit(one, step.end));
    if (from < to) step.parts.push_back({.where = where, .from = from, .to = to});
  }
  return step;
}

Status ColumnFeed::TakeStep(Fed* fed, const TablePtr& table, CommitId target) {
  ARROW_ASSIGN_OR_RAISE(const auto partitions, database_->catalog()->ListPartitions(fed->edition));
  ARROW_RETURN_NOT_OK(PrepareRuns(fed, *table, partitions));
  // Those that are furthest behind, up to where the next ones are.
  const CommitId from = WatermarkOf(*fed);
  std::vector<std::string> columns;
  for (const Run& run : fed->runs) {
    if (run.watermark == from) {
      columns.insert(columns.end(), run.columns.begin(), run.columns.end());
    } else {
      target = std::min(target, run.watermark);
    }
  }
  if (target <= from) return Status::OK();
  if (from == CommitId(0) && !table->current->spec.key.empty()) {
    ARROW_ASSIGN_OR_RAISE(const bool trimmed, Trimmed(partitions));
    if (trimmed) return TakeRowsAsOf(fed, table, partitions, columns, target);
  }
  const uint64_t rows_max =
      std::min(std::max(kStepRowsMin, step_values_max_ / std::max<size_t>(columns.size(), 1)),
               step_values_max_.load());
  ARROW_ASSIGN_OR_RAISE(const Step step, PlanStep(partitions, from, target, rows_max));
  if (!columns.empty() && !step.parts.empty()) {
    const int64_t before = sequence_;
    const Status absorbed = Absorb(fed, table, columns, step);
    if (!absorbed.ok()) {
      std::lock_guard lock(mutex_);
      // What was applied of the step would be applied again.
      if (sequence_ != before) fed->broken = absorbed;
      return absorbed;
    }
  }
  std::lock_guard lock(mutex_);
  for (const Part& part : step.parts) fed->partitions.insert(part.where.partition);
  MoveRuns(fed, from, step.end);
  return Status::OK();
}

Result<bool> ColumnFeed::Trimmed(const std::vector<PartitionInfo>& partitions) const {
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(partition.LogOf(b)));
      if (range.start > Offset(0)) return true;
    }
  }
  return false;
}

Status ColumnFeed::TakeRowsAsOf(Fed* fed, const TablePtr& table,
                                const std::vector<PartitionInfo>& partitions,
                                const std::vector<std::string>& columns, CommitId at) {
  const ColumnPoints points(*table->current, columns);
  const int64_t before = sequence_;
  const auto open = [&](const std::vector<std::string>& names) -> Result<ColumnPasses::Rows> {
    ARROW_ASSIGN_OR_RAISE(const auto reader, database_->OpenRowsAt(table, names, at));
    return [reader, at]() -> Result<std::optional<ScannedBatch>> {
      std::shared_ptr<arrow::RecordBatch> rows;
      ARROW_RETURN_NOT_OK(reader->ReadNext(&rows));
      if (rows == nullptr) return std::nullopt;
      return ScannedBatch{.rows = std::move(rows), .commit = at};
    };
  };
  const Status taken = AbsorbWhole(fed, columns, points, open);
  std::lock_guard lock(mutex_);
  if (!taken.ok()) {
    if (sequence_ != before) fed->broken = taken;
    return taken;
  }
  for (const PartitionInfo& partition : partitions) fed->partitions.insert(partition.id);
  MoveRuns(fed, CommitId(0), at);
  return Status::OK();
}

void ColumnFeed::MoveRuns(Fed* fed, CommitId from, CommitId to) {
  Run moved{.watermark = to};
  for (const Run& run : fed->runs) {
    if (run.watermark != from) continue;
    moved.columns.insert(moved.columns.end(), run.columns.begin(), run.columns.end());
  }
  std::erase_if(fed->runs, [from](const Run& run) { return run.watermark == from; });
  for (Run& run : fed->runs) {
    if (run.watermark != to) continue;
    run.columns.insert(run.columns.end(), moved.columns.begin(), moved.columns.end());
    return;
  }
  fed->runs.push_back(std::move(moved));
}

Status ColumnFeed::Absorb(Fed* fed, const TablePtr& table, const std::vector<std::string>& columns,
                          const Step& step) {
  const ColumnPoints points(*table->current, columns);
  const auto open = [&](const std::vector<std::string>& names) -> Result<ColumnPasses::Rows> {
    return [this, table, names, parts = step.parts, next = size_t{0},
            scanner = std::shared_ptr<Scanner>()]() mutable -> Result<std::optional<ScannedBatch>> {
      while (true) {
        if (scanner != nullptr) {
          ARROW_ASSIGN_OR_RAISE(auto batch, scanner->Next());
          if (batch.has_value()) return batch;
          scanner = nullptr;
        }
        if (next == parts.size()) return std::nullopt;
        const Part& part = parts[next++];
        ARROW_ASSIGN_OR_RAISE(
            scanner, database_->Scan(access::Internal(), {.table = table,
                                                          .columns = names,
                                                          .partition = part.where.partition,
                                                          .bucket = part.where.bucket,
                                                          .from = part.from,
                                                          .to = part.to}));
      }
    };
  };
  if (step.whole) return AbsorbWhole(fed, columns, points, open);
  GatheredPoints gathered;
  ARROW_ASSIGN_OR_RAISE(const auto rows, open(points.scanned()));
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, rows());
    if (!batch.has_value()) break;
    ARROW_RETURN_NOT_OK(points.Add(*batch, &fed->keys, &gathered));
  }
  return Apply(fed, columns, std::move(gathered), false);
}

Status ColumnFeed::AbsorbWhole(Fed* fed, const std::vector<std::string>& columns,
                               const ColumnPoints& points, ColumnPasses::Open open) {
  ColumnPasses passes(&points, &fed->keys, step_values_max_, std::move(open));
  return passes.Run([&](PassedPoints passed) -> Status {
    ARROW_RETURN_NOT_OK(Apply(fed, columns, std::move(passed.points), passed.is_part));
    return passed.is_part ? Status::OK() : ShowWhole(fed);
  });
}

Status ColumnFeed::ShowWhole(Fed* fed) {
  // Only who absorbs, as this does, changes what is hidden.
  std::vector<std::pair<SeriesId, Joined>> whole;
  for (const auto& [inner, before] : hidden_) {
    ARROW_ASSIGN_OR_RAISE(const int64_t last, view_->LatestRevision(inner));
    if (last > before + 1) whole.push_back({inner, {.first = before + 1, .last = last}});
  }
  std::lock_guard lock(mutex_);
  if (hidden_.empty()) return Status::OK();
  for (const auto& [inner, joined] : whole) fed->joined[inner].push_back(joined);
  hidden_.clear();
  ++shown_again_;
  return Status::OK();
}

int64_t ColumnFeed::AsShown(const JoinedRevisions& joined, int64_t revision) {
  int64_t left_out = 0;
  for (const Joined& one : joined) {
    if (one.last > revision) break;
    left_out += one.last - one.first;
  }
  return revision - left_out;
}

Result<int64_t> ColumnFeed::Shown::InView(int64_t wanted) const {
  if (wanted > revision) {
    return Error(Code::kNotFound, Reason::kVersionNotFound,
                 "there is no version " + std::to_string(wanted) + "; the latest is " +
                     std::to_string(revision));
  }
  if (wanted == timeview::kLatestRevision) wanted = revision;
  for (const Joined& one : joined) {
    if (one.first > wanted) break;
    wanted += one.last - one.first;
  }
  return wanted;
}

namespace {

/// An edit of a series with its points, and what its subscribers are told.
struct OwnedEdit {
  timeview::Edit edit;
  SeriesId told;
  int64_t told_revision = 0;
  std::vector<int64_t> times;
  std::vector<double> values;
  std::optional<timeview::PointBatch> came;  // where that is not all points
};

}  // namespace

Status ColumnFeed::Apply(Fed* fed, const std::vector<std::string>& columns, GatheredPoints gathered,
                         bool part_of_commit) {
  std::vector<std::unique_ptr<OwnedEdit>> waiting;
  std::unordered_map<SeriesId, int64_t> latest;
  uint64_t bytes = 0;
  uint64_t points = 0;
  const auto flush = [&]() -> Status {
    if (waiting.empty()) return Status::OK();
    std::vector<timeview::Edit> edits;
    for (const auto& one : waiting) {
      one->edit.commit = CommitId(sequence_ + 1);
      one->edit.times = one->times;
      one->edit.values = one->values;
      edits.push_back(one->edit);
      bytes += kEditBytes + one->times.size() * kPointBytes;
      points += one->times.size();
    }
    ARROW_RETURN_NOT_OK(view_->Apply(edits, CommitId(sequence_ + 1)));
    ++sequence_;
    for (const auto& one : waiting) {
      timeview::Edit told = one->edit;
      told.series = one->told;
      told.revision = one->told_revision;
      told.replace = false;
      if (one->came.has_value()) {
        told.times = one->came->times;
        told.values = one->came->values;
      }
      if (!told.times.empty()) told_->Publish(told);
    }
    waiting.clear();
    return Status::OK();
  };
  for (auto& [commit, changed] : gathered.commits) {
    for (auto& [place, changes] : changed) {
      if (changes.times.empty()) continue;
      ARROW_ASSIGN_OR_RAISE(const SeriesKey key,
                            SeriesKeys::Decode(fed->keys.encoded()[place.key]));
      auto owned = std::make_unique<OwnedEdit>();
      owned->told = ColumnSeriesId(fed->edition, columns[place.column], key);
      owned->edit.series = InnerOf(*fed, owned->told);
      const SeriesId inner = owned->edit.series;
      if (changes.gone.empty()) {
        owned->times = std::move(changes.times);
        owned->values = std::move(changes.values);
      } else {
        // It is decided on all that came before.
        ARROW_RETURN_NOT_OK(flush());
        ARROW_ASSIGN_OR_RAISE(const Snapshot now, view_->Pin(inner, timeview::kLatestRevision));
        ARROW_ASSIGN_OR_RAISE(DecidedPoints decided, DecideChanges(now, changes));
        if (decided.times.empty()) continue;
        owned->edit.replace = true;
        owned->times = std::move(decided.times);
        owned->values = std::move(decided.values);
        owned->came = std::move(decided.came);
      }
      auto& revision = latest[inner];
      if (revision == 0) {
        ARROW_ASSIGN_OR_RAISE(revision, view_->LatestRevision(inner));
      }
      int64_t shown = revision;
      {
        std::lock_guard lock(mutex_);
        if (part_of_commit) hidden_.emplace(inner, revision);
        const auto hidden = hidden_.find(inner);
        if (hidden != hidden_.end()) shown = hidden->second;
        const auto joined = fed->joined.find(inner);
        if (joined != fed->joined.end()) shown = AsShown(joined->second, shown);
      }
      owned->told_revision = shown + 1;
      owned->edit.revision = ++revision;
      waiting.push_back(std::move(owned));
    }
  }
  ARROW_RETURN_NOT_OK(flush());
  bases_->Applied(bytes);
  std::lock_guard lock(mutex_);
  fed->points += points;
  return Status::OK();
}

Result<std::vector<SeriesKey>> ColumnFeed::KeysOf(const TablePtr& table) {
  std::vector<SeriesKey> keys;
  if (table->current->spec.series_by.empty()) return std::vector<SeriesKey>(1);
  ARROW_RETURN_NOT_OK(CatchUp(table));
  std::vector<std::string> all;
  {
    std::lock_guard lock(mutex_);
    const Fed* fed = FindFed(table->current->id);
    if (fed != nullptr) all = fed->keys.Copy();
  }
  keys.reserve(all.size());
  for (const std::string& encoded : all) {
    ARROW_ASSIGN_OR_RAISE(keys.emplace_back(), SeriesKeys::Decode(encoded));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

Result<ColumnFeed::Shown> ColumnFeed::ShownOf(const FedSeries& series) {
  ARROW_RETURN_NOT_OK(CatchUp(series.table));
  while (true) {
    Shown shown;
    uint64_t again = 0;
    {
      std::lock_guard lock(mutex_);
      const Fed* fed = FindFed(series.table->current->id);
      shown.inner = fed == nullptr ? series.id : InnerOf(*fed, series.id);
      shown.joined.clear();
      if (fed != nullptr && fed->joined.contains(shown.inner)) {
        shown.joined = fed->joined.at(shown.inner);
      }
      again = shown_again_;
    }
    ARROW_ASSIGN_OR_RAISE(shown.revision, view_->LatestRevision(shown.inner));
    std::lock_guard lock(mutex_);
    if (again != shown_again_) continue;
    const auto hidden = hidden_.find(shown.inner);
    if (hidden != hidden_.end()) shown.revision = std::min(shown.revision, hidden->second);
    shown.revision = AsShown(shown.joined, shown.revision);
    return shown;
  }
}

Result<int64_t> ColumnFeed::LatestRevision(const FedSeries& series) {
  ARROW_ASSIGN_OR_RAISE(const Shown shown, ShownOf(series));
  return shown.revision;
}

Result<Snapshot> ColumnFeed::Pin(const FedSeries& series, int64_t revision) {
  ARROW_ASSIGN_OR_RAISE(const Shown shown, ShownOf(series));
  ARROW_ASSIGN_OR_RAISE(const int64_t in_view, shown.InView(revision));
  ARROW_ASSIGN_OR_RAISE(Snapshot pinned, view_->Pin(shown.inner, in_view));
  const int64_t as_shown = AsShown(shown.joined, in_view);
  if (as_shown == in_view) return pinned;
  auto state = std::make_shared<timeview::internal::SnapshotState>(*pinned.state());
  state->revision = as_shown;
  return Snapshot(std::move(state));
}

Result<std::unique_ptr<timeview::RangeCursor>> ColumnFeed::Changes(const FedSeries& series,
                                                                   int64_t from, int64_t to,
                                                                   int resolution) {
  ARROW_ASSIGN_OR_RAISE(const Shown shown, ShownOf(series));
  ARROW_ASSIGN_OR_RAISE(to, shown.InView(to));
  if (from > timeview::kEmptyRevision) {
    ARROW_ASSIGN_OR_RAISE(from, shown.InView(from));
  }
  return view_->Changes(shown.inner, from, to, resolution);
}

CommitId ColumnFeed::BaseOf(const EditionInfo& edition) const {
  std::lock_guard lock(mutex_);
  const Fed* fed = FindFed(edition.id);
  if (fed == nullptr || fed->runs.empty()) return CommitId(Declares(edition) ? 0 : INT64_MAX);
  return fed->base;
}

}  // namespace firth::table
