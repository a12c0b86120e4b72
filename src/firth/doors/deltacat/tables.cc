// Tables: making, telling, changing, dropping.
#include <algorithm>
#include <set>

#include "firth/doors/deltacat/errors.h"
#include "firth/doors/deltacat/names.h"
#include "firth/doors/deltacat/properties.h"
#include "firth/doors/deltacat/service.h"
#include "firth/doors/deltacat/types.h"
#include "firth/doors/deltacat/versions.h"
#include "firth/table/deltas.h"

namespace firth::doors::deltacat {
namespace {

using table::OverlaidTable;
using table::Step;

json DescriptionOf(const catalog::Attributes& attributes) {
  const auto found = attributes.find(kDescription);
  return found == attributes.end() ? json(nullptr) : json(found->second);
}

void SetDescription(const std::optional<std::string>& text, catalog::Attributes* attributes) {
  if (text.has_value()) (*attributes)[kDescription] = *text;
}

}  // namespace

Result<Answer> Service::ListTables(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Path space, NamespacePath(call.names[0]));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const auto found, view.FindNamespace(space));
  if (!found.has_value() && call.names[0] != kDefaultNamespace) {
    return Error(Code::kNotFound, Reason::kNamespaceNotFound,
                 "there is no namespace '" + call.names[0].substr(0, 64) + "'");
  }
  ARROW_ASSIGN_OR_RAISE(const auto tables, view.List(space));
  json all = json::array();
  for (const OverlaidTable* table : tables) {
    if ((database_->access()->RightsOn(call.caller, table->path) & access::kSee) == 0) continue;
    all.push_back({{"name", TableNames(table->path).second},
                   {"latest_version", CurrentVersion(*table)},
                   {"lifecycle_state", "active"},
                   {"description", DescriptionOf(table->attributes)}});
  }
  std::sort(all.begin(), all.end(),
            [](const json& a, const json& b) { return a["name"] < b["name"]; });
  return Answer{.body = std::move(all)};
}

Result<Answer> Service::CreateTable(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const std::string name, call.NeedText("table"));
  Step step{.kind = Step::Kind::kCreateTable};
  ARROW_ASSIGN_OR_RAISE(step.path, TablePath(call.names[0], name));
  step.attributes = catalog::Attributes{};
  ARROW_ASSIGN_OR_RAISE(const auto description, call.Text("table_description"));
  SetDescription(description, &*step.attributes);
  ARROW_ASSIGN_OR_RAISE(const auto properties, call.Object("table_properties"));
  if (properties.has_value()) SetProperties(*properties, kPropertyPrefix, &*step.attributes);
  ARROW_ASSIGN_OR_RAISE(const auto content, call.Text("content_type"));
  (*step.attributes)[kContentType] = EnumText(content.value_or("parquet"));
  if (call.body.contains("schema_def") && !call.body["schema_def"].is_null()) {
    ARROW_ASSIGN_OR_RAISE(auto definition, ParseSchemaDefinition(call.body["schema_def"]));
    step.schema = std::move(definition.schema);
    step.spec.key = std::move(definition.key);
    step.spec.time_column = std::move(definition.event_time);
    if (!step.spec.key.empty()) step.spec.views |= catalog::kKeyView;
  }
  ARROW_ASSIGN_OR_RAISE(const bool make_namespace, call.Bool("auto_create_namespace", true));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const auto space, view.FindNamespace(step.path.Parent()));
  std::vector<Step> steps;
  if (!space.has_value()) {
    if (!make_namespace && call.names[0] != kDefaultNamespace) {
      return Error(Code::kNotFound, Reason::kNamespaceNotFound,
                   "there is no namespace '" + call.names[0].substr(0, 64) + "'");
    }
    steps.push_back({.kind = Step::Kind::kCreateNamespace, .path = step.path.Parent()});
  }
  steps.push_back(std::move(step));
  return Change(call, steps,
                {.status = 201,
                 .body = {{"namespace", call.names[0]},
                          {"table", name},
                          {"created", true},
                          {"table_version", "1"}}});
}

Result<Answer> Service::DescribeTable(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Path path, TablePath(call.names[0], call.names[1]));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, NeedTable(call, &view, path));
  ARROW_ASSIGN_OR_RAISE(const auto other, OtherVersion(call, *table, view.at()));
  if (other != nullptr) table = other.get();
  json body = {{"table_name", call.names[1]},
               {"table_version", CurrentVersion(*table)},
               {"description", DescriptionOf(table->attributes)},
               {"lifecycle_state", "active"},
               {"stream_format", "deltacat"},
               {"table_properties", PropertiesOf(table->attributes, kPropertyPrefix)},
               {"properties", PropertiesOf(table->attributes, kVersionPropertyPrefix)},
               {"schema", json::array()},
               {"merge_keys", nullptr},
               {"partition_scheme", nullptr},
               {"sort_scheme", nullptr}};
  table::DeltaTotals totals;
  std::set<std::string> contents;
  if (table->edition.has_value()) {
    const auto& edition = *table->edition;
    body["schema"] = FieldSummaries(*edition.newest().schema, edition.spec);
    if (!edition.spec.key.empty()) body["merge_keys"] = edition.spec.key;
    body["stream_id"] = "stream-" + std::to_string(edition.id.value);
    if (table->base != nullptr && edition.id.value != 0) {
      ARROW_ASSIGN_OR_RAISE(totals, database_->CountDeltas(call.caller, table->base, view.at()));
    }
    for (const auto& added : table->added) {
      ++totals.deltas;
      for (const auto& file : added.set.files) {
        contents.insert(file.info.format);
        ++totals.files;
        totals.rows += file.info.rows;
        totals.bytes += file.info.bytes;
      }
    }
  }
  const auto content = table->attributes.find(kContentType);
  contents.insert(content == table->attributes.end() ? "parquet" : content->second);
  body["content_types"] = contents;
  body["total_records"] = totals.rows;
  body["total_files"] = totals.files;
  body["total_bytes"] = totals.bytes;
  body["delta_count"] = totals.deltas;
  return Answer{.body = std::move(body)};
}

Result<Answer> Service::AlterTable(const Call& call) {
  Step step{.kind = Step::Kind::kAlterTable};
  ARROW_ASSIGN_OR_RAISE(step.path, TablePath(call.names[0], call.names[1]));
  ARROW_RETURN_NOT_OK(CheckWrite(call, step.path));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, NeedTable(call, &view, step.path));
  step.attributes = table->attributes;
  ARROW_ASSIGN_OR_RAISE(const auto description, call.Text("table_description"));
  SetDescription(description, &*step.attributes);
  ARROW_ASSIGN_OR_RAISE(const auto properties, call.Object("table_properties"));
  if (properties.has_value()) SetProperties(*properties, kPropertyPrefix, &*step.attributes);
  ARROW_ASSIGN_OR_RAISE(const auto of_version, call.Object("table_version_properties"));
  if (of_version.has_value()) {
    SetProperties(*of_version, kVersionPropertyPrefix, &*step.attributes);
  }
  return Change(
      call, {step},
      {.body = {{"namespace", call.names[0]}, {"table", call.names[1]}, {"altered", true}}});
}

Result<Answer> Service::DropTable(const Call& call) {
  Step step{.kind = Step::Kind::kDropTable};
  ARROW_ASSIGN_OR_RAISE(step.path, TablePath(call.names[0], call.names[1]));
  ARROW_ASSIGN_OR_RAISE(step.release_files, call.QueryBool("purge", false));
  ARROW_RETURN_NOT_OK(CheckWrite(call, step.path));
  ARROW_ASSIGN_OR_RAISE(auto first, FirstAnswer(call));
  if (first.has_value()) return *std::move(first);
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_RETURN_NOT_OK(NeedTable(call, &view, step.path).status());
  return Change(call, {step},
                {.body = {{"namespace", call.names[0]},
                          {"table", call.names[1]},
                          {"dropped", true},
                          {"purged", step.release_files}}});
}

Result<Answer> Service::RenameTable(const Call& call) {
  Step step{.kind = Step::Kind::kRenameTable};
  ARROW_ASSIGN_OR_RAISE(step.path, TablePath(call.names[0], call.names[1]));
  const auto new_name = call.Query("new_name");
  if (!new_name.has_value()) return Refuse("invalid_request", "'new_name' is missing");
  const std::string new_space = call.Query("new_namespace").value_or(call.names[0]);
  ARROW_ASSIGN_OR_RAISE(step.to, TablePath(new_space, *new_name));
  ARROW_RETURN_NOT_OK(CheckWrite(call, step.path));
  ARROW_ASSIGN_OR_RAISE(auto first, FirstAnswer(call));
  if (first.has_value()) return *std::move(first);
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_RETURN_NOT_OK(NeedTable(call, &view, step.path).status());
  std::vector<Step> steps;
  ARROW_ASSIGN_OR_RAISE(const auto space, view.FindNamespace(step.to.Parent()));
  if (!space.has_value()) {
    if (new_space != kDefaultNamespace) {
      return Error(Code::kNotFound, Reason::kNamespaceNotFound,
                   "there is no namespace '" + new_space.substr(0, 64) + "'");
    }
    steps.push_back({.kind = Step::Kind::kCreateNamespace, .path = step.to.Parent()});
  }
  steps.push_back(std::move(step));
  return Change(call, steps,
                {.body = {{"old_name", call.names[1]},
                          {"new_name", *new_name},
                          {"new_namespace", new_space},
                          {"renamed", true}}});
}

Result<Answer> Service::TableExists(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Path path, TablePath(call.names[0], call.names[1]));
  ARROW_RETURN_NOT_OK(CheckRead(call, path));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, view.Find(path));
  const bool exists = table != nullptr && CheckVersion(*table, call.Query("table_version")).ok();
  return Answer{
      .body = {{"namespace", call.names[0]}, {"table", call.names[1]}, {"exists", exists}}};
}

Result<std::unique_ptr<OverlaidTable>> Service::OtherVersion(const Call& call,
                                                             const OverlaidTable& table,
                                                             CommitId at) {
  const auto version = call.Query("table_version");
  if (!version.has_value() || *version == CurrentVersion(table)) return nullptr;
  for (const auto& [known, numbers] : VersionsOf(table)) {
    if (std::to_string(known) != *version || table.base == nullptr || numbers.empty()) continue;
    ARROW_ASSIGN_OR_RAISE(const auto editions,
                          database_->catalog()->ListEditions(table.base->id, at));
    for (const auto& edition : editions) {
      if (edition.number != numbers.back()) continue;
      auto other = std::make_unique<OverlaidTable>(table);
      auto base = std::make_shared<catalog::TableInfo>(*table.base);
      base->current = edition;
      other->base = std::move(base);
      other->edition = edition;
      other->added.clear();
      return other;
    }
  }
  return Refuse("table_version_not_found",
                "the table has no version '" + version->substr(0, 64) + "'");
}

Result<Answer> Service::TruncateTable(const Call& call) {
  Step step{.kind = Step::Kind::kReplace};
  ARROW_ASSIGN_OR_RAISE(step.path, TablePath(call.names[0], call.names[1]));
  ARROW_RETURN_NOT_OK(CheckWrite(call, step.path));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, NeedTable(call, &view, step.path));
  ARROW_RETURN_NOT_OK(CheckVersion(*table, call.Query("table_version")));
  Answer answer{.body = {{"table", call.names[1]}, {"truncated", true}}};
  if (!table->edition.has_value()) return answer;  // it has nothing yet
  ARROW_RETURN_NOT_OK(CompleteReplacement(*table, &step));
  return Change(call, {step}, std::move(answer));
}

Result<Answer> Service::ListVersions(const Call& call) {
  ARROW_ASSIGN_OR_RAISE(const Path path, TablePath(call.names[0], call.names[1]));
  ARROW_ASSIGN_OR_RAISE(auto view, ViewOf(call));
  ARROW_ASSIGN_OR_RAISE(const OverlaidTable* table, NeedTable(call, &view, path));
  json all = json::array();
  for (const auto& [version, editions] : VersionsOf(*table)) {
    all.push_back({{"table_version", std::to_string(version)}, {"lifecycle_state", "active"}});
  }
  return Answer{.body = std::move(all)};
}

}  // namespace firth::doors::deltacat
