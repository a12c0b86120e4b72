// Actions on the files that are cut from tables' logs.
#include <vector>

#include "firth/common/text.h"
#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/fields.h"
#include "firth/table/lake.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

json SnapshotToJson(const table::LakeSnapshot& snapshot) {
  return {{"id", snapshot.id},
          {"commit", snapshot.commit.value},
          {"time", FormatTimeNs(snapshot.time_ns)},
          {"rows", snapshot.rows}};
}

Result<table::TablePtr> NeedTable(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  ARROW_RETURN_NOT_OK(fields->Check());
  return request.database->GetTable(request.caller, path);
}

Result<json> FilesToJson(const Request& request, const table::TablePtr& table) {
  ARROW_ASSIGN_OR_RAISE(const auto files, request.database->lake()->Files(request.caller, table));
  json answer = SnapshotToJson(files.snapshot);
  answer["bytes"] = files.bytes;
  answer["files"] = files.paths;
  answer["history"] = files.history_metadata;
  answer["current"] = files.current_metadata;
  return answer;
}

Result<json> RunCut(const Request& request, Fields* fields) {
  ARROW_ASSIGN_OR_RAISE(const auto table, NeedTable(request, fields));
  ARROW_RETURN_NOT_OK(request.database->lake()->Cut(request.caller, table).status());
  return FilesToJson(request, table);
}

Result<json> RunFiles(const Request& request, Fields* fields) {
  ARROW_ASSIGN_OR_RAISE(const auto table, NeedTable(request, fields));
  return FilesToJson(request, table);
}

Result<json> RunSnapshots(const Request& request, Fields* fields) {
  ARROW_ASSIGN_OR_RAISE(const auto table, NeedTable(request, fields));
  ARROW_ASSIGN_OR_RAISE(const auto snapshots,
                        request.database->lake()->Snapshots(request.caller, table));
  json answer = json::array();
  for (const auto& snapshot : snapshots) answer.push_back(SnapshotToJson(snapshot));
  return answer;
}

}  // namespace

std::vector<Action> LakeActions() {
  return {
      {"lake.cut", "bring a table's lake files up to the last commit, and list them: path", RunCut},
      {"lake.files", "list the lake files of a table's newest snapshot: path", RunFiles},
      {"lake.snapshots", "list a table's lake snapshots, oldest first: path", RunSnapshots},
  };
}

}  // namespace firth::doors::flight
