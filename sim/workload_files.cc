// The steps that use files, series, and the process's own coming and going.
#include "firth/table/database_impl.h"
#include "firth/table/lake.h"
#include "firth/table/series.h"
#include "firth/table/steps.h"
#include "sim/rows.h"
#include "sim/workload.h"

namespace firth::sim {
namespace {

constexpr int64_t kBaseNs = 1'500'000'000'000'000'000;
constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;

timeview::SeriesId IdOf(int number) {
  timeview::SeriesId id;
  id.bytes[15] = static_cast<char>(number);
  return id;
}

}  // namespace

Status Workload::AddFiles() {
  const Tables tables = Find(false);
  if (tables.empty()) return CreateTable();
  const std::string path = Any(tables);
  Model after = candidates_->newest();
  if (after.tables[path].columns != 2) return Append();
  const auto rows = NewRows(8);
  const std::string upload = "u" + std::to_string(next_upload_++);
  ARROW_ASSIGN_OR_RAISE(const Path parsed, Path::Parse(path));
  const bool replace = Below(&world_->random, 3) == 0;
  if (replace) after.tables[path].logs.clear();
  after.tables[path].Append({"", 0}, rows);
  return Write(replace ? "replace by files" : "add files", after, [&]() -> Status {
    auto* const store = world_->db->file_store();
    ARROW_RETURN_NOT_OK(store->MakeUpload(upload));
    const std::string name = table::FileStore::UploadFolder(upload) + "/rows";
    // As a writer outside of the store does: nothing is synced.
    ARROW_ASSIGN_OR_RAISE(const auto file, world_->files->Create(name));
    ARROW_RETURN_NOT_OK(file->Write(0, {AsBytes(FileOf(rows))}));
    ARROW_ASSIGN_OR_RAISE(
        auto taken, store->Take({.where = {.path = name}, .format = "json"}, PairSchema(), ""));
    table::Step step{.path = parsed};
    step.kind = replace ? table::Step::Kind::kReplace : table::Step::Kind::kAddFiles;
    step.files = {.files = {std::move(taken)}, .uploads = {upload}};
    return world_->db->ApplySteps(world_->caller, {step}, {}).status();
  });
}

Status Workload::ChangeSeries() {
  Model after = candidates_->newest();
  auto* const store = world_->db->series();
  const int number = 1 + static_cast<int>(Below(&world_->random, 3));
  const auto id = IdOf(number);
  if (!after.series.contains(number)) {
    after.series[number] = {};
    return Write("create a series", after, [&] {
      return store->Create(world_->caller, {.id = id,
                                            .collection = Path{{"s", std::to_string(number % 2)}},
                                            .tags = {{"name", std::to_string(number)}}});
    });
  }
  SeriesModel& series = after.series[number];
  ++series.revision;
  if (!series.points.empty() && Below(&world_->random, 5) == 0) {
    const int64_t start = series.points.begin()->first;
    const int64_t end = start + 1 + static_cast<int64_t>(Below(&world_->random, 200));
    series.points.erase(series.points.begin(), series.points.lower_bound(end));
    return Write("delete points", after,
                 [&] { return store->Delete(world_->caller, id, start, end).status(); });
  }
  std::vector<int64_t> times;
  std::vector<double> values;
  const size_t count = 1 + Below(&world_->random, Below(&world_->random, 10) == 0 ? 400 : 20);
  for (size_t i = 0; i < count; ++i) {
    times.push_back(kBaseNs + next_value_ * 10);
    values.push_back(static_cast<double>(next_value_++));
    series.points[times.back()] = values.back();
  }
  return Write("insert points", after, [&] {
    return store->Insert(world_->caller, id, times, values, table::MergePolicy::kNever).status();
  });
}

Status Workload::CutFiles() {
  for (const auto& [path, model] : candidates_->newest().tables) {
    if (model.keyed || model.rows() == 0) continue;
    const auto table = Get(path);
    if (!table.ok()) return Judge("look up", table.status());
    if (((*table)->current->spec.views & catalog::kLakeView) == 0) continue;
    const auto cut = world_->db->lake()->Cut(world_->caller, *table);
    if (!cut.ok()) return Judge("cut", cut.status());
    const auto files = world_->db->lake()->Files(world_->caller, *table);
    if (!files.ok()) return Judge("cut", files.status());
    ++done_["cut files"];
  }
  return Status::OK();
}

Status Workload::Trim() {
  auto* const database = static_cast<table::DatabaseImpl*>(world_->db.get());
  // Keyed logs are trimmed behind a base only.
  if (Below(&world_->random, 2) == 0) {
    const Status cut = database->CutBases();
    if (!cut.ok()) return Judge("cut bases", cut);
    ++done_["cut bases"];
  }
  return Judge("trim and rewrite", database->retention()->RunOnce());
}

Status Workload::CloseAndOpen() {
  const Status closed = world_->db->Close();
  if (!closed.ok()) {
    world_->Kill();  // its process ends all the same
    return Judge("close", closed);
  }
  world_->db.reset();
  world_->executor.RunUntilIdle();
  const Status opened = world_->Open();
  if (!opened.ok()) return Judge("open again", opened);
  ++done_["close and open"];
  return Check(/*restarted=*/true);
}

Status Workload::Idle() {
  world_->clock.Advance(2 * kHourNs);
  const Status collected = world_->db->file_store()->Collect();
  if (!collected.ok()) return Judge("collect", collected);
  ++done_["collect"];
  return Status::OK();
}

}  // namespace firth::sim
