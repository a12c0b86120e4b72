// The small transactional state: names, editions, schemas, partitions, principals, counters. One
// SQL schema; SQLite stands behind this interface, and another database can.
//
// Rows of namespaces, tables, editions, schemas and partitions hold for a span of commits, so that
// the catalog can be read as of any commit. They change only inside a commit: the log's committer
// calls Catalog::ApplyGroup. All else is a plain transaction.
#pragma once

#include <arrow/type.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/ids.h"
#include "firth/common/path.h"
#include "firth/common/status.h"
#include "firth/store/file_system.h"

namespace firth::catalog {

/// "As of now", where a commit is asked for.
inline constexpr CommitId kNow{INT64_MAX};

/// Opaque text that doors keep with a thing and get back verbatim; the key begins with the door's
/// name ("fluss.comment").
using Attributes = std::map<std::string, std::string>;

enum class MergeRule : int { kNone = 0, kLastWrite = 1, kFirst = 2, kGreatest = 3, kAggregate = 4 };
enum class LogImage : int { kFull = 0, kAfter = 1, kInput = 2 };
enum class LifetimeBy : int { kCommitTime = 0, kRecordTime = 1, kColumn = 2 };

/// When rows end. Nothing ends unless its owner asked.
struct Lifetime {
  std::optional<int64_t> duration_ns;
  std::optional<int64_t> bytes;  // logs only
  LifetimeBy by = LifetimeBy::kCommitTime;
  std::string column;

  bool operator==(const Lifetime&) const = default;
};

/// Views of an edition, as a set.
enum View : uint32_t { kKeyView = 1, kTimeView = 2, kLakeView = 4 };

/// What defines an edition besides its schema.
struct EditionSpec {
  std::vector<std::string> key;           // unique; empty: none
  std::vector<std::string> order;         // sorts, not unique
  std::string time_column;                // empty: rows have their commit's time
  std::vector<std::string> partition_by;  // empty: one partition without a name
  std::vector<std::string> bucket_by;  // columns that choose the bucket; empty: the writer chooses
  int32_t bucket_count = 1;
  MergeRule merge = MergeRule::kNone;
  std::vector<std::string> merge_columns;         // kGreatest: the column (none: record time)
  std::map<std::string, std::string> aggregates;  // kAggregate: function by column
  LogImage image = LogImage::kFull;
  bool ignore_deletes = false;
  bool refuse_deletes = false;
  Lifetime log_lifetime;
  Lifetime key_lifetime;
  Lifetime lake_lifetime;
  uint32_t views = 0;
  std::string compression = "zstd";  // of batches that we encode: zstd, lz4, none
  // Time view: the columns that name a series, and those whose values it keeps.
  std::vector<std::string> series_by;
  std::vector<std::string> values;

  bool operator==(const EditionSpec&) const = default;
};

struct NamespaceInfo {
  int64_t id = 0;
  Path path;
  Attributes attributes;
  int64_t created_ns = 0;
  int64_t modified_ns = 0;
};

/// A partition: one log a bucket, with ids first_log .. first_log + bucket_count - 1.
struct PartitionInfo {
  PartitionId id;
  EditionId edition;
  std::vector<std::string> values;  // text of each partition column; empty: the unnamed partition
  LogId first_log;
  int32_t bucket_count = 1;
  CommitId created{0};
  int64_t created_ns = 0;

  LogId LogOf(int32_t bucket) const { return LogId(first_log.value + bucket); }
};

struct SchemaInfo {
  SchemaId id;
  std::shared_ptr<arrow::Schema> schema;  // with field ids
  CommitId created{0};
};

struct EditionInfo {
  EditionId id;
  TableId table;
  int32_t number = 0;
  EditionSpec spec;
  std::vector<SchemaInfo> schemas;  // ascending by id, at least one
  int32_t next_field_id = 0;
  bool sealed = false;
  CommitId created{0};
  int64_t created_ns = 0;

  const SchemaInfo& newest() const { return schemas.back(); }
  /// The schema with this id, or null.
  const SchemaInfo* FindSchema(SchemaId id) const;
};

/// A table as it stood at one commit. Immutable once published.
struct TableInfo {
  TableId id;
  Path path;
  Attributes attributes;
  int64_t created_ns = 0;
  int64_t modified_ns = 0;
  std::optional<EditionInfo> current;  // the current edition
};
using TablePtr = std::shared_ptr<const TableInfo>;

/// One change of a small named value. Names are ordered by their bytes.
struct ValueChange {
  std::string name;
  std::optional<std::string> value;     // absent: remove
  bool compare = false;                 // only if the value held until now is `expected`
  std::optional<std::string> expected;  // absent: there is none
};

/// Changes inside one commit. All methods are called in the committer, in one catalog transaction;
/// a failed one fails its commit and undoes that commit's changes, no others. The catalog's own
/// reads, called in that thread meanwhile, see the group's changes so far.
class Changes {
 public:
  virtual ~Changes() = default;

  virtual Result<int64_t> CreateNamespace(const Path& path, const Attributes& attributes) = 0;
  /// Replace the attributes. A namespace that exists only because something is below it becomes a
  /// created one.
  virtual Status AlterNamespace(const Path& path, const Attributes& attributes) = 0;
  /// Drop an empty namespace.
  virtual Status DropNamespace(const Path& path) = 0;

  /// Make a table without editions. A path may be both a namespace and a table, and what is above
  /// it need not exist. Error kTableExists.
  virtual Result<TableId> CreateTable(const Path& path, const Attributes& attributes) = 0;
  virtual Status AlterTable(TableId table, const Attributes& attributes) = 0;
  virtual Status RenameTable(TableId table, const Path& to) = 0;
  /// Drop a table with its editions, schemas and partitions.
  virtual Status DropTable(TableId table) = 0;

  /// Add an edition; `number` below 0: one more than any before, at first 0. A number is given
  /// once: error kEditionExists, also when that edition was dropped. `schema` has field ids below
  /// `next_field_id`. It becomes the current one if `make_current`.
  virtual Result<EditionId> CreateEdition(TableId table, int32_t number, const EditionSpec& spec,
                                          const std::shared_ptr<arrow::Schema>& schema,
                                          int32_t next_field_id, bool make_current) = 0;
  virtual Status AlterEdition(EditionId edition, const EditionSpec& spec) = 0;
  virtual Status MakeCurrent(TableId table, std::optional<EditionId> edition) = 0;
  /// Its logs and partitions stay as they are: error kEditionSealed for a new partition.
  virtual Status SealEdition(EditionId edition) = 0;
  virtual Status DropEdition(EditionId edition) = 0;
  virtual Result<SchemaId> AddSchema(EditionId edition,
                                     const std::shared_ptr<arrow::Schema>& schema,
                                     int32_t next_field_id) = 0;

  /// Its logs are new ones, or begin with `first_log`, which was taken from the sequence "log"
  /// before, so that the entries of this very commit could name them. Errors: kPartitionExists,
  /// kEditionSealed.
  virtual Result<PartitionId> CreatePartition(EditionId edition,
                                              const std::vector<std::string>& values,
                                              int32_t bucket_count,
                                              std::optional<LogId> first_log = {}) = 0;
  virtual Status DropPartition(PartitionId partition) = 0;

  /// As Catalog::ChangeValues, made with the commit or not at all.
  virtual Status ChangeValues(const std::vector<ValueChange>& changes) = 0;

  /// The commit that these changes are part of.
  virtual CommitId commit() const = 0;
  virtual int64_t time_ns() const = 0;
};

/// Logs that take no entries any more: their edition was sealed, or they are gone.
struct ClosedLogs {
  LogId first;
  int32_t count = 0;
  bool dropped = false;
};

/// One commit of a group.
struct Change {
  CommitId id;
  int64_t time_ns = 0;
  uint64_t journal_file = 0;
  std::function<Status(Changes*)> run;
  Status result;
  std::vector<ClosedLogs> closed;  // by this change, if it succeeded; filled in at once
};

/// A stored principal.
struct PrincipalRow {
  PrincipalId id;
  std::string name;
  std::string kind = "user";  // or "service"
  std::string role = "none";  // admin, writer, reader, none
  Attributes attributes;
};
struct SecretRow {
  int64_t id = 0;
  PrincipalId principal;
  std::string digest;     // HMAC-SHA-256 of the secret
  std::string encrypted;  // the secret under the key file, where a protocol's check needs it
  std::string description;
  std::string prefix;  // for people: the first characters
  int64_t created_ns = 0;
};
struct GrantRow {
  PrincipalId principal;
  Path path;
  EditionId edition{0};  // 0: the path as a whole
  uint32_t rights = 0;
  std::string role;  // the name that was given, "" for bare rights
};

struct CatalogOptions {
  store::FileSystem* files = nullptr;
  const Clock* clock = nullptr;
  /// The database; beside it lie `path`-wal and `path`-mark.
  std::string path = "catalog.db";
  /// Called, once, when a change failed so that nobody knows what of it is on the disk: changes are
  /// refused from then on, and the process is to end, so that the next start settles it. It must
  /// not call the catalog. May be empty.
  std::function<void(const Status&)> on_fatal = {};
};

/// Thread-safe. Reads of the newest state are answered from memory where they were answered before.
class Catalog {
 public:
  /// Open or make the catalog, migrating an older one. Error kFormatTooNew for a newer one.
  static Result<std::unique_ptr<Catalog>> Open(const CatalogOptions& options);
  virtual ~Catalog() = default;

  // Reads. `at` sees the catalog as it stood just after that commit.
  virtual Result<NamespaceInfo> GetNamespace(const Path& path, CommitId at = kNow) = 0;
  /// Direct children of `parent` that are namespaces: created ones, and those that exist because
  /// something is below them.
  virtual Result<std::vector<NamespaceInfo>> ListNamespaces(const Path& parent,
                                                            CommitId at = kNow) = 0;
  virtual Result<TablePtr> GetTable(const Path& path, CommitId at = kNow) = 0;
  virtual Result<TablePtr> GetTable(TableId id, CommitId at = kNow) = 0;
  /// Tables at or below `prefix`, by path.
  virtual Result<std::vector<TablePtr>> ListTables(const Path& prefix, CommitId at = kNow) = 0;
  virtual Result<std::vector<EditionInfo>> ListEditions(TableId table, CommitId at = kNow) = 0;
  virtual Result<EditionInfo> GetEdition(EditionId edition, CommitId at = kNow) = 0;
  virtual Result<std::vector<PartitionInfo>> ListPartitions(EditionId edition,
                                                            CommitId at = kNow) = 0;
  virtual Result<PartitionInfo> GetPartition(PartitionId id, CommitId at = kNow) = 0;
  virtual Result<PartitionInfo> FindPartition(EditionId edition,
                                              const std::vector<std::string>& values,
                                              CommitId at = kNow) = 0;
  /// The partition and bucket of a log. Error kBucketNotFound.
  virtual Result<PartitionInfo> PartitionOfLog(LogId log) = 0;
  /// Counts of the newest state, from memory.
  virtual int64_t CountTables() = 0;

  /// The last commit at or before `time_ns` that changed a namespace or a table; 0 if there is
  /// none.
  virtual Result<CommitId> LastChangeAt(int64_t time_ns) = 0;

  // Commits.
  /// Run each change in a savepoint of one durable transaction and name the ids of those that
  /// succeed. On an error of the transaction itself none is applied: kDiskFull may be tried again;
  /// after kIo it is not known what is on disk, nothing more can be changed, and the process is to
  /// end.
  virtual Status ApplyGroup(std::vector<Change>* group) = 0;
  virtual Result<bool> IsNamed(CommitId id) = 0;
  /// The commits that were named with this journal file, ascending.
  virtual Result<std::vector<CommitId>> NamedIn(uint64_t journal_file) = 0;
  virtual Result<CommitId> LastCommit() = 0;
  virtual Result<int64_t> LastCommitTimeNs() = 0;
  /// Forget names whose journal file is gone (below `journal_file`).
  virtual Status ForgetNames(uint64_t journal_file) = 0;

  // Plain transactions.
  /// Take `count` numbers of a named sequence; returns the first. Durable on return; from 1 on.
  virtual Result<int64_t> TakeIds(const std::string& sequence, int64_t count) = 0;
  /// Small named values, for rooms that keep a little durable state ("view.base.7", "job/…").
  virtual Status PutValue(const std::string& name, const std::string& value) = 0;
  virtual Result<std::optional<std::string>> GetValue(const std::string& name) = 0;
  virtual Status RemoveValue(const std::string& name) = 0;
  virtual Result<std::vector<std::pair<std::string, std::string>>> ListValues(
      const std::string& prefix) = 0;
  /// Make all changes in one durable transaction, or none: kConflict when a comparison fails.
  /// Comparisons see what was held before the call.
  virtual Status ChangeValues(const std::vector<ValueChange>& changes) = 0;
  /// Values whose name is in [from, to), by name, at most `limit`.
  virtual Result<std::vector<std::pair<std::string, std::string>>> ScanValues(
      const std::string& from, const std::string& to, int64_t limit) = 0;

  virtual Result<PrincipalId> PutPrincipal(const PrincipalRow& row) = 0;  // by name
  virtual Status RemovePrincipal(PrincipalId id) = 0;  // with its secrets and grants
  virtual Result<std::vector<PrincipalRow>> ListPrincipals() = 0;
  virtual Result<int64_t> AddSecret(const SecretRow& row) = 0;
  virtual Status RemoveSecret(int64_t id) = 0;
  virtual Result<std::vector<SecretRow>> ListSecrets() = 0;
  /// Replace the grant of (principal, path, edition, role); no rights removes it.
  virtual Status PutGrant(const GrantRow& row) = 0;
  virtual Result<std::vector<GrantRow>> ListGrants() = 0;
};

}  // namespace firth::catalog
