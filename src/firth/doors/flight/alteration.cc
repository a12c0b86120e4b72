#include "firth/doors/flight/alteration.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/flight/edition_json.h"

namespace firth::doors::flight {
namespace {

using Columns = std::vector<std::shared_ptr<arrow::Field>>;

Columns::iterator Find(Columns* columns, const std::string& name) {
  return std::find_if(columns->begin(), columns->end(),
                      [&](const auto& column) { return column->name() == name; });
}

Status NoColumn(const table::TableInfo& table, const std::string& name) {
  return Error(Code::kInvalidArgument, Reason::kColumnNotFound,
               "the table " + table.path.ToString() + " has no column `" + name + "`");
}

Status Taken(const table::TableInfo& table, const std::string& name) {
  return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
               "the table " + table.path.ToString() + " already has a column `" + name + "`");
}

/// The columns after dropping, renaming and adding, in this order.
Result<std::shared_ptr<arrow::Schema>> Changed(const table::TableInfo& table,
                                               const std::vector<std::string>& drop,
                                               const std::map<std::string, std::string>& rename,
                                               const arrow::Schema& add) {
  Columns columns = table.current->newest().schema->fields();
  for (const std::string& name : drop) {
    const auto at = Find(&columns, name);
    if (at == columns.end()) return NoColumn(table, name);
    columns.erase(at);
  }
  for (const auto& [from, to] : rename) {
    const auto at = Find(&columns, from);
    if (at == columns.end()) return NoColumn(table, from);
    if (Find(&columns, to) != columns.end()) return Taken(table, to);
    *at = (*at)->WithName(to);
  }
  for (const auto& column : add.fields()) {
    if (Find(&columns, column->name()) != columns.end()) return Taken(table, column->name());
    columns.push_back(column->RemoveMetadata());  // without an id: a new column
  }
  return arrow::schema(std::move(columns));
}

}  // namespace

Result<table::TableChange> ReadAlteration(Fields* fields, const table::TableInfo& table) {
  const auto drop = fields->Texts("drop");
  const auto rename = fields->TextMap("rename");
  std::shared_ptr<arrow::Schema> add = arrow::schema({});
  if (fields->Has("add")) {
    ARROW_ASSIGN_OR_RAISE(add, SchemaFromJson(fields->Any("add")));
  }
  table::TableChange change;
  if (fields->Has("attributes")) change.attributes = fields->TextMap("attributes");
  if (!table.current) return change;
  catalog::EditionSpec edition = table.current->spec;
  ReadEdition(fields, &edition);
  if (edition != table.current->spec) change.edition = std::move(edition);
  if (!drop.empty() || !rename.empty() || add->num_fields() > 0) {
    ARROW_ASSIGN_OR_RAISE(change.schema, Changed(table, drop, rename, *add));
  }
  return change;
}

}  // namespace firth::doors::flight
