#include "sim/workload.h"

#include <algorithm>

#include "firth/log/batch.h"
#include "firth/table/database.h"
#include "sim/rows.h"

namespace firth::sim {

using table::TablePtr;

namespace {

constexpr int32_t kKeys = 12;
constexpr size_t kTablesMax = 6;

}  // namespace

Status Workload::Step() {
  using Do = Status (Workload::*)();
  struct Choice {
    int weight;
    Do run;
  };
  static constexpr Choice kChoices[] = {
      {9, &Workload::CreateTable},
      {2, &Workload::DropOrRename},
      {3, &Workload::AddColumn},
      {14, &Workload::Append},
      {4, &Workload::AppendPartitioned},
      {14, &Workload::AppendBurst},
      {14, &Workload::Upsert},
      {8, &Workload::UpsertBurst},
      {6, &Workload::Delete},
      {10, &Workload::WriteMany},
      {6, &Workload::AddFiles},
      {5, &Workload::ChangeValue},
      {12, &Workload::ChangeSeries},
      {6, &Workload::CutFiles},
      {6, &Workload::Trim},
      {4, &Workload::CloseAndOpen},
      {3, &Workload::Idle},
  };
  int total = 0;
  for (const Choice& choice : kChoices) total += choice.weight;
  auto at = static_cast<int>(Below(&world_->random, static_cast<uint64_t>(total)));
  for (const Choice& choice : kChoices) {
    if (at < choice.weight) return (this->*choice.run)();
    at -= choice.weight;
  }
  return Status::OK();
}

Status Workload::Check(bool restarted) {
  ARROW_ASSIGN_OR_RAISE(const Model found, Observe(world_));
  if (restarted) {
    refused_ = Status::OK();  // by the end of what was there before
    ++writer_;
    sequences_.clear();
  }
  if (restarted ? candidates_->Adopt(found) : candidates_->Find(found)) return Status::OK();
  return Status::UnknownError("what is there is not what may be:", candidates_->Explain(found));
}

Status Workload::Judge(const char* what, const Status& answer) {
  if (answer.ok()) {
    ++done_[what];
    return Status::OK();
  }
  // It may be there or not: a fault was met on the way.
  if (world_->met()) return Status::OK();
  return Status::UnknownError(what, " failed without a fault: ", answer.ToString());
}

Status Workload::Write(const char* what, const Model& after, const std::function<Status()>& run) {
  const uint64_t write = candidates_->Send([after](Model* model) { *model = after; });
  const Status answer = run();
  if (answer.ok()) candidates_->Acknowledge(write);
  return Judge(what, answer);
}

void Workload::Refused(uint64_t write, const Status& why) {
  refused_ = why;
  // Where all is lost, what was on its way may be found at the next start.
  if (!world_->dead()) candidates_->Refuse(write);
}

Status Workload::CheckBurst() {
  const Status refused = std::exchange(refused_, Status::OK());
  if (world_->met() || world_->dead()) return Status::OK();
  if (!refused.ok()) {
    return Status::UnknownError("a write of a burst was refused without a fault: ",
                                refused.ToString());
  }
  return candidates_->settled() ? Status::OK()
                                : Status::UnknownError("a write of a burst was not answered");
}

Workload::Tables Workload::Find(bool keyed) {
  Tables found;
  for (const auto& [path, model] : candidates_->newest().tables) {
    if (model.keyed == keyed && path.find("parted") == std::string::npos) found.push_back(path);
  }
  return found;
}

std::string Workload::Any(const Tables& tables) {
  return tables[Below(&world_->random, tables.size())];
}

Result<TablePtr> Workload::Get(const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(const Path parsed, Path::Parse(path));
  return world_->db->GetTable(world_->caller, parsed);
}

std::vector<Row> Workload::NewRows(size_t count_max) {
  std::vector<Row> rows(1 + Below(&world_->random, count_max));
  for (auto& [key, value] : rows) {
    key = static_cast<int32_t>(Below(&world_->random, kKeys));
    value = "v" + std::to_string(next_value_++);
    // Now and then something that lies across sectors, or fills a file of the journal.
    const uint64_t draw = Below(&world_->random, 40);
    if (draw < 4) value += std::string(Below(&world_->random, 1500), 'x');
    if (draw == 4) value += std::string(Below(&world_->random, 12000), 'y');
  }
  return rows;
}

Status Workload::CreateTable() {
  if (candidates_->newest().tables.size() >= kTablesMax) return ChangeValue();
  const int kind = next_table_ % 5;  // every kind is there before the first comes again
  const bool keyed = kind == 1 || kind == 4;
  const bool parted = kind == 2;
  const std::string name = std::string(keyed    ? "keyed"
                                       : parted ? "parted"
                                                : "log") +
                           std::to_string(next_table_++);
  table::TableSpec spec{.schema = PairSchema()};
  if (keyed) spec.edition.key = {"k"};
  if (parted) spec.edition.partition_by = {"k"};
  if (kind == 3) spec.edition.bucket_count = 2;
  if (kind == 0) {
    spec.edition.order = {"k"};
    spec.edition.views = catalog::kLakeView;
  }
  spec.edition.compression = Below(&world_->random, 2) == 0 ? "none" : "zstd";
  Model after = candidates_->newest();
  const Path path{{kTablesName, name}};
  TableModel& model = after.tables[path.ToString()];
  model.keyed = keyed;
  model.trims = (keyed || kind == 3) && Below(&world_->random, 2) == 0;
  if (model.trims) spec.edition.log_lifetime.bytes = kKeptBytes;
  return Write("create table", after,
               [&] { return world_->db->CreateTable(world_->caller, path, spec).status(); });
}

Status Workload::DropOrRename() {
  Model after = candidates_->newest();
  if (after.tables.size() < 3) return CreateTable();
  auto chosen = after.tables.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(Below(&world_->random, after.tables.size())));
  ARROW_ASSIGN_OR_RAISE(const Path path, Path::Parse(chosen->first));
  if (Below(&world_->random, 2) == 0) {
    after.tables.erase(chosen);
    return Write("drop table", after, [&] { return world_->db->DropTable(world_->caller, path); });
  }
  const Path to = path.Parent().Child(path.Name() + "r" + std::to_string(next_table_++));
  after.tables[to.ToString()] = std::move(chosen->second);
  after.tables.erase(path.ToString());
  return Write("rename table", after,
               [&] { return world_->db->RenameTable(world_->caller, path, to); });
}

Status Workload::AddColumn() {
  Model after = candidates_->newest();
  if (after.tables.empty()) return CreateTable();
  auto chosen = after.tables.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(Below(&world_->random, after.tables.size())));
  if (chosen->second.columns >= 5) return Append();
  const auto table = Get(chosen->first);
  if (!table.ok()) return Judge("look up", table.status());
  const auto& old = (*table)->current->newest().schema;
  const auto schema = old->AddField(
      old->num_fields(), arrow::field("c" + std::to_string(old->num_fields()), arrow::int64()));
  if (!schema.ok()) return schema.status();
  chosen->second.columns += 1;
  return Write("add column", after, [&] {
    return world_->db->AlterTable(world_->caller, (*table)->path, {.schema = *schema}).status();
  });
}

Status Workload::Append() {
  const Tables tables = Find(false);
  if (tables.empty()) return CreateTable();
  const std::string path = Any(tables);
  const auto table = Get(path);
  if (!table.ok()) return Judge("look up", table.status());
  const auto rows = NewRows(12);
  Model after = candidates_->newest();
  after.tables[path].Append({"", 0}, rows);
  return Write("append", after, [&] {
    return world_->db->AppendRows(world_->caller, *table, {Pairs(rows)}, {}).status();
  });
}

Status Workload::AppendPartitioned() {
  for (const auto& [path, model] : candidates_->newest().tables) {
    if (path.find("parted") == std::string::npos) continue;
    const auto table = Get(path);
    if (!table.ok()) return Judge("look up", table.status());
    auto rows = NewRows(6);
    for (auto& row : rows) row.first %= 4;
    Model after = candidates_->newest();
    for (const auto& row : rows) {
      after.tables[path].Append({std::to_string(row.first), 0}, {row});
    }
    return Write("append to partitions", after, [&] {
      return world_->db->AppendRows(world_->caller, *table, {Pairs(rows)}, {}).status();
    });
  }
  return CreateTable();
}

Status Workload::AppendBurst() {
  const Tables tables = Find(false);
  if (tables.empty()) return CreateTable();
  const size_t count = 1 + Below(&world_->random, 6);
  std::vector<Batch> batches;
  for (size_t i = 0; i < count; ++i) {
    const std::string path = Any(tables);
    const auto table = Get(path);
    if (!table.ok()) return Judge("look up", table.status());
    const auto partitions = world_->db->ListPartitions(world_->caller, **table);
    if (!partitions.ok()) return Judge("look up", partitions.status());
    const auto bucket = static_cast<int32_t>(
        Below(&world_->random, static_cast<uint64_t>(partitions->front().bucket_count)));
    const auto rows = NewRows(4);
    const auto& schema = (*table)->current->newest();
    auto& sequence =
        sequences_[std::to_string((*table)->current->id.value) + "/" + std::to_string(bucket)];
    ARROW_ASSIGN_OR_RAISE(auto bytes,
                          log::EncodeBatch(*WithNulls(Pairs(rows), *schema.schema), {},
                                           {.schema_id = schema.id,
                                            .compression = arrow::Compression::UNCOMPRESSED,
                                            .writer_id = WriterId(writer_),
                                            .sequence = sequence++}));
    const uint64_t write =
        candidates_->Send([=](Model* model) { model->tables[path].Append({"", bucket}, rows); });
    batches.push_back({path, {partitions->front().id, bucket}, std::move(bytes)});
    world_->db->AppendBatch(world_->caller, *table, batches.back().where, batches.back().bytes,
                            [this, batch = batches.back(), write](const auto& made) mutable {
                              if (!made.ok()) return Refused(write, made.status());
                              candidates_->Acknowledge(write);
                              batch.base_offset = made->base_offset;
                              last_batch_ = std::move(batch);
                            });
    // A reader between two of them sees a state that stays.
    const uint64_t steps = Below(&world_->random, 4);
    for (uint64_t s = 0; s < steps; ++s) world_->executor.RunOne();
    if (steps == 3 && !world_->met()) ARROW_RETURN_NOT_OK(Check(/*restarted=*/false));
  }
  world_->executor.RunUntilIdle();
  ARROW_RETURN_NOT_OK(CheckBurst());
  ++done_["append a burst"];
  return Status::OK();
}

Status Workload::Upsert() {
  const Tables tables = Find(true);
  if (tables.empty()) return CreateTable();
  const std::string path = Any(tables);
  const auto table = Get(path);
  if (!table.ok()) return Judge("look up", table.status());
  const auto rows = NewRows(6);
  Model after = candidates_->newest();
  after.tables[path].Upsert(rows);
  return Write("upsert", after, [&] {
    return world_->db->UpsertRows(world_->caller, *table, {Pairs(rows)}).status();
  });
}

Status Workload::UpsertBurst() {
  const Tables tables = Find(true);
  if (tables.empty()) return CreateTable();
  const std::string path = Any(tables);
  const auto table = Get(path);
  if (!table.ok()) return Judge("look up", table.status());
  const auto partitions = world_->db->ListPartitions(world_->caller, **table);
  if (!partitions.ok()) return Judge("look up", partitions.status());
  const size_t count = 1 + Below(&world_->random, 5);
  for (size_t i = 0; i < count; ++i) {
    const auto rows = NewRows(3);
    ARROW_ASSIGN_OR_RAISE(auto batch, UpsertBatchOf(**table, rows));
    const uint64_t write =
        candidates_->Send([=](Model* model) { model->tables[path].Upsert(rows); });
    world_->db->UpsertBatch(world_->caller, *table, {partitions->front().id, 0}, std::move(batch),
                            [this, write](const auto& made) {
                              if (!made.ok()) return Refused(write, made.status());
                              candidates_->Acknowledge(write);
                            });
    const uint64_t steps = Below(&world_->random, 5);
    for (uint64_t s = 0; s < steps; ++s) world_->executor.RunOne();
  }
  world_->executor.RunUntilIdle();
  ARROW_RETURN_NOT_OK(CheckBurst());
  ++done_["upsert a burst"];
  return Status::OK();
}

Status Workload::Delete() {
  const Tables tables = Find(true);
  if (tables.empty()) return CreateTable();
  const std::string path = Any(tables);
  const auto table = Get(path);
  if (!table.ok()) return Judge("look up", table.status());
  const auto rows = NewRows(3);
  std::vector<int32_t> keys;
  for (const auto& row : rows) keys.push_back(row.first);
  Model after = candidates_->newest();
  after.tables[path].Delete(keys);
  return Write("delete", after, [&] {
    return world_->db->DeleteRows(world_->caller, *table, {Pairs(rows)}).status();
  });
}

Status Workload::WriteMany() {
  Model after = candidates_->newest();
  std::vector<table::TableWrite> writes;
  for (auto& [path, model] : after.tables) {
    if (path.find("parted") != std::string::npos || Below(&world_->random, 3) == 0) continue;
    const auto table = Get(path);
    if (!table.ok()) return Judge("look up", table.status());
    const auto rows = NewRows(3);
    model.keyed ? model.Upsert(rows) : model.Append({"", 0}, rows);
    writes.push_back(
        {.table = *table,
         .kind = model.keyed ? table::TableWrite::Kind::kUpsert : table::TableWrite::Kind::kAppend,
         .rows = {Pairs(rows)}});
  }
  if (writes.empty()) return CreateTable();
  const std::string id = std::to_string(next_operation_++);
  table::WriteOptions options;
  options.operation = {.scope = "sim", .id = id, .payload_hash = id, .result = "did " + id};
  options.values = {{.name = std::string(kValuesPrefix) + "many", .value = id}};
  after.values[options.values[0].name] = id;
  CommitId commit;
  ARROW_RETURN_NOT_OK(Write("write to many tables", after, [&]() -> Status {
    ARROW_ASSIGN_OR_RAISE(const auto made, world_->db->Write(world_->caller, writes, options));
    if (made.repeated) return Status::UnknownError("a new operation is a repeat");
    last_operation_ = options.operation;
    last_operation_commit_ = made.commit;
    return Status::OK();
  }));
  return Status::OK();
}

Status Workload::ChangeValue() {
  const std::string name = std::string(kValuesPrefix) + std::to_string(Below(&world_->random, 4));
  Model after = candidates_->newest();
  catalog::ValueChange change{.name = name};
  if (Below(&world_->random, 4) == 0) {
    after.values.erase(name);
  } else {
    change.value = "v" + std::to_string(next_value_++);
    after.values[name] = *change.value;
  }
  return Write("change a value", after,
               [&] { return world_->db->catalog()->ChangeValues({change}); });
}

Status Workload::RepeatLast() {
  if (last_operation_.has_value()) {
    // No table is named: whatever the repeat would write, it is told what the first was told.
    ARROW_ASSIGN_OR_RAISE(const auto made,
                          world_->db->Write(world_->caller, {}, {.operation = last_operation_}));
    if (!made.repeated || made.commit != last_operation_commit_ ||
        made.result != last_operation_->result) {
      return Status::UnknownError("an operation was forgotten");
    }
  }
  if (!last_batch_.has_value()) return Status::OK();
  const auto table = Get(last_batch_->path);
  if (!table.ok()) return Status::OK();  // dropped or renamed since
  std::optional<Result<table::AppendResult>> answer;
  world_->db->AppendBatch(world_->caller, *table, last_batch_->where, last_batch_->bytes,
                          [&](const Result<table::AppendResult>& made) { answer = made; });
  world_->executor.RunUntilIdle();
  if (!answer.has_value() || !answer->ok()) {
    // Its table's edition may be another since, or many batches came after it.
    const Status status = answer.has_value() ? answer->status() : Status::UnknownError("no answer");
    const auto reason = ReasonOf(status);
    if (reason == Reason::kOutOfOrderSequence || reason == Reason::kBucketNotFound ||
        world_->met()) {
      return Status::OK();
    }
    return Status::UnknownError("a batch sent again: ", status.ToString());
  }
  if (!(*answer)->duplicate || (*answer)->base_offset != last_batch_->base_offset) {
    return Status::UnknownError("a batch that was sent again was written again");
  }
  return Status::OK();
}

}  // namespace firth::sim
