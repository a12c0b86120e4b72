// Points of series: decided, committed to the log of their collection, applied to the time view;
// and read back from the logs after a start.
#include <arrow/array.h>
#include <arrow/util/compression.h>

#include <algorithm>
#include <deque>

#include "firth/common/logging.h"
#include "firth/log/batch.h"
#include "firth/log/ipc_message.h"
#include "firth/log/side.h"
#include "firth/table/database_impl.h"
#include "firth/table/series_store.h"
#include "firth/timeview/number_range.h"

namespace firth::table {
namespace {

constexpr uint64_t kReplayBytes = uint64_t{4} << 20;
/// What an edit counts towards the next base.
constexpr uint64_t kEditBytes = 128;
constexpr uint64_t kPointBytes = 16;

/// A write whose points lie in the body of its log entry.
struct LoggedWrite : SeriesWriter::Write {
  std::shared_ptr<arrow::Buffer> body;
};

/// Points as the body of a log entry.
struct Body {
  std::shared_ptr<arrow::Buffer> bytes;
  std::span<const int64_t> times;  // within these
  std::span<const double> values;
};

/// Times and values as rows of a collection, without a copy.
std::shared_ptr<arrow::RecordBatch> RowsOf(const std::shared_ptr<arrow::Schema>& schema,
                                           std::span<const int64_t> times,
                                           std::span<const double> values) {
  const auto count = static_cast<int64_t>(times.size());
  const auto wrap = [&](const void* data) {
    return std::make_shared<arrow::Buffer>(static_cast<const uint8_t*>(data), count * 8);
  };
  return arrow::RecordBatch::Make(
      schema, count,
      {arrow::MakeArray(arrow::ArrayData::Make(schema->field(0)->type(), count,
                                               {nullptr, wrap(times.data())}, 0)),
       arrow::MakeArray(arrow::ArrayData::Make(schema->field(1)->type(), count,
                                               {nullptr, wrap(values.data())}, 0))});
}

/// A body of these points, which are copied unless they lie in a message of just them.
Result<Body> BodyOf(const catalog::SchemaInfo& stored, std::span<const int64_t> times,
                    std::span<const double> values, const PointMessage& message) {
  static_assert(PointMessage::kRoomBefore == log::kBatchHeaderBytes);
  // The log is soon trimmed behind the view: to compress what it holds till then was a third of an
  // insert's time.
  const log::EncodeOptions options{.schema_id = stored.id,
                                   .compression = arrow::Compression::UNCOMPRESSED};
  if (message.memory != nullptr) {
    const log::MessagePlace place{message.memory, message.begin, message.end};
    const auto found = log::FindIpcNumbers(place.bytes(), 2);
    if (found && found->message_bytes == place.bytes().size() &&
        found->rows == static_cast<int64_t>(times.size()) &&
        found->columns[0] == std::as_bytes(times).data() &&
        found->columns[1] == std::as_bytes(values).data()) {
      return Body{.bytes = log::WrapMessage(place, static_cast<int32_t>(found->rows), options),
                  .times = times,
                  .values = values};
    }
  }
  Body body;
  ARROW_ASSIGN_OR_RAISE(body.bytes,
                        log::EncodeBatch(*RowsOf(stored.schema, times, values), {}, options));
  ARROW_ASSIGN_OR_RAISE(const auto rows, log::DecodeBatch(body.bytes, stored.schema));
  body.times = {rows->column_data(0)->GetValues<int64_t>(1), times.size()};
  body.values = {rows->column_data(1)->GetValues<double>(1), values.size()};
  return body;
}

}  // namespace

Result<int64_t> SeriesStoreImpl::NextRevision(
    const SeriesId& id, const std::vector<SeriesWriter::WritePtr>& in_flight) {
  {
    std::lock_guard lock(mutex_);
    ARROW_RETURN_NOT_OK(broken_);
  }
  ARROW_ASSIGN_OR_RAISE(const int64_t next, view_->NextRevision(id));
  return in_flight.empty() ? next : std::max(next, in_flight.back()->edit.revision + 1);
}

Result<bool> SeriesStoreImpl::DecideOn(const std::vector<SeriesWriter::WritePtr>& in_flight,
                                       const SeriesId& id, std::span<const int64_t> times,
                                       std::span<const double> values, MergePolicy policy,
                                       SeriesWriter::Write* write) {
  ARROW_ASSIGN_OR_RAISE(Snapshot now, view_->Pin(id, timeview::kLatestRevision));
  std::vector<timeview::Edit> before;
  for (const auto& other : in_flight) {
    if (other->edit.revision > now.revision()) before.push_back(other->edit);
  }
  if (!before.empty()) {
    ARROW_ASSIGN_OR_RAISE(now, now.With(before));
  }
  ARROW_ASSIGN_OR_RAISE(const timeview::Decision decision,
                        timeview::Decide(now, policy, times, values));
  write->edit.replace = decision.replace;
  if (decision.all) {
    write->times.assign(times.begin(), times.end());
    write->values.assign(values.begin(), values.end());
  } else {
    for (const uint32_t i : decision.kept) {
      write->times.push_back(times[i]);
      write->values.push_back(values[i]);
    }
  }
  return !write->times.empty();
}

Result<int64_t> SeriesStoreImpl::Insert(const access::Caller& caller, const SeriesId& id,
                                        std::span<const int64_t> times,
                                        std::span<const double> values, MergePolicy policy,
                                        const PointMessage& message) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column != nullptr) {
    ARROW_RETURN_NOT_OK(timeview::CheckPoints(times, values));
    return columns_.Append(caller, *column, times, values, policy);
  }
  ARROW_RETURN_NOT_OK(Check(caller, access::kWrite, id).status());
  timeview::NumberRange range;
  ARROW_RETURN_NOT_OK(timeview::CheckPoints(times, values, &range));
  const auto writer = WriterOf(id);
  auto deciding = writer->Decide();
  ARROW_ASSIGN_OR_RAISE(const SeriesPtr series, Check(caller, access::kWrite, id));
  // Those on their way first: what is applied meanwhile is then seen twice, not missed.
  const auto in_flight = writer->InFlight();
  ARROW_ASSIGN_OR_RAISE(const int64_t next, NextRevision(id, in_flight));
  if (times.empty()) return next - 1;
  const auto write = std::make_shared<LoggedWrite>();
  if (policy != MergePolicy::kNever) {
    ARROW_ASSIGN_OR_RAISE(const bool some,
                          DecideOn(in_flight, id, times, values, policy, write.get()));
    if (!some) return next - 1;
    times = write->times;
    values = write->values;
    range = timeview::RangeOf(times);
  }
  timeview::Edit& edit = write->edit;
  edit.series = id;
  edit.revision = next;
  edit.checked = true;

  ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->catalog()->GetTable(series->collection));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  const catalog::SchemaInfo& stored = edition->schemas.front();
  log::EntryDraft entry;
  ARROW_ASSIGN_OR_RAISE(entry.log, LogOfCollection(series->collection));
  // The caller's points are good for this call alone; from the body they are applied, too.
  ARROW_ASSIGN_OR_RAISE(const Body body, BodyOf(stored, times, values, message));
  write->body = entry.body = body.bytes;
  entry.schema_id = stored.id;
  edit.times = body.times;
  edit.values = body.values;
  entry.rows = static_cast<uint32_t>(times.size());
  entry.offsets = entry.rows;
  entry.record_time_min_ns = range.least;
  entry.record_time_max_ns = range.greatest;
  entry.side = log::EncodeInsertRuns({{.series = std::string(id.view()),
                                       .revision = edit.revision,
                                       .rows = entry.rows,
                                       .replace = edit.replace}});
  ARROW_RETURN_NOT_OK(Commit(writer, write, std::move(entry), std::move(deciding)));
  return edit.revision;
}

Result<int64_t> SeriesStoreImpl::Delete(const access::Caller& caller, const SeriesId& id,
                                        int64_t start, int64_t end) {
  ARROW_ASSIGN_OR_RAISE(const ColumnSeriesPtr column, ColumnOf(caller, id));
  if (column != nullptr) return NotOfAColumn("deleted from");
  ARROW_RETURN_NOT_OK(Check(caller, access::kWrite, id).status());
  ARROW_RETURN_NOT_OK(timeview::CheckRange(start, end));
  const auto writer = WriterOf(id);
  auto deciding = writer->Decide();
  ARROW_ASSIGN_OR_RAISE(const SeriesPtr series, Check(caller, access::kWrite, id));
  const auto in_flight = writer->InFlight();
  ARROW_ASSIGN_OR_RAISE(const int64_t next, NextRevision(id, in_flight));
  const auto write = std::make_shared<SeriesWriter::Write>();
  timeview::Edit& edit = write->edit;
  edit.series = id;
  edit.revision = next;
  edit.kind = timeview::Edit::Kind::kRemove;
  edit.start = start;
  edit.end = end;
  log::EntryDraft entry;
  ARROW_ASSIGN_OR_RAISE(entry.log, LogOfCollection(series->collection));
  entry.kind = log::EntryKind::kMark;
  entry.schema_id = SchemaId(1);
  entry.body = arrow::Buffer::FromString(log::EncodeRemovedRange({.series = std::string(id.view()),
                                                                  .revision = edit.revision,
                                                                  .start_ns = start,
                                                                  .end_ns = end}));
  ARROW_RETURN_NOT_OK(Commit(writer, write, std::move(entry), std::move(deciding)));
  return edit.revision;
}

Result<LogId> SeriesStoreImpl::LogOfCollection(const Path& collection) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr table, database_->catalog()->GetTable(collection));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  ARROW_ASSIGN_OR_RAISE(const PartitionInfo partition,
                        database_->catalog()->FindPartition(edition->id, {}));
  return partition.LogOf(0);
}

Status SeriesStoreImpl::Apply(const SeriesWriter::Write& write) {
  Status applied;
  {
    std::lock_guard applying(apply_mutex_);
    applied = view_->Apply(std::span(&write.edit, 1), write.edit.commit);
  }
  if (!applied.ok()) {
    // What is durable must be seen, and the next revision builds on it: a start applies it.
    logging::Error("table", "a durable write of a series cannot be applied: {}",
                   MessageOf(applied));
    {
      std::lock_guard lock(mutex_);
      broken_ = applied;
    }
    if (const auto& fatal = database_->options().on_fatal; fatal != nullptr) fatal(applied);
    return applied;
  }
  feed_.Publish(write.edit);
  bases_->Applied(kEditBytes + write.edit.times.size() * kPointBytes);
  return Status::OK();
}

Status SeriesStoreImpl::Commit(const std::shared_ptr<SeriesWriter>& writer,
                               const std::shared_ptr<SeriesWriter::Write>& write,
                               log::EntryDraft entry, std::unique_lock<std::mutex> deciding) {
  log::CommitDraft draft;
  draft.entries.push_back(std::move(entry));
  const uint64_t epoch = writer->Add(write);
  draft.check = [writer, epoch]() -> Status {
    if (writer->EpochIs(epoch)) return Status::OK();
    return Error(Code::kAborted, Reason::kConflict,
                 "an earlier write of this series failed: send it again");
  };
  using Made = Result<log::CommitResult>;
  const auto finish = [this, writer, write](const Made& made) -> Made {
    Made finished = made;
    if (made.ok()) {
      write->edit.commit = made->id;
      if (Status applied = Apply(*write); !applied.ok()) finished = std::move(applied);
    }
    writer->End();
    return finished;
  };
  return database_
      ->Await<log::CommitResult>([&](std::function<void(const Made&)> done) {
        database_->CommitInOrder(
            std::move(draft), [finish, done](const Made& made) { done(finish(made)); },
            [writer] { writer->Fail(); });
        deciding.unlock();  // the next may be decided while this one waits for its sync
      })
      .status();
}

Status SeriesStoreImpl::ReplayEntry(const log::StoredEntry& entry) {
  const auto apply = [&](const timeview::Edit& edit) -> Status {
    ARROW_ASSIGN_OR_RAISE(const bool burnt, facts_.Burnt(edit.series));
    if (burnt) return Status::OK();
    return view_->Apply(std::span(&edit, 1), view_->watermark());
  };
  if (entry.kind == log::EntryKind::kMark) {
    ARROW_ASSIGN_OR_RAISE(const log::RemovedRange range,
                          log::ParseRemovedRange({reinterpret_cast<const char*>(entry.body->data()),
                                                  static_cast<size_t>(entry.body->size())}));
    timeview::Edit edit;
    edit.series = SeriesId::From(range.series);
    edit.revision = range.revision;
    edit.commit = entry.commit;
    edit.kind = timeview::Edit::Kind::kRemove;
    edit.start = range.start_ns;
    edit.end = range.end_ns;
    return apply(edit);
  }
  if (entry.kind != log::EntryKind::kRows || entry.rows == 0 || entry.side.empty()) {
    return Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const PartitionInfo partition,
                        database_->catalog()->PartitionOfLog(entry.log));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo edition,
                        database_->catalog()->GetEdition(partition.edition));
  const catalog::SchemaInfo* schema = edition.FindSchema(entry.schema_id);
  if (schema == nullptr) {
    return Error(Code::kDataLoss, Reason::kSchemaNotFound, "a schema of the log is missing");
  }
  ARROW_ASSIGN_OR_RAISE(const auto rows, log::DecodeBatch(entry.body, schema->schema));
  ARROW_ASSIGN_OR_RAISE(const auto runs, log::ParseInsertRuns(entry.side));
  const auto* times = rows->column_data(0)->GetValues<int64_t>(1);
  const auto* values = rows->column_data(1)->GetValues<double>(1);
  size_t at = 0;
  for (const log::InsertRun& run : runs) {
    if (at + run.rows > static_cast<size_t>(rows->num_rows())) {
      return Error(Code::kDataLoss, Reason::kChecksumMismatch,
                   "insert runs are longer than their rows");
    }
    timeview::Edit edit;
    edit.series = SeriesId::From(run.series);
    edit.revision = run.revision;
    edit.commit = entry.commit;
    edit.replace = run.replace;
    edit.times = std::span(times + at, run.rows);
    edit.values = std::span(values + at, run.rows);
    ARROW_RETURN_NOT_OK(apply(edit));
    at += run.rows;
  }
  return Status::OK();
}

Status SeriesStoreImpl::Replay(uint64_t* bytes) {
  // A series that moved has entries in several logs: they are read together, in the order of
  // commits.
  struct Source {
    LogId log;
    CommitId after;
    std::deque<log::StoredEntry> entries;
  };
  const CommitId from = view_->watermark();
  const CommitId last = database_->log()->LastCommit();
  std::vector<Source> sources;
  ARROW_ASSIGN_OR_RAISE(const auto logs, database_->log()->LogsAfter(from));
  for (const LogId log : logs) {
    const auto partition = database_->catalog()->PartitionOfLog(log);
    if (!partition.ok()) continue;  // dropped
    ARROW_ASSIGN_OR_RAISE(const EditionInfo edition,
                          database_->catalog()->GetEdition(partition->edition));
    if ((edition.spec.views & catalog::kTimeView) == 0) continue;
    sources.push_back({.log = log, .after = from});
  }
  uint64_t replayed = 0;
  *bytes = 0;
  while (true) {
    Source* next = nullptr;
    for (Source& source : sources) {
      if (source.entries.empty() && source.after < last) {
        ARROW_ASSIGN_OR_RAISE(auto read, database_->log()->ReadAfter(source.log, source.after,
                                                                     {.bytes_max = kReplayBytes}));
        source.after = read.empty() ? last : read.back().commit;
        for (auto& entry : read) source.entries.push_back(std::move(entry));
      }
      if (source.entries.empty()) continue;
      if (next == nullptr || source.entries.front().commit < next->entries.front().commit) {
        next = &source;
      }
    }
    if (next == nullptr) break;
    const log::StoredEntry& entry = next->entries.front();
    ARROW_RETURN_NOT_OK(ReplayEntry(entry));
    *bytes += kEditBytes + entry.rows * kPointBytes;
    next->entries.pop_front();
    ++replayed;
  }
  if (replayed > 0) logging::Info("table", "the time view replayed {} log entries", replayed);
  return view_->Apply({}, last);
}

}  // namespace firth::table
