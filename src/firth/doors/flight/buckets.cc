#include "firth/doors/flight/buckets.h"

#include <string>

namespace firth::doors::flight {

Result<std::optional<PartitionId>> PartitionOf(const Request& request,
                                               const table::TableInfo& table,
                                               const Ticket& ticket) {
  if (!ticket.partition) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        request.database->ListPartitions(request.caller, table));
  std::string text;
  for (const std::string& value : *ticket.partition) text += (text.empty() ? "" : ", ") + value;
  for (const auto& partition : partitions) {
    if (partition.values == *ticket.partition) return partition.id;
  }
  return Error(Code::kNotFound, Reason::kPartitionNotFound,
               "the table " + table.path.ToString() + " has no partition " + text);
}

Result<std::vector<table::BucketRef>> BucketsOf(const Request& request,
                                                const table::TableInfo& table,
                                                const Ticket& ticket) {
  ARROW_ASSIGN_OR_RAISE(const auto wanted, PartitionOf(request, table, ticket));
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        request.database->ListPartitions(request.caller, table));
  std::vector<table::BucketRef> buckets;
  for (const auto& partition : partitions) {
    if (wanted && partition.id != *wanted) continue;
    if (ticket.bucket && *ticket.bucket >= partition.bucket_count) {
      return Error(Code::kNotFound, Reason::kBucketNotFound,
                   "the table " + table.path.ToString() + " has " +
                       std::to_string(partition.bucket_count) + " buckets, counted from 0");
    }
    for (int32_t bucket = 0; bucket < partition.bucket_count; ++bucket) {
      if (!ticket.bucket || bucket == *ticket.bucket) buckets.push_back({partition.id, bucket});
    }
  }
  return buckets;
}

}  // namespace firth::doors::flight
