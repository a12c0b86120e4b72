// Goal: wherever the power goes in the life of files (an upload is opened, filled, taken, committed
// by itself or in a transaction, given up, replaced, dropped, collected), what was acknowledged is
// there once, and after collection nothing lies in the store that no table names: no file, no empty
// folder. Method: one life of several files on a disk in memory, cut at each of its operations in
// turn.
#include <set>

#include "firth/table/deltas.h"
#include "firth/table/files_testing.h"

namespace firth::table {
namespace {

constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;
const Path kKept{{"d", "kept"}};
const Path kGone{{"d", "gone"}};

/// The whole life. Counts what was acknowledged.
class Life {
 public:
  explicit Life(TableWorld* world) : world_(world) {}

  /// As a door does it: the folder, then the record that keeps it, then the client's bytes.
  FileSource Open(const std::string& upload) {
    EXPECT_TRUE(world_->db->file_store()->MakeUpload(upload).ok());
    EXPECT_TRUE(world_->db->catalog()
                    ->ChangeValues({FileStore::KeepUpload(upload, world_->clock.NowNs() + kHourNs)})
                    .ok());
    const auto rows = Pairs({{number_, "a"}, {number_ + 1, "b"}});
    number_ += 2;
    return Upload(world_, upload, FileBytesOf(format::FileFormat::kParquet, {rows}));
  }

  void Run() {
    auto* transactions = world_->db->transactions();
    auto* caller = &world_->caller;
    Open("never");
    const auto one = AddStep(world_, kKept, "one", Open("one"));
    ASSERT_TRUE(one.ok());
    ASSERT_TRUE(world_->db->ApplySteps(*caller, {*one}, {}).ok());
    kept_rows += 2;
    const auto two = AddStep(world_, kKept, "two", Open("two"));
    const auto other = AddStep(world_, kGone, "other", Open("other"));
    const Transaction made = *transactions->Begin(*caller, std::nullopt, {});
    ASSERT_TRUE(transactions->Add(*caller, made.id, 1, {*two, *other}, {}).ok());
    ASSERT_TRUE(transactions->Commit(*caller, made.id, 2, {}).ok());
    kept_rows += 2;
    const auto three = AddStep(world_, kKept, "three", Open("three"));
    const Transaction lost = *transactions->Begin(*caller, std::nullopt, {});
    ASSERT_TRUE(transactions->Add(*caller, lost.id, 1, {*three}, {}).ok());
    ASSERT_TRUE(transactions->Abort(*caller, lost.id, 2, {}).ok());
    Step drop{.kind = Step::Kind::kDropTable, .path = kGone, .release_files = true};
    ASSERT_TRUE(world_->db->ApplySteps(*caller, {drop}, {}).ok());
    Collect(world_);
  }

  static void Collect(TableWorld* world) {
    for (int i = 0; i < 3; ++i) {
      world->clock.Advance(3 * kHourNs);
      ASSERT_TRUE(world->db->transactions()->Collect().ok());
      const Status collected = world->db->file_store()->Collect();
      ASSERT_TRUE(collected.ok()) << collected.ToString();
    }
  }

  int64_t kept_rows = 0;

 private:
  TableWorld* const world_;
  int32_t number_ = 0;
};

/// What lies below a folder: files, and folders that hold nothing.
void List(TableWorld* world, const std::string& folder, std::set<std::string>* found) {
  const auto listed = *world->files->List(folder);
  if (listed.empty()) found->insert(folder + "/");
  for (const auto& entry : listed) {
    const std::string path = folder + "/" + entry.name;
    if (entry.is_folder) {
      List(world, path, found);
    } else {
      found->insert(path);
    }
  }
}

void ExpectOnlyWhatIsNamed(TableWorld* world) {
  std::set<std::string> named{"files/own/"};
  for (const Path& path : {kKept, kGone}) {
    const auto table = world->db->GetTable(world->caller, path);
    if (!table.ok()) continue;
    const auto deltas = world->db->ListDeltas(world->caller, *table, {});
    ASSERT_TRUE(deltas.ok()) << deltas.status().ToString();
    for (const Delta& delta : *deltas) {
      for (const DeltaFile& file : delta.files) named.insert(file.file.locations.front().path);
    }
  }
  std::set<std::string> found;
  List(world, "files", &found);
  EXPECT_EQ(found, named);
}

std::unique_ptr<TableWorld> MakeWorld() {
  auto world = std::make_unique<TableWorld>();
  EXPECT_TRUE(world->Open().ok());
  for (const Path& path : {kKept, kGone}) {
    EXPECT_TRUE(world->db->CreateTable(world->caller, path, {.schema = PairSchema()}).ok());
  }
  return world;
}

int64_t CountKept(TableWorld* world) {
  const auto table = world->db->GetTable(world->caller, kKept);
  return table.ok() ? static_cast<int64_t>(world->Rows(*table).size()) : -1;
}

TEST(FilesCrashTest, WithoutACrash) {
  const auto world = MakeWorld();
  Life life(world.get());
  life.Run();
  EXPECT_EQ(CountKept(world.get()), 4);
  ExpectOnlyWhatIsNamed(world.get());
}

TEST(FilesCrashTest, APowerCutAtAnyStepLeavesNoOrphans) {
  uint64_t steps = 1;
  for (uint64_t cut_at = 0; cut_at < steps; ++cut_at) {
    SCOPED_TRACE(cut_at);
    const auto world = MakeWorld();
    SeededRandom random(cut_at + 1);
    uint64_t step = 0;
    int64_t acknowledged = 0;
    int64_t at_ns = 0;
    std::unique_ptr<store::MemoryFileSystem> left;
    Life life(world.get());
    world->files->SetFaultHook([&](const char* operation, const std::string&) {
      if (std::string_view(operation) == "read" || std::string_view(operation) == "open") {
        return Status::OK();  // leaves what there was
      }
      if (step++ != cut_at) return Status::OK();
      left = world->files->PowerCut(&random);
      acknowledged = life.kept_rows;
      at_ns = world->clock.NowNs();
      return Status::OK();
    });
    life.Run();
    world->files->SetFaultHook(nullptr);
    if (HasFatalFailure()) return;
    steps = std::max(steps, step);
    ASSERT_NE(left, nullptr);
    auto after = std::make_unique<TableWorld>();
    after->clock.Advance(at_ns - after->clock.NowNs());
    after->files = std::move(left);
    const Status opened = after->Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    const int64_t rows = CountKept(after.get());
    EXPECT_TRUE(rows == acknowledged || rows == acknowledged + 2) << rows << " " << acknowledged;
    Life::Collect(after.get());
    ExpectOnlyWhatIsNamed(after.get());
    EXPECT_EQ(CountKept(after.get()), rows);
    if (HasFailure()) return;
  }
  EXPECT_GT(steps, 60U);
}

}  // namespace
}  // namespace firth::table
