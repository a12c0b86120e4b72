// Namespaces and tables: making, changing, finding, dropping.
#include <map>
#include <set>

#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

// A drop that lost against a creation below it looks again; more than this many times is a fight.
constexpr int kDropAttemptsMax = 8;

/// The columns of a living table that its definition names follow their ids: a rename is carried
/// over, and a column that goes takes its aggregate with it. What still names a column that is gone
/// is found by CheckSpec.
void FollowColumns(const arrow::Schema& from, const arrow::Schema& to, EditionSpec* spec) {
  std::map<std::string, std::string> names;  // "" when the column is gone
  for (const auto& field : from.fields()) {
    std::string& now = names[field->name()];
    for (const auto& after : to.fields()) {
      if (schema::FieldId(*after) == schema::FieldId(*field)) now = after->name();
    }
  }
  const auto follow = [&](std::string* column) {
    const auto found = names.find(*column);
    if (found != names.end() && !found->second.empty()) *column = found->second;
  };
  for (auto* columns : {&spec->key, &spec->order, &spec->partition_by, &spec->bucket_by,
                        &spec->merge_columns, &spec->series_by, &spec->values}) {
    for (std::string& column : *columns) follow(&column);
  }
  follow(&spec->time_column);
  for (catalog::Lifetime* lifetime :
       {&spec->log_lifetime, &spec->key_lifetime, &spec->lake_lifetime}) {
    follow(&lifetime->column);
  }
  std::map<std::string, std::string> aggregates;
  for (const auto& [column, function] : spec->aggregates) {
    const auto found = names.find(column);
    if (found == names.end()) {
      aggregates.emplace(column, function);
    } else if (!found->second.empty()) {
      aggregates.emplace(found->second, function);
    }
  }
  spec->aggregates = std::move(aggregates);
}

/// An id that was given before names the column that had it: rows in the log still hold its values.
Status CheckNewIds(const EditionInfo& edition, const arrow::Schema& asked) {
  std::set<int32_t> living;
  for (const auto& field : edition.newest().schema->fields()) {
    living.insert(schema::FieldId(*field));
  }
  for (const auto& field : asked.fields()) {
    const int32_t id = schema::FieldId(*field);
    if (id < 0 || living.contains(id)) continue;
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "the column '" + field->name().substr(0, 64) + "' has the field id " +
                     std::to_string(id) + ", which no column of the table has: leave it out");
  }
  return Status::OK();
}

Status CheckPath(const Path& path) {
  if (!path.empty()) return Status::OK();
  return Error(Code::kInvalidArgument, Reason::kInvalidName, "a path must have a segment");
}

}  // namespace

Status DatabaseImpl::CreateNamespace(const Caller& caller, const Path& path,
                                     const Attributes& attributes) {
  ARROW_RETURN_NOT_OK(CheckPath(path));
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kCreate, path.Parent()));
  return ChangeCatalog([=](catalog::Changes* changes) {
    return changes->CreateNamespace(path, attributes).status();
  });
}

Status DatabaseImpl::AlterNamespace(const Caller& caller, const Path& path,
                                    const Attributes& attributes) {
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kAdmin, path));
  return ChangeCatalog(
      [=](catalog::Changes* changes) { return changes->AlterNamespace(path, attributes); });
}

Status DatabaseImpl::DropOnce(const Path& path, bool cascade) {
  // The whole tree is read first and dropped in one commit; the catalog refuses the commit if
  // something was made below in between.
  std::vector<TablePtr> tables;
  std::vector<NamespaceInfo> namespaces;
  std::vector<EditionId> editions;
  ARROW_RETURN_NOT_OK(catalog_->GetNamespace(path).status());
  if (cascade) {
    ARROW_ASSIGN_OR_RAISE(tables, catalog_->ListTables(path));
    std::erase_if(tables, [&](const TablePtr& table) { return table->path == path; });
    for (const TablePtr& table : tables) {
      ARROW_ASSIGN_OR_RAISE(const auto of_table, catalog_->ListEditions(table->id));
      for (const EditionInfo& edition : of_table) editions.push_back(edition.id);
    }
    std::vector<Path> parents{path};
    while (!parents.empty()) {
      const Path parent = parents.back();
      parents.pop_back();
      ARROW_ASSIGN_OR_RAISE(const auto children, catalog_->ListNamespaces(parent));
      for (const NamespaceInfo& child : children) {
        parents.push_back(child.path);
        if (child.id != 0) namespaces.push_back(child);
      }
    }
  }
  ARROW_RETURN_NOT_OK(ChangeCatalog([&](catalog::Changes* changes) -> Status {
    for (const TablePtr& table : tables) ARROW_RETURN_NOT_OK(changes->DropTable(table->id));
    // Children were found after their parents: dropped from the back, each is empty by then.
    for (auto it = namespaces.rbegin(); it != namespaces.rend(); ++it) {
      ARROW_RETURN_NOT_OK(changes->DropNamespace(it->path));
    }
    return changes->DropNamespace(path);
  }));
  return lake_->Drop(editions);
}

Status DatabaseImpl::DropNamespace(const Caller& caller, const Path& path, bool cascade) {
  ARROW_RETURN_NOT_OK(CheckPath(path));
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kAdmin, path));
  std::lock_guard lock(definition_mutex_);
  Status dropped = DropOnce(path, cascade);
  for (int i = 1; cascade && i < kDropAttemptsMax && !dropped.ok(); ++i) {
    const Reason reason = ReasonOf(dropped);
    if (reason != Reason::kNamespaceNotEmpty && reason != Reason::kTableNotFound) break;
    dropped = DropOnce(path, cascade);
  }
  return dropped;
}

Result<NamespaceInfo> DatabaseImpl::GetNamespace(const Caller& caller, const Path& path) {
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kSee, path));
  return catalog_->GetNamespace(path);
}

Result<std::vector<NamespaceInfo>> DatabaseImpl::ListNamespaces(const Caller& caller,
                                                                const Path& parent) {
  ARROW_ASSIGN_OR_RAISE(auto found, catalog_->ListNamespaces(parent));
  std::erase_if(found, [&](const NamespaceInfo& info) {
    return (access_->RightsOn(caller, info.path) & access::kSee) == 0;
  });
  return found;
}

Result<TablePtr> DatabaseImpl::CreateTable(const Caller& caller, const Path& path,
                                           const TableSpec& spec) {
  ARROW_RETURN_NOT_OK(CheckPath(path));
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kCreate, path.Parent()));
  TableSpec made = spec;
  int32_t next_field_id = 0;
  ARROW_RETURN_NOT_OK(CheckSpec(&made, &next_field_id));
  ARROW_RETURN_NOT_OK(ChangeCatalog([&](catalog::Changes* changes) -> Status {
    ARROW_ASSIGN_OR_RAISE(const TableId table, changes->CreateTable(path, made.attributes));
    ARROW_ASSIGN_OR_RAISE(const EditionId edition,
                          changes->CreateEdition(table, 0, made.edition, made.schema, next_field_id,
                                                 /*make_current=*/true));
    if (!made.edition.partition_by.empty()) return Status::OK();
    return changes->CreatePartition(edition, {}, made.edition.bucket_count).status();
  }));
  return catalog_->GetTable(path);
}

Result<TablePtr> DatabaseImpl::AlterTable(const Caller& caller, const Path& path,
                                          const TableChange& change) {
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kAdmin, path));
  std::lock_guard lock(definition_mutex_);
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, catalog_->GetTable(path));
  if (!table->current.has_value() && change.schema == nullptr && !change.edition.has_value()) {
    // Attributes are the table's own: they do not need an edition.
    ARROW_RETURN_NOT_OK(ChangeCatalog([&](catalog::Changes* changes) {
      return changes->AlterTable(table->id, change.attributes.value_or(table->attributes));
    }));
    return catalog_->GetTable(path);
  }
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  std::shared_ptr<arrow::Schema> schema;
  int32_t next_field_id = edition->next_field_id;
  EditionSpec spec = edition->spec;
  if (change.edition.has_value()) {
    const EditionSpec& asked = *change.edition;
    if (asked.key != spec.key || asked.partition_by != spec.partition_by ||
        asked.bucket_by != spec.bucket_by || asked.bucket_count != spec.bucket_count ||
        asked.order != spec.order || asked.merge != spec.merge || asked.image != spec.image) {
      return Error(Code::kInvalidArgument, Reason::kInvalidProperty,
                   "the key, order, partitions, buckets, merge rule and log image of a table with "
                   "rows cannot change: make a new edition");
    }
    spec = asked;
  }
  if (change.schema != nullptr) {
    ARROW_RETURN_NOT_OK(CheckNewIds(*edition, *change.schema));
    schema = schema::AssignFieldIds(change.schema, &next_field_id);
    FollowColumns(*edition->newest().schema, *schema, &spec);
    TableSpec whole{.schema = schema, .edition = spec};
    int32_t checked_next = next_field_id;
    ARROW_RETURN_NOT_OK(CheckSpec(&whole, &checked_next));
    schema = whole.schema;
    ARROW_RETURN_NOT_OK(schema::CheckEvolution(*edition->newest().schema, *schema));
    if (schema->Equals(*edition->newest().schema, /*check_metadata=*/true)) schema = nullptr;
  }
  ARROW_RETURN_NOT_OK(ChangeCatalog([&](catalog::Changes* changes) -> Status {
    if (schema != nullptr) {
      ARROW_RETURN_NOT_OK(changes->AddSchema(edition->id, schema, next_field_id).status());
    }
    if (!(spec == edition->spec)) {
      ARROW_RETURN_NOT_OK(changes->AlterEdition(edition->id, spec));
    }
    const Attributes& attributes =
        change.attributes.has_value() ? *change.attributes : table->attributes;
    return changes->AlterTable(table->id, attributes);  // it also moves the time of change
  }));
  return catalog_->GetTable(path);
}

Status DatabaseImpl::RenameTable(const Caller& caller, const Path& from, const Path& to) {
  ARROW_RETURN_NOT_OK(CheckPath(to));
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kAdmin, from));
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kCreate, to.Parent()));
  std::lock_guard lock(definition_mutex_);
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, catalog_->GetTable(from));
  return ChangeCatalog(
      [&](catalog::Changes* changes) { return changes->RenameTable(table->id, to); });
}

Status DatabaseImpl::DropTable(const Caller& caller, const Path& path) {
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kAdmin, path));
  std::lock_guard lock(definition_mutex_);
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, catalog_->GetTable(path));
  ARROW_ASSIGN_OR_RAISE(const auto editions, catalog_->ListEditions(table->id));
  ARROW_RETURN_NOT_OK(
      ChangeCatalog([&](catalog::Changes* changes) { return changes->DropTable(table->id); }));
  std::vector<EditionId> dropped;
  for (const EditionInfo& edition : editions) dropped.push_back(edition.id);
  return lake_->Drop(dropped);
}

Result<TablePtr> DatabaseImpl::GetTable(const Caller& caller, const Path& path) {
  ARROW_RETURN_NOT_OK(access_->Check(caller, access::kSee, path));
  return catalog_->GetTable(path);
}

Result<TablePtr> DatabaseImpl::GetTable(const Caller& caller, TableId id) {
  ARROW_ASSIGN_OR_RAISE(TablePtr table, catalog_->GetTable(id));
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kSee, *table));
  return table;
}

Result<std::vector<TablePtr>> DatabaseImpl::ListTables(const Caller& caller, const Path& prefix) {
  ARROW_ASSIGN_OR_RAISE(auto tables, catalog_->ListTables(prefix));
  std::erase_if(tables, [&](const TablePtr& table) {
    return (access_->RightsOn(caller, table->path) & access::kSee) == 0;
  });
  return tables;
}

Result<std::vector<LogId>> DatabaseImpl::LogsOf(const TableInfo& table) {
  std::vector<LogId> logs;
  ARROW_ASSIGN_OR_RAISE(const auto editions, catalog_->ListEditions(table.id));
  for (const EditionInfo& edition : editions) {
    ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog_->ListPartitions(edition.id));
    for (const PartitionInfo& partition : partitions) {
      for (int32_t b = 0; b < partition.bucket_count; ++b) logs.push_back(partition.LogOf(b));
    }
  }
  return logs;
}

Result<TableStats> DatabaseImpl::GetStats(const Caller& caller, const TableInfo& table) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kSee, table));
  TableStats stats;
  if (!table.current.has_value()) return stats;
  ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog_->ListPartitions(table.current->id));
  stats.partitions = static_cast<int64_t>(partitions.size());
  for (const PartitionInfo& partition : partitions) {
    stats.buckets += partition.bucket_count;
    for (int32_t b = 0; b < partition.bucket_count; ++b) {
      const LogId log = partition.LogOf(b);
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, log_->Range(log));
      stats.rows += range.end.value - range.start.value;
      ARROW_ASSIGN_OR_RAISE(const uint64_t bytes, log_->BytesBetween(log, range.start, range.end));
      stats.bytes += bytes;
      stats.last_commit = std::max(stats.last_commit, range.last_commit);
    }
  }
  return stats;
}

}  // namespace firth::table
