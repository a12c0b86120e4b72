#include "firth/doors/beneath/warehouse.h"

#include <algorithm>
#include <utility>

#include "firth/doors/beneath/quota.h"
#include "firth/doors/beneath/refusals.h"
#include "firth/doors/beneath/table_spec.h"
#include "firth/table/edition_changes.h"

namespace firth::doors::beneath {
namespace {

constexpr char kKind[] = "query";
constexpr char kFolder[] = "work/results";
constexpr size_t kThreads = 4;
constexpr size_t kTablesMax = 5;
constexpr size_t kSizesMax = 1000;
constexpr int64_t kMsNs = 1'000'000;
constexpr int64_t kTimeoutMsDefault = 60'000;
constexpr int64_t kScanBytesLimitMax = 1'000'000'000'000;
constexpr int64_t kForgetEveryNs = int64_t{600} * 1'000'000'000;
constexpr uint64_t kResultBytesMax = uint64_t{4} << 30;
constexpr std::chrono::milliseconds kAnswerWithin{1000};
// Rows whose time is that of the job's end.
constexpr int64_t kTimeOfEnd = INT64_MIN;

Status Analysis(const Status& status) {
  if (CodeOf(status) != Code::kInvalidArgument) return status;
  return Error(Code::kInvalidArgument, ReasonOf(status),
               "error during query analysis: " + MessageOf(status));
}

bool ContainsOnlyRows(const catalog::EditionInfo& edition) {
  return edition.spec.key.empty() || edition.spec.image == catalog::LogImage::kInput;
}

}  // namespace

Warehouse::Warehouse(const WarehouseParts& parts)
    : parts_(parts), results_(parts.database->files(), kFolder) {}

Warehouse::~Warehouse() {
  Stop();
}

Result<std::unique_ptr<Warehouse>> Warehouse::Open(const WarehouseParts& parts) {
  std::unique_ptr<Warehouse> warehouse(new Warehouse(parts));
  ARROW_RETURN_NOT_OK(warehouse->Start());
  return warehouse;
}

Status Warehouse::Start() {
  ARROW_ASSIGN_OR_RAISE(jobs_, work::Jobs::Open({.catalog = parts_.database->catalog(),
                                                 .clock = &parts_.database->clock(),
                                                 .random = parts_.database->random()}));
  ARROW_RETURN_NOT_OK(results_.Open());
  ARROW_ASSIGN_OR_RAISE(const auto kept, results_.List());
  for (const std::string& id : kept) {
    const auto job = jobs_->Get(id);
    if (!job.ok() && ReasonOf(job.status()) == Reason::kJobNotFound) {
      ARROW_RETURN_NOT_OK(results_.Remove(id));
    }
  }
  pool_ = std::make_unique<ThreadPool>("warehouse", kThreads, &parts_.database->clock());
  ARROW_ASSIGN_OR_RAISE(const auto interrupted, jobs_->Open(kKind));
  for (const work::Job& job : interrupted) Begin(job.id);
  return Status::OK();
}

void Warehouse::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const RunningPtr& running : running_) {
      std::lock_guard inner(running->mutex);
      if (running->result != nullptr) running->result->Cancel();
    }
  }
  if (pool_ != nullptr) pool_->Stop();
}

// -- analysis

Result<table::TablePtr> Warehouse::TableNamed(const Requester* who, const std::string& path) {
  const size_t first = path.find('/'), second = path.find('/', first + 1);
  ARROW_ASSIGN_OR_RAISE(
      const Path at, PathOfNames(path.substr(0, first), path.substr(first + 1, second - first - 1),
                                 path.substr(second + 1)));
  const auto table = parts_.database->GetTable(access::Internal(), at);
  if (!table.ok()) {
    return CodeOf(table.status()) == Code::kNotFound ? NotFound("Table " + path) : table.status();
  }
  ARROW_ASSIGN_OR_RAISE(const TableRights rights, parts_.rights->OnTable(*who, at));
  if (!rights.read) return NotAllowed("read table " + path);
  if (!(*table)->current.has_value()) return NotFound("Primary instance of table " + path);
  return *table;
}

Result<Warehouse::Analyzed> Warehouse::Analyze(const Requester* who, const std::string& sql,
                                               int64_t now_us, CommitId as_of,
                                               const std::map<std::string, EditionId>& editions) {
  Analyzed out{.sql = sql, .now_us = now_us, .as_of = as_of};
  auto names = TablesOfStatement(sql);
  if (!names.ok()) return Analysis(names.status());
  if (names->size() > kTablesMax) {
    return Invalid("error during query analysis: a query reads at most 5 tables, not " +
                   std::to_string(names->size()));
  }
  std::map<std::string, Json> described;
  for (const std::string& name : *names) {
    table::TablePtr table;
    if (const auto edition = editions.find(name); edition != editions.end()) {
      ARROW_ASSIGN_OR_RAISE(
          table, table::EditionChanges(parts_.database).Get(access::Internal(), edition->second));
    } else {
      ARROW_ASSIGN_OR_RAISE(table, TableNamed(who, name));
    }
    ARROW_ASSIGN_OR_RAISE(const TableFactsPtr facts, parts_.tables->Get(*table));
    if (!facts->use_warehouse) {
      return Invalid("table " + name + " is not in the warehouse: useWarehouse is false");
    }
    const int64_t retention_ms = facts->warehouse_retention_ms;
    const int64_t expired_ms = retention_ms > 0 ? now_us / 1000 - retention_ms : INT64_MIN;
    described[name] = DescribeTable(*facts, *table->current->newest().schema, expired_ms,
                                    ContainsOnlyRows(*table->current));
    out.tables[name] = table;
    out.facts[name] = facts;
  }
  auto translation = Translate(sql, now_us, described);
  if (!translation.ok()) return Analysis(translation.status());
  out.translation = std::move(*translation);
  return out;
}

Result<std::unique_ptr<table::PreparedQuery>> Warehouse::Prepare(const Analyzed& analyzed,
                                                                 const std::string& sql,
                                                                 int64_t timeout_ms) {
  table::QueryRequest request{.sql = sql};
  request.options.timeout_ns = timeout_ms * kMsNs;
  request.find = [&](const query::NamedTable& name) -> Result<table::QueryTable> {
    const auto found =
        name.name.size() == 1 ? analyzed.tables.find(name.name[0]) : analyzed.tables.end();
    if (found == analyzed.tables.end()) return NotFound("Table");
    return table::QueryTable{.table = found->second, .as_of = analyzed.as_of, .history = true};
  };
  return parts_.database->PrepareQuery(access::Internal(), request);
}

Result<int64_t> Warehouse::SizeOf(const Analyzed& analyzed, const std::string& path) {
  const Translation::Use& use = analyzed.translation.uses.at(path);
  if (use.columns.empty()) return 0;
  const EditionId edition = analyzed.tables.at(path)->current->id;
  // What was counted before stays counted, but for rows that expire.
  const bool lasting = analyzed.facts.at(path)->warehouse_retention_ms == 0;
  Size known;
  {
    std::lock_guard lock(mutex_);
    const auto found = sizes_.find({edition, use.size_sql});
    if (lasting && found != sizes_.end() && found->second.as_of <= analyzed.as_of) {
      known = found->second;
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto stats,
                        parts_.database->GetStats(access::Internal(), *analyzed.tables.at(path)));
  if (known.as_of >= std::min(stats.last_commit, analyzed.as_of) && known.as_of.value > 0) {
    return known.bytes;
  }
  std::string sql = use.size_sql;
  constexpr std::string_view kAfter = "$after";
  for (size_t at = sql.find(kAfter); at != std::string::npos; at = sql.find(kAfter, at)) {
    sql.replace(at, kAfter.size(), std::to_string(known.as_of.value));
  }
  ARROW_ASSIGN_OR_RAISE(const auto prepared, Prepare(analyzed, sql, kTimeoutMsDefault));
  ARROW_ASSIGN_OR_RAISE(const auto rows, prepared->Run());
  std::shared_ptr<arrow::RecordBatch> batch;
  int64_t bytes = known.bytes;
  while (true) {
    ARROW_RETURN_NOT_OK(rows->ReadNext(&batch));
    if (batch == nullptr) break;
    ARROW_ASSIGN_OR_RAISE(const auto sum, batch->column(0)->GetScalar(0));
    if (sum->is_valid) bytes += static_cast<const arrow::Int64Scalar&>(*sum).value;
  }
  if (lasting) {
    std::lock_guard lock(mutex_);
    if (sizes_.size() >= kSizesMax) sizes_.clear();
    sizes_[{edition, use.size_sql}] = {.as_of = analyzed.as_of, .bytes = bytes};
  }
  return bytes;
}

Result<int64_t> Warehouse::BytesScanned(const Analyzed& analyzed) {
  int64_t bytes = 0;
  for (const auto& [path, use] : analyzed.translation.uses) {
    ARROW_ASSIGN_OR_RAISE(const int64_t size, SizeOf(analyzed, path));
    bytes += size;
  }
  return bytes;
}

// -- calls

Result<WarehouseJob> Warehouse::Query(const Requester& who, const WarehouseQuery& query) {
  if (who.kind == Requester::Kind::kAnonymous) return Invalid("not authenticated");
  if (query.sql.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Invalid("the query is empty");
  }
  if (query.timeout_ms < 0) return Invalid("timeout_ms may not be negative");
  if (query.max_bytes_scanned < 0 || query.max_bytes_scanned > kScanBytesLimitMax) {
    return Invalid("max_bytes_scanned is between 0 and " + std::to_string(kScanBytesLimitMax));
  }
  ForgetOld();
  const int64_t now_us = parts_.database->clock().NowNs() / 1000;
  const int64_t timeout_ms = query.timeout_ms == 0 ? kTimeoutMsDefault : query.timeout_ms;
  ARROW_ASSIGN_OR_RAISE(const Analyzed analyzed,
                        Analyze(&who, query.sql, now_us, parts_.database->LastCommit(), {}));
  // The engine has its own word on groups and the like. The time that was given is the run's.
  const auto prepared = Prepare(analyzed, analyzed.translation.sql, kTimeoutMsDefault);
  if (!prepared.ok()) return Analysis(prepared.status());
  WarehouseJob shown{.avro_schema = AvroText(*analyzed.translation.record, /*docs=*/false)};
  ARROW_ASSIGN_OR_RAISE(shown.bytes_scanned, BytesScanned(analyzed));
  Json tables = Json::object();
  std::vector<std::string> meters;
  for (const auto& [path, table] : analyzed.tables) {
    shown.editions.push_back(table->current->id);
    tables[path] = table->current->id.value;
    meters.push_back(MeterOfTable(table->id));
    meters.push_back(MeterOfInstance(table->current->id));
  }
  if (query.dry_run) return shown;
  if (query.max_bytes_scanned > 0 && shown.bytes_scanned > query.max_bytes_scanned) {
    return Exceeded("the query would scan " + std::to_string(shown.bytes_scanned) +
                    " bytes, which exceeds the limit of " +
                    std::to_string(query.max_bytes_scanned) + " bytes");
  }
  ARROW_ASSIGN_OR_RAISE(const access::Payers payer, PayersOf(parts_.control, parts_.metering, who));
  ARROW_RETURN_NOT_OK(payer.Check(Using::kScan, shown.bytes_scanned));
  const Json spec{{"sql", query.sql},
                  {"now_us", now_us},
                  {"as_of", analyzed.as_of.value},
                  {"tables", tables},
                  {"timeout_ms", timeout_ms},
                  {"schema", shown.avro_schema},
                  {"scanned", shown.bytes_scanned}};
  ARROW_ASSIGN_OR_RAISE(
      const work::Job job,
      jobs_->Add(kKind, who.caller, spec.dump(-1, ' ', false, Json::error_handler_t::replace)));
  ARROW_RETURN_NOT_OK(payer.Count(Using::kScan, shown.bytes_scanned, 0, meters));
  const RunningPtr running = Begin(job.id);
  {
    std::unique_lock lock(running->mutex);
    running->ended.wait_for(lock, kAnswerWithin, [&] { return running->has_ended; });
  }
  ARROW_ASSIGN_OR_RAISE(const work::Job now, jobs_->Get(job.id));
  return Show(now);
}

Result<WarehouseJob> Warehouse::Poll(const Requester& who, const std::string& id) {
  const auto job = jobs_->Get(id);
  if (!job.ok() && ReasonOf(job.status()) != Reason::kJobNotFound) return job.status();
  if (!job.ok() || job->kind != kKind || who.kind == Requester::Kind::kAnonymous ||
      job->owner.principal != who.caller.principal) {
    return NotFound("Warehouse job");
  }
  return Show(*job);
}

Status Warehouse::CheckReadable(const Requester& who, const work::Job& job) {
  const Json spec = Json::parse(job.spec);
  bool all_there = true;
  for (const auto& [path, edition] : spec["tables"].items()) {
    const auto table = table::EditionChanges(parts_.database)
                           .Get(access::Internal(), EditionId(edition.get<int64_t>()));
    if (!table.ok()) {
      all_there = false;
      continue;
    }
    ARROW_ASSIGN_OR_RAISE(const TableRights rights, parts_.rights->OnTable(who, (*table)->path));
    if (!rights.read) return NotAllowed("read table " + path);
  }
  // What nobody can be asked for any more is its owner's alone; so is what reads no table.
  const bool owner =
      job.owner.principal == who.caller.principal && who.kind != Requester::Kind::kAnonymous;
  if (!owner && (!all_there || spec["tables"].empty())) return NotAllowed("read this result");
  return Status::OK();
}

Result<Page> Warehouse::Read(const Requester& who, const Cursor& cursor, int64_t limit) {
  const auto job = jobs_->Get(cursor.id);
  if (!job.ok()) {
    return ReasonOf(job.status()) == Reason::kJobNotFound ? NotFound("Warehouse job")
                                                          : job.status();
  }
  ARROW_RETURN_NOT_OK(CheckReadable(who, *job));
  if (job->state != work::JobState::kDone) return NotFound("The job's result was");
  auto rows = results_.Read(job->id, cursor.from, limit);
  if (!rows.ok() && ReasonOf(rows.status()) == Reason::kFileMissing) {
    return NotFound("The job's result was");
  }
  ARROW_RETURN_NOT_OK(rows.status());
  Page page{.next = cursor};
  for (work::ResultRow& row : *rows) {
    page.records.push_back(
        {.avro = std::move(row.bytes),
         .time_ms = row.time == kTimeOfEnd ? job->finished_ns / kMsNs : row.time});
  }
  page.next.from = cursor.from + static_cast<int64_t>(page.records.size());
  page.more = page.next.from < cursor.to;
  return page;
}

Result<WarehouseJob> Warehouse::Show(const work::Job& job) {
  const Json spec = Json::parse(job.spec);
  WarehouseJob shown{.id = job.id, .avro_schema = spec["schema"], .bytes_scanned = spec["scanned"]};
  for (const auto& [path, edition] : spec["tables"].items()) {
    shown.editions.push_back(EditionId(edition.get<int64_t>()));
  }
  switch (job.state) {
    case work::JobState::kReady:
      shown.state = WarehouseJob::State::kPending;
      break;
    case work::JobState::kRunning:
      shown.state = WarehouseJob::State::kRunning;
      break;
    case work::JobState::kDone: {
      const Json outcome = Json::parse(job.outcome);
      shown.rows = outcome["rows"];
      shown.bytes = outcome["bytes"];
      break;
    }
    default:
      shown.error = job.message.empty() ? "the query failed" : job.message;
  }
  return shown;
}

void Warehouse::ForgetOld() {
  const int64_t now_ns = parts_.database->clock().NowNs();
  {
    std::lock_guard lock(mutex_);
    if (now_ns - forgotten_ns_ < kForgetEveryNs) return;
    forgotten_ns_ = now_ns;
  }
  const auto forgotten = jobs_->ForgetOld();
  if (!forgotten.ok()) return;  // the next call tries again
  for (const std::string& id : *forgotten) static_cast<void>(results_.Remove(id).ok());
}

// -- running

Warehouse::RunningPtr Warehouse::Begin(const std::string& id) {
  auto running = std::make_shared<Running>();
  std::lock_guard lock(mutex_);
  if (stopping_) return running;
  running_.insert(running);
  pool_->Post([this, id, running] { Run(id, running); });
  return running;
}

void Warehouse::Run(const std::string& id, const RunningPtr& running) {
  const auto stopping = [this] {
    std::lock_guard lock(mutex_);
    return stopping_;
  };
  if (!stopping()) {
    const auto taken = jobs_->TakeThis(id);
    if (taken.ok() && taken->has_value()) {
      const work::Job& job = **taken;
      const auto outcome = RunTaken(job, running);
      // An interrupted job is neither: it runs again after the next start.
      if (outcome.ok()) {
        static_cast<void>(jobs_->Finish(id, job.lease, *outcome).ok());
      } else if (!stopping()) {
        static_cast<void>(jobs_->Fail(id, job.lease, outcome.status()).ok());
      }
    }
  }
  {
    std::lock_guard lock(running->mutex);
    running->has_ended = true;
  }
  running->ended.notify_all();
  std::lock_guard lock(mutex_);
  running_.erase(running);
}

Result<std::string> Warehouse::RunTaken(const work::Job& job, const RunningPtr& running) {
  const Json spec = Json::parse(job.spec);
  std::map<std::string, EditionId> editions;
  for (const auto& [path, edition] : spec["tables"].items()) {
    editions[path] = EditionId(edition.get<int64_t>());
  }
  const int64_t timeout_ms = spec["timeout_ms"];
  ARROW_ASSIGN_OR_RAISE(const Analyzed analyzed,
                        Analyze(nullptr, spec["sql"], spec["now_us"],
                                CommitId(spec["as_of"].get<int64_t>()), editions));
  const auto run = [&]() -> Result<Json> {
    ARROW_ASSIGN_OR_RAISE(const auto prepared,
                          Prepare(analyzed, analyzed.translation.sql, timeout_ms));
    ARROW_ASSIGN_OR_RAISE(const auto rows, prepared->Run());
    {
      std::lock_guard lock(running->mutex);
      running->result = rows.get();
    }
    auto outcome = WriteRows(job, analyzed.translation, rows.get());
    std::lock_guard lock(running->mutex);
    running->result = nullptr;
    return outcome;
  };
  const auto outcome = run();
  if (!outcome.ok() && CodeOf(outcome.status()) == Code::kDeadlineExceeded) {
    return Error(Code::kDeadlineExceeded, Reason::kNone,
                 "query timeout: " + MessageOf(outcome.status()));
  }
  ARROW_RETURN_NOT_OK(outcome.status());
  return outcome->dump();
}

Result<Json> Warehouse::WriteRows(const work::Job& job, const Translation& translation,
                                  table::QueryResult* rows) {
  ARROW_ASSIGN_OR_RAISE(const auto writer, results_.Create(job.id, kResultBytesMax));
  std::vector<std::string> names;
  for (const auto& field : translation.record->fields) names.push_back(field.name);
  const RecordEncoder encoder(translation.record, std::move(names));
  int64_t bytes = 0;
  std::string avro;
  std::shared_ptr<arrow::RecordBatch> batch;
  while (true) {
    ARROW_RETURN_NOT_OK(rows->ReadNext(&batch));
    if (batch == nullptr) break;
    ARROW_ASSIGN_OR_RAISE(const arrow::ArrayVector columns, encoder.Columns(*batch));
    std::shared_ptr<arrow::Array> times;
    if (translation.has_time) {
      ARROW_ASSIGN_OR_RAISE(times, TimesOf(*batch));
    }
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      avro.clear();
      ARROW_RETURN_NOT_OK(encoder.Encode(columns, row, &avro));
      const int64_t time_ms = times == nullptr || times->IsNull(row)
                                  ? kTimeOfEnd
                                  : static_cast<const arrow::TimestampArray&>(*times).Value(row);
      ARROW_RETURN_NOT_OK(writer->Append(avro, time_ms));
      bytes += static_cast<int64_t>(avro.size());
    }
    ARROW_ASSIGN_OR_RAISE(const work::Job now, jobs_->Heartbeat(job.id, job.lease, /*progress=*/0));
    if (now.cancel_asked) return Error(Code::kCancelled, Reason::kNone, "the query was cancelled");
  }
  ARROW_RETURN_NOT_OK(writer->Finish());
  return Json{{"rows", writer->rows()}, {"bytes", bytes}};
}

}  // namespace firth::doors::beneath
