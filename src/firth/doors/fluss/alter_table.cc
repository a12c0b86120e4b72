// AlterTable: properties, and columns that come, go or are renamed.
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/json.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/names.h"
#include "firth/doors/fluss/table_json.h"
#include "firth/doors/fluss/types.h"

namespace firth::doors::fluss {
namespace {

constexpr int32_t kSet = 0;
constexpr int32_t kDelete = 1;
constexpr int32_t kLast = 0;

Status Fault(const std::string& what) {
  return Refusal(Wire::kInvalidAlter, what);
}

/// Table properties that may change while the table lives; own ones always may.
bool MayChange(const std::string& name) {
  static const std::set<std::string> may = {
      "table.log.ttl",
      "table.log.tiered.local-segments",
      "table.log.arrow.compression.type",
      "table.log.arrow.compression.zstd.level",
      "table.auto-partition.enabled",
      "table.auto-partition.num-precreate",
      "table.auto-partition.num-retention",
  };
  return !name.starts_with("table.") || may.contains(name);
}

Status ChangeProperties(const pb::AlterTableRequest& in, Properties* properties,
                        Properties* custom) {
  for (const auto& change : in.configs()) {
    if (!MayChange(change.key())) {
      return Fault("the property '" + change.key().substr(0, 64) + "' cannot be changed");
    }
    Properties& where = change.key().starts_with("table.") ? *properties : *custom;
    if (change.operation() == kSet && change.has_value()) {
      where[change.key()] = change.value();
    } else if (change.operation() == kDelete) {
      where.erase(change.key());
    } else {
      return Fault("properties can be set and deleted, nothing else");
    }
  }
  return Status::OK();
}

Result<size_t> ColumnIndex(const arrow::FieldVector& columns, const std::string& name) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i]->name() == name) return i;
  }
  return Fault("the table has no column '" + name.substr(0, 64) + "'");
}

bool IsKey(const table::EditionSpec& spec, const std::string& name) {
  for (const auto* key : {&spec.key, &spec.partition_by, &spec.bucket_by}) {
    if (std::ranges::find(*key, name) != key->end()) return true;
  }
  return false;
}

Status AddColumns(const pb::AlterTableRequest& in, arrow::FieldVector* columns) {
  for (const auto& added : in.added()) {
    if (added.position() != kLast) return Fault("a column can be added as the last one only");
    ARROW_ASSIGN_OR_RAISE(const Json type, ParseJson(added.type_json()));
    ARROW_ASSIGN_OR_RAISE(auto field, FieldFromJson(added.name(), type));
    if (!field->nullable()) return Fault("an added column must be nullable");
    columns->push_back(WithMetadata(field, kCommentKey, added.comment()));
  }
  return Status::OK();
}

Status ChangeColumns(const pb::AlterTableRequest& in, const table::EditionSpec& spec,
                     arrow::FieldVector* columns) {
  for (const auto& dropped : in.dropped()) {
    ARROW_ASSIGN_OR_RAISE(const size_t i, ColumnIndex(*columns, dropped.name()));
    if (IsKey(spec, dropped.name())) return Fault("a key column cannot be dropped");
    columns->erase(columns->begin() + static_cast<ptrdiff_t>(i));
  }
  for (const auto& renamed : in.renamed()) {
    ARROW_ASSIGN_OR_RAISE(const size_t i, ColumnIndex(*columns, renamed.from()));
    if (IsKey(spec, renamed.from())) return Fault("a key column cannot be renamed");
    (*columns)[i] = (*columns)[i]->WithName(renamed.to());
  }
  for (const auto& modified : in.modified()) {
    ARROW_ASSIGN_OR_RAISE(const size_t i, ColumnIndex(*columns, modified.name()));
    if (modified.has_type_json() || modified.position() != kLast) {
      return Fault("of a column that is there only the comment can be changed");
    }
    (*columns)[i] = WithMetadata((*columns)[i], kCommentKey, modified.comment());
  }
  return AddColumns(in, columns);
}

TableShape ShapeOf(const table::TableInfo& table) {
  TableShape shape;
  shape.keyed = !table.current->spec.key.empty();
  shape.partition_keys = table.current->spec.partition_by;
  for (const auto& field : table.current->newest().schema->fields()) {
    shape.column_types[field->name()] = TypeToJson(*field)["type"];
  }
  return shape;
}

Status AlterTable(const Request& request, const pb::AlterTableRequest& in, pb::Empty*) {
  const TableNames names{in.table().database(), in.table().table()};
  const auto found = FindTable(request, names);
  const bool missing = ReasonOf(found.status()) == Reason::kTableNotFound;
  if (missing && in.ignore_if_absent()) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const table::TablePtr table, found);
  if (in.has_buckets()) return Fault("the number of buckets cannot be changed");

  table::TableChange change;
  if (in.configs_size() > 0) {
    Properties properties = PropertiesOf(*table);
    Properties custom = CustomPropertiesOf(table->attributes);
    ARROW_RETURN_NOT_OK(ChangeProperties(in, &properties, &custom));
    ARROW_RETURN_NOT_OK(CheckProperties(properties, ShapeOf(*table)));
    change.edition = table->current->spec;
    for (const auto& changed : in.configs()) {
      ARROW_RETURN_NOT_OK(ApplyChange(changed.key(), properties, &*change.edition));
    }
    change.attributes = table->attributes;
    SetProperties(properties, custom, &*change.attributes);
  }
  arrow::FieldVector columns = table->current->newest().schema->fields();
  const Status changed = ChangeColumns(in, table->current->spec, &columns);
  if (ReasonOf(changed) == Reason::kInvalidSchema) return Fault(MessageOf(changed));
  ARROW_RETURN_NOT_OK(changed);
  change.schema = arrow::schema(std::move(columns));
  const Status altered =
      request.database().AlterTable(request.caller(), table->path, change).status();
  const Reason reason = ReasonOf(altered);
  const bool refused = reason == Reason::kSchemaMismatch || reason == Reason::kInvalidSchema;
  return refused ? Fault(MessageOf(altered)) : altered;
}

}  // namespace

void ServeAlterTable(const RequestPtr& request) {
  Unary<pb::AlterTableRequest, pb::Empty>(request, &AlterTable);
}

}  // namespace firth::doors::fluss
