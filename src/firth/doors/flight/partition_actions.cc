// Actions on the partitions of a table.
#include <string>
#include <vector>

#include "firth/common/text.h"
#include "firth/doors/flight/actions.h"
#include "firth/doors/flight/fields.h"

namespace firth::doors::flight {
namespace {

using nlohmann::json;

Result<json> Description(const Request& request, const table::TableInfo& table,
                         const table::PartitionInfo& partition) {
  json buckets = json::array();
  for (int32_t bucket = 0; bucket < partition.bucket_count; ++bucket) {
    ARROW_ASSIGN_OR_RAISE(const auto range, request.database->GetRange(request.caller, table,
                                                                       {partition.id, bucket}));
    buckets.push_back({{"start", range.start.value}, {"end", range.end.value}});
  }
  return json{{"id", partition.id.value},
              {"values", partition.values},
              {"created", FormatTimeNs(partition.created_ns)},
              {"buckets", std::move(buckets)}};
}

Result<json> RunPartitions(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto table, request.database->GetTable(request.caller, path));
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        request.database->ListPartitions(request.caller, *table));
  json list = json::array();
  for (const auto& partition : partitions) {
    ARROW_ASSIGN_OR_RAISE(list.emplace_back(), Description(request, *table, partition));
  }
  return list;
}

Result<json> RunCreate(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  const auto values = fields->Texts("values");
  const bool if_absent = fields->Flag("if_absent", false);
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto table, request.database->GetTable(request.caller, path));
  const auto created = request.database->CreatePartition(request.caller, *table, values);
  const bool exists = ReasonOf(created.status()) == Reason::kPartitionExists;
  if (!(if_absent && exists)) ARROW_RETURN_NOT_OK(created.status());
  return json{{"created", !exists}, {"values", values}};
}

Result<json> RunDrop(const Request& request, Fields* fields) {
  const Path path = fields->NeedPath("path");
  const auto values = fields->Texts("values");
  const bool if_exists = fields->Flag("if_exists", false);
  ARROW_RETURN_NOT_OK(fields->Check());
  ARROW_ASSIGN_OR_RAISE(const auto table, request.database->GetTable(request.caller, path));
  const Status dropped = request.database->DropPartition(request.caller, *table, values);
  const bool absent = ReasonOf(dropped) == Reason::kPartitionNotFound;
  if (!(if_exists && absent)) ARROW_RETURN_NOT_OK(dropped);
  return json{{"dropped", !absent}};
}

}  // namespace

std::vector<Action> PartitionActions() {
  return {
      {"partitions", "list a table's partitions with the offsets of their buckets: path",
       RunPartitions},
      {"partition.create", "make a partition: path, values, [if_absent]", RunCreate},
      {"partition.drop", "remove a partition and its rows: path, values, [if_exists]", RunDrop},
  };
}

}  // namespace firth::doors::flight
