#include "firth/catalog/sql_changes.h"

#include <utility>

#include "firth/catalog/sequences.h"
#include "firth/catalog/sql_values.h"
#include "firth/catalog/text_form.h"
#include "firth/schema/schema.h"

// What can be wrong with an argument is found before the first row is written, so that a method
// which refuses leaves nothing behind, whatever its caller makes of the refusal.

namespace firth::catalog {
namespace {

/// Refuse what the catalog could not read back: the root, an empty segment, too long a path.
Status CheckPath(const Path& path, const char* what) {
  if (path.empty()) {
    return Error(Code::kInvalidArgument, Reason::kInvalidName,
                 std::string("the root cannot be ") + what);
  }
  ARROW_ASSIGN_OR_RAISE(const Path parsed, Path::Parse(path.ToString()));
  if (parsed == path) return Status::OK();
  return Error(Code::kInvalidArgument, Reason::kInvalidName,
               "the path '" + path.ToString().substr(0, 64) + "' has an empty segment");
}

Status TableExists(const Path& path) {
  return Error(Code::kAlreadyExists, Reason::kTableExists,
               "the table '" + path.ToString() + "' exists");
}

/// Every field that is to have an id has one below `next_field_id`.
Status CheckFieldIds(const arrow::FieldVector& fields, int32_t next_field_id) {
  for (const auto& field : fields) {
    const int32_t id = schema::FieldId(*field);
    if (id < 0 || id >= next_field_id) {
      return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                   "the column '" + field->name().substr(0, 64) + "' has the field id " +
                       std::to_string(id) + ", but it must be from 0 to below " +
                       std::to_string(next_field_id));
    }
    if (field->type()->id() == arrow::Type::STRUCT) {
      ARROW_RETURN_NOT_OK(CheckFieldIds(field->type()->fields(), next_field_id));
    }
  }
  return Status::OK();
}

}  // namespace

Status NoNamespace(const Path& path) {
  return Error(Code::kNotFound, Reason::kNamespaceNotFound,
               "there is no namespace '" + path.ToString() + "'");
}

Status NoTable(std::string_view name) {
  return Error(Code::kNotFound, Reason::kTableNotFound,
               "there is no table '" + std::string(name) + "'");
}

Status NoEdition(EditionId id) {
  return Error(Code::kNotFound, Reason::kEditionNotFound,
               "there is no edition " + std::to_string(id.value));
}

Status NoPartition(std::string_view name) {
  return Error(Code::kNotFound, Reason::kPartitionNotFound,
               "there is no partition " + std::string(name));
}

// --- Namespaces

Result<int64_t> SqlChanges::CreateNamespace(const Path& path, const Attributes& attributes) {
  ARROW_RETURN_NOT_OK(CheckPath(path, "created as a namespace"));
  ARROW_ASSIGN_OR_RAISE(const auto created, FindNamespace(sql_, path, kNow));
  ARROW_ASSIGN_OR_RAISE(const bool implied, HasBelow(sql_, path, kNow));
  if (created || implied) {
    return Error(Code::kAlreadyExists, Reason::kNamespaceExists,
                 "the namespace '" + path.ToString() + "' exists");
  }
  NamespaceInfo info{0, path, attributes, time_ns_, time_ns_};
  ARROW_ASSIGN_OR_RAISE(info.id, TakeFromSequence(sql_, "namespace", 1));
  ARROW_RETURN_NOT_OK(Begin(sql_, info, commit_));
  return info.id;
}

Status SqlChanges::AlterNamespace(const Path& path, const Attributes& attributes) {
  ARROW_RETURN_NOT_OK(CheckPath(path, "altered"));
  ARROW_RETURN_NOT_OK(EncodeAttributes(attributes).status());
  ARROW_ASSIGN_OR_RAISE(const auto found, FindNamespace(sql_, path, kNow));
  NamespaceInfo info;
  if (found) {
    info = found->info;
    ARROW_RETURN_NOT_OK(EndNamespace(sql_, found->span, commit_));
  } else {
    // One that exists only because something is below it becomes a created one.
    ARROW_ASSIGN_OR_RAISE(const bool implied, HasBelow(sql_, path, kNow));
    if (!implied) return NoNamespace(path);
    info = NamespaceInfo{0, path, {}, time_ns_, 0};
    ARROW_ASSIGN_OR_RAISE(info.id, TakeFromSequence(sql_, "namespace", 1));
  }
  info.attributes = attributes;
  info.modified_ns = time_ns_;
  return Begin(sql_, info, commit_);
}

Status SqlChanges::DropNamespace(const Path& path) {
  ARROW_RETURN_NOT_OK(CheckPath(path, "dropped"));
  ARROW_ASSIGN_OR_RAISE(const auto found, FindNamespace(sql_, path, kNow));
  ARROW_ASSIGN_OR_RAISE(const bool full, HasBelow(sql_, path, kNow));
  if (full) {
    return Error(Code::kFailedPrecondition, Reason::kNamespaceNotEmpty,
                 "the namespace '" + path.ToString() + "' is not empty");
  }
  if (!found) return NoNamespace(path);
  return EndNamespace(sql_, found->span, commit_);
}

// --- Tables

Result<TableRow> SqlChanges::NeedTable(TableId id) {
  ARROW_ASSIGN_OR_RAISE(auto table, FindTable(sql_, id, kNow));
  if (!table) return NoTable("#" + std::to_string(id.value));
  return *std::move(table);
}

Status SqlChanges::Rewrite(const TableRow& table) {
  touched_->tables.push_back(table.id);
  ARROW_RETURN_NOT_OK(EndTable(sql_, table.span, commit_));
  return Begin(sql_, table, commit_);
}

Status SqlChanges::TouchTable(TableId id) {
  ARROW_ASSIGN_OR_RAISE(TableRow table, NeedTable(id));
  table.modified_ns = time_ns_;
  return Rewrite(table);
}

Result<TableId> SqlChanges::CreateTable(const Path& path, const Attributes& attributes) {
  ARROW_RETURN_NOT_OK(CheckPath(path, "a table"));
  ARROW_RETURN_NOT_OK(EncodeAttributes(attributes).status());
  ARROW_ASSIGN_OR_RAISE(const auto taken, FindTable(sql_, path, kNow));
  if (taken) return TableExists(path);
  TableRow table;
  ARROW_ASSIGN_OR_RAISE(table.id.value, TakeFromSequence(sql_, "table", 1));
  table.path = path;
  table.attributes = attributes;
  table.created_ns = time_ns_;
  table.modified_ns = time_ns_;
  ARROW_RETURN_NOT_OK(Begin(sql_, table, commit_));
  ++tables_added_;
  return table.id;
}

Status SqlChanges::AlterTable(TableId id, const Attributes& attributes) {
  ARROW_RETURN_NOT_OK(EncodeAttributes(attributes).status());
  ARROW_ASSIGN_OR_RAISE(TableRow table, NeedTable(id));
  table.attributes = attributes;
  table.modified_ns = time_ns_;
  return Rewrite(table);
}

Status SqlChanges::RenameTable(TableId id, const Path& to) {
  ARROW_RETURN_NOT_OK(CheckPath(to, "a table"));
  ARROW_ASSIGN_OR_RAISE(TableRow table, NeedTable(id));
  ARROW_ASSIGN_OR_RAISE(const auto taken, FindTable(sql_, to, kNow));
  if (taken) return TableExists(to);
  table.path = to;
  table.modified_ns = time_ns_;
  return Rewrite(table);
}

Status SqlChanges::DropTable(TableId id) {
  ARROW_ASSIGN_OR_RAISE(const TableRow table, NeedTable(id));
  ARROW_ASSIGN_OR_RAISE(const auto editions, EditionsOf(sql_, id, kNow));
  for (const EditionRow& edition : editions) {
    ARROW_RETURN_NOT_OK(EndEditionAndContents(edition));
  }
  touched_->tables.push_back(id);
  --tables_added_;
  return EndTable(sql_, table.span, commit_);
}

// --- Editions

Result<EditionRow> SqlChanges::NeedEdition(EditionId id) {
  ARROW_ASSIGN_OR_RAISE(auto edition, FindEdition(sql_, id, kNow));
  if (!edition) return NoEdition(id);
  return *std::move(edition);
}

Status SqlChanges::Rewrite(const EditionRow& edition) {
  touched_->editions.push_back(edition.info.id);
  ARROW_RETURN_NOT_OK(EndEdition(sql_, edition.span, commit_));
  ARROW_RETURN_NOT_OK(Begin(sql_, edition.info, commit_));
  return TouchTable(edition.info.table);
}

Result<EditionId> SqlChanges::CreateEdition(TableId table_id, int32_t number,
                                            const EditionSpec& spec,
                                            const std::shared_ptr<arrow::Schema>& schema,
                                            int32_t next_field_id, bool make_current) {
  ARROW_RETURN_NOT_OK(EncodeSpec(spec).status());
  ARROW_RETURN_NOT_OK(CheckFieldIds(schema->fields(), next_field_id));
  ARROW_ASSIGN_OR_RAISE(TableRow table, NeedTable(table_id));
  EditionInfo edition;
  edition.table = table_id;
  edition.number = number;
  if (number < 0) {
    ARROW_ASSIGN_OR_RAISE(edition.number, NextNumber(sql_, table_id));
  } else {
    ARROW_ASSIGN_OR_RAISE(const bool given, NumberWasGiven(sql_, table_id, number));
    if (given) {
      return Error(Code::kAlreadyExists, Reason::kEditionExists,
                   "the table '" + table.path.ToString() + "' has or had an edition " +
                       std::to_string(number));
    }
  }
  ARROW_ASSIGN_OR_RAISE(edition.id.value, TakeFromSequence(sql_, "edition", 1));
  edition.spec = spec;
  edition.next_field_id = next_field_id;
  edition.created = commit_;
  edition.created_ns = time_ns_;
  ARROW_RETURN_NOT_OK(Begin(sql_, edition, commit_));
  ARROW_RETURN_NOT_OK(BeginSchema(sql_, edition.id, SchemaInfo{SchemaId(1), schema, commit_}));
  if (make_current) table.current = edition.id;
  table.modified_ns = time_ns_;
  ARROW_RETURN_NOT_OK(Rewrite(table));
  return edition.id;
}

Status SqlChanges::AlterEdition(EditionId id, const EditionSpec& spec) {
  ARROW_RETURN_NOT_OK(EncodeSpec(spec).status());
  ARROW_ASSIGN_OR_RAISE(EditionRow edition, NeedEdition(id));
  edition.info.spec = spec;
  return Rewrite(edition);
}

Status SqlChanges::MakeCurrent(TableId table_id, std::optional<EditionId> id) {
  ARROW_ASSIGN_OR_RAISE(TableRow table, NeedTable(table_id));
  if (id) {
    ARROW_ASSIGN_OR_RAISE(const EditionRow edition, NeedEdition(*id));
    if (edition.info.table != table_id) return NoEdition(*id);
  }
  table.current = id;
  table.modified_ns = time_ns_;
  return Rewrite(table);
}

Status SqlChanges::SealEdition(EditionId id) {
  ARROW_ASSIGN_OR_RAISE(EditionRow edition, NeedEdition(id));
  if (edition.info.sealed) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto partitions, PartitionsOf(sql_, id, kNow));
  for (const PartitionInfo& partition : partitions) Close(partition, /*dropped=*/false);
  edition.info.sealed = true;
  return Rewrite(edition);
}

void SqlChanges::Close(const PartitionInfo& partition, bool dropped) {
  closed_.push_back(
      {.first = partition.first_log, .count = partition.bucket_count, .dropped = dropped});
}

Status SqlChanges::EndEditionAndContents(const EditionRow& edition) {
  const EditionId id = edition.info.id;
  ARROW_ASSIGN_OR_RAISE(const auto partitions, PartitionsOf(sql_, id, kNow));
  for (const PartitionInfo& partition : partitions) {
    touched_->partitions.push_back(partition.id);
    Close(partition, /*dropped=*/true);
  }
  touched_->editions.push_back(id);
  ARROW_RETURN_NOT_OK(EndPartitionsOf(sql_, id, commit_));
  ARROW_RETURN_NOT_OK(EndSchemasOf(sql_, id, commit_));
  return EndEdition(sql_, edition.span, commit_);
}

Status SqlChanges::DropEdition(EditionId id) {
  ARROW_ASSIGN_OR_RAISE(const EditionRow edition, NeedEdition(id));
  ARROW_RETURN_NOT_OK(EndEditionAndContents(edition));
  ARROW_ASSIGN_OR_RAISE(TableRow table, NeedTable(edition.info.table));
  if (table.current == id) table.current.reset();
  table.modified_ns = time_ns_;
  return Rewrite(table);
}

Result<SchemaId> SqlChanges::AddSchema(EditionId id, const std::shared_ptr<arrow::Schema>& schema,
                                       int32_t next_field_id) {
  ARROW_RETURN_NOT_OK(CheckFieldIds(schema->fields(), next_field_id));
  ARROW_ASSIGN_OR_RAISE(EditionRow edition, NeedEdition(id));
  if (next_field_id < edition.info.next_field_id) {
    return Error(Code::kInvalidArgument, Reason::kInvalidSchema,
                 "field ids below " + std::to_string(edition.info.next_field_id) +
                     " were given before, but the schema's next one is " +
                     std::to_string(next_field_id));
  }
  ARROW_RETURN_NOT_OK(ReadSchemas(sql_, kNow, &edition.info));
  const SchemaId schema_id(edition.info.newest().id.value + 1);
  ARROW_RETURN_NOT_OK(BeginSchema(sql_, id, SchemaInfo{schema_id, schema, commit_}));
  edition.info.next_field_id = next_field_id;
  ARROW_RETURN_NOT_OK(Rewrite(edition));
  return schema_id;
}

// --- Partitions

Result<PartitionId> SqlChanges::CreatePartition(EditionId edition_id,
                                                const std::vector<std::string>& values,
                                                int32_t bucket_count,
                                                std::optional<LogId> first_log) {
  if (bucket_count < 1) {
    return Error(Code::kInvalidArgument, Reason::kInvalidPartition,
                 "a partition has at least one bucket, not " + std::to_string(bucket_count));
  }
  ARROW_ASSIGN_OR_RAISE(const EditionRow edition, NeedEdition(edition_id));
  if (edition.info.sealed) {
    return Error(Code::kFailedPrecondition, Reason::kEditionSealed,
                 "the edition is sealed: it takes no new partitions");
  }
  ARROW_ASSIGN_OR_RAISE(const auto taken, FindPartition(sql_, edition_id, values, kNow));
  if (taken) {
    return Error(Code::kAlreadyExists, Reason::kPartitionExists,
                 "the edition " + std::to_string(edition_id.value) +
                     " has a partition of these values: " + std::to_string(taken->info.id.value));
  }
  PartitionInfo partition;
  ARROW_ASSIGN_OR_RAISE(partition.id.value, TakeFromSequence(sql_, "partition", 1));
  if (first_log.has_value()) {
    partition.first_log = *first_log;
  } else {
    ARROW_ASSIGN_OR_RAISE(partition.first_log.value, TakeFromSequence(sql_, "log", bucket_count));
  }
  partition.edition = edition_id;
  partition.values = values;
  partition.bucket_count = bucket_count;
  partition.created = commit_;
  partition.created_ns = time_ns_;
  touched_->editions.push_back(edition_id);
  ARROW_RETURN_NOT_OK(Begin(sql_, partition));
  return partition.id;
}

Status SqlChanges::DropPartition(PartitionId id) {
  ARROW_ASSIGN_OR_RAISE(const auto partition, FindPartition(sql_, id, kNow));
  if (!partition) return NoPartition(std::to_string(id.value));
  touched_->partitions.push_back(id);
  touched_->editions.push_back(partition->info.edition);
  Close(partition->info, /*dropped=*/true);
  return EndPartition(sql_, partition->span, commit_);
}

Status SqlChanges::ChangeValues(const std::vector<ValueChange>& changes) {
  return MakeValueChanges(sql_, changes);
}

}  // namespace firth::catalog
