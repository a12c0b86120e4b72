// Reading keyed tables: by key, by prefix, in key order.
#include "firth/table/database_impl.h"
#include "firth/table/key_lifetime.h"

namespace firth::table {
namespace {

StoredRow ToStored(keyview::Row&& row) {
  return {
      .value = std::move(row.value), .commit = row.commit, .record_time_ns = row.record_time_ns};
}

// Rows that one prefix may give; a caller that wants more scans.
constexpr size_t kPrefixRowsMax = 1'000'000;

/// The next row of a cursor that has not ended, which is passed; nullopt: there is none.
Result<std::optional<KeyedRow>> TakeNext(keyview::KeyCursor* cursor, const KeyLifetime& lifetime) {
  for (; cursor->Valid(); cursor->Next()) {
    ARROW_ASSIGN_OR_RAISE(keyview::Row row, cursor->row());
    ARROW_ASSIGN_OR_RAISE(const bool ended, lifetime.HasEnded(row.value, row.record_time_ns));
    if (ended) continue;
    KeyedRow next{.key = std::string(cursor->key()), .row = ToStored(std::move(row))};
    cursor->Next();
    return next;
  }
  ARROW_RETURN_NOT_OK(cursor->status());
  return std::nullopt;
}

class PinnedScan final : public KeyScan {
 public:
  PinnedScan(TablePtr table, KeyLifetime lifetime, std::unique_ptr<keyview::KeyCursor> cursor,
             CommitId as_of, Offset log_end, int64_t limit)
      : table_(std::move(table)),
        lifetime_(lifetime),
        cursor_(std::move(cursor)),
        as_of_(as_of),
        log_end_(log_end),
        left_(limit) {}

  Result<std::optional<KeyedRow>> Next() override {
    if (left_ <= 0) return std::nullopt;
    --left_;
    return TakeNext(cursor_.get(), lifetime_);
  }
  CommitId as_of() const override { return as_of_; }
  Offset log_end() const override { return log_end_; }

 private:
  const TablePtr table_;  // keeps the edition
  const KeyLifetime lifetime_;
  const std::unique_ptr<keyview::KeyCursor> cursor_;
  const CommitId as_of_;
  const Offset log_end_;
  int64_t left_;
};

/// The keys that compact ones stand for. Hostile bytes; error kCorruptBatch.
Status MakeCanonical(const schema::CompactKeyCodec& codec,
                     const std::vector<std::string_view>& compact, CanonicalKeys* out) {
  out->ends.reserve(compact.size());
  for (const std::string_view key : compact) {
    ARROW_RETURN_NOT_OK(codec.ToCanonical(key, /*prefix=*/false, &out->bytes));
    out->ends.push_back(out->bytes.size());
  }
  return Status::OK();
}

}  // namespace

Result<const EditionInfo*> DatabaseImpl::KeyedEdition(const TableInfo& table) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  if (!edition->spec.key.empty()) return edition;
  return Error(Code::kFailedPrecondition, Reason::kNotKeyed,
               "table '" + table.path.ToString() + "' has no key");
}

void DatabaseImpl::Lookup(const Caller& caller, const TablePtr& table, BucketRef where,
                          std::vector<std::string> keys, LookupDone done) {
  in_work_.Begin();
  options_.readers->Post([this, caller, table, where, keys = std::move(keys),
                          done = std::move(done)] {
    const auto bucket = FindBucket(table, where);
    if (!bucket.ok()) {
      done(bucket.status());
    } else {
      FindRows(caller, *bucket, {keys.begin(), keys.end()}, [done](const Result<FoundRows>& found) {
        if (!found.ok()) return done(found.status());
        std::vector<std::optional<StoredRow>> rows(found->size());
        for (size_t i = 0; i < rows.size(); ++i) {
          const keyview::KeyStatePtr& row = (*found)[i];
          if (!row) continue;
          rows[i] = StoredRow{.value = std::string(row->value()),
                              .commit = row->commit(),
                              .record_time_ns = row->record_time_ns()};
        }
        done(std::move(rows));
      });
    }
    in_work_.End();
  });
}

Result<LookupBucket> DatabaseImpl::FindBucket(const TablePtr& table, BucketRef where) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(*table));
  LookupBucket bucket{.table = table};
  ARROW_ASSIGN_OR_RAISE(bucket.log, LogOf(*table, where));
  ARROW_ASSIGN_OR_RAISE(const RowCodecsPtr codecs, codecs_.Get(*edition, edition->newest().id));
  bucket.keys = {codecs, codecs->compact_key.get()};
  return bucket;
}

Result<FoundRows> DatabaseImpl::WithoutEnded(const TableInfo& table, FoundRows found) {
  const KeyLifetime lifetime(*table.current, &codecs_, options_.clock->NowNs());
  if (!lifetime.Ends()) return found;
  for (keyview::KeyStatePtr& row : found) {
    if (!row) continue;
    ARROW_ASSIGN_OR_RAISE(const bool ended, lifetime.HasEnded(row->value(), row->record_time_ns()));
    if (ended) row = nullptr;
  }
  return found;
}

void DatabaseImpl::FindRows(const Caller& caller, const LookupBucket& bucket,
                            const std::vector<std::string_view>& keys, FoundRowsDone done) {
  CanonicalKeys canonical;
  Status prepared = CheckRight(caller, access::kRead, *bucket.table);
  if (prepared.ok()) prepared = MakeCanonical(*bucket.keys, keys, &canonical);
  if (!prepared.ok()) return done(prepared);
  lookups_->Add(
      {.log = bucket.log,
       .canonical = std::move(canonical),
       .done = [this, table = bucket.table, done = std::move(done)](Result<FoundRows> found) {
         done(found.ok() ? WithoutEnded(*table, std::move(*found)) : std::move(found));
       }});
}

void DatabaseImpl::PrefixLookup(const Caller& caller, const TablePtr& table, BucketRef where,
                                std::vector<std::string> prefixes, PrefixLookupDone done) {
  in_work_.Begin();
  options_.readers->Post([this, caller, table, where, prefixes = std::move(prefixes),
                          done = std::move(done)] {
    const auto look = [&]() -> Result<std::vector<std::vector<StoredRow>>> {
      ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *table));
      ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(*table));
      ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*table, where));
      ARROW_ASSIGN_OR_RAISE(const auto codecs, codecs_.Get(*edition, edition->newest().id));
      const KeyLifetime lifetime(*edition, &codecs_, options_.clock->NowNs());
      std::vector<std::vector<StoredRow>> found(prefixes.size());
      for (size_t i = 0; i < prefixes.size(); ++i) {
        std::string from;
        ARROW_RETURN_NOT_OK(codecs->compact_key->ToCanonical(prefixes[i], /*prefix=*/true, &from));
        ARROW_ASSIGN_OR_RAISE(const auto cursor, key_view_->Scan(log, from, schema::PrefixEnd(from),
                                                                 /*backwards=*/false));
        while (true) {
          ARROW_ASSIGN_OR_RAISE(auto next, TakeNext(cursor.get(), lifetime));
          if (!next) break;
          found[i].push_back(std::move(next->row));
          if (found[i].size() > kPrefixRowsMax) {
            return Error(
                Code::kResourceExhausted, Reason::kOverBudget,
                "a prefix has over " + std::to_string(kPrefixRowsMax) + " rows: scan the table");
          }
        }
      }
      return found;
    };
    done(look());
    in_work_.End();
  });
}

Result<std::vector<KeyedRow>> DatabaseImpl::ScanKeys(const Caller& caller,
                                                     const KeyScanRequest& request) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *request.table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(*request.table));
  ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*request.table, request.where));
  ARROW_ASSIGN_OR_RAISE(const auto cursor,
                        key_view_->Scan(log, request.from, request.to, request.backwards));
  const KeyLifetime lifetime(*edition, &codecs_, options_.clock->NowNs());
  std::vector<KeyedRow> rows;
  while (static_cast<int64_t>(rows.size()) < request.limit) {
    ARROW_ASSIGN_OR_RAISE(auto next, TakeNext(cursor.get(), lifetime));
    if (!next) break;
    rows.push_back(std::move(*next));
  }
  return rows;
}

Result<std::unique_ptr<KeyScan>> DatabaseImpl::OpenKeyScan(const Caller& caller,
                                                           const KeyScanRequest& request) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *request.table));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, KeyedEdition(*request.table));
  ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*request.table, request.where));
  ARROW_ASSIGN_OR_RAISE(const log::LogRange range, log_->Range(log));
  ARROW_ASSIGN_OR_RAISE(const QueryCut cut, Await<QueryCut>([&](auto done) {
                          CutKeys(range.last_commit, std::move(done));
                        }));
  ARROW_ASSIGN_OR_RAISE(const Offset end, log_->OffsetAfterCommit(log, cut.commit));
  ARROW_ASSIGN_OR_RAISE(auto cursor,
                        cut.keys->Scan(log, request.from, request.to, request.backwards));
  return std::make_unique<PinnedScan>(request.table,
                                      KeyLifetime(*edition, &codecs_, options_.clock->NowNs()),
                                      std::move(cursor), cut.commit, end, request.limit);
}

}  // namespace firth::table
