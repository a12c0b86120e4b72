// Tables by name.
#include <string>
#include <vector>

#include "firth/common/logging.h"
#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/auto_partition.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/names.h"
#include "firth/doors/fluss/table_json.h"

namespace firth::doors::fluss {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;

TableNames NamesIn(const pb::TableName& name) {
  return {name.database(), name.table()};
}

Status CheckNewName(const TableNames& names) {
  const std::string fault = NameFault(names.table);
  if (fault.empty()) return Status::OK();
  return Refusal(Wire::kInvalidTable,
                 "Table name '" + names.table.substr(0, 64) + "' is invalid: " + fault);
}

bool IsMissing(const Status& status) {
  return ReasonOf(status) == Reason::kTableNotFound;
}

Status CreateTable(const Request& request, const pb::CreateTableRequest& in, pb::Empty*) {
  const TableNames names = NamesIn(in.table());
  ARROW_RETURN_NOT_OK(CheckNewName(names));
  const Result<Path> path = PathOfTable(names);
  if (!path.ok()) return Refusal(Wire::kInvalidTable, MessageOf(path.status()));
  ARROW_RETURN_NOT_OK(CheckDatabase(request, names.database));
  const Status exists =
      Refusal(Wire::kTableExists, "Table '" + names.ToString() + "' already exists.");
  const auto present = FindTable(request, names);
  if (present.ok()) return in.ignore_if_exists() ? Status::OK() : exists;
  if (!IsMissing(present.status())) return present.status();
  ARROW_ASSIGN_OR_RAISE(const table::TableSpec spec, ParseTable(in.json()));
  const auto made = request.database().CreateTable(request.caller(), *path, spec);
  if (made.ok()) {
    // Partitions that the table asks for are there at once; if not, they are tried again.
    const Status ahead = LookAfterPartitions(&request.database(), *made);
    if (!ahead.ok()) {
      logging::Warning("fluss", "table '{}' has not its first partitions yet: {}", names.ToString(),
                       MessageOf(ahead));
    }
    return Status::OK();
  }
  if (ReasonOf(made.status()) != Reason::kTableExists) return made.status();
  return in.ignore_if_exists() ? Status::OK() : exists;
}

Status DropTable(const Request& request, const pb::DropTableRequest& in, pb::Empty*) {
  const TableNames names = NamesIn(in.table());
  const auto found = FindTable(request, names);
  Status status = found.status();
  if (found.ok()) status = request.database().DropTable(request.caller(), (*found)->path);
  if (!IsMissing(status)) return status;
  return in.ignore_if_absent() ? Status::OK() : TableNotFound(names);
}

Status GetTableInfo(const Request& request, const pb::TableRequest& in, pb::TableInfoAnswer* out) {
  ARROW_ASSIGN_OR_RAISE(const auto table, FindTable(request, NamesIn(in.table())));
  out->set_table_id(table->id.value);
  out->set_schema_id(table->current->newest().id.value);
  out->set_json(TableJson(*table));
  out->set_created_ms(table->created_ns / kNsPerMs);
  out->set_modified_ms(table->modified_ns / kNsPerMs);
  return Status::OK();
}

Status ListTables(const Request& request, const pb::DatabaseRequest& in,
                  pb::ListTablesAnswer* out) {
  ARROW_RETURN_NOT_OK(CheckDatabase(request, in.database()));
  ARROW_ASSIGN_OR_RAISE(const Path path, PathOfDatabase(in.database()));
  ARROW_ASSIGN_OR_RAISE(const auto tables, request.database().ListTables(request.caller(), path));
  for (const auto& table : tables) {
    // A table without a current edition has nothing to show yet.
    if (table->path.Parent() == path && table->current) out->add_tables(NamesOf(table->path).table);
  }
  return Status::OK();
}

Status TableExists(const Request& request, const pb::TableRequest& in, pb::ExistsAnswer* out) {
  const auto found = FindTable(request, NamesIn(in.table()));
  out->set_exists(found.ok());
  return found.ok() || IsMissing(found.status()) ? Status::OK() : found.status();
}

Status GetTableSchema(const Request& request, const pb::TableSchemaRequest& in,
                      pb::TableSchemaAnswer* out) {
  const TableNames names = NamesIn(in.table());
  ARROW_ASSIGN_OR_RAISE(const auto table, FindTable(request, names));
  const table::EditionInfo& edition = *table->current;
  const SchemaId id = in.has_schema_id() ? SchemaId(in.schema_id()) : edition.newest().id;
  const catalog::SchemaInfo* schema = edition.FindSchema(id);
  if (schema == nullptr) {
    return Error(Code::kNotFound, Reason::kSchemaNotFound,
                 "Table '" + names.ToString() + "' has no schema " + std::to_string(id.value) +
                     "; its newest is " + std::to_string(edition.newest().id.value) + ".");
  }
  out->set_schema_id(id.value);
  out->set_json(SchemaJson(edition, *schema, table->attributes));
  return Status::OK();
}

}  // namespace

void ServeCreateTable(const RequestPtr& request) {
  Unary<pb::CreateTableRequest, pb::Empty>(request, &CreateTable);
}
void ServeDropTable(const RequestPtr& request) {
  Unary<pb::DropTableRequest, pb::Empty>(request, &DropTable);
}
void ServeGetTableInfo(const RequestPtr& request) {
  Unary<pb::TableRequest, pb::TableInfoAnswer>(request, &GetTableInfo);
}
void ServeListTables(const RequestPtr& request) {
  Unary<pb::DatabaseRequest, pb::ListTablesAnswer>(request, &ListTables);
}
void ServeTableExists(const RequestPtr& request) {
  Unary<pb::TableRequest, pb::ExistsAnswer>(request, &TableExists);
}
void ServeGetTableSchema(const RequestPtr& request) {
  Unary<pb::TableSchemaRequest, pb::TableSchemaAnswer>(request, &GetTableSchema);
}

}  // namespace firth::doors::fluss
