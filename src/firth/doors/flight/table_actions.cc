// Actions on tables.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "firth/common/text.h"
#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/alteration.h"
#include "firth/doors/flight/definition.h"
#include "firth/doors/flight/edition_json.h"
#include "firth/doors/flight/fields.h"
#include "firth/schema/schema.h"
#include "firth/table/series_stats.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

json StatsToJson(const table::TableStats& stats) {
  return {{"rows", stats.rows},
          {"bytes", stats.bytes},
          {"partitions", stats.partitions},
          {"buckets", stats.buckets},
          {"last_commit", stats.last_commit.value}};
}

json Summary(const table::TableInfo& table) {
  json summary = {{"path", table.path.ToString()}, {"id", table.id.value}};
  if (table.current) {
    summary["columns"] = table.current->newest().schema->num_fields();
    summary["key"] = table.current->spec.key;
    summary["partition_by"] = table.current->spec.partition_by;
    summary["buckets"] = table.current->spec.bucket_count;
  }
  return summary;
}

json Description(const table::TableInfo& table) {
  json description = {{"path", table.path.ToString()},
                      {"id", table.id.value},
                      {"attributes", table.attributes},
                      {"created", FormatTimeNs(table.created_ns)},
                      {"modified", FormatTimeNs(table.modified_ns)}};
  if (!table.current) return description;
  const catalog::EditionInfo& edition = *table.current;
  description.update(EditionToJson(edition.spec));
  description["schema"] = SchemaToJson(*edition.newest().schema);
  description["schema_id"] = edition.newest().id.value;
  description["edition"] = edition.number;
  description["sealed"] = edition.sealed;
  return description;
}

/// How a view stands; `counted` is what it holds.
json ViewToJson(const table::ViewStats& view, const std::string& counted) {
  return {{counted, view.rows},      {counted + "_exact", view.rows_exact},
          {"bytes", view.bytes},     {"watermark", view.watermark.value},
          {"base", view.base.value}, {"lag_bytes", view.lag_bytes}};
}

Result<json> Describe(const Request& request, const table::TablePtr& table) {
  json description = Description(*table);
  ARROW_ASSIGN_OR_RAISE(const auto stats, request.database->GetStats(request.caller, *table));
  description["stats"] = StatsToJson(stats);
  if (table->current && !table->current->spec.key.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto keys, request.database->GetKeyStats(request.caller, *table));
    description["key_view"] = ViewToJson(keys, "rows");
  }
  ARROW_ASSIGN_OR_RAISE(const auto series,
                        table::StatsOfSeries(request.database->series(), request.caller, table));
  if (series.has_value()) {
    description["time_view"] = ViewToJson(series->points, "points");
    description["time_view"]["series"] = series->series;
  }
  return description;
}

Result<json> RunTables(const Request& request, Fields* fields) {
  const Path prefix = fields->Path("prefix");
  const bool with_stats = fields->Flag("stats", false);
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto tables, request.database->ListTables(request.caller, prefix));
  json list = json::array();
  for (const auto& table : tables) {
    json summary = Summary(*table);
    if (with_stats) {
      ARROW_ASSIGN_OR_RAISE(const auto stats, request.database->GetStats(request.caller, *table));
      summary["stats"] = StatsToJson(stats);
    }
    list.push_back(std::move(summary));
  }
  return list;
}

Result<json> RunDescribe(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto table, request.database->GetTable(request.caller, path));
  return Describe(request, table);
}

Result<json> RunStats(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto table, request.database->GetTable(request.caller, path));
  ARROW_ASSIGN_OR_RAISE(const auto stats, request.database->GetStats(request.caller, *table));
  return StatsToJson(stats);
}

Result<json> RunCreate(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  const bool if_absent = fields->Flag("if_absent", false);
  const table::TableSpec definition = ReadDefinition(fields);
  if (definition.schema == nullptr) fields->Wrong("schema", "given");
  ARROW_RETURN_NOT_OK(fields->Check());
  auto created = request.database->CreateTable(request.caller, path, definition);
  if (if_absent && ReasonOf(created.status()) == Reason::kTableExists) {
    created = request.database->GetTable(request.caller, path);
  }
  ARROW_ASSIGN_OR_RAISE(const auto table, created);
  return Description(*table);
}

Result<json> RunAlter(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  ARROW_ASSIGN_OR_RAISE(const auto table, request.database->GetTable(request.caller, path));
  ARROW_ASSIGN_OR_RAISE(const auto change, ReadAlteration(fields, *table));
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto altered,
                        request.database->AlterTable(request.caller, path, change));
  return Description(*altered);
}

Result<json> RunDrop(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  const bool if_exists = fields->Flag("if_exists", false);
  ARROW_RETURN_NOT_OK(fields->Check());
  const Status dropped = request.database->DropTable(request.caller, path);
  const bool absent = ReasonOf(dropped) == Reason::kTableNotFound;
  if (!(if_exists && absent)) ARROW_RETURN_NOT_OK(dropped);
  return json{{"dropped", !absent}};
}

Result<json> RunRename(const Request& request, Fields* fields) {
  const Path from = fields->NeedPath("path");
  const Path to = fields->NeedPath("to");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_RETURN_NOT_OK(request.database->RenameTable(request.caller, from, to));
  return json{{"path", to.ToString()}};
}

}  // namespace

std::vector<Action> TableActions() {
  return {
      {"tables", "list tables: [prefix], [stats]", RunTables},
      {"describe", "all about a table: path", RunDescribe},
      {"stats", "the sizes of a table: path", RunStats},
      {"create",
       "make a table: path, schema, [if_absent], [key], [order], [partition_by], [bucket_by], "
       "[buckets], [time_column], [merge], [image], [log_lifetime], [compression], [attributes], …",
       RunCreate},
      {"alter",
       "change a table: path, [add], [rename], [drop], [attributes], [log_lifetime], "
       "[compression], …",
       RunAlter},
      {"drop", "remove a table: path, [if_exists]", RunDrop},
      {"rename", "move a table: path, to", RunRename},
  };
}

}  // namespace firth::doors::flight
