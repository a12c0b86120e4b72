// Writing to keyed tables: decide the effects of a batch against what its bucket holds, commit them
// to the log, apply them to the key view, answer.
#include <algorithm>
#include <bit>
#include <deque>
#include <memory>

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

/// Checks that records' keys are those of their rows.
class KeyCheck {
 public:
  explicit KeyCheck(const RowCodecs& codecs) : codecs_(codecs) {}

  Status Run(const UpsertRecord& record) {
    ARROW_RETURN_NOT_OK(codecs_.row->Split(record.row, &columns_, &null_));
    std::string_view key = record.key;
    for (const int column : codecs_.key_columns) {
      const auto c = static_cast<size_t>(column);
      if (null_[c]) return Corrupt("a key column is null");
      if (!key.starts_with(columns_[c])) return Corrupt("a record's key is not that of its row");
      key.remove_prefix(columns_[c].size());
    }
    return key.empty() ? Status::OK() : Corrupt("a record's key is not that of its row");
  }

 private:
  static Status Corrupt(const char* what) {
    return Error(Code::kInvalidArgument, Reason::kCorruptBatch, what);
  }

  const RowCodecs& codecs_;
  std::vector<std::string_view> columns_;
  std::vector<bool> null_;
};

/// The keys of a batch, each once, in the order in which they come first.
class BatchKeys {
 public:
  static Result<std::unique_ptr<const BatchKeys>> Make(const RowCodecs& sent,
                                                       const std::vector<UpsertRecord>& records) {
    auto keys = std::make_unique<BatchKeys>();
    std::vector<size_t> ends;
    KeyCheck check(sent);
    for (const UpsertRecord& record : records) {
      if (!record.row.empty()) ARROW_RETURN_NOT_OK(check.Run(record));
      ARROW_RETURN_NOT_OK(
          sent.compact_key->ToCanonical(record.key, /*prefix=*/false, &keys->bytes_));
      ends.push_back(keys->bytes_.size());
    }
    keys->Number(ends);
    return keys;
  }

  size_t size() const { return keys_.size(); }
  std::string_view key(size_t k) const { return keys_[k]; }
  uint64_t hash(size_t k) const { return hashes_[k]; }
  /// Which key record `i` has.
  size_t Of(size_t i) const { return of_[i]; }

 private:
  void Number(const std::vector<size_t>& ends) {
    const size_t places = std::bit_ceil(ends.size() * 2 + 1);
    constexpr uint32_t kNone = UINT32_MAX;
    std::vector<uint32_t> table(places, kNone);
    of_.reserve(ends.size());
    size_t begin = 0;
    for (const size_t end : ends) {
      const std::string_view key = std::string_view(bytes_).substr(begin, end - begin);
      begin = end;
      const uint64_t hash = keyview::HashKey(key);
      size_t at = hash & (places - 1);
      while (table[at] != kNone && (hashes_[table[at]] != hash || keys_[table[at]] != key)) {
        at = (at + 1) & (places - 1);
      }
      if (table[at] == kNone) {
        table[at] = static_cast<uint32_t>(keys_.size());
        keys_.push_back(key);
        hashes_.push_back(hash);
      }
      of_.push_back(table[at]);
    }
  }

  std::string bytes_;  // the keys point into it
  std::vector<std::string_view> keys_;
  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> of_;
};

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

/// What a batch's keys hold for the next writer of their bucket.
static Result<std::vector<keyview::KeyStatePtr>> HoldOf(keyview::KeyView* view,
                                                        const KeyedBucket& bucket,
                                                        const BatchKeys& keys) {
  std::vector<keyview::KeyStatePtr> states(keys.size());
  std::vector<size_t> unread;
  std::vector<std::string_view> wanted;
  for (size_t k = 0; k < keys.size(); ++k) {
    states[k] = bucket.Find(keys.hash(k), keys.key(k));
    if (states[k]) continue;
    unread.push_back(k);
    wanted.push_back(keys.key(k));
  }
  // Not kept: most of them are about to be replaced.
  ARROW_ASSIGN_OR_RAISE(auto read, view->Find(bucket.log(), wanted, /*keep=*/false));
  for (size_t i = 0; i < unread.size(); ++i) states[unread[i]] = std::move(read[i]);
  return states;
}

Result<DecidedBucket> DatabaseImpl::Decide(const EditionInfo& edition, KeyedBucket* bucket,
                                           const table::UpsertBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(const RowCodecsPtr codecs, codecs_.Get(edition, edition.newest().id));
  ARROW_ASSIGN_OR_RAISE(const RowCodecsPtr sent, codecs_.Get(edition, batch.schema_id));
  ARROW_ASSIGN_OR_RAISE(const std::vector<int> targets,
                        MapColumns(*sent->schema, *codecs->schema, batch.target_columns));
  ARROW_ASSIGN_OR_RAISE(const auto decider,
                        keyview::MergeDecider::Make(edition.spec, codecs->row, targets));
  // Keys first, so that those that are not in front of the view are read from it in one go.
  ARROW_ASSIGN_OR_RAISE(const auto keys, BatchKeys::Make(*sent, batch.records));
  ARROW_ASSIGN_OR_RAISE(const auto states, HoldOf(key_view_.get(), *bucket, *keys));
  std::deque<std::string> widened;  // whose strings never move
  std::vector<std::optional<std::string_view>> held(keys->size());
  for (size_t k = 0; k < held.size(); ++k) {
    if (!states[k] || states[k]->gone()) continue;
    if (states[k]->schema_id() == codecs->schema_id) {
      held[k] = states[k]->row();
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(std::string row,
                          RowUnder(edition, &codecs_, *codecs, states[k]->value()));
    held[k] = widened.emplace_back(std::move(row));
  }

  keyview::Effects effects;
  std::vector<bool> changed(keys->size());
  for (size_t i = 0; i < batch.records.size(); ++i) {
    const size_t k = keys->Of(i);
    std::string_view row = batch.records[i].row;
    keyview::Outcome outcome;
    if (row.empty()) {
      ARROW_ASSIGN_OR_RAISE(outcome, decider->Delete(held[k], &effects));
    } else {
      if (sent != codecs) {
        ARROW_ASSIGN_OR_RAISE(std::string made,
                              RowUnder(edition, &codecs_, *codecs, ValueOf(sent->schema_id, row)));
        row = widened.emplace_back(std::move(made));
      }
      ARROW_ASSIGN_OR_RAISE(outcome, decider->Upsert(held[k], row, &effects));
    }
    if (!outcome.changed) continue;
    held[k] = outcome.row;
    changed[k] = true;
  }

  DecidedBucket decided;
  std::vector<log::Change> kinds;
  std::vector<std::string_view> rows;
  kinds.reserve(effects.all().size());
  rows.reserve(effects.all().size());
  for (const keyview::Effect& effect : effects.all()) {
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
  entry.rows = static_cast<uint32_t>(rows.size());
  entry.offsets = std::max<uint32_t>(entry.rows, 1);
  entry.writer_id = batch.writer_id;
  entry.sequence = batch.sequence;
  entry.record_time_min_ns = times.min_ns;
  entry.record_time_max_ns = times.max_ns;
  std::string schema_id;
  AppendLe(&schema_id, static_cast<int16_t>(codecs->schema_id.value));
  std::vector<keyview::KeyStatePtr> changes;
  changes.reserve(keys->size());
  for (size_t k = 0; k < held.size(); ++k) {
    if (!changed[k]) continue;
    changes.push_back(
        held[k].has_value()
            ? keyview::KeyState::Make(bucket->log(), keys->key(k), schema_id, *held[k])
            : keyview::KeyState::MakeGone(bucket->log(), keys->key(k)));
  }
  decided.changes = std::make_shared<const std::vector<keyview::KeyStatePtr>>(std::move(changes));
  return decided;
}

void DatabaseImpl::WriteKeyed(std::shared_ptr<KeyedWrite> write) {
  // Buckets are taken in one order by everybody, so that two writes of several buckets cannot wait
  // for each other.
  std::sort(write->parts.begin(), write->parts.end(),
            [](const auto& a, const auto& b) { return a.bucket->log() < b.bucket->log(); });
  {
    std::lock_guard lock(keyed_mutex_);
    if (keyed_accepted_bytes_ == 0 ||
        keyed_accepted_bytes_ + write->bytes <= options_.queue_bytes_max) {
      keyed_accepted_bytes_ += write->bytes;
      in_work_.Begin();
      keyed_waiting_.push_back(std::move(write));
      BeginKeyed();
      return;
    }
  }
  write->done(Error(Code::kResourceExhausted, Reason::kOverBudget,
                    "too much waits to be written; send less at a time, or try again"));
}

void DatabaseImpl::BeginKeyed() {
  while (!keyed_waiting_.empty() &&
         (keyed_begun_bytes_ == 0 || keyed_begun_bytes_ < options_.key_lag_bytes_max)) {
    const auto write = std::move(keyed_waiting_.front());
    keyed_waiting_.pop_front();
    keyed_begun_bytes_ += write->bytes;
    // Only queues, so that writes get to their buckets in the order in which they came.
    TakeBucket(write, 0);
  }
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
      ARROW_ASSIGN_OR_RAISE(const auto turn, part.bucket->Judge(batch.writer_id, batch.sequence));
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
        for (const auto& state : *part.changes) state->SetCommit(made->id, made->time_ns);
        // The watermark moves with the last part: before that the commit is not absorbed.
        const bool last = &part == &write->parts.back();
        applied = key_view_->Put(part.bucket->log(), *part.changes,
                                 last ? made->id : key_view_->watermark());
        if (!applied.ok()) break;
      }
      if (!applied.ok() && options_.on_fatal != nullptr) options_.on_fatal(applied);
      key_base_rounds_->Applied(write->bytes);
    }
    for (auto& part : write->parts) {
      const auto end = [write, bucket = part.bucket, number = part.number, failed = !made.ok()] {
        bucket->End(number, failed);
        bucket->Unlock();
      };
      if (part.bucket->TryLock()) {
        end();
        continue;
      }
      in_work_.Begin();
      part.bucket->Lock([this, end] {
        end();
        in_work_.End();
      });
    }
    FinishKeyed(write, applied.ok() ? made : Result<log::CommitResult>(applied));
  });
}

void DatabaseImpl::FinishKeyed(const std::shared_ptr<KeyedWrite>& write,
                               const Result<log::CommitResult>& made) {
  {
    std::lock_guard lock(keyed_mutex_);
    keyed_accepted_bytes_ -= write->bytes;
    keyed_begun_bytes_ -= write->bytes;
    BeginKeyed();
  }
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
