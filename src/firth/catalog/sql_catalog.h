// The catalog over SQLite.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "firth/catalog/cache.h"
#include "firth/catalog/catalog.h"
#include "firth/catalog/database_file.h"
#include "firth/catalog/rows.h"
#include "firth/catalog/sql.h"
#include "firth/catalog/sql_changes.h"
#include "firth/catalog/sql_facts.h"

namespace firth::catalog {

/// One connection under one mutex; the newest state is remembered beside it under another, so that
/// reads of what is remembered do not wait for a commit's sync. Lock order: sql_mutex_,
/// cache_mutex_.
class SqlCatalog : public Catalog {
 public:
  static Result<std::unique_ptr<SqlCatalog>> Open(const CatalogOptions& options);
  ~SqlCatalog() override;

  Result<NamespaceInfo> GetNamespace(const Path& path, CommitId at) override;
  Result<std::vector<NamespaceInfo>> ListNamespaces(const Path& parent, CommitId at) override;
  Result<TablePtr> GetTable(const Path& path, CommitId at) override;
  Result<TablePtr> GetTable(TableId id, CommitId at) override;
  Result<std::vector<TablePtr>> ListTables(const Path& prefix, CommitId at) override;
  Result<std::vector<EditionInfo>> ListEditions(TableId table, CommitId at) override;
  Result<EditionInfo> GetEdition(EditionId edition, CommitId at) override;
  Result<std::vector<PartitionInfo>> ListPartitions(EditionId edition, CommitId at) override;
  Result<PartitionInfo> GetPartition(PartitionId id, CommitId at) override;
  Result<PartitionInfo> FindPartition(EditionId edition, const std::vector<std::string>& values,
                                      CommitId at) override;
  Result<PartitionInfo> PartitionOfLog(LogId log) override;
  int64_t CountTables() override { return tables_.load(); }

  Status ApplyGroup(std::vector<Change>* group) override;
  Result<bool> IsNamed(CommitId id) override;
  Result<std::vector<CommitId>> NamedIn(uint64_t journal_file) override;
  Result<CommitId> LastCommit() override;
  Result<int64_t> LastCommitTimeNs() override;
  Result<CommitId> LastChangeAt(int64_t time_ns) override;
  Status ForgetNames(uint64_t journal_file) override;

  Result<int64_t> TakeIds(const std::string& sequence, int64_t count) override;
  Status PutValue(const std::string& name, const std::string& value) override;
  Result<std::optional<std::string>> GetValue(const std::string& name) override;
  Status RemoveValue(const std::string& name) override;
  Result<std::vector<std::pair<std::string, std::string>>> ListValues(
      const std::string& prefix) override;
  Status ChangeValues(const std::vector<ValueChange>& changes) override;
  Result<std::vector<std::pair<std::string, std::string>>> ScanValues(const std::string& from,
                                                                      const std::string& to,
                                                                      int64_t limit) override;

  Facts* facts() { return &facts_; }

  Result<PrincipalId> PutPrincipal(const PrincipalRow& row) override;
  Status RemovePrincipal(PrincipalId id) override;
  Result<std::vector<PrincipalRow>> ListPrincipals() override;
  Result<int64_t> AddSecret(const SecretRow& row) override;
  Status RemoveSecret(int64_t id) override;
  Result<std::vector<SecretRow>> ListSecrets() override;
  Status PutGrant(const GrantRow& row) override;
  Result<std::vector<GrantRow>> ListGrants() override;

 private:
  explicit SqlCatalog(DatabaseFile database);

  using Lock = std::unique_lock<std::recursive_mutex>;
  /// The newest state that is committed, and so may be remembered? Not by the thread that is
  /// applying a group: it sees the group's changes so far.
  bool MayRemember(CommitId at) const;
  /// May it be answered from memory? By that thread too, while its group changed nothing that is.
  bool MayUseCache(CommitId at) const;

  // With sql_mutex_ held.
  Result<TablePtr> Load(std::optional<TableRow> row, CommitId at, const std::string& name);
  Result<EditionPtr> LoadEdition(EditionId id, CommitId at);
  Result<EditionPtr> Complete(EditionRow row, CommitId at);
  Result<PartitionsPtr> LoadPartitions(EditionId edition, CommitId at);
  Result<TablePtr> LoadTable(TableId id, CommitId at);
  Result<PartitionInfo> Keep(std::optional<PartitionRow> row, CommitId at, const std::string& name);
  Result<int64_t> Meta(const char* name);
  Status RunChange(Change* change, Touched* touched, int64_t* tables_added);
  Status RunGroup(std::vector<Change>* group, Touched* touched, int64_t* tables_added);
  /// Run `body` in a transaction of its own, durable on return. Inside a group it joins the
  /// group's.
  Status Transact(const std::function<Status()>& body);

  std::recursive_mutex sql_mutex_;  // recursive: a change may read, and take ids, while it runs
  const std::unique_ptr<FileLayer> layer_;  // outlives the connection
  const std::unique_ptr<Connection> sql_;   // guarded by sql_mutex_
  SqlFacts facts_{sql_.get(), &sql_mutex_};
  std::atomic<std::thread::id> applying_{};  // the thread inside ApplyGroup
  const Touched* touched_ = nullptr;         // of that thread's group, and only read by it
  std::mutex cache_mutex_;
  Cache cache_;  // guarded by cache_mutex_
  std::atomic<int64_t> tables_{0};
};

}  // namespace firth::catalog
