#include "firth/catalog/sql_catalog.h"

#include <algorithm>
#include <utility>

#include "firth/catalog/migrations.h"
#include "firth/catalog/sequences.h"
#include "firth/catalog/sql_values.h"
#include "firth/catalog/text_form.h"

namespace firth::catalog {

// --- Names and tables

Result<NamespaceInfo> SqlCatalog::GetNamespace(const Path& path, CommitId at) {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto created, FindNamespace(sql_.get(), path, at));
  if (created) return created->info;
  NamespaceInfo implied;
  implied.path = path;
  if (path.empty()) return implied;
  ARROW_ASSIGN_OR_RAISE(const bool full, HasBelow(sql_.get(), path, at));
  if (!full) return NoNamespace(path);
  return implied;
}

Result<std::vector<NamespaceInfo>> SqlCatalog::ListNamespaces(const Path& parent, CommitId at) {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(const std::vector<Path> paths, ChildNamespaces(sql_.get(), parent, at));
  std::vector<NamespaceInfo> namespaces(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto created, FindNamespace(sql_.get(), paths[i], at));
    if (created) namespaces[i] = created->info;
    namespaces[i].path = paths[i];
  }
  return namespaces;
}

bool SqlCatalog::MayRemember(CommitId at) const {
  return at == kNow && applying_.load() != std::this_thread::get_id();
}

bool SqlCatalog::MayUseCache(CommitId at) const {
  if (at != kNow) return false;
  return applying_.load() != std::this_thread::get_id() || touched_->empty();
}

Result<TablePtr> SqlCatalog::Load(std::optional<TableRow> row, CommitId at,
                                  const std::string& name) {
  if (!row) return NoTable(name);
  auto table = std::make_shared<TableInfo>();
  table->id = row->id;
  table->path = std::move(row->path);
  table->attributes = std::move(row->attributes);
  table->created_ns = row->created_ns;
  table->modified_ns = row->modified_ns;
  if (row->current) {
    ARROW_ASSIGN_OR_RAISE(const EditionPtr edition, LoadEdition(*row->current, at));
    table->current = *edition;
  }
  if (MayRemember(at)) {
    std::lock_guard lock(cache_mutex_);
    cache_.Put(table);
  }
  return table;
}

Result<TablePtr> SqlCatalog::GetTable(const Path& path, CommitId at) {
  if (MayUseCache(at)) {
    std::lock_guard lock(cache_mutex_);
    if (TablePtr table = cache_.FindTable(path)) return table;
  }
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(auto row, FindTable(sql_.get(), path, at));
  return Load(std::move(row), at, path.ToString());
}

Result<TablePtr> SqlCatalog::LoadTable(TableId id, CommitId at) {
  if (MayUseCache(at)) {
    std::lock_guard lock(cache_mutex_);
    if (TablePtr table = cache_.FindTable(id)) return table;
  }
  ARROW_ASSIGN_OR_RAISE(auto row, FindTable(sql_.get(), id, at));
  return Load(std::move(row), at, "#" + std::to_string(id.value));
}

Result<TablePtr> SqlCatalog::GetTable(TableId id, CommitId at) {
  if (MayUseCache(at)) {
    std::lock_guard lock(cache_mutex_);
    if (TablePtr table = cache_.FindTable(id)) return table;
  }
  Lock lock(sql_mutex_);
  return LoadTable(id, at);
}

Result<std::vector<TablePtr>> SqlCatalog::ListTables(const Path& prefix, CommitId at) {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(const std::vector<TableId> ids, TablesBelow(sql_.get(), prefix, at));
  std::vector<TablePtr> tables;
  tables.reserve(ids.size());
  for (const TableId id : ids) {
    ARROW_ASSIGN_OR_RAISE(TablePtr table, LoadTable(id, at));
    tables.push_back(std::move(table));
  }
  std::sort(tables.begin(), tables.end(),
            [](const TablePtr& a, const TablePtr& b) { return a->path < b->path; });
  return tables;
}

// --- Editions

Result<EditionPtr> SqlCatalog::Complete(EditionRow row, CommitId at) {
  ARROW_RETURN_NOT_OK(ReadSchemas(sql_.get(), at, &row.info));
  auto edition = std::make_shared<const EditionInfo>(std::move(row.info));
  if (MayRemember(at)) {
    std::lock_guard lock(cache_mutex_);
    cache_.Put(edition);
  }
  return edition;
}

Result<EditionPtr> SqlCatalog::LoadEdition(EditionId id, CommitId at) {
  if (MayUseCache(at)) {
    std::lock_guard lock(cache_mutex_);
    if (EditionPtr edition = cache_.FindEdition(id)) return edition;
  }
  ARROW_ASSIGN_OR_RAISE(auto row, FindEdition(sql_.get(), id, at));
  if (!row) return NoEdition(id);
  return Complete(*std::move(row), at);
}

Result<EditionInfo> SqlCatalog::GetEdition(EditionId id, CommitId at) {
  if (MayUseCache(at)) {
    std::lock_guard lock(cache_mutex_);
    if (const EditionPtr edition = cache_.FindEdition(id)) return *edition;
  }
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(const EditionPtr edition, LoadEdition(id, at));
  return *edition;
}

Result<std::vector<EditionInfo>> SqlCatalog::ListEditions(TableId table, CommitId at) {
  Lock lock(sql_mutex_);
  ARROW_RETURN_NOT_OK(LoadTable(table, at).status());
  ARROW_ASSIGN_OR_RAISE(std::vector<EditionRow> rows, EditionsOf(sql_.get(), table, at));
  std::vector<EditionInfo> editions;
  for (EditionRow& row : rows) {
    ARROW_ASSIGN_OR_RAISE(const EditionPtr edition, Complete(std::move(row), at));
    editions.push_back(*edition);
  }
  return editions;
}

// --- Partitions

Result<PartitionsPtr> SqlCatalog::LoadPartitions(EditionId edition, CommitId at) {
  ARROW_RETURN_NOT_OK(LoadEdition(edition, at).status());
  ARROW_ASSIGN_OR_RAISE(auto rows, PartitionsOf(sql_.get(), edition, at));
  auto partitions = std::make_shared<const PartitionList>(std::move(rows));
  if (MayRemember(at)) {
    std::lock_guard lock(cache_mutex_);
    cache_.Put(edition, partitions);
  }
  return partitions;
}

Result<std::vector<PartitionInfo>> SqlCatalog::ListPartitions(EditionId edition, CommitId at) {
  if (MayUseCache(at)) {
    std::lock_guard lock(cache_mutex_);
    if (const PartitionsPtr partitions = cache_.FindPartitions(edition)) return partitions->all();
  }
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(const PartitionsPtr partitions, LoadPartitions(edition, at));
  return partitions->all();
}

Result<PartitionInfo> SqlCatalog::FindPartition(EditionId edition,
                                                const std::vector<std::string>& values,
                                                CommitId at) {
  PartitionsPtr partitions;
  if (MayUseCache(at)) {
    std::lock_guard lock(cache_mutex_);
    partitions = cache_.FindPartitions(edition);
  }
  if (partitions == nullptr) {
    Lock lock(sql_mutex_);
    ARROW_ASSIGN_OR_RAISE(partitions, LoadPartitions(edition, at));
  }
  if (const PartitionInfo* partition = partitions->Find(values)) return *partition;
  ARROW_ASSIGN_OR_RAISE(const std::string text, EncodeValues(values));
  return NoPartition(text.substr(0, 64) + " of edition " + std::to_string(edition.value));
}

Result<PartitionInfo> SqlCatalog::Keep(std::optional<PartitionRow> row, CommitId at,
                                       const std::string& name) {
  if (!row) return NoPartition(name);
  if (MayRemember(at)) {
    std::lock_guard lock(cache_mutex_);
    cache_.Put(row->info);
  }
  return row->info;
}

Result<PartitionInfo> SqlCatalog::GetPartition(PartitionId id, CommitId at) {
  if (MayUseCache(at)) {
    std::lock_guard lock(cache_mutex_);
    if (const auto partition = cache_.FindPartition(id)) return *partition;
  }
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(auto row, catalog::FindPartition(sql_.get(), id, at));
  return Keep(std::move(row), at, std::to_string(id.value));
}

Result<PartitionInfo> SqlCatalog::PartitionOfLog(LogId log) {
  if (MayUseCache(kNow)) {
    std::lock_guard lock(cache_mutex_);
    if (const auto partition = cache_.FindPartitionOfLog(log)) return *partition;
  }
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(auto row, FindPartitionOfLog(sql_.get(), log));
  if (!row) {
    return Error(Code::kNotFound, Reason::kBucketNotFound,
                 "no partition has the log " + std::to_string(log.value));
  }
  return Keep(std::move(row), kNow, "");
}

// --- Commits

Status SqlCatalog::RunChange(Change* change, Touched* touched, int64_t* tables_added) {
  SqlChanges changes(sql_.get(), change->id, change->time_ns, touched);
  change->closed.clear();
  (void)sql_->TakeFailure();
  ARROW_RETURN_NOT_OK(change->run ? change->run(&changes) : Status::OK());
  // An error of storage fails the commit even if its callback went on after it.
  ARROW_RETURN_NOT_OK(sql_->TakeFailure());
  ARROW_RETURN_NOT_OK(sql_->Run("INSERT INTO commit_names (id, journal_file) VALUES (?1, ?2)",
                                change->id.value, static_cast<int64_t>(change->journal_file)));
  ARROW_RETURN_NOT_OK(sql_->Run("UPDATE meta SET value = max(value, ?1) WHERE name = 'last_commit'",
                                change->id.value));
  ARROW_RETURN_NOT_OK(
      sql_->Run("UPDATE meta SET value = max(value, ?1) WHERE name = 'last_commit_time_ns'",
                change->time_ns));
  change->closed = changes.TakeClosed();
  if (changes.tables_added() == 0) return Status::OK();
  ARROW_RETURN_NOT_OK(sql_->Run("UPDATE meta SET value = value + ?1 WHERE name = 'tables'",
                                changes.tables_added()));
  *tables_added += changes.tables_added();
  return Status::OK();
}

Status SqlCatalog::RunGroup(std::vector<Change>* group, Touched* touched, int64_t* tables_added) {
  for (Change& change : *group) {
    ARROW_RETURN_NOT_OK(sql_->Run("SAVEPOINT one_commit"));
    change.result = RunChange(&change, touched, tables_added);
    // Some errors end SQLite's whole transaction: nothing of the group is there then.
    if (!sql_->InTransaction()) return change.result;
    if (!change.result.ok()) ARROW_RETURN_NOT_OK(sql_->Run("ROLLBACK TO one_commit"));
    ARROW_RETURN_NOT_OK(sql_->Run("RELEASE one_commit"));
  }
  return Status::OK();
}

Status SqlCatalog::ApplyGroup(std::vector<Change>* group) {
  if (group->empty()) return Status::OK();
  Touched touched;
  int64_t tables_added = 0;
  Lock lock(sql_mutex_);
  FIRTH_CHECK(applying_.load() == std::thread::id());  // a change must not apply a group
  touched_ = &touched;
  applying_ = std::this_thread::get_id();
  const Status status = Transact([&] { return RunGroup(group, &touched, &tables_added); });
  applying_ = std::thread::id();
  touched_ = nullptr;
  if (!status.ok()) {
    for (Change& change : *group) change.result = status;
    return status;
  }
  tables_ += tables_added;
  std::lock_guard cache_lock(cache_mutex_);
  for (const TableId id : touched.tables) cache_.Forget(id);
  for (const EditionId id : touched.editions) cache_.Forget(id);
  for (const PartitionId id : touched.partitions) cache_.Forget(id);
  return Status::OK();
}

Result<bool> SqlCatalog::IsNamed(CommitId id) {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(Statement query,
                        sql_->Query("SELECT 1 FROM commit_names WHERE id = ?1", id.value));
  return query.Step();
}

Result<std::vector<CommitId>> SqlCatalog::NamedIn(uint64_t journal_file) {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(
      Statement query,
      sql_->Query("SELECT id FROM commit_names WHERE journal_file = ?1 ORDER BY id",
                  static_cast<int64_t>(journal_file)));
  std::vector<CommitId> ids;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
    if (!row) return ids;
    ids.push_back(CommitId(query.Int(0)));
  }
}

Result<int64_t> SqlCatalog::Meta(const char* name) {
  ARROW_ASSIGN_OR_RAISE(Statement query,
                        sql_->Query("SELECT value FROM meta WHERE name = ?1", name));
  ARROW_ASSIGN_OR_RAISE(const bool row, query.Step());
  if (!row) {
    return Error(Code::kDataLoss, Reason::kNone,
                 std::string("the catalog's table `meta` has no '") + name + "'");
  }
  return query.Int(0);
}

Result<CommitId> SqlCatalog::LastCommit() {
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(const int64_t id, Meta("last_commit"));
  return CommitId(id);
}

Result<int64_t> SqlCatalog::LastCommitTimeNs() {
  Lock lock(sql_mutex_);
  return Meta("last_commit_time_ns");
}

Result<CommitId> SqlCatalog::LastChangeAt(int64_t time_ns) {
  // Each row of a table or namespace begins with the commit whose time it was changed at.
  Lock lock(sql_mutex_);
  ARROW_ASSIGN_OR_RAISE(
      Statement found, sql_->Query("SELECT max(coalesce((SELECT max(from_commit) FROM tables WHERE "
                                   "modified_ns <= ?1), 0), coalesce((SELECT max(from_commit) FROM "
                                   "namespaces WHERE modified_ns <= ?1), 0))",
                                   time_ns));
  ARROW_ASSIGN_OR_RAISE(const bool row, found.Step());
  return CommitId(row ? found.Int(0) : 0);
}

Status SqlCatalog::ForgetNames(uint64_t journal_file) {
  return Transact([&] {
    return sql_->Run("DELETE FROM commit_names WHERE journal_file < ?1",
                     static_cast<int64_t>(journal_file));
  });
}

// --- Plain transactions

Status SqlCatalog::Transact(const std::function<Status()>& body) {
  Lock lock(sql_mutex_);
  return sql_->InTransaction() ? body() : sql_->Transact(body);
}

Result<int64_t> SqlCatalog::TakeIds(const std::string& sequence, int64_t count) {
  int64_t first = 0;
  ARROW_RETURN_NOT_OK(Transact([&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(first, TakeFromSequence(sql_.get(), sequence, count));
    return Status::OK();
  }));
  return first;
}

Status SqlCatalog::PutValue(const std::string& name, const std::string& value) {
  return ChangeValues({{.name = name, .value = value}});
}

Result<std::optional<std::string>> SqlCatalog::GetValue(const std::string& name) {
  Lock lock(sql_mutex_);
  return FindValue(sql_.get(), name);
}

Status SqlCatalog::RemoveValue(const std::string& name) {
  return ChangeValues({{.name = name, .value = std::nullopt}});
}

Status SqlCatalog::ChangeValues(const std::vector<ValueChange>& changes) {
  return Transact([&] { return MakeValueChanges(sql_.get(), changes); });
}

Result<std::vector<std::pair<std::string, std::string>>> SqlCatalog::ScanValues(
    const std::string& from, const std::string& to, int64_t limit) {
  Lock lock(sql_mutex_);
  return FindValues(sql_.get(), from, to, limit);
}

Result<std::vector<std::pair<std::string, std::string>>> SqlCatalog::ListValues(
    const std::string& prefix) {
  // The least text above all that begin with the prefix; none if the prefix is all 0xff.
  std::string end = prefix;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) ++end.back();
  Lock lock(sql_mutex_);
  Result<Statement> query =
      end.empty() ? sql_->Query(
                        "SELECT name, value FROM named_values WHERE name >= ?1"
                        " ORDER BY name",
                        prefix)
                  : sql_->Query(
                        "SELECT name, value FROM named_values WHERE name >= ?1 AND name < ?2"
                        " ORDER BY name",
                        prefix, end);
  ARROW_RETURN_NOT_OK(query.status());
  std::vector<std::pair<std::string, std::string>> values;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const bool row, query->Step());
    if (!row) return values;
    values.emplace_back(query->Text(0), query->Text(1));
  }
}

}  // namespace firth::catalog
