// Appending Arrow rows: fitted to the table's columns, spread over partitions and buckets, encoded
// once, in one commit.
#include "firth/table/database_impl.h"
#include "firth/table/row_routing.h"

namespace firth::table {
namespace {

// Rows of one encoded batch: large enough to compress well, small enough to be a unit of reading.
constexpr int64_t kBatchRows = 64 * 1024;

}  // namespace

Result<CommitId> DatabaseImpl::AppendRows(
    const Caller& caller, const TablePtr& table,
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
    const AppendRowsOptions& options) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kWrite, *table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  if (edition->sealed) {
    return Error(Code::kFailedPrecondition, Reason::kEditionSealed,
                 "the edition is sealed: it takes no more writes");
  }
  if (!edition->spec.key.empty()) {
    return Error(Code::kFailedPrecondition, Reason::kKeyed,
                 "table '" + table->path.ToString() + "' has a key: upsert into it");
  }
  const EditionSpec& spec = edition->spec;
  log::CommitDraft draft;
  const auto add = [&](const RoutedRows& routed) -> Status {
    ARROW_ASSIGN_OR_RAISE(
        const PartitionInfo partition,
        PartitionFor(caller, *table, *edition, routed.partition, options.create_partitions));
    const auto& part = routed.rows;
    for (int64_t at = 0; at < part->num_rows(); at += kBatchRows) {
      const auto slice = part->Slice(at, kBatchRows);
      ARROW_ASSIGN_OR_RAISE(
          auto body, log::EncodeBatch(*slice, {}, {.schema_id = edition->newest().id,
                                                   .compression = CompressionOf(spec)}));
      log::EntryDraft entry;
      entry.log = partition.LogOf(routed.bucket);
      entry.schema_id = edition->newest().id;
      entry.rows = static_cast<uint32_t>(slice->num_rows());
      entry.offsets = entry.rows;
      ARROW_ASSIGN_OR_RAISE(const TimeRange range, RecordTimes(*edition, *slice));
      entry.record_time_min_ns = range.min_ns;
      entry.record_time_max_ns = range.max_ns;
      entry.body = std::move(body);
      draft.entries.push_back(std::move(entry));
    }
    return Status::OK();
  };
  for (const auto& batch : rows) {
    if (batch->num_rows() == 0) continue;
    ARROW_ASSIGN_OR_RAISE(const auto fitted, FitRows(*batch, edition->newest().schema));
    ARROW_ASSIGN_OR_RAISE(const auto places,
                          RouteRows(spec, fitted, options.bucket_otherwise));
    for (const RoutedRows& routed : places) ARROW_RETURN_NOT_OK(add(routed));
  }
  if (draft.entries.empty()) {
    if (!options.values.empty()) ARROW_RETURN_NOT_OK(catalog_->ChangeValues(options.values));
    return log_->LastCommit();
  }
  if (!options.values.empty()) {
    draft.catalog = std::make_shared<CatalogChange>(
        [values = options.values](catalog::Changes* changes) {
          return changes->ChangeValues(values);
        });
  }
  ARROW_ASSIGN_OR_RAISE(const log::CommitResult made, CommitAndWait(std::move(draft)));
  return made.id;
}

Result<PartitionInfo> DatabaseImpl::PartitionFor(const Caller& caller, const TableInfo& table,
                                                 const EditionInfo& edition,
                                                 const std::vector<std::string>& values,
                                                 bool create) {
  auto partition = catalog_->FindPartition(edition.id, values);
  const bool absent = ReasonOf(partition.status()) == Reason::kPartitionNotFound;
  if (!absent || !create || values.empty()) return partition;
  partition = CreatePartition(caller, table, values);
  if (ReasonOf(partition.status()) != Reason::kPartitionExists) return partition;
  return catalog_->FindPartition(edition.id, values);  // another writer was first
}

}  // namespace firth::table
