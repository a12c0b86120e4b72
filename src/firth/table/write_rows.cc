// Writing Arrow rows: fitted to their tables' columns, spread over partitions and buckets, encoded
// once, in one commit.
#include <algorithm>
#include <map>

#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/keyed_write.h"
#include "firth/table/row_routing.h"
#include "firth/table/series_rows.h"

namespace firth::table {
namespace {

// Rows of one encoded batch: large enough to compress well, small enough to be a unit of reading.
constexpr int64_t kBatchRows = 64 * 1024;

/// Columns of rows for a keyed table: those that it has, and null for those that it has not.
struct GivenColumns {
  std::shared_ptr<arrow::Schema> schema;
  std::vector<int> targets;  // empty: all
};

GivenColumns ColumnsOf(const arrow::Schema& table, const arrow::Schema& rows) {
  GivenColumns given;
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (int i = 0; i < table.num_fields(); ++i) {
    const auto& field = table.field(i);
    const bool has = rows.GetFieldIndex(field->name()) >= 0;
    if (has) given.targets.push_back(i);
    // An absent column is null in the image of the row; whether that is allowed is for the merge.
    fields.push_back(has ? field : field->WithNullable(true));
  }
  if (static_cast<int>(given.targets.size()) == table.num_fields()) given.targets.clear();
  given.schema = arrow::schema(std::move(fields));
  return given;
}

uint64_t SizeOf(const UpsertBatch& batch) {
  uint64_t bytes = 0;
  for (const UpsertRecord& record : batch.records) bytes += record.key.size() + record.row.size();
  return bytes + batch.records.size() * sizeof(UpsertRecord);
}

}  // namespace

Status CheckWritable(const EditionInfo& edition) {
  if (IsCollection(edition)) {
    return Error(Code::kUnimplemented, Reason::kNone,
                 "this is a collection of series: points are inserted into its series");
  }
  return edition.sealed ? EditionIsSealed() : Status::OK();
}

Status EditionIsSealed() {
  return Error(Code::kFailedPrecondition, Reason::kEditionSealed,
               "the edition is sealed: it takes no more writes");
}

Status DatabaseImpl::AddAppends(const Caller& caller, const TableWrite& one,
                                const WriteOptions& options,
                                std::vector<log::EntryDraft>* entries) {
  const TableInfo& table = *one.table;
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kWrite, table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  ARROW_RETURN_NOT_OK(CheckWritable(*edition));
  if (!edition->spec.key.empty()) {
    return Error(Code::kFailedPrecondition, Reason::kKeyed,
                 "table '" + table.path.ToString() + "' has a key: upsert into it");
  }
  const EditionSpec& spec = edition->spec;
  const auto add = [&](const RoutedRows& routed) -> Status {
    ARROW_ASSIGN_OR_RAISE(
        const PartitionInfo partition,
        PartitionFor(caller, table, *edition, routed.partition, options.create_partitions));
    const auto& part = routed.rows;
    for (int64_t at = 0; at < part->num_rows(); at += kBatchRows) {
      const auto slice = part->Slice(at, kBatchRows);
      log::EntryDraft entry;
      ARROW_ASSIGN_OR_RAISE(entry.body, log::EncodeBatch(*slice, {},
                                                         {.schema_id = edition->newest().id,
                                                          .compression = CompressionOf(spec)}));
      entry.log = partition.LogOf(routed.bucket);
      entry.schema_id = edition->newest().id;
      entry.rows = static_cast<uint32_t>(slice->num_rows());
      entry.offsets = entry.rows;
      ARROW_ASSIGN_OR_RAISE(const TimeRange range, RecordTimes(*edition, *slice));
      entry.record_time_min_ns = range.min_ns;
      entry.record_time_max_ns = range.max_ns;
      entries->push_back(std::move(entry));
    }
    return Status::OK();
  };
  for (const auto& batch : one.rows) {
    if (batch->num_rows() == 0) continue;
    ARROW_ASSIGN_OR_RAISE(const auto fitted, FitRows(*batch, edition->newest().schema));
    ARROW_ASSIGN_OR_RAISE(const auto places, RouteRows(spec, fitted, options.bucket_otherwise));
    for (const RoutedRows& routed : places) ARROW_RETURN_NOT_OK(add(routed));
  }
  return Status::OK();
}

Status DatabaseImpl::AddUpserts(const Caller& caller, const KeyedTarget& target,
                                const std::vector<KeyedRows>& runs, const WriteOptions& options,
                                KeyedWrite* write) {
  const TableInfo& table = *target.table;
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kWrite, table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(table));
  ARROW_RETURN_NOT_OK(CheckWritable(*edition));
  ARROW_ASSIGN_OR_RAISE(const RowCodecsPtr codecs, codecs_.Get(*edition, edition->newest().id));
  const TableInfo& stands = target.stands == nullptr ? table : *target.stands;
  const auto log_of = [&](const RoutedRows& place, bool remove) -> Result<LogId> {
    if (target.first_log.has_value()) return LogId(target.first_log->value + place.bucket);
    ARROW_ASSIGN_OR_RAISE(const PartitionInfo partition,
                          PartitionFor(caller, stands, *stands.current, place.partition,
                                       !remove && options.create_partitions));
    return partition.LogOf(place.bucket);
  };
  std::map<LogId, table::UpsertBatch> batches;
  const auto add = [&](const std::shared_ptr<arrow::RecordBatch>& batch, bool remove) -> Status {
    if (batch->num_rows() == 0) return Status::OK();
    std::shared_ptr<arrow::RecordBatch> rows = batch;
    if (remove) {
      ARROW_ASSIGN_OR_RAISE(const auto columns,
                            schema::ColumnIndices(*batch->schema(), edition->spec.key));
      ARROW_ASSIGN_OR_RAISE(rows, batch->SelectColumns(columns));
    }
    const GivenColumns given = ColumnsOf(*codecs->schema, *rows->schema());
    ARROW_ASSIGN_OR_RAISE(const auto fitted, FitRows(*rows, given.schema));
    ARROW_ASSIGN_OR_RAISE(const auto places, RouteRows(edition->spec, fitted, 0));
    for (const RoutedRows& place : places) {
      ARROW_ASSIGN_OR_RAISE(const LogId log, log_of(place, remove));
      KeyedWrite::Encoded& bytes = write->encoded.emplace_back();
      bytes.keys.resize(static_cast<size_t>(place.rows->num_rows()));
      ARROW_RETURN_NOT_OK(schema::AppendCompactKey(*place.rows, codecs->key_columns, &bytes.keys));
      if (!remove) ARROW_RETURN_NOT_OK(codecs->row->Encode(*place.rows, &bytes.rows));
      table::UpsertBatch& out = batches[log];
      out.schema_id = codecs->schema_id;
      const auto asked = remove ? std::vector<int>() : given.targets;
      if (!out.records.empty() && !remove && out.target_columns != asked) {
        return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                     "the batches of one upsert must have the same columns");
      }
      if (!remove) out.target_columns = asked;
      for (size_t i = 0; i < bytes.keys.size(); ++i) {
        out.records.push_back(
            {.key = bytes.keys[i],
             .row = remove ? std::string_view() : std::string_view(bytes.rows[i])});
      }
    }
    return Status::OK();
  };
  for (const KeyedRows& run : runs) {
    for (const auto& batch : run.rows) ARROW_RETURN_NOT_OK(add(batch, run.remove));
  }
  write->tables.push_back(target.table);
  for (auto& [log, batch] : batches) {
    write->bytes += SizeOf(batch);
    KeyedBucket* bucket = keyed_buckets_->Get(log);
    // Two parts of one bucket would wait for each other.
    if (std::any_of(write->parts.begin(), write->parts.end(),
                    [&](const KeyedWrite::Part& part) { return part.bucket == bucket; })) {
      return Error(Code::kInvalidArgument, Reason::kBadValue,
                   "the keyed table '" + table.path.ToString() + "' is named twice in one write");
    }
    write->parts.push_back({.edition = edition, .bucket = bucket, .batch = std::move(batch)});
  }
  return Status::OK();
}

Result<log::CommitResult> DatabaseImpl::CommitKeyed(std::shared_ptr<KeyedWrite> write) {
  return Await<log::CommitResult>([&](std::function<void(const Result<log::CommitResult>&)> done) {
    write->done = std::move(done);
    WriteKeyed(std::move(write));
  });
}

Result<WriteResult> DatabaseImpl::Write(const Caller& caller, const std::vector<TableWrite>& writes,
                                        const WriteOptions& options) {
  if (options.operation.has_value()) {
    ARROW_ASSIGN_OR_RAISE(const auto done, FindOperation(*options.operation));
    if (done.has_value()) return *done;
  }
  auto write = std::make_shared<KeyedWrite>();
  for (const TableWrite& one : writes) {
    ARROW_RETURN_NOT_OK(
        one.kind == TableWrite::Kind::kAppend
            ? AddAppends(caller, one, options, &write->appends)
            : AddUpserts(caller, {.table = one.table},
                         {{.remove = one.kind == TableWrite::Kind::kDelete, .rows = one.rows}},
                         options, write.get()));
  }
  write->catalog = CatalogPartOf(options);
  Result<log::CommitResult> made;
  if (write->parts.empty()) {
    if (write->appends.empty() && write->catalog == nullptr) {
      return WriteResult{.commit = log_->LastCommit()};
    }
    log::CommitDraft draft;
    draft.entries = std::move(write->appends);
    draft.catalog = std::move(write->catalog);
    made = CommitAndWait(std::move(draft));
  } else {
    made = CommitKeyed(std::move(write));
  }
  if (!made.ok() && options.operation.has_value()) {
    // Another request of the same operation may have been first.
    ARROW_ASSIGN_OR_RAISE(const auto done, FindOperation(*options.operation));
    if (done.has_value()) return *done;
  }
  ARROW_RETURN_NOT_OK(made.status());
  WriteResult result{.commit = made->id};
  if (options.operation.has_value()) result.result = options.operation->result;
  return result;
}

Result<CommitId> DatabaseImpl::WriteOne(const Caller& caller, TableWrite one,
                                        const WriteOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const WriteResult result, Write(caller, {std::move(one)}, options));
  return result.commit;
}

Result<CommitId> DatabaseImpl::AppendRows(
    const Caller& caller, const TablePtr& table,
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows,
    const AppendRowsOptions& options) {
  return WriteOne(caller, {.table = table, .kind = TableWrite::Kind::kAppend, .rows = rows},
                  {.values = options.values,
                   .create_partitions = options.create_partitions,
                   .bucket_otherwise = options.bucket_otherwise});
}

Result<CommitId> DatabaseImpl::UpsertRows(
    const Caller& caller, const TablePtr& table,
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& rows) {
  return WriteOne(caller, {.table = table, .kind = TableWrite::Kind::kUpsert, .rows = rows}, {});
}

Result<CommitId> DatabaseImpl::DeleteRows(
    const Caller& caller, const TablePtr& table,
    const std::vector<std::shared_ptr<arrow::RecordBatch>>& keys) {
  return WriteOne(caller, {.table = table, .kind = TableWrite::Kind::kDelete, .rows = keys}, {});
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
