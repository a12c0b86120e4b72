#include "firth/doors/beneath/reading.h"

#include <arrow/array/array_primitive.h>
#include <arrow/compute/cast.h>

#include <algorithm>

#include "firth/doors/beneath/refusals.h"
#include "firth/schema/key.h"
#include "firth/schema/schema.h"
#include "firth/table/edition_changes.h"

namespace firth::doors::beneath {
namespace {

constexpr int64_t kMsNs = 1'000'000;
// Rows that are looked through at once when a log is read backwards.
constexpr int64_t kBackwardsRows = 2000;
// Rows with long keys that begin alike, looked through at once.
constexpr int64_t kAlikeRows = 1000;

int64_t TimeOf(const std::shared_ptr<arrow::Array>& times, int64_t row, int64_t otherwise_ns) {
  if (times == nullptr || times->IsNull(row)) return otherwise_ns / kMsNs;
  return static_cast<const arrow::TimestampArray&>(*times).Value(row);
}

bool Expired(int64_t time_ms, int64_t retention_ms, int64_t now_ms) {
  int64_t end = 0;
  return retention_ms > 0 && !__builtin_add_overflow(time_ms, retention_ms, &end) && end <= now_ms;
}

}  // namespace

Result<std::shared_ptr<arrow::Array>> TimesOf(const arrow::RecordBatch& rows) {
  auto column = rows.GetColumnByName(kTimeColumn);
  if (column == nullptr) return column;
  const auto wanted = arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
  if (column->type()->Equals(*wanted)) return column;
  if (column->type_id() != arrow::Type::TIMESTAMP) return nullptr;
  auto options = arrow::compute::CastOptions::Safe();
  options.allow_time_truncate = true;
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum cast, arrow::compute::Cast(column, wanted, options));
  return cast.make_array();
}

Result<Instance> OpenInstance(table::Database* database, TableFactsCache* cache,
                              EditionId edition) {
  Instance instance;
  auto table = table::EditionChanges(database).Get(access::Internal(), edition);
  if (!table.ok()) {
    return CodeOf(table.status()) == Code::kNotFound ? NotFound("Table instance") : table.status();
  }
  instance.table = std::move(*table);
  ARROW_ASSIGN_OR_RAISE(instance.facts, cache->Get(*instance.table));
  ARROW_ASSIGN_OR_RAISE(const auto partitions,
                        database->ListPartitions(access::Internal(), *instance.table));
  if (partitions.size() != 1 || partitions[0].bucket_count != 1) {
    return Invalid("table '" + instance.table->path.ToString() +
                   "' has several partitions or buckets: it can be read in the warehouse only");
  }
  instance.where = {.partition = partitions[0].id, .bucket = 0};
  return instance;
}

Result<table::BucketRange> Reading::Range(const Instance& instance) {
  return database_->GetRange(access::Internal(), *instance.table, instance.where);
}

Status Reading::Visit(
    const Instance& instance, int64_t from, int64_t to, const KeyRange& keys,
    const std::function<Result<bool>(int64_t, const arrow::ArrayVector&, int64_t, int64_t)>& take) {
  if (from >= to) return Status::OK();
  const TableFacts& facts = *instance.facts;
  table::ScanRequest request;
  request.table = instance.table;
  request.partition = instance.where.partition;
  request.bucket = instance.where.bucket;
  request.from = Offset(from);
  request.to = Offset(to);
  ARROW_ASSIGN_OR_RAISE(const auto scanner, database_->Scan(access::Internal(), request));
  const int64_t now_ms = database_->clock().NowNs() / kMsNs;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, scanner->Next());
    if (!batch.has_value()) return Status::OK();
    const arrow::RecordBatch& rows = *batch->rows;
    ARROW_ASSIGN_OR_RAISE(const arrow::ArrayVector columns, facts.encoder->Columns(rows));
    ARROW_ASSIGN_OR_RAISE(const auto times, TimesOf(rows));
    std::vector<std::string> row_keys;
    if (!keys.IsAll()) {
      std::vector<std::shared_ptr<arrow::Array>> key_columns;
      for (const auto& name : facts.key) key_columns.push_back(rows.GetColumnByName(name));
      ARROW_RETURN_NOT_OK(facts.key_encoder->Encode(key_columns, &row_keys));
    }
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (!batch->changes.empty()) {
        const log::Change change = batch->changes[static_cast<size_t>(row)];
        if (change == log::Change::kDelete || change == log::Change::kUpdateBefore) continue;
      }
      const int64_t time_ms = TimeOf(times, row, batch->commit_time_ns);
      if (Expired(time_ms, facts.log_retention_ms, now_ms)) continue;
      if (!keys.IsAll() && !keys.Holds(row_keys[static_cast<size_t>(row)])) continue;
      ARROW_ASSIGN_OR_RAISE(const bool more,
                            take(batch->base_offset.value + row, columns, row, time_ms));
      if (!more) return Status::OK();
    }
  }
}

Result<Page> Reading::ReadForward(const Instance& instance, const Cursor& cursor, int64_t limit) {
  ARROW_ASSIGN_OR_RAISE(const auto range, Range(instance));
  const bool changes = cursor.kind == Cursor::Kind::kChanges;
  const int64_t to = changes ? range.end.value : std::min(cursor.to, range.end.value);
  Page page;
  page.next = cursor;
  page.next.from = to;
  page.more = changes;
  const auto take = [&](int64_t offset, const arrow::ArrayVector& columns, int64_t row,
                        int64_t time_ms) -> Result<bool> {
    if (static_cast<int64_t>(page.records.size()) == limit) {
      page.next.from = offset;  // the next one to be seen
      page.more = true;
      return false;
    }
    ShownRecord record{.time_ms = time_ms};
    ARROW_RETURN_NOT_OK(instance.facts->encoder->Encode(columns, row, &record.avro));
    page.records.push_back(std::move(record));
    return true;
  };
  ARROW_RETURN_NOT_OK(
      Visit(instance, std::max(cursor.from, range.start.value), to, cursor.keys, take));
  return page;
}

Result<Page> Reading::ReadBackwards(const Instance& instance, const Cursor& cursor, int64_t limit) {
  ARROW_ASSIGN_OR_RAISE(const auto range, Range(instance));
  Page page;
  page.next = cursor;
  int64_t to = std::min(cursor.from, range.end.value);
  while (to > range.start.value) {
    const int64_t from = std::max(range.start.value, to - kBackwardsRows);
    std::vector<std::pair<int64_t, ShownRecord>> found;
    const auto take = [&](int64_t offset, const arrow::ArrayVector& columns, int64_t row,
                          int64_t time_ms) -> Result<bool> {
      ShownRecord record{.time_ms = time_ms};
      ARROW_RETURN_NOT_OK(instance.facts->encoder->Encode(columns, row, &record.avro));
      found.emplace_back(offset, std::move(record));
      return true;
    };
    ARROW_RETURN_NOT_OK(Visit(instance, from, to, {}, take));
    for (auto at = found.rbegin(); at != found.rend(); ++at) {
      if (static_cast<int64_t>(page.records.size()) == limit) {
        page.next.from = at->first + 1;
        page.more = true;
        return page;
      }
      page.records.push_back(std::move(at->second));
    }
    to = from;
  }
  return page;
}

Result<std::string> Reading::KeyBehind(const Instance& instance, const Cursor& cursor) {
  table::KeyScanRequest request{.table = instance.table,
                                .where = instance.where,
                                .from = cursor.keys.from,
                                .to = schema::PrefixEnd(cursor.keys.from),
                                .limit = kAlikeRows};
  bool any = false;
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto found, database_->ScanKeys(access::Internal(), request));
    for (const table::KeyedRow& row : found) {
      if (cursor.after.Is(row.key)) return row.key + '\0';
      any = true;
    }
    if (static_cast<int64_t>(found.size()) < request.limit) break;
    request.from = found.back().key + '\0';
  }
  // Without it there is no telling which of its neighbours were shown.
  if (any) return Invalid("the record at which this cursor stood is gone: query the index again");
  return request.from;
}

Result<Page> Reading::ReadIndex(const Instance& instance, const Cursor& cursor, int64_t limit) {
  const TableFacts& facts = *instance.facts;
  const catalog::EditionInfo& edition = *instance.table->current;
  Page page;
  page.next = cursor;
  if (cursor.keys.IsEmpty()) return page;
  const int64_t now_ms = database_->clock().NowNs() / kMsNs;
  table::KeyScanRequest request{.table = instance.table,
                                .where = instance.where,
                                .from = cursor.keys.from,
                                .to = cursor.keys.to};
  if (cursor.after.IsSet()) {
    ARROW_ASSIGN_OR_RAISE(request.from, KeyBehind(instance, cursor));
    page.next.after = {};
  }
  const work::LongText& prefix = cursor.keys.prefix;
  while (true) {
    request.limit = limit - static_cast<int64_t>(page.records.size());
    ARROW_ASSIGN_OR_RAISE(const auto found, database_->ScanKeys(access::Internal(), request));
    for (size_t i = 0; i < found.size();) {
      // Rows of one schema are decoded together.
      const SchemaId schema_id = found[i].row.schema_id();
      std::vector<std::string_view> rows;
      const size_t first = i;
      for (; i < found.size() && found[i].row.schema_id() == schema_id; ++i) {
        rows.push_back(found[i].row.row());
      }
      ARROW_ASSIGN_OR_RAISE(const auto codec, facts.CodecOf(schema_id));
      ARROW_ASSIGN_OR_RAISE(auto batch, codec->Decode(rows));
      ARROW_ASSIGN_OR_RAISE(batch, schema::Project(*batch, edition.newest().schema));
      ARROW_ASSIGN_OR_RAISE(const arrow::ArrayVector columns, facts.encoder->Columns(*batch));
      ARROW_ASSIGN_OR_RAISE(const auto times, TimesOf(*batch));
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        const table::KeyedRow& keyed = found[first + static_cast<size_t>(row)];
        if (prefix.IsSet() && !prefix.Begins(keyed.key)) continue;
        ShownRecord record;
        record.time_ms = TimeOf(times, row, keyed.row.record_time_ns);
        if (Expired(record.time_ms, facts.index_retention_ms, now_ms)) continue;
        ARROW_RETURN_NOT_OK(facts.encoder->Encode(columns, row, &record.avro));
        page.records.push_back(std::move(record));
      }
    }
    const bool last = static_cast<int64_t>(found.size()) < request.limit;
    if (last) return page;
    request.from = found.back().key + '\0';
    if (static_cast<int64_t>(page.records.size()) == limit) {
      page.more = true;
      page.next.keys.from = request.from;
      page.next.behind = true;
      return page;
    }
  }
}

Result<Page> Reading::Read(const Instance& instance, const Cursor& cursor, int64_t limit) {
  switch (cursor.kind) {
    case Cursor::Kind::kReplay:
    case Cursor::Kind::kChanges:
      return ReadForward(instance, cursor, limit);
    case Cursor::Kind::kPeek:
      return ReadBackwards(instance, cursor, limit);
    case Cursor::Kind::kIndex:
      return ReadIndex(instance, cursor, limit);
    case Cursor::Kind::kResult:
      break;
  }
  return Invalid("the cursor is not one of a table");
}

}  // namespace firth::doors::beneath
