// Metadata: where the servers are, and what clients must know of tables and partitions to reach
// their buckets. This one process is the coordinator and the only tablet server, with node id 0.
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/connection.h"
#include "firth/doors/fluss/lookup_names.h"
#include "firth/doors/fluss/messages.h"
#include "firth/doors/fluss/names.h"
#include "firth/doors/fluss/table_json.h"

namespace firth::doors::fluss {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int32_t kNodeId = 0;

void FillNode(const Node& node, pb::ServerNode* out) {
  out->set_id(kNodeId);
  out->set_host(node.host);
  out->set_port(node.port);
}

template <typename Entry>
void FillBuckets(int32_t count, Entry* out) {
  for (int32_t bucket = 0; bucket < count; ++bucket) {
    auto* entry = out->add_buckets();
    entry->set_bucket(bucket);
    entry->set_leader(kNodeId);
    entry->add_replicas(kNodeId);
    entry->set_leader_epoch(0);
  }
}

void FillTable(const TableNames& names, const table::TableInfo& table, pb::TableEntry* out) {
  out->mutable_table()->set_database(names.database);
  out->mutable_table()->set_table(names.table);
  out->set_table_id(table.id.value);
  out->set_schema_id(table.current->newest().id.value);
  out->set_json(TableJson(table));
  out->set_created_ms(table.created_ns / kNsPerMs);
  out->set_modified_ms(table.modified_ns / kNsPerMs);
  const table::EditionSpec& spec = table.current->spec;
  if (spec.partition_by.empty()) FillBuckets(spec.bucket_count, out);
}

void FillPartition(const table::TableInfo& table, const table::PartitionInfo& partition,
                   pb::PartitionMetadata* out) {
  out->set_table_id(table.id.value);
  out->set_name(PartitionName(partition.values));
  out->set_partition_id(partition.id.value);
  FillBuckets(partition.bucket_count, out);
}

/// Looks partitions up for one request; what it has listed once it keeps.
class PartitionFinder {
 public:
  explicit PartitionFinder(const Request& request) : request_(request) {}

  Status ByName(const pb::PartitionName& name, pb::MetadataAnswer* out) {
    const TableNames names{name.database(), name.table()};
    ARROW_ASSIGN_OR_RAISE(const auto table, FindTable(request_, names));
    ARROW_ASSIGN_OR_RAISE(const Listed* listed, List(table));
    for (const auto& partition : listed->partitions) {
      if (PartitionName(partition.values) == name.partition()) {
        Add(*table, partition, out);
        return Status::OK();
      }
    }
    return Error(
        Code::kNotFound, Reason::kPartitionNotFound,
        "Table partition '" + names.ToString() + "(p=" + name.partition() + ")' does not exist.");
  }

  /// Clients name the tables that the ids belong to in the same request; for one that does not,
  /// every partitioned table is looked at.
  Status ById(int64_t id, pb::MetadataAnswer* out) {
    if (FindListed(id, out)) return Status::OK();
    if (!listed_all_) {
      listed_all_ = true;
      ARROW_ASSIGN_OR_RAISE(const auto tables,
                            request_.database().ListTables(request_.caller(), Path{}));
      for (const auto& table : tables) {
        if (table->current) ARROW_RETURN_NOT_OK(List(table).status());
      }
      if (FindListed(id, out)) return Status::OK();
    }
    return Error(Code::kNotFound, Reason::kPartitionNotFound,
                 "Table partition with id " + std::to_string(id) + " does not exist.");
  }

  struct Listed {
    table::TablePtr table;
    std::vector<table::PartitionInfo> partitions;
  };

  Result<const Listed*> List(const table::TablePtr& table) {
    auto [found, is_new] = listed_.try_emplace(table->id.value);
    if (is_new && !table->current->spec.partition_by.empty()) {
      found->second.table = table;
      ARROW_ASSIGN_OR_RAISE(found->second.partitions,
                            request_.database().ListPartitions(request_.caller(), *table));
    }
    return &found->second;
  }

 private:
  void Add(const table::TableInfo& table, const table::PartitionInfo& partition,
           pb::MetadataAnswer* out) {
    if (!given_.insert(partition.id.value).second) return;
    FillPartition(table, partition, out->add_partitions());
  }

  bool FindListed(int64_t id, pb::MetadataAnswer* out) {
    for (const auto& [table_id, listed] : listed_) {
      for (const auto& partition : listed.partitions) {
        if (partition.id.value != id) continue;
        Add(*listed.table, partition, out);
        return true;
      }
    }
    return false;
  }

  const Request& request_;
  std::map<int64_t, Listed> listed_;  // by table id
  std::set<int64_t> given_;           // partition ids that are in the answer
  bool listed_all_ = false;
};

Status Metadata(const Request& request, const pb::MetadataRequest& in, pb::MetadataAnswer* out) {
  FillNode(request.connection().node(), out->mutable_coordinator());
  FillNode(request.connection().node(), out->add_tablet_servers());
  PartitionFinder partitions(request);
  // Each thing once, however often it is named: a small request must not make a huge answer.
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& name : in.tables()) {
    const TableNames names{name.database(), name.table()};
    if (!seen.emplace(names.database, names.table).second) continue;
    ARROW_ASSIGN_OR_RAISE(const auto table, FindTable(request, names));
    FillTable(names, *table, out->add_tables());
    if (in.partition_ids_size() > 0) ARROW_RETURN_NOT_OK(partitions.List(table).status());
  }
  // Only partitions that were asked for: old clients fail on one whose table they do not know yet.
  for (const auto& name : in.partitions()) ARROW_RETURN_NOT_OK(partitions.ByName(name, out));
  for (const int64_t id : in.partition_ids()) ARROW_RETURN_NOT_OK(partitions.ById(id, out));
  return Status::OK();
}

}  // namespace

void ServeMetadata(const RequestPtr& request) {
  Unary<pb::MetadataRequest, pb::MetadataAnswer>(request, &Metadata);
}

}  // namespace firth::doors::fluss
