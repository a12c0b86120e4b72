// Reading stored bytes, and waiting for them.
#include <algorithm>

#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/row_routing.h"
#include "firth/table/series_rows.h"

namespace firth::table {

Result<BucketRange> DatabaseImpl::GetRange(const Caller& caller, const TableInfo& table,
                                           BucketRef where) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, table));
  ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(table, where));
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  return RangeFor(*edition, log);
}

Result<Offset> DatabaseImpl::OffsetAtTime(const Caller& caller, const TableInfo& table,
                                          BucketRef where, int64_t time_ns) {
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, table));
  ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(table, where));
  if (time_ns > options_.clock->NowNs()) {
    return Error(Code::kInvalidArgument, Reason::kTimestampInFuture,
                 "the time asked for lies in the future");
  }
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(table));
  ARROW_ASSIGN_OR_RAISE(const BucketRange range, RangeFor(*edition, log));
  ARROW_ASSIGN_OR_RAISE(const Offset offset, log_->OffsetAtTime(log, time_ns));
  return std::max(offset, range.start);
}

std::vector<FetchedBucket> DatabaseImpl::Fetch(const Caller& caller,
                                               const std::vector<FetchBucket>& buckets,
                                               uint64_t bytes_max) {
  std::vector<FetchedBucket> fetched(buckets.size());
  uint64_t bytes = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    const FetchBucket& asked = buckets[i];
    FetchedBucket& out = fetched[i];
    const auto fetch = [&]() -> Status {
      ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *asked.table));
      ARROW_ASSIGN_OR_RAISE(const LogId log, LogOf(*asked.table, asked.where));
      ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*asked.table));
      ARROW_ASSIGN_OR_RAISE(const BucketRange range, RangeFor(*edition, log));
      out.range = range;
      // Checked also when the budget is spent: an offset that is not there is an error at once.
      if (asked.from < range.start || asked.from > range.end) {
        return Error(Code::kOutOfRange, Reason::kOffsetOutOfRange,
                     "offset " + std::to_string(asked.from.value) +
                         " is out of range: the log holds " + std::to_string(range.start.value) +
                         " to " + std::to_string(range.end.value));
      }
      if (asked.from == range.end || (bytes > 0 && bytes >= bytes_max)) return Status::OK();
      const uint64_t room = bytes_max > bytes ? bytes_max - bytes : 0;
      ARROW_ASSIGN_OR_RAISE(
          out.entries, log_->Read(log, asked.from, {.bytes_max = std::min(asked.bytes_max, room)}));
      ARROW_ASSIGN_OR_RAISE(out.entries, AsBatches(*edition, std::move(out.entries), asked.from,
                                                   std::min(asked.bytes_max, room)));
      if (!out.entries.empty()) {
        // A read of at least one entry may overrun; only the first bucket with rows is allowed to.
        const auto first = static_cast<uint64_t>(out.entries.front().body->size());
        if (bytes > 0 && first > room) out.entries.clear();
      }
      for (const auto& entry : out.entries) bytes += static_cast<uint64_t>(entry.body->size());
      return Status::OK();
    };
    out.status = fetch();
  }
  return fetched;
}

Result<std::vector<log::StoredEntry>> DatabaseImpl::AsBatches(const EditionInfo& edition,
                                                              std::vector<log::StoredEntry> entries,
                                                              Offset from, uint64_t bytes_max) {
  if (IsCollection(edition)) return WithSeries(edition, std::move(entries));
  const bool any = std::any_of(entries.begin(), entries.end(), [](const log::StoredEntry& entry) {
    return entry.kind == log::EntryKind::kFile;
  });
  if (!any) return entries;
  std::vector<log::StoredEntry> batches;
  uint64_t bytes = 0;
  for (log::StoredEntry& entry : entries) {
    if (!batches.empty() && bytes >= bytes_max) return batches;
    if (entry.kind != log::EntryKind::kFile) {
      bytes += static_cast<uint64_t>(entry.body->size());
      batches.push_back(std::move(entry));
      continue;
    }
    const catalog::SchemaInfo* schema = edition.FindSchema(entry.schema_id);
    if (schema == nullptr) {
      return Error(Code::kDataLoss, Reason::kSchemaNotFound,
                   "schema " + std::to_string(entry.schema_id.value) + " of the log is missing");
    }
    const Bytes body(reinterpret_cast<const std::byte*>(entry.body->data()),
                     static_cast<size_t>(entry.body->size()));
    ARROW_ASSIGN_OR_RAISE(const FileEntry file, ParseFileEntry(body));
    Offset base = entry.base_offset;
    for (size_t i = 0; i < file.batches.size(); ++i) {
      const Offset end(base.value + file.batches[i]);
      if (end > from) {
        if (!batches.empty() && bytes >= bytes_max) return batches;
        ARROW_ASSIGN_OR_RAISE(const auto rows,
                              files_->ReadBatch(file, entry.schema_id, schema->schema, i));
        log::StoredEntry& batch = batches.emplace_back(entry);
        batch.kind = log::EntryKind::kRows;
        batch.rows = file.batches[i];
        batch.offsets = file.batches[i];
        batch.base_offset = base;
        ARROW_ASSIGN_OR_RAISE(batch.body,
                              log::EncodeBatch(*rows, {},
                                               {.schema_id = entry.schema_id,
                                                .compression = CompressionOf(edition.spec),
                                                .base_offset = base,
                                                .commit_time_ns = entry.commit_time_ns}));
        bytes += static_cast<uint64_t>(batch.body->size());
      }
      base = end;
    }
  }
  return batches;
}

Result<std::vector<log::StoredEntry>> DatabaseImpl::WithSeries(
    const EditionInfo& edition, std::vector<log::StoredEntry> entries) {
  const catalog::SchemaInfo& shown = edition.newest();
  for (log::StoredEntry& entry : entries) {
    if (entry.kind != log::EntryKind::kRows || entry.rows == 0) continue;
    const catalog::SchemaInfo* stored = edition.FindSchema(entry.schema_id);
    if (stored == nullptr) {
      return Error(Code::kDataLoss, Reason::kSchemaNotFound,
                   "schema " + std::to_string(entry.schema_id.value) + " of the log is missing");
    }
    ARROW_ASSIGN_OR_RAISE(auto rows, log::DecodeBatch(entry.body, stored->schema));
    ARROW_ASSIGN_OR_RAISE(rows, schema::Project(*rows, shown.schema));
    ARROW_ASSIGN_OR_RAISE(
        rows, JoinSeries(*rows, {.side = entry.side, .commit_time_ns = entry.commit_time_ns},
                         [this](const SeriesId& id) { return series_->Known(id); }));
    entry.schema_id = shown.id;
    ARROW_ASSIGN_OR_RAISE(entry.body, log::EncodeBatch(*rows, {},
                                                       {.schema_id = shown.id,
                                                        .compression = CompressionOf(edition.spec),
                                                        .base_offset = entry.base_offset,
                                                        .commit_time_ns = entry.commit_time_ns}));
  }
  return entries;
}

uint64_t DatabaseImpl::Follow(const std::vector<FetchBucket>& buckets, std::function<void()> wake) {
  std::vector<log::FollowPoint> points;
  for (const FetchBucket& bucket : buckets) {
    auto log = LogOf(*bucket.table, bucket.where);
    if (log.ok()) points.push_back({.log = *log, .offset = bucket.from});
  }
  if (points.size() < buckets.size()) {
    // One of them is gone: a fetch will say so, and there is nothing to wait for.
    options_.readers->Post(std::move(wake));
    return 0;
  }
  return log_->Follow(std::move(points), std::move(wake));
}

void DatabaseImpl::Unfollow(uint64_t follower) {
  if (follower != 0) log_->Unfollow(follower);
}

uint64_t DatabaseImpl::BytesReady(const std::vector<FetchBucket>& buckets) {
  uint64_t bytes = 0;
  for (const FetchBucket& bucket : buckets) {
    auto log = LogOf(*bucket.table, bucket.where);
    if (!log.ok()) continue;
    const auto range = log_->Range(*log);
    if (range.ok()) bytes += log_->BytesBetween(*log, bucket.from, range->end).ValueOr(0);
  }
  return bytes;
}

}  // namespace firth::table
