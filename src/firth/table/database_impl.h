// How a Database is put together. Its methods are spread over files by what they do: names.cc,
// partitions.cc, writes.cc, write_rows.cc, operations.cc, reads.cc, scan.cc, keyed_writes.cc,
// keyed_reads.cc, keyed_recovery.cc, query.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "firth/common/strand.h"
#include "firth/common/together.h"
#include "firth/keyview/key_bases.h"
#include "firth/keyview/key_view.h"
#include "firth/table/base_rounds.h"
#include "firth/table/database.h"
#include "firth/table/deltas.h"
#include "firth/table/files.h"
#include "firth/table/in_work.h"
#include "firth/table/keyed_bucket.h"
#include "firth/table/keyed_write.h"
#include "firth/table/lake_store.h"
#include "firth/table/log_catalog.h"
#include "firth/table/lookup_queue.h"
#include "firth/table/retention.h"
#include "firth/table/row_codecs.h"
#include "firth/table/series_store.h"
#include "firth/table/steps.h"
#include "firth/table/transactions.h"
#include "firth/table/view_stats.h"

namespace firth::table {

class DatabaseImpl : public Database {
 public:
  explicit DatabaseImpl(DatabaseOptions options)
      : options_(std::move(options)), apply_strand_(options_.readers) {}
  ~DatabaseImpl() override;
  Status Open();

  Status CreateNamespace(const Caller& caller, const Path& path,
                         const Attributes& attributes) override;
  Status AlterNamespace(const Caller& caller, const Path& path,
                        const Attributes& attributes) override;
  Status DropNamespace(const Caller& caller, const Path& path, bool cascade) override;
  Result<NamespaceInfo> GetNamespace(const Caller& caller, const Path& path) override;
  Result<std::vector<NamespaceInfo>> ListNamespaces(const Caller& caller,
                                                    const Path& parent) override;
  Result<TablePtr> CreateTable(const Caller& caller, const Path& path,
                               const TableSpec& spec) override;
  Result<TablePtr> AlterTable(const Caller& caller, const Path& path,
                              const TableChange& change) override;
  Status RenameTable(const Caller& caller, const Path& from, const Path& to) override;
  Status DropTable(const Caller& caller, const Path& path) override;
  Result<TablePtr> GetTable(const Caller& caller, const Path& path) override;
  Result<TablePtr> GetTable(const Caller& caller, TableId id) override;
  Result<std::vector<TablePtr>> ListTables(const Caller& caller, const Path& prefix) override;
  Result<TableStats> GetStats(const Caller& caller, const TableInfo& table) override;

  Result<PartitionInfo> CreatePartition(const Caller& caller, const TableInfo& table,
                                        const std::vector<std::string>& values) override;
  Status DropPartition(const Caller& caller, const TableInfo& table,
                       const std::vector<std::string>& values) override;
  Result<std::vector<PartitionInfo>> ListPartitions(const Caller& caller,
                                                    const TableInfo& table) override;

  void AppendBatch(const Caller& caller, const TablePtr& table, BucketRef where,
                   std::shared_ptr<arrow::Buffer> batch, AppendDone done) override;
  Result<CommitId> AppendRows(const Caller& caller, const TablePtr& table,
                              const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
                              const AppendRowsOptions& options) override;
  void UpsertBatch(const Caller& caller, const TablePtr& table, BucketRef where,
                   table::UpsertBatch batch, AppendDone done) override;
  Result<CommitId> UpsertRows(
      const Caller& caller, const TablePtr& table,
      const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows) override;
  Result<CommitId> DeleteRows(
      const Caller& caller, const TablePtr& table,
      const std::vector<std::shared_ptr<arrow::RecordBatch>>& keys) override;
  void Lookup(const Caller& caller, const TablePtr& table, BucketRef where,
              std::vector<std::string> keys, LookupDone done) override;
  Result<LookupBucket> FindBucket(const TablePtr& table, BucketRef where) override;
  void FindRows(const Caller& caller, const LookupBucket& bucket,
                const std::vector<std::string_view>& keys, FoundRowsDone done) override;
  uint64_t DefinitionsVersion() const override { return definitions_.load(); }
  void PrefixLookup(const Caller& caller, const TablePtr& table, BucketRef where,
                    std::vector<std::string> prefixes, PrefixLookupDone done) override;
  Result<ViewStats> GetKeyStats(const Caller& caller, const TableInfo& table) override;
  Result<std::vector<KeyedRow>> ScanKeys(const Caller& caller,
                                         const KeyScanRequest& request) override;
  Result<std::unique_ptr<KeyScan>> OpenKeyScan(const Caller& caller,
                                               const KeyScanRequest& request) override;
  Result<WriteResult> Write(const Caller& caller, const std::vector<TableWrite>& writes,
                            const WriteOptions& options) override;
  Result<WriterId> NewWriter(const Caller& caller) override;

  Result<BucketRange> GetRange(const Caller& caller, const TableInfo& table,
                               BucketRef where) override;
  Result<Offset> OffsetAtTime(const Caller& caller, const TableInfo& table, BucketRef where,
                              int64_t time_ns) override;
  std::vector<FetchedBucket> Fetch(const Caller& caller, const std::vector<FetchBucket>& buckets,
                                   uint64_t bytes_max) override;
  uint64_t Follow(const std::vector<FetchBucket>& buckets, std::function<void()> wake) override;
  void Unfollow(uint64_t follower) override;
  uint64_t BytesReady(const std::vector<FetchBucket>& buckets) override;
  Result<std::unique_ptr<Scanner>> Scan(const Caller& caller, const ScanRequest& request) override;

  Result<std::unique_ptr<PreparedQuery>> PrepareQuery(const Caller& caller,
                                                      const QueryRequest& request) override;
  Result<std::unique_ptr<QueryResult>> Query(const Caller& caller, const std::string& sql,
                                             const QueryOptions& options) override;

  CommitId LastCommit() const override { return log_->LastCommit(); }
  access::Access* access() override { return access_.get(); }
  catalog::Catalog* catalog() override { return catalog_.get(); }
  store::FileSystem* files() override { return options_.files; }
  Random* random() override { return options_.random; }
  log::Metrics LogMetrics() const override { return log_->GetMetrics(); }
  const Clock& clock() const override { return *options_.clock; }
  SeriesStore* series() override { return series_.get(); }
  LakeStore* lake() override;
  Retention* retention() override;
  FileStore* file_store() override { return files_.get(); }
  Transactions* transactions() override { return &transactions_; }
  Result<CommitId> CommitAt(int64_t time_ns) override;
  Status Close() override;

  Result<std::vector<Delta>> ListDeltas(const Caller& caller, const TablePtr& table,
                                        const DeltaOptions& options) override;
  Result<DeltaTotals> CountDeltas(const Caller& caller, const TablePtr& table,
                                  CommitId as_of) override;
  Result<FileInfo> RewriteFile(const TakenFile& file, const std::shared_ptr<arrow::Schema>& written,
                               const std::shared_ptr<arrow::Schema>& schema) override;
  Result<CommitInfo> ApplySteps(const Caller& caller, const std::vector<Step>& steps,
                                const ApplyOptions& options) override;

  // For the files of this room.
  /// Commit, and call `done` on the readers, one call at a time, in the order of commits. If it
  /// fails, `failed` is called before the log looks at the next commit; it must not block.
  void CommitInOrder(log::CommitDraft draft,
                     std::function<void(const Result<log::CommitResult>&)> done,
                     std::function<void()> failed = nullptr);
  const DatabaseOptions& options() const { return options_; }
  /// Start something that calls back once, and wait for its answer.
  template <typename T>
  Result<T> Await(const std::function<void(std::function<void(const Result<T>&)>)>& start);
  /// Wait until `ready` says so, which is asked between the applications of commits, again and
  /// again. Blocks. Errors: what `ready` gives; kUnavailable with this text when it takes too long.
  Status AwaitReady(std::function<Result<bool>()> ready, const std::string& late);
  log::LogStore* log() { return log_.get(); }
  /// The commit C such that the views of this edition that can be lost are made again without any
  /// entry of the commits up to C: behind it a log may be trimmed. Bases only rise. INT64_MAX: no
  /// such view reads this edition's logs.
  CommitId BaseOf(const EditionInfo& edition) const;
  /// Make bases of the views as they stand, so that BaseOf rises. Blocks. Errors: kDiskFull, kIo.
  Status CutBases();
  Status CutKeyBase();
  ViewStats KeyViewStats(const std::vector<LogId>& logs);
  SeriesStoreImpl* series_store() { return series_.get(); }
  keyview::KeyBases* key_bases() { return key_bases_.get(); }
  LakeStoreImpl* lake_store() { return lake_.get(); }
  /// The log of a bucket of the table's current edition. Error kBucketNotFound.
  Result<LogId> LogOf(const TableInfo& table, BucketRef where);
  Status CheckRight(const Caller& caller, uint32_t rights, const TableInfo& table);
  /// Where a log's rows begin, for readers: what its lifetime has ended is gone, trimmed or not.
  Result<BucketRange> RangeFor(const EditionInfo& edition, LogId log);
  /// All logs of a table, of every edition and partition.
  Result<std::vector<LogId>> LogsOf(const TableInfo& table);
  /// The files that entries of these logs name.
  Result<std::vector<FileId>> FilesOf(const std::vector<LogId>& logs);
  /// The partition with these values, made if it is absent and may be.
  Result<PartitionInfo> PartitionFor(const Caller& caller, const TableInfo& table,
                                     const EditionInfo& edition,
                                     const std::vector<std::string>& values, bool create);

  /// Commit and wait until it is durable.
  Result<log::CommitResult> CommitAndWait(log::CommitDraft draft);
  Result<log::CommitResult> CommitKeyed(std::shared_ptr<KeyedWrite> write);
  /// Encode rows and keys for one keyed table as parts of a write, one a bucket. Later runs see the
  /// effects of earlier ones.
  Status AddUpserts(const Caller& caller, const KeyedTarget& target,
                    const std::vector<KeyedRows>& runs, const WriteOptions& options,
                    KeyedWrite* write);
  /// These columns of the rows of a keyed table as they stood at a commit: from the key view where
  /// nothing was written since, else from files and logs; without some that do not meet the filter.
  /// Error kVersionNotFound where those no longer reach back.
  Result<std::shared_ptr<arrow::RecordBatchReader>> OpenRowsAt(
      const TablePtr& table, const std::vector<std::string>& names, CommitId at,
      const schema::RowFilter& filter = {});

 private:
  friend class EditionChanges;

  /// Commit changes of the catalog alone.
  Status ChangeCatalog(std::function<Status(catalog::Changes*)> run);
  Status DropOnce(const Path& path, bool cascade);
  /// The current edition, if it has a key; else kNotKeyed.
  static Result<const EditionInfo*> KeyedEdition(const TableInfo& table);
  /// Rows of a keyed table without those whose lifetime is over.
  Result<FoundRows> WithoutEnded(const TableInfo& table, FoundRows found);
  // The way of a keyed write: take its buckets one by one, decide and submit, apply, finish.
  void WriteKeyed(std::shared_ptr<KeyedWrite> write);
  /// Begin the writes that wait, while the view is not too far behind. With keyed_mutex_ held.
  void BeginKeyed();
  void TakeBucket(std::shared_ptr<KeyedWrite> write, size_t next);
  void SubmitKeyed(const std::shared_ptr<KeyedWrite>& write);
  Result<DecidedBucket> Decide(const EditionInfo& edition, KeyedBucket* bucket,
                               const table::UpsertBatch& batch);
  void KeyedCommitted(const std::shared_ptr<KeyedWrite>& write,
                      const Result<log::CommitResult>& made);
  void FinishKeyed(const std::shared_ptr<KeyedWrite>& write, const Result<log::CommitResult>& made);
  Result<CommitId> WriteOne(const Caller& caller, TableWrite one, const WriteOptions& options);
  /// Encode rows of one table as entries of a commit.
  Status AddAppends(const Caller& caller, const TableWrite& one, const WriteOptions& options,
                    std::vector<log::EntryDraft>* entries);
  /// What a repeat of this operation is told, if it was done before.
  Result<std::optional<WriteResult>> FindOperation(const Operation& operation);
  /// Forget operations older than kOperationsKeptNs.
  Status ForgetOperations();
  /// The commit of a query, and its keyed tables as they stand then.
  struct QueryCut {
    CommitId commit{0};
    std::shared_ptr<keyview::KeySnapshot> keys;  // null: it has none
  };
  /// What a query of these tables sees that begins now.
  Result<QueryCut> CutNow(const std::vector<QueryTable>& tables);
  /// Take the key view's state as soon as it has absorbed the commit `needed`, all of it and
  /// nothing of a later one.
  void CutKeys(CommitId needed, std::function<void(const Result<QueryCut>&)> done);
  void WhenReady(std::function<Result<bool>()> ready, const std::string& late, int64_t until_ns,
                 std::function<void(const Result<bool>&)> done);
  /// The table that a name means, if it may be read.
  Result<QueryTable> FindTable(const Caller& caller, const QueryRequest& request,
                               const query::NamedTable& name);
  /// A table as it stood at a past commit.
  Result<TablePtr> PastTable(const TablePtr& table, CommitId at);
  /// These columns of the current rows of a keyed table; without some that do not meet the filter,
  /// and, told what time it is, without those whose lifetime is over.
  Result<std::shared_ptr<arrow::RecordBatchReader>> OpenCurrentRows(
      const TablePtr& table, const std::vector<std::string>& names,
      const std::shared_ptr<keyview::KeySnapshot>& keys, const schema::RowFilter& filter,
      std::optional<int64_t> now_ns = std::nullopt);
  /// The logs of an edition's partitions.
  Result<std::vector<LogId>> CurrentLogs(const EditionInfo& edition);
  /// A table's rows, as a query reads them.
  Result<query::ResolvedTable> ResolveTable(const QueryTable& asked, const QueryCut& cut);
  // Cutting files.
  Result<DeltaFile> FileDelta(const EditionInfo& edition, LogId log, const log::EntryFacts& facts,
                              const DeltaOptions& options, bool* ordered);
  Result<std::vector<DeltaFile>> RowDelta(const Caller& caller, const TablePtr& table,
                                          BucketRef where, LogId log, Offset begin, Offset end);
  Result<std::vector<Delta>> CurrentDelta(const TablePtr& table, CommitId as_of);
  /// The file that was cut under this name, or a new one of what `open` reads.
  Result<FileInfo> CutOnce(
      const std::string& name,
      const std::function<Result<std::shared_ptr<arrow::RecordBatchReader>>()>& open);
  Status OpenKeyView();
  /// Is there room on the disk for what the key view has yet to write? Error kDiskFull.
  Status CheckViewRoom() const;
  /// Remove what the key view holds of logs that these commits dropped. Called in the committer.
  void DropFromViews(const std::vector<log::CatalogCommit>& commits);
  Status CheckReplayable(LogId log) const;
  Status ReplayKeyView();
  Status ReplayEntry(const EditionInfo& edition, const log::StoredEntry& entry);
  /// Entries as readers of batches get them: those of files become the batches of their rows, from
  /// `from` on, until `bytes_max`.
  Result<std::vector<log::StoredEntry>> AsBatches(const EditionInfo& edition,
                                                  std::vector<log::StoredEntry> entries,
                                                  Offset from, uint64_t bytes_max);
  /// Entries of a collection with the facts of their series, under the newest schema.
  Result<std::vector<log::StoredEntry>> WithSeries(const EditionInfo& edition,
                                                   std::vector<log::StoredEntry> entries);
  Result<log::EntryDraft> DraftOf(const EditionInfo& edition, LogId log,
                                  std::shared_ptr<arrow::Buffer> batch);

  DatabaseOptions options_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<access::Access> access_;
  std::unique_ptr<log::LogStore> log_;
  std::unique_ptr<keyview::KeyBases> key_bases_;
  std::unique_ptr<keyview::KeyView> key_view_;
  std::unique_ptr<BaseRounds> key_base_rounds_;
  std::unique_ptr<LookupQueue> lookups_;
  /// Buckets that are written to by one thread in one go are decided by one reader in one go.
  Together deciders_{options_.readers};
  std::unique_ptr<KeyedBuckets> keyed_buckets_;
  std::unique_ptr<SeriesStoreImpl> series_;
  std::unique_ptr<LakeStoreImpl> lake_;
  std::unique_ptr<Retention> retention_;
  std::unique_ptr<FileStore> files_;
  Transactions transactions_{this};
  RowCodecsCache codecs_;
  query::QueryEngine query_engine_;
  /// Applies commits to the key view, in their order.
  Strand apply_strand_;
  /// Keyed writes: those that were begun are on their way to the view, which has fallen behind by
  /// as much; the others wait until it is near enough.
  std::mutex keyed_mutex_;
  uint64_t keyed_accepted_bytes_ = 0;                      // guarded by keyed_mutex_
  uint64_t keyed_begun_bytes_ = 0;                         // guarded by keyed_mutex_
  std::deque<std::shared_ptr<KeyedWrite>> keyed_waiting_;  // guarded by keyed_mutex_
  /// Rises when a group of commits has changed the catalog.
  std::atomic<uint64_t> definitions_{0};
  /// Tasks of ours that an executor still holds.
  InWork in_work_;
  /// Definitions change one at a time, so that a change is checked against what it will meet.
  std::mutex definition_mutex_;
  /// Names of files that are being cut: each is cut once.
  std::mutex cuts_mutex_;
  std::condition_variable cut_ready_;
  std::set<std::string> cutting_;  // guarded by cuts_mutex_
  std::mutex writers_mutex_;
  int64_t next_writer_ = 0;  // guarded by writers_mutex_
  int64_t writers_end_ = 0;  // guarded by writers_mutex_
  std::atomic<bool> closed_{false};
};

template <typename T>
Result<T> DatabaseImpl::Await(
    const std::function<void(std::function<void(const Result<T>&)>)>& start) {
  struct State {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Result<T>> result;
  };
  const auto state = std::make_shared<State>();
  start([state](const Result<T>& result) {
    std::lock_guard lock(state->mutex);
    state->result.emplace(result);
    state->ready.notify_all();
  });
  if (options_.wait != nullptr) {
    options_.wait([state] {
      std::lock_guard lock(state->mutex);
      return state->result.has_value();
    });
  }
  std::unique_lock lock(state->mutex);
  state->ready.wait(lock, [&] { return state->result.has_value(); });
  return *state->result;  // NOLINT(bugprone-unchecked-optional-access)
}

/// The current edition; error kEditionNotFound.
Result<const EditionInfo*> CurrentEdition(const TableInfo& table);

/// Error kEditionSealed, as far as the edition's description knows; the committer has the last
/// word.
Status CheckWritable(const EditionInfo& edition);

/// The catalog's part of a write: its operation and its values. Null when it has neither.
std::shared_ptr<CatalogChange> CatalogPartOf(const WriteOptions& options);

/// Refuse a specification that no table may have, and complete what is left open: ids of fields,
/// key columns not nullable. Errors: kInvalidSchema, kColumnNotFound, kTooManyBuckets,
/// kInvalidProperty.
Status CheckSpec(TableSpec* spec, int32_t* next_field_id);

/// The text of a partition value: text as it is, numbers in decimal, booleans `true` or `false`,
/// dates `yyyy-MM-dd`, times `HH-mm-ss_SSS`, timestamps `yyyy-MM-dd-HH-mm-ss_` and the fraction,
/// bytes in hex, floats with `_` for the point. Error kInvalidPartition for null and nested values.
Result<std::string> PartitionText(const arrow::Scalar& value);

/// Least and greatest record time of rows, ns: of the edition's time column. Without one, min >
/// max.
struct TimeRange {
  int64_t min_ns = INT64_MAX;
  int64_t max_ns = INT64_MIN;
};
Result<TimeRange> RecordTimes(const EditionInfo& edition, const arrow::RecordBatch& rows);

}  // namespace firth::table
