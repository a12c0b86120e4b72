// Writing to keyed tables: decide the effects of a batch against what its bucket holds, commit them
// to the log, apply them to the key view, answer.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "firth/keyview/merge.h"
#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/keyed_write.h"
#include "firth/table/row_routing.h"

namespace firth::table {
namespace {

uint64_t SizeOf(const UpsertBatch& batch) {
  uint64_t bytes = 0;
  for (const UpsertRecord& record : batch.records) bytes += record.key.size() + record.row.size();
  return bytes + batch.records.size() * sizeof(UpsertRecord);
}

/// The compact key that a compact row's own columns make.
Result<std::string> KeyOfRow(const RowCodecs& codecs, std::string_view row) {
  std::vector<std::string_view> columns;
  std::vector<bool> null;
  ARROW_RETURN_NOT_OK(codecs.row->Split(row, &columns, &null));
  std::string key;
  for (const int column : codecs.key_columns) {
    if (null[static_cast<size_t>(column)]) {
      return Error(Code::kInvalidArgument, Reason::kCorruptBatch, "a key column is null");
    }
    key += columns[static_cast<size_t>(column)];
  }
  return key;
}

/// Column indices of one schema as indices of another, by field id.
Result<std::vector<int>> MapColumns(const arrow::Schema& from, const arrow::Schema& to,
                                    const std::vector<int>& columns) {
  std::vector<int> mapped;
  for (const int column : columns) {
    if (column < 0 || column >= from.num_fields()) {
      return Error(Code::kInvalidArgument, Reason::kPartialUpdate,
                   "there is no column " + std::to_string(column) + " to update");
    }
    for (int i = 0; i < to.num_fields(); ++i) {
      if (schema::FieldId(*to.field(i)) == schema::FieldId(*from.field(column))) {
        mapped.push_back(i);
      }
    }
  }
  return mapped;
}

}  // namespace

Result<DecidedBucket> DatabaseImpl::Decide(const EditionInfo& edition, KeyedBucket* bucket,
                                           const table::UpsertBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(const RowCodecsPtr codecs, codecs_.Get(edition, edition.newest().id));
  ARROW_ASSIGN_OR_RAISE(const RowCodecsPtr sent, codecs_.Get(edition, batch.schema_id));
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> targets,
                        MapColumns(*sent->schema, *codecs->schema, batch.target_columns));
  ARROW_ASSIGN_OR_RAISE(const auto decider,
                        keyview::MergeDecider::Make(edition.spec, codecs->row, targets));
  // Keys first, so that those that are not in front of the view are read from it in one go.
  std::vector<std::string> keys(batch.records.size());
  std::unordered_map<std::string, std::optional<std::string>> held;
  std::vector<std::string> unread;
  for (size_t i = 0; i < batch.records.size(); ++i) {
    const UpsertRecord& record = batch.records[i];
    if (!record.row.empty()) {
      ARROW_ASSIGN_OR_RAISE(const std::string own, KeyOfRow(*sent, record.row));
      if (own != record.key) {
        return Error(Code::kInvalidArgument, Reason::kCorruptBatch,
                     "a record's key is not that of its row");
      }
    }
    ARROW_RETURN_NOT_OK(sent->compact_key->ToCanonical(record.key, /*prefix=*/false, &keys[i]));
    const auto [at, fresh] = held.emplace(keys[i], std::nullopt);
    if (!fresh) continue;
    if (const auto* pending = bucket->Find(keys[i]); pending != nullptr) {
      if (pending->has_value()) {
        ARROW_ASSIGN_OR_RAISE(at->second, RowUnder(edition, &codecs_, *codecs, **pending));
      }
    } else {
      unread.push_back(keys[i]);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto read, key_view_->Get(bucket->log(), unread));
  for (size_t i = 0; i < unread.size(); ++i) {
    if (!read[i].has_value()) continue;
    ARROW_ASSIGN_OR_RAISE(held[unread[i]], RowUnder(edition, &codecs_, *codecs, read[i]->value));
  }

  std::vector<keyview::Effect> effects;
  std::unordered_map<std::string, bool> changed;
  for (size_t i = 0; i < batch.records.size(); ++i) {
    std::optional<std::string>& old = held[keys[i]];
    keyview::Outcome outcome;
    if (batch.records[i].row.empty()) {
      ARROW_ASSIGN_OR_RAISE(outcome, decider->Delete(old, &effects));
    } else if (sent == codecs) {
      ARROW_ASSIGN_OR_RAISE(outcome, decider->Upsert(old, batch.records[i].row, &effects));
    } else {
      const std::string value = ValueOf(sent->schema_id, batch.records[i].row);
      ARROW_ASSIGN_OR_RAISE(const std::string row, RowUnder(edition, &codecs_, *codecs, value));
      ARROW_ASSIGN_OR_RAISE(outcome, decider->Upsert(old, row, &effects));
    }
    if (!outcome.changed) continue;
    old = std::move(outcome.row);
    changed[keys[i]] = true;
  }

  DecidedBucket decided;
  std::vector<log::Change> kinds;
  std::vector<std::string_view> rows;
  for (const keyview::Effect& effect : effects) {
    kinds.push_back(effect.change);
    rows.push_back(effect.row);
  }
  ARROW_ASSIGN_OR_RAISE(const auto image, codecs->row->Decode(rows));
  log::EntryDraft& entry = decided.entry;
  ARROW_ASSIGN_OR_RAISE(entry.body, log::EncodeBatch(*image, kinds,
                                                     {.schema_id = codecs->schema_id,
                                                      .compression = CompressionOf(edition.spec),
                                                      .writer_id = batch.writer_id,
                                                      .sequence = batch.sequence}));
  ARROW_ASSIGN_OR_RAISE(const TimeRange times, RecordTimes(edition, *image));
  entry.log = bucket->log();
  entry.schema_id = codecs->schema_id;
  entry.rows = static_cast<uint32_t>(effects.size());
  entry.offsets = std::max<uint32_t>(entry.rows, 1);
  entry.writer_id = batch.writer_id;
  entry.sequence = batch.sequence;
  entry.record_time_min_ns = times.min_ns;
  entry.record_time_max_ns = times.max_ns;
  for (auto& [key, unused] : changed) {
    keyview::Change change{.key = key};
    if (auto& row = held[key]; row.has_value()) {
      change.row = keyview::Row{.value = ValueOf(codecs->schema_id, *row)};
    }
    decided.changes.push_back(std::move(change));
  }
  return decided;
}

void DatabaseImpl::WriteKeyed(std::shared_ptr<KeyedWrite> write) {
  if (keyed_pending_bytes_.fetch_add(write->bytes) > 0 &&
      keyed_pending_bytes_.load() > options_.queue_bytes_max) {
    keyed_pending_bytes_.fetch_sub(write->bytes);
    write->done(Error(Code::kResourceExhausted, Reason::kOverBudget,
                      "too much waits to be written; send less at a time, or try again"));
    return;
  }
  in_work_.Begin();
  // Buckets are taken in one order by everybody, so that two writes of several buckets cannot wait
  // for each other.
  std::sort(write->parts.begin(), write->parts.end(),
            [](const auto& a, const auto& b) { return a.bucket->log() < b.bucket->log(); });
  TakeBucket(std::move(write), 0);
}

void DatabaseImpl::TakeBucket(std::shared_ptr<KeyedWrite> write, size_t next) {
  if (next == write->parts.size()) {
    SubmitKeyed(write);
    return;
  }
  KeyedBucket* bucket = write->parts[next].bucket;
  bucket->Lock([this, write, next] { TakeBucket(write, next + 1); });
}

void DatabaseImpl::SubmitKeyed(const std::shared_ptr<KeyedWrite>& write) {
  log::CommitDraft draft;
  bool repeat = false;
  const auto decide = [&]() -> Status {
    for (KeyedWrite::Part& part : write->parts) {
      const table::UpsertBatch& batch = part.batch;
      ARROW_RETURN_NOT_OK(part.bucket->CheckOpen());
      const auto turn = part.bucket->Judge(batch.writer_id, batch.sequence);
      repeat = turn != KeyedBucket::Turn::kNew;
      if (repeat) {
        // The log remembers it, or says what is out of order: its effects are not looked at again.
        log::EntryDraft entry;
        entry.log = part.bucket->log();
        entry.writer_id = batch.writer_id;
        entry.sequence = batch.sequence;
        entry.offsets = 1;
        ARROW_ASSIGN_OR_RAISE(
            entry.body,
            log::EncodeBatch(*arrow::RecordBatch::MakeEmpty(arrow::schema({})).ValueOrDie(), {},
                             {.writer_id = batch.writer_id, .sequence = batch.sequence}));
        draft.entries.push_back(std::move(entry));
        continue;
      }
      // Repeats are answered without it: they write nothing.
      ARROW_RETURN_NOT_OK(CheckViewRoom());
      ARROW_ASSIGN_OR_RAISE(DecidedBucket decided, Decide(*part.edition, part.bucket, batch));
      part.changes = std::move(decided.changes);
      draft.entries.push_back(std::move(decided.entry));
    }
    for (log::EntryDraft& entry : write->appends) draft.entries.push_back(std::move(entry));
    draft.catalog = std::move(write->catalog);
    return Status::OK();
  };
  const Status decided = decide();
  if (!decided.ok() || repeat) {
    for (auto& part : write->parts) part.bucket->Unlock();
    if (!decided.ok()) {
      FinishKeyed(write, decided);
      return;
    }
    // It must not become a first time here: whoever is not a repeat in the log is out of order.
    draft.check = [] {
      return Error(Code::kFailedPrecondition, Reason::kOutOfOrderSequence,
                   "the writer's batches are out of order");
    };
    log_->Commit(std::move(draft), [this, write](const Result<log::CommitResult>& made) {
      // Behind the first one's changes: who is told that they were made must see them.
      apply_strand_.Post([this, write, made] { FinishKeyed(write, made); });
    });
    return;
  }
  for (KeyedWrite::Part& part : write->parts) {
    std::tie(part.number, part.epoch) =
        part.bucket->Add(part.changes, part.batch.writer_id, part.batch.sequence);
  }
  draft.check = [write]() -> Status {
    for (const KeyedWrite::Part& part : write->parts) {
      if (part.bucket->EpochIs(part.epoch)) continue;
      return Error(Code::kAborted, Reason::kConflict,
                   "an earlier write of this bucket failed: send the batch again");
    }
    return Status::OK();
  };
  log_->Commit(std::move(draft), [this, write](const Result<log::CommitResult>& made) {
    KeyedCommitted(write, made);
  });
  for (auto& part : write->parts) part.bucket->Unlock();
}

void DatabaseImpl::KeyedCommitted(const std::shared_ptr<KeyedWrite>& write,
                                  const Result<log::CommitResult>& made) {
  if (!made.ok()) {
    // Before the log looks at the next commit: those decided on top of this one must not pass.
    for (auto& part : write->parts) part.bucket->Fail();
  }
  // The strand keeps the order of commits, which is the order of these calls.
  apply_strand_.Post([this, write, made] {
    Status applied = made.status();
    if (made.ok()) {
      for (KeyedWrite::Part& part : write->parts) {
        for (keyview::Change& change : part.changes) {
          if (!change.row.has_value()) continue;
          change.row->commit = made->id;
          change.row->record_time_ns = made->time_ns;
        }
        // The watermark moves with the last part: before that the commit is not absorbed.
        const bool last = &part == &write->parts.back();
        applied = key_view_->Apply(part.bucket->log(), part.changes,
                                   last ? made->id : key_view_->watermark());
        if (!applied.ok()) break;
      }
      if (!applied.ok() && options_.on_fatal != nullptr) options_.on_fatal(applied);
      key_base_rounds_->Applied(write->bytes);
    }
    for (auto& part : write->parts) {
      in_work_.Begin();
      part.bucket->Lock(
          [this, write, bucket = part.bucket, number = part.number, failed = !made.ok()] {
            bucket->End(number, failed);
            bucket->Unlock();
            in_work_.End();
          });
    }
    FinishKeyed(write, applied.ok() ? made : Result<log::CommitResult>(applied));
  });
}

void DatabaseImpl::FinishKeyed(const std::shared_ptr<KeyedWrite>& write,
                               const Result<log::CommitResult>& made) {
  keyed_pending_bytes_.fetch_sub(write->bytes);
  auto done = std::move(write->done);
  done(made);
  in_work_.End();
}

void DatabaseImpl::UpsertBatch(const Caller& caller, const TablePtr& table, BucketRef where,
                               table::UpsertBatch batch, AppendDone done) {
  const auto prepare = [&]() -> Result<std::shared_ptr<KeyedWrite>> {
    ARROW_RETURN_NOT_OK(CheckRight(caller, access::kWrite, *table));
    ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(*table));
    ARROW_RETURN_NOT_OK(CheckWritable(*edition));
    ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*table, where));
    auto write = std::make_shared<KeyedWrite>();
    write->tables.push_back(table);
    write->bytes = SizeOf(batch);
    write->parts.push_back(
        {.edition = edition, .bucket = keyed_buckets_->Get(log), .batch = std::move(batch)});
    return write;
  };
  auto write = prepare();
  if (!write.ok()) {
    done(write.status());
    return;
  }
  (*write)->done = [done = std::move(done)](const Result<log::CommitResult>& made) {
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
  };
  WriteKeyed(std::move(*write));
}

}  // namespace firth::table
