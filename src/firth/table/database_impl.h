// How a Database is put together. Its methods are spread over files by what they do: names.cc,
// partitions.cc, writes.cc, append_rows.cc, reads.cc, scan.cc.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "firth/table/database.h"

namespace firth::table {

/// The catalog's part of a commit, as `log` carries it.
struct CatalogChange : log::CatalogPart {
  explicit CatalogChange(std::function<Status(catalog::Changes*)> r) : run(std::move(r)) {}
  std::function<Status(catalog::Changes*)> run;
};

class DatabaseImpl : public Database {
 public:
  explicit DatabaseImpl(DatabaseOptions options) : options_(std::move(options)) {}
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

  CommitId LastCommit() const override { return log_->LastCommit(); }
  access::Access* access() override { return access_.get(); }
  log::Metrics LogMetrics() const override { return log_->GetMetrics(); }
  const Clock& clock() const override { return *options_.clock; }
  Status Close() override;

  // For the files of this room.
  log::LogStore* log() { return log_.get(); }
  catalog::Catalog* catalog() { return catalog_.get(); }
  /// The log of a bucket of the table's current edition. Error kBucketNotFound.
  Result<LogId> LogOf(const TableInfo& table, BucketRef where);

 private:
  /// Commit and wait until it is durable.
  Result<log::CommitResult> CommitAndWait(log::CommitDraft draft);
  /// Commit changes of the catalog alone.
  Status ChangeCatalog(std::function<Status(catalog::Changes*)> run);
  Status DropOnce(const Path& path, bool cascade);
  /// All logs of a table, of every edition and partition.
  Result<std::vector<LogId>> LogsOf(const TableInfo& table);
  Status CheckRight(const Caller& caller, uint32_t rights, const TableInfo& table);
  Result<log::EntryDraft> DraftOf(const EditionInfo& edition, LogId log,
                                  std::shared_ptr<arrow::Buffer> batch);

  DatabaseOptions options_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<access::Access> access_;
  std::unique_ptr<log::LogStore> log_;
  /// Definitions change one at a time, so that a change is checked against what it will meet.
  std::mutex definition_mutex_;
  std::mutex writers_mutex_;
  int64_t next_writer_ = 0;      // guarded by writers_mutex_
  int64_t writers_end_ = 0;      // guarded by writers_mutex_
  std::atomic<bool> closed_{false};
};

/// The current edition; error kEditionNotFound.
Result<const EditionInfo*> CurrentEdition(const TableInfo& table);

/// Refuse a specification that no table may have, and complete what is left open: ids of fields, key
/// columns not nullable. Errors: kInvalidSchema, kColumnNotFound, kTooManyBuckets, kInvalidProperty.
Status CheckSpec(TableSpec* spec, int32_t* next_field_id);

/// The text of a partition value: text as it is, numbers in decimal, booleans `true` or `false`, dates
/// `yyyy-MM-dd`, times `HH-mm-ss_SSS`, timestamps `yyyy-MM-dd-HH-mm-ss_` and the fraction, bytes in
/// hex, floats with `_` for the point. Error kInvalidPartition for null and nested values.
Result<std::string> PartitionText(const arrow::Scalar& value);

/// Least and greatest record time of rows, ns: of the edition's time column. Without one, min > max.
struct TimeRange {
  int64_t min_ns = INT64_MAX;
  int64_t max_ns = INT64_MIN;
};
Result<TimeRange> RecordTimes(const EditionInfo& edition, const arrow::RecordBatch& rows);

}  // namespace firth::table
