#include "firth/doors/fluss/lookup_names.h"

#include <utility>

#include "firth/doors/fluss/table_json.h"

namespace firth::doors::fluss {

Status CheckDatabase(const Request& request, const std::string& database) {
  const Result<Path> path = PathOfDatabase(database);
  if (!path.ok()) return DatabaseNotFound(database);
  if (path->empty()) return Status::OK();
  const Status found = request.database().GetNamespace(request.caller(), *path).status();
  if (ReasonOf(found) == Reason::kNamespaceNotFound) return DatabaseNotFound(database);
  return found;
}

Result<table::TablePtr> FindTable(const Request& request, const TableNames& names) {
  const Result<Path> path = PathOfTable(names);
  if (!path.ok()) return TableNotFound(names);
  const auto found = request.database().GetTable(request.caller(), *path);
  if (ReasonOf(found.status()) == Reason::kTableNotFound) return TableNotFound(names);
  if (found.ok() && !(*found)->current) return TableNotFound(names);
  return found;
}

Result<TableById> TableById::Find(const Request& request, int64_t table_id) {
  TableById found;
  ARROW_ASSIGN_OR_RAISE(found.table_,
                        request.database().GetTable(request.caller(), TableId(table_id)));
  if (!found.table_->current) {
    return Error(Code::kNotFound, Reason::kEditionNotFound, "the table has no current edition");
  }
  if (found.table_->current->spec.partition_by.empty()) {
    ARROW_ASSIGN_OR_RAISE(const auto partitions,
                          request.database().ListPartitions(request.caller(), *found.table_));
    if (!partitions.empty()) found.only_partition_ = partitions.front().id;
  }
  return found;
}

Result<TableById> TableById::FindWritable(const Request& request, int64_t table_id) {
  ARROW_ASSIGN_OR_RAISE(TableById found, Find(request, table_id));
  ARROW_RETURN_NOT_OK(CheckRowFormats(*found.table()));
  return found;
}

Result<table::BucketRef> TableById::Bucket(std::optional<int64_t> partition_id,
                                           int32_t bucket) const {
  const bool partitioned = !table_->current->spec.partition_by.empty();
  if (partitioned != partition_id.has_value()) {
    return Error(Code::kNotFound, Reason::kBucketNotFound,
                 "table '" + NamesOf(table_->path).ToString() +
                     (partitioned ? "' is partitioned: its buckets are named with a partition id"
                                  : "' is not partitioned: its buckets have no partition id"));
  }
  if (partitioned) return table::BucketRef{PartitionId(*partition_id), bucket};
  if (!only_partition_) {
    return Error(Code::kNotFound, Reason::kBucketNotFound, "the table has no buckets");
  }
  return table::BucketRef{*only_partition_, bucket};
}

Result<std::optional<PartitionKeys>> TableById::KeysOf(const Request& request,
                                                       PartitionId partition) const {
  const catalog::EditionInfo& edition = *table_->current;
  if (edition.spec.key.empty() || edition.spec.partition_by.empty()) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        request.database().ListPartitions(request.caller(), *table_));
  for (const table::PartitionInfo& info : partitions) {
    if (info.id == partition) return PartitionKeys::Make(edition, info);
  }
  return Error(Code::kNotFound, Reason::kBucketNotFound, "the partition is gone");
}

}  // namespace firth::doors::fluss
