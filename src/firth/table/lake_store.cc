// Cutting tables' logs into files, on demand and in the background.
#include "firth/table/lake_store.h"

#include <arrow/compute/api_scalar.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/cast.h>
#include <arrow/compute/exec.h>

#include <algorithm>
#include <utility>

#include "firth/common/logging.h"
#include "firth/lakeview/file_reader.h"
#include "firth/lakeview/merge.h"
#include "firth/lakeview/sorted_merge.h"
#include "firth/lakeview/stored_types.h"
#include "firth/table/database_impl.h"
#include "firth/table/series_rows.h"

namespace firth::table {
namespace {

constexpr int kMergesOfRound = 4;

using lakeview::Reading;

/// Scanned rows with the hidden columns that files have.
class FileRows : public arrow::RecordBatchReader {
 public:
  FileRows(std::shared_ptr<arrow::Schema> schema, std::unique_ptr<Scanner> scanner)
      : schema_(std::move(schema)), scanner_(std::move(scanner)) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    rows->reset();
    ARROW_ASSIGN_OR_RAISE(const auto scanned, scanner_->Next());
    if (!scanned.has_value()) return Status::OK();
    const int plain = schema_->num_fields() - lakeview::kHiddenColumns;
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (int i = 0; i < plain; ++i) columns.push_back(scanned->rows->column(i));
    // The scan's hidden columns stand behind the table's: the bucket first, which files leave out.
    for (int i = 0; i < lakeview::kHiddenColumns; ++i) {
      columns.push_back(scanned->rows->column(plain + 1 + i));
    }
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum change,
                          arrow::compute::Cast(columns.back(), arrow::int32()));
    columns.back() = change.make_array();
    *rows = arrow::RecordBatch::Make(schema_, scanned->rows->num_rows(), std::move(columns));
    return Status::OK();
  }

 private:
  const std::shared_ptr<arrow::Schema> schema_;
  const std::unique_ptr<Scanner> scanner_;
};

/// Rows of commits up to one: their column `commit`, which is left out where it is behind the
/// others.
class UpToCommit : public arrow::RecordBatchReader {
 public:
  UpToCommit(std::shared_ptr<arrow::RecordBatchReader> rows, std::shared_ptr<arrow::Schema> schema,
             int commit, CommitId as_of)
      : rows_(std::move(rows)), schema_(std::move(schema)), commit_(commit), as_of_(as_of) {}

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(rows));
    if (*rows == nullptr) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum keep,
                          arrow::compute::CallFunction("less_equal", {(*rows)->column(commit_),
                                                                      arrow::Datum(as_of_.value)}));
    auto plain = *rows;
    if (commit_ >= schema_->num_fields()) {
      ARROW_ASSIGN_OR_RAISE(plain, plain->RemoveColumn(commit_));
    }
    ARROW_ASSIGN_OR_RAISE(const arrow::Datum kept, arrow::compute::Filter(plain, keep));
    *rows = kept.record_batch();
    return Status::OK();
  }

 private:
  const std::shared_ptr<arrow::RecordBatchReader> rows_;
  const std::shared_ptr<arrow::Schema> schema_;
  const int commit_;
  const CommitId as_of_;
};

LakeSnapshot Shown(const lakeview::Snapshot& snapshot) {
  return {.id = snapshot.id,
          .commit = snapshot.commit,
          .time_ns = snapshot.time_ns,
          .rows = snapshot.rows()};
}

}  // namespace

Status LakeStoreImpl::Open(const DatabaseOptions& options) {
  local_folder_ = options.local_folder;
  background_ = options.background != nullptr ? options.background : options.readers;
  clock_ = options.clock;
  interval_ns_ = options.lake_interval_ns;
  behind_bytes_max_ = options.lake_behind_bytes_max;
  behind_ns_max_ = options.lake_behind_ns_max;
  hot_bytes_ = options.lake_hot_bytes;
  hot_behind_bytes_max_ = options.lake_hot_behind_bytes_max;
  hot_behind_ns_max_ = options.lake_hot_behind_ns_max;
  ARROW_ASSIGN_OR_RAISE(view_,
                        lakeview::LakeView::Open({.files = options.files,
                                                  .catalog = database_->catalog(),
                                                  .clock = options.clock,
                                                  .local_folder = options.local_folder,
                                                  .buffer_bytes_max = options.lake_buffer_bytes_max,
                                                  .buffer_rows_max = options.lake_rows_max,
                                                  .file_bytes_max = options.lake_file_bytes_max,
                                                  .keep_ns = options.lake_keep_ns}));
  return Status::OK();
}

void LakeStoreImpl::Start() {
  if (interval_ns_ > 0) Schedule();
}

void LakeStoreImpl::Schedule() {
  std::lock_guard lock(rounds_->mutex);
  if (rounds_->stopped) return;
  rounds_->timer =
      background_->PostAt(clock_->MonotonicNs() + interval_ns_, [this, rounds = rounds_] {
        {
          std::lock_guard inner(rounds->mutex);
          if (rounds->stopped) return;
          rounds->in_work.Begin();
        }
        CutInBackground();
        Schedule();
        rounds->in_work.End();
      });
}

void LakeStoreImpl::Stop() {
  {
    std::lock_guard lock(rounds_->mutex);
    rounds_->stopped = true;
    if (rounds_->timer != 0) background_->Cancel(rounds_->timer);
  }
  rounds_->in_work.Wait();
}

void LakeStoreImpl::CutInBackground() {
  const auto tables = database_->catalog()->ListTables(Path{});
  if (!tables.ok()) return;
  if (const Status grown = NoteGrown(); !grown.ok()) {
    logging::Warning("lakeview", "nothing is cut: {}", MessageOf(grown));
    return;
  }
  for (const TablePtr& table : *tables) {
    if (rounds_->IsStopped()) return;
    if (!table->current.has_value()) continue;
    // Files that a start found are checked here, so that no query has to wait for it.
    Status done = Pin(table).status();
    if (done.ok()) {
      const auto due = IsDue(table);
      done = due.status();
      if (done.ok() && *due == Due::kNow) done = CutEdition(table).status();
    }
    for (int i = 0; i < kMergesOfRound && done.ok(); ++i) {
      const auto merged = view_->MergeOnce(*table->current);
      if (!merged.ok()) done = merged.status();
      if (!merged.ok() || !*merged) break;
    }
    if (done.ok()) done = view_->PublishTables(*table->current, /*if_cheap=*/true);
    if (!done.ok() && CodeOf(done) != Code::kNotFound) {  // it may have been dropped meanwhile
      logging::Warning("lakeview", "table '{}' is not cut: {}", table->path.ToString(),
                       MessageOf(done));
    }
  }
}

Result<uint64_t> LakeStoreImpl::CheckFiles(EditionId edition) {
  const auto newest = view_->Newest(edition);
  if (newest == nullptr) return 0;
  for (const auto& file : newest->files) ARROW_RETURN_NOT_OK(file->Verify());
  return newest->files.size();
}

std::map<LogId, Offset> LakeStoreImpl::Absorbed(EditionId edition) {
  const auto newest = view_->Newest(edition);
  if (newest == nullptr) return {};
  return {newest->ends.begin(), newest->ends.end()};
}

Status LakeStoreImpl::NoteGrown() {
  const CommitId now = database_->LastCommit();
  ARROW_ASSIGN_OR_RAISE(const auto grown, database_->log()->LogsAfter(looked_at_));
  for (const LogId log : grown) {
    const auto partition = database_->catalog()->PartitionOfLog(log);
    if (partition.ok()) behind_.try_emplace(partition->edition);  // else it was dropped
  }
  looked_at_ = now;
  std::lock_guard lock(asked_mutex_);
  asked_before_ = std::exchange(asked_, {});
  return Status::OK();
}

Result<LakeStoreImpl::Due> LakeStoreImpl::IsDue(const TablePtr& table) {
  const EditionInfo& edition = *table->current;
  if (IsCollection(edition)) return Due::kNothing;  // it is read from the time view
  const auto found = behind_.find(edition.id);
  if (found == behind_.end()) return Due::kNothing;
  const auto newest = view_->Newest(edition.id);
  ARROW_ASSIGN_OR_RAISE(const auto tails, TailsOf(edition, newest.get(), database_->LastCommit()));
  if (tails.empty()) {
    behind_.erase(found);
    return Due::kNothing;
  }
  uint64_t most = 0;
  for (const LogTail& tail : tails) most = std::max(most, tail.bytes);
  const uint64_t bytes = BytesOf(tails);
  const uint64_t grown = bytes - std::min(bytes, found->second);
  const bool hot = hot_bytes_ > 0 && grown >= hot_bytes_ && !asked_before_.contains(edition.id);
  const int64_t since = newest == nullptr ? edition.created_ns : newest->time_ns;
  const int64_t ns_max = hot ? std::max(hot_behind_ns_max_, behind_ns_max_) : behind_ns_max_;
  const bool long_ago = clock_->NowNs() - since >= ns_max;
  const bool much =
      hot ? bytes >= std::max(hot_behind_bytes_max_, behind_bytes_max_) : most >= behind_bytes_max_;
  found->second = long_ago || much ? 0 : bytes;
  return long_ago || much ? Due::kNow : Due::kLater;
}

lakeview::LakeView::OpenLog LakeStoreImpl::LogOpener(const TablePtr& table) {
  const auto schema = lakeview::WithHidden(*table->current->newest().schema);
  return [this, table, schema](LogId log, Offset from,
                               Offset to) -> Result<std::shared_ptr<arrow::RecordBatchReader>> {
    ARROW_ASSIGN_OR_RAISE(const PartitionInfo partition, database_->catalog()->PartitionOfLog(log));
    ARROW_ASSIGN_OR_RAISE(
        auto scanner,
        database_->Scan(access::Internal(),
                        {.table = table,
                         .partition = partition.id,
                         .bucket = static_cast<int32_t>(log.value - partition.first_log.value),
                         .from = from,
                         .to = to,
                         .hidden_columns = true}));
    return std::make_shared<FileRows>(schema, std::move(scanner));
  };
}

Result<lakeview::SnapshotPtr> LakeStoreImpl::CutEdition(const TablePtr& table) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  const CommitId commit = database_->LastCommit();
  ARROW_ASSIGN_OR_RAISE(const auto partitions, database_->catalog()->ListPartitions(edition->id));
  std::vector<lakeview::LogEnd> logs;
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const LogId log = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, database_->log()->Range(log));
      ARROW_ASSIGN_OR_RAISE(const Offset end, database_->log()->OffsetAfterCommit(log, commit));
      logs.push_back({.log = log, .start = range.start, .end = end});
    }
  }
  return view_->Cut(*edition, commit, logs, LogOpener(table));
}

Result<LakeSnapshot> LakeStoreImpl::Cut(const Caller& caller, const TablePtr& table) {
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *table));
  ARROW_RETURN_NOT_OK(CutEdition(table).status());
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const bool merged, view_->MergeOnce(*table->current));
    if (!merged) break;
  }
  ARROW_RETURN_NOT_OK(view_->PublishTables(*table->current, /*if_cheap=*/false));
  const auto newest = view_->Newest(table->current->id);
  return newest == nullptr ? LakeSnapshot{} : Shown(*newest);
}

Result<std::vector<LakeSnapshot>> LakeStoreImpl::Snapshots(const Caller& caller,
                                                           const TablePtr& table) {
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  ARROW_ASSIGN_OR_RAISE(const auto records, view_->Snapshots(edition->id));
  std::vector<LakeSnapshot> snapshots;
  for (const auto& record : records) {
    snapshots.push_back(
        {.id = record.id, .commit = record.commit, .time_ns = record.time_ns, .rows = record.rows});
  }
  return snapshots;
}

Result<LakeEnds> LakeStoreImpl::Ends(const Caller& caller, const TablePtr& table) {
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  const auto newest = view_->Newest(edition->id);
  LakeEnds ends;
  if (newest == nullptr) return ends;
  ends.snapshot = Shown(*newest);
  ARROW_ASSIGN_OR_RAISE(const auto partitions, database_->catalog()->ListPartitions(edition->id));
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const auto end = newest->ends.find(partition.LogOf(b));
      if (end == newest->ends.end()) continue;
      ends.logs.push_back({.where = {.partition = partition.id, .bucket = b}, .end = end->second});
    }
  }
  return ends;
}

Result<LakeFiles> LakeStoreImpl::Files(const Caller& caller, const TablePtr& table) {
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kRead, *table));
  ARROW_ASSIGN_OR_RAISE(const auto snapshot, Pin(table));
  NoteAsked(table->current->id);
  if (snapshot == nullptr) return LakeFiles{};
  LakeFiles files{.snapshot = Shown(*snapshot), .bytes = snapshot->bytes(), .hold = snapshot};
  files.history_metadata = view_->PublishedMetadata(snapshot->edition, Reading::kHistory);
  files.current_metadata = view_->PublishedMetadata(snapshot->edition, Reading::kCurrent);
  for (const auto& file : snapshot->files) {
    files.paths.push_back(local_folder_.empty() ? file->path : LocalPath(file->path));
  }
  return files;
}

void LakeStoreImpl::NoteAsked(EditionId edition) {
  std::lock_guard lock(asked_mutex_);
  asked_.insert(edition);
}

Result<lakeview::SnapshotPtr> LakeStoreImpl::Pin(const TablePtr& table) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  return view_->NewestVerified(*edition, LogOpener(table));
}

Result<std::shared_ptr<arrow::RecordBatchReader>> LakeStoreImpl::OpenFile(
    const EditionInfo& edition, const lakeview::LakeFilePtr& file,
    const std::shared_ptr<arrow::Schema>& columns, CommitId as_of, std::optional<FilePart> part) {
  const catalog::SchemaInfo* written = edition.FindSchema(file->info.schema_id);
  if (written == nullptr) {
    return Error(Code::kDataLoss, Reason::kSchemaNotFound,
                 "the schema of the lake file " + file->path + " is missing");
  }
  const bool all = file->info.last_commit <= as_of;
  auto wanted = columns;
  int commit = columns->GetFieldIndex(lakeview::kCommitColumn);
  if (!all && commit < 0) {
    commit = columns->num_fields();
    ARROW_ASSIGN_OR_RAISE(
        wanted, columns->AddField(columns->num_fields(),
                                  arrow::field(lakeview::kCommitColumn, arrow::int64(), false)));
  }
  lakeview::ReadLakeFile read{
      .written = written->schema, .wanted = wanted, .batch_rows = 64 * 1024};
  if (part.has_value()) {
    read.groups = std::move(part->groups);
    read.keys = std::move(part->keys);
    read.sorted_by = std::move(part->sorted_by);
  }
  ARROW_ASSIGN_OR_RAISE(auto rows, lakeview::OpenLakeFile(view_->files(), file, read));
  if (all) return rows;
  return std::make_shared<UpToCommit>(std::move(rows), columns, commit, as_of);
}

Status LakeStoreImpl::Drop(const std::vector<EditionId>& editions) {
  for (const EditionId edition : editions) ARROW_RETURN_NOT_OK(view_->Drop(edition));
  return Status::OK();
}

std::string LakeStoreImpl::LocalPath(const std::string& path) const {
  return local_folder_.empty() ? "" : local_folder_ + '/' + path;
}

}  // namespace firth::table
