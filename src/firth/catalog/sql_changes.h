// Changes of the catalog inside one commit, as SQL.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firth/catalog/catalog.h"
#include "firth/catalog/rows.h"
#include "firth/catalog/sql.h"

namespace firth::catalog {

/// What a group touched, so that caches forget it.
struct Touched {
  std::vector<TableId> tables;
  std::vector<EditionId> editions;
  std::vector<PartitionId> partitions;

  bool empty() const { return tables.empty() && editions.empty() && partitions.empty(); }
};

/// Runs in an open transaction, inside the savepoint of its commit.
class SqlChanges : public Changes {
 public:
  SqlChanges(Connection* sql, CommitId commit, int64_t time_ns, Touched* touched)
      : sql_(sql), commit_(commit), time_ns_(time_ns), touched_(touched) {}

  Result<int64_t> CreateNamespace(const Path& path, const Attributes& attributes) override;
  Status AlterNamespace(const Path& path, const Attributes& attributes) override;
  Status DropNamespace(const Path& path) override;
  Result<TableId> CreateTable(const Path& path, const Attributes& attributes) override;
  Status AlterTable(TableId table, const Attributes& attributes) override;
  Status RenameTable(TableId table, const Path& to) override;
  Status DropTable(TableId table) override;
  Result<EditionId> CreateEdition(TableId table, int32_t number, const EditionSpec& spec,
                                  const std::shared_ptr<arrow::Schema>& schema,
                                  int32_t next_field_id, bool make_current) override;
  Status AlterEdition(EditionId edition, const EditionSpec& spec) override;
  Status MakeCurrent(TableId table, std::optional<EditionId> edition) override;
  Status SealEdition(EditionId edition) override;
  Status DropEdition(EditionId edition) override;
  Result<SchemaId> AddSchema(EditionId edition, const std::shared_ptr<arrow::Schema>& schema,
                             int32_t next_field_id) override;
  Result<PartitionId> CreatePartition(EditionId edition, const std::vector<std::string>& values,
                                      int32_t bucket_count,
                                      std::optional<LogId> first_log) override;
  Status DropPartition(PartitionId partition) override;
  Status ChangeValues(const std::vector<ValueChange>& changes) override;

  CommitId commit() const override { return commit_; }
  int64_t time_ns() const override { return time_ns_; }

  /// Logs that take nothing more after these changes.
  std::vector<ClosedLogs> TakeClosed() { return std::move(closed_); }
  /// Tables made less tables dropped.
  int64_t tables_added() const { return tables_added_; }

 private:
  Result<TableRow> NeedTable(TableId id);
  Result<EditionRow> NeedEdition(EditionId id);
  /// End the row and begin it again as it is now.
  Status Rewrite(const TableRow& table);
  Status Rewrite(const EditionRow& edition);
  /// Note that the table changed now.
  Status TouchTable(TableId id);
  void Close(const PartitionInfo& partition, bool dropped);
  Status EndEditionAndContents(const EditionRow& edition);

  Connection* const sql_;
  const CommitId commit_;
  const int64_t time_ns_;
  Touched* const touched_;
  int64_t tables_added_ = 0;
  std::vector<ClosedLogs> closed_;
};

// What reads and changes alike answer for a name that is not there.
Status NoNamespace(const Path& path);
Status NoTable(std::string_view name);
Status NoEdition(EditionId id);
Status NoPartition(std::string_view name);

}  // namespace firth::catalog
