// The one interface of Firth: a Database has tables, and a table is a log with views. Doors, the
// command line and embedding programs use exactly this.
//
// Every call takes its caller and checks its rights. Calls that change something return when the
// change is durable, or call back when it is. Calls that may wait for the disk or for a commit say
// "blocks": they are not for a network thread.
#pragma once

#include <arrow/record_batch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firth/access/access.h"
#include "firth/catalog/catalog.h"
#include "firth/catalog/files.h"
#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/common/ids.h"
#include "firth/common/path.h"
#include "firth/common/random.h"
#include "firth/common/status.h"
#include "firth/keyview/key_state.h"
#include "firth/log/batch.h"
#include "firth/log/log_store.h"
#include "firth/query/query_engine.h"
#include "firth/schema/compact_key.h"
#include "firth/schema/row_filter.h"
#include "firth/store/file_system.h"
#include "firth/table/series.h"
#include "firth/table/view_stats.h"
#include "firth/table/write.h"

namespace firth::table {

using access::Caller;
using catalog::Attributes;
using catalog::EditionInfo;
using catalog::EditionSpec;
using catalog::FileInfo;
using catalog::NamespaceInfo;
using catalog::PartitionInfo;
using catalog::TableInfo;
using catalog::TablePtr;
using query::PreparedQuery;
using query::QueryOptions;
using query::QueryResult;

class FileStore;
class Transactions;
struct TakenFile;
struct Step;
struct ApplyOptions;
struct CommitInfo;
struct Delta;
struct DeltaOptions;
struct DeltaTotals;

inline constexpr int32_t kBucketsMax = 4096;
inline constexpr int64_t kPartitionsMax = 1000;

struct DatabaseOptions {
  store::FileSystem* files = nullptr;
  const Clock* clock = nullptr;
  Random* random = nullptr;
  Executor* writer = nullptr;   // the committer's; one thread
  Executor* readers = nullptr;  // blocking reads, wake-ups, background work
  std::string anonymous_role = "none";
  /// A folder of the operating system for the key view's working files, which can be lost; empty:
  /// in memory.
  std::string key_view_folder;
  /// The folder of the operating system that `files` are in; empty: there is none.
  std::string local_folder;
  /// Runs what is done in the background for readers' sake; default: `readers`.
  Executor* background = nullptr;
  /// Looks keys up, so that no lookup waits for what `readers` do; default: `readers`.
  Executor* lookups = nullptr;
  /// How often logs are looked at, to be cut into lake files; 0: only on demand.
  int64_t lake_interval_ns = 0;
  /// A log is cut when so much of it is not in files, or any of it was not for so long.
  uint64_t lake_behind_bytes_max = uint64_t{4} << 20;
  int64_t lake_behind_ns_max = int64_t{60} * 1'000'000'000;
  /// A table that grew by so much since the last look, and whose files nobody reads, is hot:
  /// cutting it would take its writers' time, and what is cut would soon be merged again. It waits
  /// until it is quieter, or all of its logs together are so much behind, or any of them for so
  /// long; 0: no table is hot.
  uint64_t lake_hot_bytes = uint64_t{16} << 20;
  uint64_t lake_hot_behind_bytes_max = uint64_t{1} << 30;
  int64_t lake_hot_behind_ns_max = int64_t{600} * 1'000'000'000;
  /// Rows that a cut holds in memory at most, and their bytes.
  int64_t lake_rows_max = 1 << 20;
  uint64_t lake_buffer_bytes_max = uint64_t{48} << 20;
  /// Lake files are not merged into larger ones.
  uint64_t lake_file_bytes_max = uint64_t{512} << 20;
  /// How long a lake file stays that the newest snapshot does without.
  int64_t lake_keep_ns = int64_t{3600} * 1'000'000'000;
  /// What queries may take that do not say.
  query::QueryLimits query;
  uint64_t journal_file_bytes_max = uint64_t{1} << 30;
  uint64_t journal_file_entries_max = uint64_t{1} << 17;
  /// Memory for what was written to the journal last, from which readers are served.
  uint64_t journal_recent_bytes = uint64_t{32} << 20;
  /// How often logs are trimmed and journal files rewritten (retention.h); 0: only on demand.
  int64_t retention_interval_ns = 0;
  uint64_t queue_bytes_max = uint64_t{256} << 20;
  uint64_t batch_bytes_max = uint64_t{100} << 20;
  /// Memory of the key view: rows, blocks of files, and what is not written yet.
  uint64_t key_memory_bytes = uint64_t{512} << 20;
  /// When the key view is so far behind what keyed tables accepted, further writes of theirs wait.
  uint64_t key_lag_bytes_max = uint64_t{64} << 20;
  /// Room that keyed writes leave on the disk, beside what the key view has yet to put there.
  uint64_t key_room_bytes = uint64_t{32} << 20;
  /// How a blocking call waits until `done()`: by default it sleeps on a condition; a simulation
  /// runs its executor instead.
  std::function<void(const std::function<bool()>& done)> wait;
  /// Called when nothing more can be made durable. The process is to end.
  std::function<void(const Status&)> on_fatal;
};

/// What a new table is to be. Fields without ids are given them.
struct TableSpec {
  std::shared_ptr<arrow::Schema> schema;
  EditionSpec edition;
  Attributes attributes;
};

/// Changes of a living table; what is absent stays. Columns are matched by field id: a field
/// without an id is a new column.
struct TableChange {
  std::shared_ptr<arrow::Schema> schema;
  std::optional<EditionSpec>
      edition;  // lifetimes, compression, views; not key, partitions, buckets
  std::optional<Attributes> attributes;  // replaces all
};

/// One bucket of a table.
struct BucketRef {
  PartitionId partition;
  int32_t bucket = 0;
};

struct AppendResult {
  Offset base_offset;
  Offset end_offset;
  CommitId commit;
  int64_t commit_time_ns = 0;
  bool duplicate = false;
};
using AppendDone = std::function<void(const Result<AppendResult>&)>;

/// Where a bucket's log begins and ends, for readers.
struct BucketRange {
  Offset start;
  Offset end;
};

/// One bucket of a fetch.
struct FetchBucket {
  TablePtr table;
  BucketRef where;
  Offset from;
  uint64_t bytes_max = uint64_t{1} << 20;
};

struct FetchedBucket {
  Status status;
  BucketRange range;
  std::vector<log::StoredEntry> entries;  // verified, as stored
};

/// Which rows a scan gives.
struct ScanRequest {
  TablePtr table;
  std::vector<std::string> columns;      // empty: all, in schema order
  std::optional<PartitionId> partition;  // default: every partition
  std::optional<int32_t> bucket;         // default: every bucket
  std::optional<Offset> from;            // default: the log's start; needs one bucket
  std::optional<Offset> to;              // default: the log's end now; needs one bucket
  CommitId as_of = catalog::kNow;        // rows of commits up to this
  bool hidden_columns = false;           // append __offset, __commit, __time, __change, __bucket
  /// Batches without a row that meets it are left out. May name hidden columns.
  schema::RowFilter filter;
};

/// A batch of a scan, with where its rows stand.
struct ScannedBatch {
  std::shared_ptr<arrow::RecordBatch> rows;  // under the newest schema
  BucketRef where;
  Offset base_offset;
  CommitId commit;
  int64_t commit_time_ns = 0;
  std::vector<log::Change> changes;  // empty: all +A
};

/// Rows of a table, batch by batch, as they stood at one commit, in bounded memory. One thread at a
/// time. Blocks.
class Scanner {
 public:
  virtual ~Scanner() = default;
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  /// The next batch, or nullopt at the end.
  virtual Result<std::optional<ScannedBatch>> Next() = 0;
  /// The commit that the scan reads as of.
  virtual CommitId as_of() const = 0;
};

/// One record of an upsert batch, in the layout of schema/row.h.
struct UpsertRecord {
  std::string_view key;  // the key columns' values, compact, without null bits
  std::string_view row;  // a compact row of the batch's schema; empty: delete the key
};

/// Records for one bucket of a keyed table. Later records see the effects of earlier ones.
struct UpsertBatch {
  SchemaId schema_id;
  WriterId writer_id = kNoWriter;
  int32_t sequence = -1;
  /// Columns (of the schema) that the rows set; the others keep what they hold. Empty: all.
  std::vector<int> target_columns;
  std::vector<UpsertRecord> records;
  std::shared_ptr<arrow::Buffer> owner;  // keeps what the records point into
};

/// A row of a key view: the schema it was written with, and its bytes as they are stored, which are
/// the schema id (16 bit, little-endian) and the compact row.
struct StoredRow {
  std::string value;
  CommitId commit;
  int64_t record_time_ns = 0;

  SchemaId schema_id() const { return SchemaId(LoadLe<int16_t>(value.data())); }
  std::string_view row() const { return std::string_view(value).substr(2); }
};
using LookupDone = std::function<void(Result<std::vector<std::optional<StoredRow>>>)>;
/// Rows found by key, one a key; null where there is none. They are shared, not copied.
using FoundRows = std::vector<keyview::KeyStatePtr>;
using FoundRowsDone = std::function<void(Result<FoundRows>)>;

/// A bucket of a keyed table as lookups need it, found once for many. Good while DefinitionsVersion
/// stays what it was before it was found.
struct LookupBucket {
  TablePtr table;
  LogId log;
  std::shared_ptr<const schema::CompactKeyCodec> keys;
};

using PrefixLookupDone = std::function<void(Result<std::vector<std::vector<StoredRow>>>)>;

/// Rows of a key view in key order, within one bucket.
struct KeyScanRequest {
  TablePtr table;
  BucketRef where;
  std::string from;  // canonical key (schema/key.h), inclusive; empty: the first
  std::string to;    // exclusive; empty: to the end
  bool backwards = false;
  int64_t limit = INT64_MAX;
};
struct KeyedRow {
  std::string key;  // canonical
  StoredRow row;
};

/// Rows of one bucket in key order, all as they stood at one commit, in bounded memory. One thread
/// at a time. Blocks. Keeps the view's files from shrinking meanwhile; must not outlive the
/// Database.
class KeyScan {
 public:
  virtual ~KeyScan() = default;
  /// The next row, or nullopt at the end.
  virtual Result<std::optional<KeyedRow>> Next() = 0;
  virtual CommitId as_of() const = 0;
  /// The end of the bucket's log then: who follows from here sees every later change, and none that
  /// the rows have.
  virtual Offset log_end() const = 0;
};

/// Sizes of a table as they stand.
struct TableStats {
  int64_t rows = 0;    // offsets in its logs
  uint64_t bytes = 0;  // bodies in its logs
  int64_t partitions = 0;
  int64_t buckets = 0;
  CommitId last_commit{0};
};

/// A table as a query reads it, for those who name tables in their own way.
struct QueryTable {
  TablePtr table;
  /// Rows of commits up to this, and to the query's own.
  CommitId as_of = catalog::kNow;
  /// Every row of the logs, also those of a keyed table that are not current, with `__offset`,
  /// `__commit`, `__time` and `__change` (log::Change) behind the table's columns.
  bool history = false;
};
struct QueryRequest {
  std::string sql;
  QueryOptions options;
  /// Which table a name means; empty: names are paths (Database::Query). Rights are checked for
  /// what it gives.
  std::function<Result<QueryTable>(const query::NamedTable& name)> find;
};

class LakeStore;
class Retention;

/// Thread-safe.
class Database {
 public:
  /// Open the store in `options.files`, recovering it. Blocks.
  static Result<std::unique_ptr<Database>> Open(DatabaseOptions options);
  virtual ~Database() = default;

  // --- Names. All block. Rights: create on the parent to create, admin to alter or drop, see to
  // read.
  virtual Status CreateNamespace(const Caller& caller, const Path& path,
                                 const Attributes& attributes) = 0;
  virtual Status AlterNamespace(const Caller& caller, const Path& path,
                                const Attributes& attributes) = 0;
  /// With `cascade`, everything below goes with it, in one commit; without, kNamespaceNotEmpty.
  virtual Status DropNamespace(const Caller& caller, const Path& path, bool cascade) = 0;
  virtual Result<NamespaceInfo> GetNamespace(const Caller& caller, const Path& path) = 0;
  virtual Result<std::vector<NamespaceInfo>> ListNamespaces(const Caller& caller,
                                                            const Path& parent) = 0;

  /// Create a table with its first edition and, if it is not partitioned, its one partition.
  virtual Result<TablePtr> CreateTable(const Caller& caller, const Path& path,
                                       const TableSpec& spec) = 0;
  virtual Result<TablePtr> AlterTable(const Caller& caller, const Path& path,
                                      const TableChange& change) = 0;
  virtual Status RenameTable(const Caller& caller, const Path& from, const Path& to) = 0;
  virtual Status DropTable(const Caller& caller, const Path& path) = 0;
  virtual Result<TablePtr> GetTable(const Caller& caller, const Path& path) = 0;
  virtual Result<TablePtr> GetTable(const Caller& caller, TableId id) = 0;
  /// Tables at or below `prefix` that the caller may see, by path.
  virtual Result<std::vector<TablePtr>> ListTables(const Caller& caller, const Path& prefix) = 0;
  virtual Result<TableStats> GetStats(const Caller& caller, const TableInfo& table) = 0;

  /// Partition values are text, one for each partition column. Errors: kPartitionExists,
  /// kInvalidPartition, kNotPartitioned, kTooManyPartitions. Right: write.
  virtual Result<PartitionInfo> CreatePartition(const Caller& caller, const TableInfo& table,
                                                const std::vector<std::string>& values) = 0;
  virtual Status DropPartition(const Caller& caller, const TableInfo& table,
                               const std::vector<std::string>& values) = 0;
  /// Partitions of the current edition; the unnamed one of a table that is not partitioned. Does
  /// not block once it was asked before.
  virtual Result<std::vector<PartitionInfo>> ListPartitions(const Caller& caller,
                                                            const TableInfo& table) = 0;

  // --- Writes. Right: write.
  /// Append one encoded batch (log/batch.h) as it is. Checks the batch, its schema and the writer's
  /// sequence: a batch that was sent before is answered as it was then. Does not block. Errors:
  /// kCorruptBatch, kSchemaNotFound, kKeyed, kBucketNotFound, kOutOfOrderSequence, kDiskFull,
  /// kOverBudget, kEditionSealed.
  virtual void AppendBatch(const Caller& caller, const TablePtr& table, BucketRef where,
                           std::shared_ptr<arrow::Buffer> batch, AppendDone done) = 0;
  /// Append rows, in one commit: matched to the table's columns by name, cast where nothing is
  /// lost, absent nullable columns null; spread over partitions (which are made when
  /// `create_partitions`) and buckets (by the bucket columns; else all to bucket `otherwise`).
  /// Blocks.
  struct AppendRowsOptions {
    bool create_partitions = true;
    int32_t bucket_otherwise = 0;
    /// Changes of small values, made in the same commit: where one compares and does not find what
    /// it expects, nothing is written (kConflict). Without rows they are made by themselves.
    std::vector<catalog::ValueChange> values;
  };
  virtual Result<CommitId> AppendRows(const Caller& caller, const TablePtr& table,
                                      const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
                                      const AppendRowsOptions& options) = 0;
  /// Apply one batch of upserts and deletes to a bucket of a keyed table by the edition's merge
  /// rule: its effects become log entries and key changes, all or none. When `done` is called the
  /// effects are durable and every read sees them. The result's end offset is the changelog's end
  /// after the batch; a batch without effects takes one offset. Does not block. Errors: kNotKeyed,
  /// kBucketNotFound, kSchemaNotFound, kCorruptBatch, kPartialUpdate, kDeletionDisabled,
  /// kOutOfOrderSequence, kConflict (an earlier batch failed: send it again), kDiskFull,
  /// kOverBudget.
  virtual void UpsertBatch(const Caller& caller, const TablePtr& table, BucketRef where,
                           table::UpsertBatch batch, AppendDone done) = 0;
  /// Upsert Arrow rows, in one commit: columns as in AppendRows; a table's columns that are absent
  /// from the rows keep what they hold. Blocks.
  virtual Result<CommitId> UpsertRows(
      const Caller& caller, const TablePtr& table,
      const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows) = 0;
  /// Delete the rows whose key equals that of a row here, in one commit. Blocks.
  virtual Result<CommitId> DeleteRows(
      const Caller& caller, const TablePtr& table,
      const std::vector<std::shared_ptr<arrow::RecordBatch>>& keys) = 0;
  /// Write to several tables, each by its kind, in one commit, with what rides with it; a table may
  /// be named more than once if it has no key. Blocks. Errors: those of the three above;
  /// kOperationMismatch, kConflict for values.
  virtual Result<WriteResult> Write(const Caller& caller, const std::vector<TableWrite>& writes,
                                    const WriteOptions& options) = 0;
  /// A writer id that was never given before. Blocks now and then.
  virtual Result<WriterId> NewWriter(const Caller& caller) = 0;

  // --- Reads. Right: read.
  virtual Result<BucketRange> GetRange(const Caller& caller, const TableInfo& table,
                                       BucketRef where) = 0;
  /// The offset of the first batch committed at or after `time_ns`, the end if there is none. Error
  /// kTimestampInFuture.
  virtual Result<Offset> OffsetAtTime(const Caller& caller, const TableInfo& table, BucketRef where,
                                      int64_t time_ns) = 0;
  /// Read stored bytes, whole batches, bucket by bucket in order until `bytes_max` in all; the
  /// first bucket that has rows gives at least one batch. Blocks.
  virtual std::vector<FetchedBucket> Fetch(const Caller& caller,
                                           const std::vector<FetchBucket>& buckets,
                                           uint64_t bytes_max) = 0;
  /// Call `wake` once when any of the buckets may have rows at or after its `from` (at once if one
  /// has). Returns an id for Unfollow; 0 when `wake` was called before the return. Does not block.
  virtual uint64_t Follow(const std::vector<FetchBucket>& buckets, std::function<void()> wake) = 0;
  virtual void Unfollow(uint64_t follower) = 0;
  /// Bytes that Fetch would find at or after each bucket's `from`, without reading them.
  virtual uint64_t BytesReady(const std::vector<FetchBucket>& buckets) = 0;
  /// Look keys up in one bucket of a keyed table: one answer a key, in order. Keys are compact
  /// (schema/row.h). Sees every acknowledged write. Does not block. Errors: kNotKeyed,
  /// kBucketNotFound, kCorruptBatch.
  virtual void Lookup(const Caller& caller, const TablePtr& table, BucketRef where,
                      std::vector<std::string> keys, LookupDone done) = 0;
  /// The same in two steps, for one who asks often. The first blocks; errors: kNotKeyed,
  /// kBucketNotFound. The second does not: what a thread asks for while it has a Later open is
  /// looked up in one batch, elsewhere. It needs the keys no longer than the call. Errors:
  /// kNotAllowed, kCorruptBatch.
  virtual Result<LookupBucket> FindBucket(const TablePtr& table, BucketRef where) = 0;
  virtual void FindRows(const Caller& caller, const LookupBucket& bucket,
                        const std::vector<std::string_view>& keys, FoundRowsDone done) = 0;
  /// A number that is another one after any change of a table, an edition or a partition.
  virtual uint64_t DefinitionsVersion() const = 0;
  /// All rows whose key begins with the values of each compact prefix (whole columns), in key
  /// order.
  virtual void PrefixLookup(const Caller& caller, const TablePtr& table, BucketRef where,
                            std::vector<std::string> prefixes, PrefixLookupDone done) = 0;
  /// How the key view of a keyed table stands. Blocks: it counts rows. Errors: kNotKeyed.
  virtual Result<ViewStats> GetKeyStats(const Caller& caller, const TableInfo& table) = 0;
  /// Rows in key order, at most `limit`. Continue after the last row's key. Blocks.
  virtual Result<std::vector<KeyedRow>> ScanKeys(const Caller& caller,
                                                 const KeyScanRequest& request) = 0;
  /// The same, read as it goes, all of one commit. Sees every write that was acknowledged before
  /// the call. Blocks. Error kUnavailable if the view is behind for long.
  virtual Result<std::unique_ptr<KeyScan>> OpenKeyScan(const Caller& caller,
                                                       const KeyScanRequest& request) = 0;
  /// Decoded rows. Of a keyed table they are the changes, as its log holds them. Blocks.
  virtual Result<std::unique_ptr<Scanner>> Scan(const Caller& caller,
                                                const ScanRequest& request) = 0;

  /// Series of points. Lives as long as the Database.
  virtual SeriesStore* series() = 0;
  /// Files cut from tables' logs (table/lake.h). Lives as long as the Database.
  /// Trimming logs and rewriting the journal (retention.h).
  virtual Retention* retention() = 0;
  virtual LakeStore* lake() = 0;

  /// Files of rows (table/files.h). Lives as long as the Database.
  virtual FileStore* file_store() = 0;
  /// Changes gathered for one commit (table/transactions.h). Lives as long as the Database.
  virtual Transactions* transactions() = 0;

  /// Apply steps (table/steps.h), all in one commit or not at all. Rights: create on the parent of
  /// what is made or gets a new name, write for all else. Blocks. Errors: as of the same changes
  /// one by one; kConflict; kKeyed for files into a keyed table.
  virtual Result<CommitInfo> ApplySteps(const Caller& caller, const std::vector<Step>& steps,
                                        const ApplyOptions& options) = 0;

  /// The table as files (table/deltas.h), in the order of commits. Rows that lie in no file are cut
  /// into Parquet, as are the current rows of a keyed table; what was cut is used again, and can be
  /// read for an hour after the last call that named it. Blocks. Right: read. Error kUnimplemented
  /// for a keyed table as of an earlier commit.
  virtual Result<std::vector<Delta>> ListDeltas(const Caller& caller, const TablePtr& table,
                                                const DeltaOptions& options) = 0;
  /// What ListDeltas would count of what was written, without cutting anything.
  virtual Result<DeltaTotals> CountDeltas(const Caller& caller, const TablePtr& table,
                                          CommitId as_of) = 0;
  /// A Parquet copy of a file that was taken, under `schema`, as ListDeltas makes them.
  virtual Result<FileInfo> RewriteFile(const TakenFile& file,
                                       const std::shared_ptr<arrow::Schema>& written,
                                       const std::shared_ptr<arrow::Schema>& schema) = 0;

  /// The last commit at or before `time_ns` that touched a table or a name: what stood then is what
  /// stood at that commit. 0: before the first.
  virtual Result<CommitId> CommitAt(int64_t time_ns) = 0;

  /// Understand one SELECT statement over tables: `t`, `d.t` and `"d/t"` name them. It sees every
  /// table as of one commit, which is the last one at the call or a later one: of a table without a
  /// key the rows of all commits up to it, of a keyed table those that are current then; with `t AT
  /// (VERSION => n)` as of commit n, with `'snapshot n'` as of a snapshot of the table's files,
  /// with `t AT (TIMESTAMP => …)` as of a time. What is given must not outlive the database.
  /// Blocks. Right: read, on each table. Errors: those of query::QueryEngine::Prepare,
  /// kTableNotFound, kInvalidName, kVersionNotFound.
  virtual Result<std::unique_ptr<PreparedQuery>> PrepareQuery(const Caller& caller,
                                                              const QueryRequest& request) = 0;
  /// The same, run.
  virtual Result<std::unique_ptr<QueryResult>> Query(const Caller& caller, const std::string& sql,
                                                     const QueryOptions& options) = 0;

  virtual CommitId LastCommit() const = 0;
  virtual access::Access* access() = 0;
  /// Where what is built on a Database keeps its own: small durable records, files below folders of
  /// its own name, and chance. They live as long as the Database.
  virtual catalog::Catalog* catalog() = 0;
  virtual store::FileSystem* files() = 0;
  virtual Random* random() = 0;
  virtual log::Metrics LogMetrics() const = 0;
  virtual const Clock& clock() const = 0;
  /// Refuse new writes, finish those that wait. Blocks. The destructor does it too.
  virtual Status Close() = 0;
};

}  // namespace firth::table
