// Tables: finding, making and removing them. What this door knows of a table lies in its
// attributes.
#include <algorithm>

#include "firth/doors/beneath/control.h"
#include "firth/doors/beneath/record_type.h"
#include "firth/doors/beneath/refusals.h"
#include "firth/doors/beneath/schema_text.h"
#include "firth/doors/beneath/table_spec.h"
#include "firth/table/edition_changes.h"

namespace firth::doors::beneath {
namespace {

constexpr size_t kNameMax = 128;
constexpr int64_t kRetentionMax = int64_t{9'000'000'000};  // seconds; beyond it ns overflow

struct ViewOption {
  const char* use;        // argument
  const char* retention;  // argument
  const char* field;      // of the record; null: always on
  const char* seconds;    // of the record
};
constexpr ViewOption kViews[] = {
    {"useLog", "logRetentionSeconds", nullptr, "log_s"},
    {"useIndex", "indexRetentionSeconds", "index", "index_s"},
    {"useWarehouse", "warehouseRetentionSeconds", "warehouse", "warehouse_s"}};

/// What views a table has and how long they keep records, from the arguments alone.
Status TakeViews(const Json& input, Json* record) {
  for (const ViewOption& view : kViews) {
    const bool use = !input.contains(view.use) || input[view.use] == true;
    const int64_t seconds = input.value(view.retention, int64_t{0});
    if (!use && view.field == nullptr)
      return Invalid("Error creating table: useLog cannot be false");
    if (seconds < 0 || seconds > kRetentionMax) {
      return Invalid(std::string("Error creating table: ") + view.retention + " is out of range");
    }
    if (!use && seconds > 0) {
      return Invalid(std::string("Error creating table: ") + view.retention + " is given, but " +
                     view.use + " is false");
    }
    if (view.field != nullptr) (*record)[view.field] = use;
    (*record)[view.seconds] = seconds;
  }
  return Status::OK();
}

Status CheckSameViews(const Json& input, const Json& record) {
  for (const ViewOption& view : kViews) {
    const bool use = !input.contains(view.use) || input[view.use] == true;
    const bool has = view.field == nullptr || record[view.field] == true;
    if (use != has) return Invalid(std::string("Cannot update ") + view.use + " on existing table");
    if (input.value(view.retention, int64_t{0}) != record[view.seconds].get<int64_t>()) {
      return Invalid(std::string("Cannot update ") + view.retention + " on existing table");
    }
  }
  return Status::OK();
}

void TakeSchema(const Json& input, const TableSchema& schema, Json* record) {
  (*record)["schema"] = input["schema"];
  (*record)["kind"] = input["schemaKind"];
  (*record)["avro"] = schema.avro();
  (*record)["canonical"] = schema.canonical_avro();
  (*record)["indexes"] = schema.canonical_indexes();
  (*record)["key"] = schema.key;
  (*record)["normalize"] = schema.normalize;
}

}  // namespace

table::TableSpec SpecOf(const TableSchema& schema, const Json& record) {
  table::TableSpec spec;
  spec.schema = ArrowSchema(*schema.record);
  spec.edition.key = schema.key;
  spec.edition.time_column = kTimeColumn;
  spec.edition.merge = catalog::MergeRule::kGreatest;
  spec.edition.merge_columns = {kTimeColumn};
  spec.edition.image = catalog::LogImage::kInput;
  const auto lifetime = [&](const char* seconds) {
    catalog::Lifetime life;
    const int64_t given = record[seconds];
    if (given > 0) {
      life.duration_ns = given * 1'000'000'000;
      life.by = catalog::LifetimeBy::kRecordTime;
    }
    return life;
  };
  spec.edition.log_lifetime = lifetime("log_s");
  spec.edition.key_lifetime = lifetime("index_s");
  spec.edition.lake_lifetime = lifetime("warehouse_s");
  spec.attributes[kTableAttribute] = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  return spec;
}

Result<table::TableSpec> SpecOfRecord(const Json& record) {
  ARROW_ASSIGN_OR_RAISE(const TypePtr type, ParseAvro(record["avro"].get<std::string>()));
  return SpecOf(TableSchema{.record = type, .key = record["key"].get<std::vector<std::string>>()},
                record);
}

Result<Json> Control::RecordOf(const table::TableInfo& table) {
  const auto found = table.attributes.find(kTableAttribute);
  if (found != table.attributes.end()) {
    Json record = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
    if (record.is_object()) return record;
    return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                 "the attributes of table '" + table.path.ToString() + "' are damaged");
  }
  ARROW_ASSIGN_OR_RAISE(const auto facts, tables_->Get(table));
  return facts->record;
}

Status Control::SaveRecord(const table::TableInfo& table, const Json& record) {
  table::TableChange change;
  change.attributes = table.attributes;
  (*change.attributes)[kTableAttribute] =
      record.dump(-1, ' ', false, Json::error_handler_t::replace);
  return database_->AlterTable(access::Internal(), table.path, change).status();
}

Json Control::ShowTable(const table::TableInfo& table, const Json& record) {
  Json index{{"__typename", "TableIndex"},
             {"indexID", Id(IdKind::kTable, table.id.value)},
             {"fields", record["key"]},
             {"primary", true},
             {"normalize", Flag(record, "normalize")}};
  Json indexes = Json::array();
  if (!record["key"].empty()) indexes.push_back(std::move(index));
  Json shown{{"__typename", "Table"},
             {"tableID", Id(IdKind::kTable, table.id.value)},
             {"name", table.path.Name()},
             {"description", record.value("description", "")},
             {"createdOn", TimeOf(Json{{"at", table.created_ns}}, "at")},
             {"updatedOn", TimeOf(Json{{"at", table.modified_ns}}, "at")},
             {"schemaKind", record["kind"]},
             {"schema", record["schema"]},
             {"avroSchema", record["avro"]},
             {"canonicalAvroSchema", record["canonical"]},
             {"canonicalIndexes", record["indexes"]},
             {"tableIndexes", std::move(indexes)},
             {"meta", Flag(record, "meta")},
             {"allowManualWrites", Flag(record, "manual")},
             {"useLog", true},
             {"useIndex", Flag(record, "index")},
             {"useWarehouse", Flag(record, "warehouse")},
             {"logRetentionSeconds", record["log_s"]},
             {"indexRetentionSeconds", record["index_s"]},
             {"warehouseRetentionSeconds", record["warehouse_s"]},
             {"instancesCreatedCount", record["created"]},
             {"instancesDeletedCount", record["deleted"]},
             {"instancesMadeFinalCount", record["final"]},
             {"instancesMadePrimaryCount", record["primary"]}};
  if (table.current.has_value()) {
    shown["primaryTableInstanceID"] = Id(IdKind::kInstance, table.current->id.value);
  }
  return shown;
}

Json Control::ShowInstance(const table::TableInfo& table, const Json& record,
                           const catalog::EditionInfo& edition) {
  const auto& noted = record["instances"];
  const auto facts = noted.find(std::to_string(edition.id.value));
  Json shown{{"__typename", "TableInstance"},
             {"tableInstanceID", Id(IdKind::kInstance, edition.id.value)},
             {"tableID", Id(IdKind::kTable, table.id.value)},
             {"version", edition.number},
             {"createdOn", TimeOf(Json{{"at", edition.created_ns}}, "at")}};
  if (edition.number == 0) shown["madePrimaryOn"] = TimeOf(record, "first_primary_on");
  if (facts != noted.end()) {
    if (facts->contains("primary_on")) shown["madePrimaryOn"] = TimeOf(*facts, "primary_on");
    shown["madeFinalOn"] = TimeOf(*facts, "final_on");
  }
  return shown;
}

Result<Json> Control::ShowTableNow(TableId id) {
  ARROW_ASSIGN_OR_RAISE(const auto table, database_->GetTable(access::Internal(), id));
  ARROW_ASSIGN_OR_RAISE(const Json record, RecordOf(*table));
  return ShowTable(*table, record);
}

Result<table::TablePtr> Control::TableNamed(const Json& args) {
  const std::string organization = PlainName(TextOf(args, "organizationName"));
  const std::string project = PlainName(TextOf(args, "projectName"));
  const std::string name = PlainName(TextOf(args, "tableName"));
  ARROW_ASSIGN_OR_RAISE(const Path path, PathOfNames(organization, project, name));
  auto table = database_->GetTable(access::Internal(), path);
  if (!table.ok() && CodeOf(table.status()) == Code::kNotFound) {
    return NotFound("Table " + organization.substr(0, 64) + "/" + project.substr(0, 64) + "/" +
                    name.substr(0, 64));
  }
  return table;
}

Result<Json> Control::TableById(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(args, "tableID")));
  ARROW_ASSIGN_OR_RAISE(const TableRights rights, rights_->OnTable(who, table->path));
  if (!rights.read) return NotAllowed("read this table");
  return ShowTableNow(table->id);
}

Result<Json> Control::TableByName(const Requester& who, const Json& args) {
  ARROW_ASSIGN_OR_RAISE(const auto table, TableNamed(args));
  ARROW_ASSIGN_OR_RAISE(const TableRights rights, rights_->OnTable(who, table->path));
  if (!rights.read && !rights.write) return NotAllowed("read this table");
  return ShowTableNow(table->id);
}

Result<Json> Control::CompileSchema(const Requester&, const Json& args) {
  const Json& input = args["input"];
  const auto schema = beneath::CompileSchema(input["schemaKind"] == "Avro", TextOf(input, "schema"),
                                             TextOf(input, "indexes"), /*needs_key=*/false);
  if (!schema.ok()) return Invalid("Error compiling schema: " + MessageOf(schema.status()));
  return Json{{"__typename", "CompileSchemaOutput"},
              {"canonicalAvroSchema", schema->canonical_avro()},
              {"canonicalIndexes", schema->canonical_indexes()}};
}

Result<Json> Control::CreateTable(const Requester& who, const Json& args) {
  const Json& input = args["input"];
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto project, ProjectNamed(TextOf(input, "organizationName"),
                                                         TextOf(input, "projectName")));
  ARROW_ASSIGN_OR_RAISE(const ProjectRights rights, RightsOn(who, project.record));
  if (!rights.create) return NotAllowed("create tables in this project");
  const std::string name = PlainName(TextOf(input, "tableName"));
  if (!IsPlainName(name, kNameMax)) {
    return Invalid("'" + name.substr(0, 64) +
                   "' cannot name a table: letters, digits and underscores, at most 128");
  }
  ARROW_ASSIGN_OR_RAISE(Path path, PathOf(project.record));
  path.segments.push_back(name);
  const auto held = database_->GetTable(access::Internal(), path);
  if (!held.ok() && CodeOf(held.status()) != Code::kNotFound) return held.status();
  if (held.ok() && !Flag(input, "updateIfExists")) {
    return Invalid("a table named '" + name + "' already exists");
  }
  const auto schema = beneath::CompileSchema(input["schemaKind"] == "Avro", TextOf(input, "schema"),
                                             TextOf(input, "indexes"), /*needs_key=*/true);
  if (!held.ok()) {
    if (!schema.ok()) return Invalid("Error creating table: " + MessageOf(schema.status()));
    Json record{{"meta", Flag(input, "meta")},
                {"manual", Flag(input, "allowManualWrites")},
                {"created", 1},
                {"deleted", 0},
                {"final", 0},
                {"primary", 1},
                {"instances", Json::object()}};
    ARROW_RETURN_NOT_OK(TakeViews(input, &record));
    TakeSchema(input, *schema, &record);
    record["description"] =
        input.contains("description") ? TextOf(input, "description") : schema->record->doc;
    // Of the first instance the number is not known yet: that it is primary from the start is.
    record["first_primary_on"] = facts_->NowNs();
    ARROW_ASSIGN_OR_RAISE(const auto table, database_->CreateTable(access::Internal(), path,
                                                                   SpecOf(*schema, record)));
    return ShowTableNow(table->id);
  }
  ARROW_ASSIGN_OR_RAISE(Json record, RecordOf(**held));
  if (!(*held)->attributes.contains(kTableAttribute)) {
    return Invalid("table '" + name + "' was made elsewhere and cannot be changed here");
  }
  ARROW_RETURN_NOT_OK(CheckSameViews(input, record));
  if (!schema.ok()) return Invalid("Schema error: " + MessageOf(schema.status()));
  if (schema->canonical_avro() != record["canonical"].get<std::string>()) {
    return Invalid("Schema error: the schema differs from that of the existing table");
  }
  if (Json(schema->key) != record["key"]) {
    return Invalid("Schema error: the key differs from that of the existing table");
  }
  const bool same_text = record["schema"] == input["schema"];
  TakeSchema(input, *schema, &record);
  if (input.contains("description"))
    record["description"] = input["description"];
  else if (!same_text)
    record["description"] = schema->record->doc;
  Take(input, "meta", &record, "meta");
  Take(input, "allowManualWrites", &record, "manual");
  ARROW_RETURN_NOT_OK(SaveRecord(**held, record));
  return ShowTableNow((*held)->id);
}

Result<Json> Control::DeleteTable(const Requester& who, const Json& args) {
  std::lock_guard lock(mutex_);
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(args, "tableID")));
  ARROW_ASSIGN_OR_RAISE(const Json record, ProjectOfTable(facts_, table->path));
  ProjectRights rights;
  if (!record.is_null()) {
    ARROW_ASSIGN_OR_RAISE(rights, RightsOn(who, record));
  }
  if (!rights.create) return NotAllowed("delete this table");
  // Rights on the path must not pass to whatever gets its name next.
  ARROW_ASSIGN_OR_RAISE(const auto principals, database_->access()->ListPrincipals());
  for (const auto& principal : principals) {
    ARROW_ASSIGN_OR_RAISE(const auto grants, database_->access()->ListGrants(principal.name));
    for (const auto& grant : grants) {
      if (grant.path != table->path) continue;
      ARROW_RETURN_NOT_OK(
          database_->access()->Grant(principal.name, grant.path, grant.edition, 0, grant.role));
    }
  }
  ARROW_RETURN_NOT_OK(database_->DropTable(access::Internal(), table->path));
  return Json(true);
}

Result<Json> Control::TableProject(const Requester&, const Json& object) {
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(object, "tableID")));
  const auto& segments = table->path.segments;
  if (segments.size() == 3) {
    ARROW_ASSIGN_OR_RAISE(const auto owner, facts_->FindName(kOrganizations, 0, segments[0]));
    if (owner.has_value()) {
      ARROW_ASSIGN_OR_RAISE(const auto number, facts_->FindName(kProjects, *owner, segments[1]));
      if (number.has_value()) {
        Numbered project{.number = *number};
        ARROW_ASSIGN_OR_RAISE(project.record, facts_->Get(kProjects, *number));
        return ShowProject(project);
      }
    }
  }
  const auto names = NamesOfPath(table->path);
  Json shown = ShowProject(
      {.number = 0,
       .record = {
           {"name", names[1]}, {"created", table->created_ns}, {"updated", table->created_ns}}});
  shown["projectID"] = Id(IdKind::kForeignProject, table->id.value);
  shown["tables"] = Json::array();
  shown["services"] = Json::array();
  shown["organization"] = {{"__typename", "PublicOrganization"},
                           {"organizationID", Id(IdKind::kForeignProject, 0)},
                           {"name", names[0]},
                           {"displayName", names[0]},
                           {"createdOn", TimeOf(Json{{"at", table->created_ns}}, "at")},
                           {"projects", Json::array()}};
  return shown;
}

Result<Json> Control::TablePrimary(const Requester&, const Json& object) {
  ARROW_ASSIGN_OR_RAISE(const auto table, TableAt(TextOf(object, "tableID")));
  if (!table->current.has_value()) return Json();
  ARROW_ASSIGN_OR_RAISE(const Json record, RecordOf(*table));
  return ShowInstance(*table, record, *table->current);
}

}  // namespace firth::doors::beneath
