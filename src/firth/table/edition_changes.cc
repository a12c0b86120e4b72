#include "firth/table/edition_changes.h"

#include <memory>
#include <mutex>
#include <utility>

#include "firth/table/database_impl.h"

namespace firth::table {

EditionChanges::EditionChanges(Database* database)
    : database_(static_cast<DatabaseImpl*>(database)) {}

Result<TablePtr> EditionChanges::Create(const Caller& caller, TableId table_id, int32_t number,
                                        const TableSpec& spec, bool make_current) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->catalog_->GetTable(table_id));
  ARROW_RETURN_NOT_OK(database_->access_->Check(caller, access::kWrite, table->path));
  TableSpec made = spec;
  int32_t next_field_id = 0;
  ARROW_RETURN_NOT_OK(CheckSpec(&made, &next_field_id));
  EditionId edition;
  ARROW_RETURN_NOT_OK(database_->ChangeCatalog([&](catalog::Changes* changes) -> Status {
    ARROW_ASSIGN_OR_RAISE(
        edition, changes->CreateEdition(table_id, number, made.edition, made.schema, next_field_id,
                                        make_current));
    if (!made.edition.partition_by.empty()) return Status::OK();
    return changes->CreatePartition(edition, {}, made.edition.bucket_count).status();
  }));
  return Get(access::Internal(), edition);
}

Status EditionChanges::MakeCurrent(const Caller& caller, TableId table_id,
                                   std::optional<EditionId> edition) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->catalog_->GetTable(table_id));
  ARROW_RETURN_NOT_OK(database_->access_->Check(caller, access::kWrite, table->path));
  return database_->ChangeCatalog(
      [&](catalog::Changes* changes) { return changes->MakeCurrent(table_id, edition); });
}

Status EditionChanges::Seal(const Caller& caller, EditionId edition) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, Get(access::Internal(), edition));
  ARROW_RETURN_NOT_OK(database_->CheckRight(caller, access::kWrite, *table));
  return database_->ChangeCatalog(
      [&](catalog::Changes* changes) { return changes->SealEdition(edition); });
}

Status EditionChanges::Drop(const Caller& caller, EditionId edition) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, Get(access::Internal(), edition));
  ARROW_RETURN_NOT_OK(database_->access_->Check(caller, access::kWrite, table->path));
  ARROW_RETURN_NOT_OK(database_->ChangeCatalog(
      [&](catalog::Changes* changes) { return changes->DropEdition(edition); }));
  return database_->lake_->Drop({edition});
}

Result<EditionInfo> EditionChanges::Apply(const Caller& caller, TableId table_id,
                                          const EditionChange& change) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->catalog_->GetTable(table_id));
  ARROW_RETURN_NOT_OK(database_->access_->Check(caller, access::kWrite, table->path));
  TableSpec made = change.spec;
  int32_t next_field_id = 0;
  if (!change.edition.has_value()) ARROW_RETURN_NOT_OK(CheckSpec(&made, &next_field_id));
  EditionInfo edition;
  ARROW_RETURN_NOT_OK(database_->ChangeCatalog([&](catalog::Changes* changes) -> Status {
    catalog::Catalog* const catalog = database_->catalog_.get();
    EditionId id = change.edition.value_or(EditionId{0});
    if (!change.edition.has_value()) {
      ARROW_ASSIGN_OR_RAISE(
          id, changes->CreateEdition(table_id, change.number, made.edition, made.schema,
                                     next_field_id, change.make_current));
      if (made.edition.partition_by.empty()) {
        ARROW_RETURN_NOT_OK(changes->CreatePartition(id, {}, made.edition.bucket_count).status());
      }
    }
    ARROW_ASSIGN_OR_RAISE(edition, catalog->GetEdition(id));
    if (change.seal) ARROW_RETURN_NOT_OK(changes->SealEdition(id));
    if (change.edition.has_value() && change.make_current) {
      ARROW_RETURN_NOT_OK(changes->MakeCurrent(table_id, id));
    }
    if (change.drop) {
      ARROW_ASSIGN_OR_RAISE(const TablePtr now, catalog->GetTable(table_id));
      if (now->current.has_value() && now->current->id == id) {
        ARROW_RETURN_NOT_OK(changes->MakeCurrent(table_id, std::nullopt));
      }
      ARROW_RETURN_NOT_OK(changes->DropEdition(id));
    }
    if (change.attributes == nullptr) return Status::OK();
    return changes->AlterTable(table_id, change.attributes(edition));
  }));
  if (change.drop) ARROW_RETURN_NOT_OK(database_->lake_->Drop({edition.id}));
  return edition;
}

Result<std::vector<EditionInfo>> EditionChanges::List(const Caller& caller, TableId table_id) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->catalog_->GetTable(table_id));
  ARROW_ASSIGN_OR_RAISE(auto editions, database_->catalog_->ListEditions(table_id));
  std::erase_if(editions, [&](const EditionInfo& edition) {
    const uint32_t rights = database_->access_->RightsOn(caller, table->path, edition.id);
    return !caller.internal && (rights & access::kSee) == 0;
  });
  return editions;
}

Result<TablePtr> EditionChanges::Get(const Caller& caller, EditionId id) {
  ARROW_ASSIGN_OR_RAISE(EditionInfo edition, database_->catalog_->GetEdition(id));
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->catalog_->GetTable(edition.table));
  ARROW_RETURN_NOT_OK(database_->access_->Check(caller, access::kSee, table->path, id));
  if (table->current.has_value() && table->current->id == id) return table;
  auto shown = std::make_shared<TableInfo>(*table);
  shown->current = std::move(edition);
  return TablePtr(std::move(shown));
}

}  // namespace firth::table
