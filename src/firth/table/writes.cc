// Appending encoded batches.
#include <arrow/compute/api_aggregate.h>
#include <arrow/compute/cast.h>

#include "firth/log/batch_check.h"
#include "firth/log/batch_column.h"
#include "firth/table/database_impl.h"

namespace firth::table {
namespace {

constexpr int64_t kWriterIdsTaken = 1000;

Bytes BytesOf(const arrow::Buffer& buffer) {
  return {reinterpret_cast<const std::byte*>(buffer.data()), static_cast<size_t>(buffer.size())};
}

}  // namespace

Result<TimeRange> RecordTimes(const EditionInfo& edition, const arrow::RecordBatch& rows) {
  TimeRange range;
  if (edition.spec.time_column.empty() || rows.num_rows() == 0) return range;
  auto column = rows.GetColumnByName(edition.spec.time_column);
  if (column == nullptr) return range;
  int64_t unit_ns = 1;
  if (column->type_id() == arrow::Type::TIMESTAMP) {
    switch (static_cast<const arrow::TimestampType&>(*column->type()).unit()) {
      case arrow::TimeUnit::SECOND:
        unit_ns = 1'000'000'000;
        break;
      case arrow::TimeUnit::MILLI:
        unit_ns = 1'000'000;
        break;
      case arrow::TimeUnit::MICRO:
        unit_ns = 1'000;
        break;
      case arrow::TimeUnit::NANO:
        break;
    }
    ARROW_ASSIGN_OR_RAISE(column, column->View(arrow::int64()));
  }
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum found, arrow::compute::MinMax(column));
  const auto& pair = found.scalar_as<arrow::StructScalar>();
  if (!pair.value[0]->is_valid) return range;
  // A time beyond what nanoseconds can say stands for the last one that they can.
  const auto in_ns = [unit_ns](const arrow::Scalar& value) {
    const int64_t units = static_cast<const arrow::Int64Scalar&>(value).value;
    int64_t ns = 0;
    if (!__builtin_mul_overflow(units, unit_ns, &ns)) return ns;
    return units < 0 ? INT64_MIN : INT64_MAX;
  };
  range.min_ns = in_ns(*pair.value[0]);
  range.max_ns = in_ns(*pair.value[1]);
  return range;
}

Result<log::EntryDraft> DatabaseImpl::DraftOf(const EditionInfo& edition, LogId log,
                                              std::shared_ptr<arrow::Buffer> batch) {
  if (static_cast<uint64_t>(batch->size()) > options_.batch_bytes_max) {
    return Error(Code::kInvalidArgument, Reason::kBatchTooLarge,
                 "a batch of " + std::to_string(batch->size()) + " bytes is over the limit of " +
                     std::to_string(options_.batch_bytes_max));
  }
  ARROW_ASSIGN_OR_RAISE(const log::BatchHeader header, log::ParseBatch(BytesOf(*batch)));
  const catalog::SchemaInfo* schema = edition.FindSchema(header.schema_id);
  if (schema == nullptr) {
    return Error(Code::kNotFound, Reason::kSchemaNotFound,
                 "the table has no schema " + std::to_string(header.schema_id.value) +
                     "; its newest is " + std::to_string(edition.newest().id.value));
  }
  // Once it is in the log every reader must be able to decode it.
  const auto readable = [&](const Status& status) {
    if (ReasonOf(status) != Reason::kCorruptBatch) return status;
    // Its checksum is right: it was made so, and sending it again does not help.
    return Error(Code::kInvalidArgument, Reason::kSchemaMismatch,
                 "the rows cannot be read as those of schema " +
                     std::to_string(header.schema_id.value) + ": " + MessageOf(status));
  };
  ARROW_RETURN_NOT_OK(readable(log::CheckRows(batch, header, schema->schema)));
  TimeRange range;
  const std::string& time_column = edition.spec.time_column;
  if (const int at = time_column.empty() ? -1 : schema->schema->GetFieldIndex(time_column);
      at >= 0) {
    const auto times = log::DecodeColumn(batch, schema->schema, at);
    ARROW_RETURN_NOT_OK(readable(times.status()));
    ARROW_ASSIGN_OR_RAISE(range, RecordTimes(edition, **times));
  }
  log::EntryDraft draft;
  draft.log = log;
  draft.schema_id = header.schema_id;
  draft.rows = static_cast<uint32_t>(header.rows);
  draft.offsets = static_cast<uint32_t>(header.last_offset_delta) + 1;
  draft.writer_id = header.writer_id;
  draft.sequence = header.sequence;
  draft.record_time_min_ns = range.min_ns;
  draft.record_time_max_ns = range.max_ns;
  draft.body = std::move(batch);
  return draft;
}

void DatabaseImpl::AppendBatch(const Caller& caller, const TablePtr& table, BucketRef where,
                               std::shared_ptr<arrow::Buffer> batch, AppendDone done) {
  const auto prepare = [&]() -> Result<log::CommitDraft> {
    ARROW_RETURN_NOT_OK(CheckRight(caller, access::kWrite, *table));
    ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
    ARROW_RETURN_NOT_OK(CheckWritable(*edition));
    if (!edition->spec.key.empty()) {
      return Error(Code::kFailedPrecondition, Reason::kKeyed,
                   "table '" + table->path.ToString() + "' has a key: upsert into it");
    }
    ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*table, where));
    ARROW_ASSIGN_OR_RAISE(log::EntryDraft entry, DraftOf(*edition, log, std::move(batch)));
    if (entry.rows == 0) {
      return Error(Code::kInvalidArgument, Reason::kCorruptBatch, "the batch has no rows");
    }
    log::CommitDraft draft;
    draft.entries.push_back(std::move(entry));
    return draft;
  };
  auto draft = prepare();
  if (!draft.ok()) {
    done(draft.status());
    return;
  }
  log_->Commit(std::move(*draft), [done = std::move(done)](const Result<log::CommitResult>& made) {
    if (!made.ok()) {
      done(made.status());
      return;
    }
    const log::EntryResult& entry = made->entries.front();
    done(AppendResult{.base_offset = entry.base_offset,
                      .end_offset = entry.end_offset,
                      .commit = made->id,
                      .commit_time_ns = made->time_ns,
                      .duplicate = entry.duplicate});
  });
}

Result<WriterId> DatabaseImpl::NewWriter(const Caller&) {
  std::lock_guard lock(writers_mutex_);
  if (next_writer_ == writers_end_) {
    // A range at a time: ids that are not used by the next start are lost, which is what makes them
    // never repeat.
    ARROW_ASSIGN_OR_RAISE(next_writer_, catalog_->TakeIds("writer", kWriterIdsTaken));
    writers_end_ = next_writer_ + kWriterIdsTaken;
  }
  return WriterId(next_writer_++);
}

}  // namespace firth::table
