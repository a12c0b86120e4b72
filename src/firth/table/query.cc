// SQL over tables: how a statement's names find tables, and how their rows are read.
#include <algorithm>
#include <utility>

#include "firth/query/table_resolver.h"
#include "firth/schema/schema.h"
#include "firth/table/database_impl.h"
#include "firth/table/key_lifetime.h"
#include "firth/table/key_ranges.h"
#include "firth/table/series_rows.h"

namespace firth::table {
namespace {

constexpr size_t kKeyedBatchRows = 4096;

std::shared_ptr<arrow::Schema> Chosen(const arrow::Schema& schema,
                                      const std::vector<int>& columns) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  for (const int column : columns) fields.push_back(schema.field(column)->RemoveMetadata());
  return arrow::schema(std::move(fields));
}

/// A table with a key: its current rows, from the key view; of each log these ranges of keys.
class CurrentRows : public arrow::RecordBatchReader {
 public:
  CurrentRows(TablePtr table, RowCodecsCache* cache, RowCodecsPtr codecs, std::vector<int> columns,
              std::shared_ptr<keyview::KeySnapshot> keys, std::vector<LogId> logs,
              std::vector<KeyRange> ranges, std::optional<int64_t> now_ns)
      : table_(std::move(table)),
        cache_(cache),
        codecs_(std::move(codecs)),
        columns_(std::move(columns)),
        schema_(Chosen(*codecs_->schema, columns_)),
        keys_(std::move(keys)),
        logs_(std::move(logs)),
        ranges_(std::move(ranges)) {
    if (now_ns.has_value()) lifetime_.emplace(*table_->current, cache_, *now_ns);
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    rows->reset();
    std::vector<std::string> compact;
    while (compact.size() < kKeyedBatchRows) {
      ARROW_ASSIGN_OR_RAISE(const bool more, FindCursor());
      if (!more) break;
      ARROW_ASSIGN_OR_RAISE(const keyview::Row row, cursor_->row());
      cursor_->Next();
      if (lifetime_.has_value()) {
        ARROW_ASSIGN_OR_RAISE(const bool ended, lifetime_->HasEnded(row.value, row.record_time_ns));
        if (ended) continue;
      }
      ARROW_ASSIGN_OR_RAISE(compact.emplace_back(),
                            RowUnder(*table_->current, cache_, *codecs_, row.value));
    }
    if (compact.empty()) return Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto decoded,
                          codecs_->row->Decode({compact.begin(), compact.end()}));
    ARROW_ASSIGN_OR_RAISE(*rows, decoded->SelectColumns(columns_));
    return Status::OK();
  }

 private:
  /// Stand at the next row, log by log and range by range; false at the end.
  Result<bool> FindCursor() {
    while (cursor_ == nullptr || !cursor_->Valid()) {
      if (cursor_ != nullptr) ARROW_RETURN_NOT_OK(cursor_->status());
      if (range_ == ranges_.size()) {
        range_ = 0;
        ++log_;
      }
      if (log_ >= logs_.size() || ranges_.empty()) return false;
      const KeyRange& range = ranges_[range_++];
      ARROW_ASSIGN_OR_RAISE(cursor_,
                            keys_->Scan(logs_[log_], range.from, range.to, /*backwards=*/false));
    }
    return true;
  }

  const TablePtr table_;
  RowCodecsCache* const cache_;
  const RowCodecsPtr codecs_;
  const std::vector<int> columns_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<keyview::KeySnapshot> keys_;
  const std::vector<LogId> logs_;
  const std::vector<KeyRange> ranges_;
  std::optional<KeyLifetime> lifetime_;
  size_t log_ = 0;
  size_t range_ = 0;  // the next of this log
  std::unique_ptr<keyview::KeyCursor> cursor_;
};

/// `d.t` as the path d/t; a part may itself hold `/`.
Result<Path> PathOf(const std::vector<std::string>& name) {
  std::string text;
  for (const std::string& part : name) text += (text.empty() ? "" : "/") + part;
  return Path::Parse(text);
}

/// Rows of a scan in key order.
class RangeReader : public arrow::RecordBatchReader {
 public:
  explicit RangeReader(std::unique_ptr<RangeScanner> scanner) : scanner_(std::move(scanner)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return scanner_->schema(); }
  Status ReadNext(std::shared_ptr<arrow::RecordBatch>* rows) override {
    return scanner_->Next().Value(rows);
  }

 private:
  const std::unique_ptr<RangeScanner> scanner_;
};

class Resolver : public query::TableResolver {
 public:
  using All = std::function<Result<std::vector<query::ResolvedTable>>(
      const std::vector<query::NamedTable>& names)>;
  explicit Resolver(All all) : all_(std::move(all)) {}
  Result<std::vector<query::ResolvedTable>> Resolve(
      const std::vector<query::NamedTable>& names) override {
    return all_(names);
  }

 private:
  const All all_;
};

Status NoVersion(const TableInfo& table, const std::string& what) {
  return Error(Code::kNotFound, Reason::kVersionNotFound,
               "table '" + table.path.ToString() + "' " + what);
}

/// How long a query looks again for the key view to absorb what is durable, and how often.
constexpr int64_t kAbsorbWaitNs = 50'000;
constexpr int64_t kAbsorbWaitMaxNs = int64_t{10} * 1'000'000'000;

bool IsKeyed(const QueryTable& asked) {
  return asked.table->current.has_value() && !asked.table->current->spec.key.empty();
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatchReader>> DatabaseImpl::OpenCurrentRows(
    const TablePtr& table, const std::vector<std::string>& names,
    const std::shared_ptr<keyview::KeySnapshot>& keys, const schema::RowFilter& filter,
    std::optional<int64_t> now_ns) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  ARROW_ASSIGN_OR_RAISE(auto columns, schema::ColumnIndices(*edition->newest().schema, names));
  ARROW_ASSIGN_OR_RAISE(auto codecs, codecs_.Get(*edition, edition->newest().id));
  ARROW_ASSIGN_OR_RAISE(auto logs, CurrentLogs(*edition));
  ARROW_ASSIGN_OR_RAISE(auto ranges, KeyRangesOf(*edition, filter));
  return std::make_shared<CurrentRows>(table, &codecs_, std::move(codecs), std::move(columns), keys,
                                       std::move(logs), std::move(ranges), now_ns);
}

void DatabaseImpl::CutKeys(CommitId needed, std::function<void(const Result<QueryCut>&)> done) {
  // The strand applies commits whole and in their order: between two of its tasks the view stands
  // at its watermark.
  const auto cut = std::make_shared<QueryCut>();
  const auto ready = [this, needed, cut]() -> Result<bool> {
    cut->commit = key_view_->watermark();
    if (cut->commit < needed) return false;
    ARROW_ASSIGN_OR_RAISE(cut->keys, key_view_->TakeSnapshot());
    return true;
  };
  WhenReady(ready, "the key view is behind; try again",
            options_.clock->MonotonicNs() + kAbsorbWaitMaxNs,
            [cut, done = std::move(done)](const Result<bool>& taken) {
              done(taken.ok() ? Result<QueryCut>(*cut) : taken.status());
            });
}

void DatabaseImpl::WhenReady(std::function<Result<bool>()> ready, const std::string& late,
                             int64_t until_ns, std::function<void(const Result<bool>&)> done) {
  apply_strand_.Post([this, ready = std::move(ready), late, until_ns, done = std::move(done)] {
    const Result<bool> is_ready = ready();
    if (!is_ready.ok() || *is_ready) return done(is_ready);
    // A commit is visible a moment before it is handed to the strand.
    const int64_t now = options_.clock->MonotonicNs();
    if (now >= until_ns) return done(Error(Code::kUnavailable, Reason::kNone, late));
    in_work_.Begin();
    options_.readers->PostAt(now + kAbsorbWaitNs, [this, ready, late, until_ns, done] {
      WhenReady(ready, late, until_ns, done);
      in_work_.End();
    });
  });
}

Status DatabaseImpl::AwaitReady(std::function<Result<bool>()> ready, const std::string& late) {
  return Await<bool>([&](auto done) {
           WhenReady(std::move(ready), late, options_.clock->MonotonicNs() + kAbsorbWaitMaxNs,
                     std::move(done));
         })
      .status();
}

Result<DatabaseImpl::QueryCut> DatabaseImpl::CutNow(const std::vector<QueryTable>& tables) {
  const CommitId last = LastCommit();
  CommitId needed{0};
  bool keyed = false;
  for (const QueryTable& asked : tables) {
    if (!IsKeyed(asked) || asked.history || asked.as_of != catalog::kNow) continue;
    keyed = true;
    ARROW_ASSIGN_OR_RAISE(const auto logs, CurrentLogs(*asked.table->current));
    for (const LogId log : logs) {
      ARROW_ASSIGN_OR_RAISE(const log::LogRange range, log_->Range(log));
      needed = std::max(needed, range.last_commit);
    }
  }
  if (!keyed) return QueryCut{.commit = last};
  ARROW_ASSIGN_OR_RAISE(QueryCut cut, Await<QueryCut>([&](auto done) { CutKeys(needed, done); }));
  cut.commit = std::max(cut.commit, last);
  return cut;
}

Result<std::vector<LogId>> DatabaseImpl::CurrentLogs(const EditionInfo& edition) {
  ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog_->ListPartitions(edition.id));
  std::vector<LogId> logs;
  for (const PartitionInfo& partition : partitions) {
    for (int32_t b = 0; b < partition.bucket_count; ++b) logs.push_back(partition.LogOf(b));
  }
  return logs;
}

Result<std::shared_ptr<arrow::RecordBatchReader>> DatabaseImpl::OpenRowsAt(
    const TablePtr& table, const std::vector<std::string>& names, CommitId at,
    const schema::RowFilter& filter) {
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  ARROW_ASSIGN_OR_RAISE(const auto logs, CurrentLogs(*edition));
  ARROW_ASSIGN_OR_RAISE(const QueryCut cut, CutNow({{.table = table}}));
  bool same = true;
  for (const LogId log : logs) {
    ARROW_ASSIGN_OR_RAISE(const Offset then, log_->OffsetAfterCommit(log, at));
    ARROW_ASSIGN_OR_RAISE(const Offset now, log_->OffsetAfterCommit(log, cut.commit));
    same = same && then == now;
  }
  if (same) return OpenCurrentRows(table, names, cut.keys, filter);
  ARROW_RETURN_NOT_OK(lake_->CheckWhole(table));
  ARROW_ASSIGN_OR_RAISE(auto ranges, KeyRangesOf(*edition, filter));
  // To ask for no range would be to ask for all rows.
  if (ranges.empty()) ranges.push_back({.from = std::string(1, '\0'), .to = std::string(1, '\0')});
  ARROW_ASSIGN_OR_RAISE(
      auto scanner,
      lake_->ScanRange(
          access::Internal(),
          {.table = table, .columns = names, .ranges = std::move(ranges), .as_of = at}));
  return std::make_shared<RangeReader>(std::move(scanner));
}

Result<TablePtr> DatabaseImpl::PastTable(const TablePtr& table, CommitId at) {
  const auto then = catalog_->GetTable(table->id, at);
  if (!then.ok()) {
    if (CodeOf(then.status()) != Code::kNotFound) return then.status();
    return NoVersion(*table, "did not exist at commit " + std::to_string(at.value));
  }
  if (!(*then)->current.has_value()) {
    return NoVersion(*table, "had no rows at commit " + std::to_string(at.value));
  }
  const EditionId edition = (*then)->current->id;
  // With all schemas that came later, which files may have.
  auto known = catalog_->GetEdition(edition);
  if (!known.ok()) {
    if (CodeOf(known.status()) != Code::kNotFound) return known.status();
    return NoVersion(*table, "holds nothing of commit " + std::to_string(at.value) + " any more");
  }
  ARROW_ASSIGN_OR_RAISE(const auto had, catalog_->ListPartitions(edition, at));
  ARROW_ASSIGN_OR_RAISE(const auto has, catalog_->ListPartitions(edition));
  for (const PartitionInfo& partition : had) {
    if (std::none_of(has.begin(), has.end(),
                     [&](const PartitionInfo& one) { return one.id == partition.id; })) {
      return NoVersion(*table, "has lost a partition since commit " + std::to_string(at.value));
    }
  }
  auto past = std::make_shared<TableInfo>(*table);
  past->current = std::move(*known);
  return past;
}

Result<QueryTable> DatabaseImpl::FindTable(const Caller& caller, const QueryRequest& request,
                                           const query::NamedTable& name) {
  QueryTable found;
  if (request.find != nullptr) {
    ARROW_ASSIGN_OR_RAISE(found, request.find(name));
  } else {
    ARROW_ASSIGN_OR_RAISE(const Path path, PathOf(name.name));
    ARROW_ASSIGN_OR_RAISE(found.table, GetTable(caller, path));
  }
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *found.table));
  if (!name.at.has_value()) return found;
  CommitId at{0};
  if (name.at->time_ns.has_value()) {
    ARROW_ASSIGN_OR_RAISE(at, CommitAt(*name.at->time_ns));
  } else if (name.at->version.has_value()) {
    at = CommitId(*name.at->version);
    if (at < CommitId(1) || at > LastCommit()) {
      return NoVersion(*found.table, "has no commit " + std::to_string(at.value) +
                                         "; the last one is " + std::to_string(LastCommit().value));
    }
  } else if (name.at->snapshot.has_value()) {
    ARROW_ASSIGN_OR_RAISE(const auto snapshots, lake_->Snapshots(caller, found.table));
    const auto snapshot =
        std::find_if(snapshots.begin(), snapshots.end(),
                     [&](const LakeSnapshot& one) { return one.id == *name.at->snapshot; });
    if (snapshot == snapshots.end()) {
      return NoVersion(*found.table, "remembers no snapshot " + std::to_string(*name.at->snapshot));
    }
    at = snapshot->commit;
  }
  ARROW_ASSIGN_OR_RAISE(found.table, PastTable(found.table, at));
  ARROW_RETURN_NOT_OK(CheckRight(caller, access::kRead, *found.table));
  found.as_of = std::min(found.as_of, at);
  return found;
}

Result<query::ResolvedTable> DatabaseImpl::ResolveTable(const QueryTable& asked,
                                                        const QueryCut& cut) {
  const TablePtr& table = asked.table;
  ARROW_ASSIGN_OR_RAISE(const EditionInfo* edition, CurrentEdition(*table));
  const CommitId as_of = std::min(asked.as_of, cut.commit);
  query::ResolvedTable resolved{.schema = edition->newest().schema};
  if (IsCollection(*edition) && !asked.history) {
    ARROW_ASSIGN_OR_RAISE(CollectionCut cut_at, series_->CutAt(table, as_of));
    resolved.open = [table, series = std::make_shared<CollectionCut>(std::move(cut_at))](
                        const std::vector<std::string>& columns, const schema::RowFilter& filter) {
      return SeriesStoreImpl::RowsOfCut(*table->current, columns, *series, filter);
    };
    return resolved;
  }
  if (!IsKeyed(asked) || asked.history) {
    ARROW_ASSIGN_OR_RAISE(LakeRows rows, lake_->RowsOf(table, as_of, asked.history));
    resolved.schema = std::move(rows.schema);
    resolved.parquet = std::move(rows.parquet);
    resolved.hold = std::move(rows.hold);
    resolved.open = std::move(rows.open_rest);
    return resolved;
  }
  if (asked.as_of == catalog::kNow) {
    resolved.open = [this, table, keys = cut.keys, now_ns = options_.clock->NowNs()](
                        const std::vector<std::string>& columns, const schema::RowFilter& filter) {
      return OpenCurrentRows(table, columns, keys, filter, now_ns);
    };
    return resolved;
  }
  resolved.open = [this, table, as_of](const std::vector<std::string>& columns,
                                       const schema::RowFilter& filter) {
    return OpenRowsAt(table, columns, as_of, filter);
  };
  return resolved;
}

Result<std::unique_ptr<PreparedQuery>> DatabaseImpl::PrepareQuery(const Caller& caller,
                                                                  const QueryRequest& request) {
  Resolver resolver([&](const std::vector<query::NamedTable>& names)
                        -> Result<std::vector<query::ResolvedTable>> {
    std::vector<QueryTable> tables;
    for (const query::NamedTable& name : names) {
      ARROW_ASSIGN_OR_RAISE(tables.emplace_back(), FindTable(caller, request, name));
    }
    ARROW_ASSIGN_OR_RAISE(const QueryCut cut, CutNow(tables));
    std::vector<query::ResolvedTable> resolved;
    for (const QueryTable& table : tables) {
      ARROW_ASSIGN_OR_RAISE(resolved.emplace_back(), ResolveTable(table, cut));
    }
    return resolved;
  });
  return query_engine_.Prepare(request.sql, &resolver, request.options);
}

Result<std::unique_ptr<QueryResult>> DatabaseImpl::Query(const Caller& caller,
                                                         const std::string& sql,
                                                         const QueryOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const auto prepared,
                        PrepareQuery(caller, {.sql = sql, .options = options}));
  return prepared->Run();
}

}  // namespace firth::table
