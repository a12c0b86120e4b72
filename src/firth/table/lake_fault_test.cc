// Goal: a cut, and the merge of files behind it, may be ended at any step by an error, by a kill or
// by a power cut: no row is lost or doubled, no file stays that nothing names, and the next cut
// succeeds. Method: one cut that also merges, stopped at each of its operations on files in turn.
#include <string>
#include <vector>

#include "firth/table/lake.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

const Path kPath{{"d", "t"}};
/// Metadata for other engines is written when there is a folder of the operating system; that
/// DuckDB cannot be told of one with such a name leaves all reading to us.
constexpr char kLocalFolder[] = "/a [store]";
constexpr int kFilesBefore = 7;  // one fewer than are merged

/// A world in which the next cut makes a file and merges eight.
std::unique_ptr<TableWorld> MakeWorld() {
  auto world = std::make_unique<TableWorld>();
  world->local_folder = kLocalFolder;
  EXPECT_TRUE(world->Open().ok());
  EditionSpec edition{.order = {"k"}};
  const auto table =
      world->db->CreateTable(world->caller, kPath, {.schema = PairSchema(), .edition = edition});
  EXPECT_TRUE(table.ok());
  for (int i = 0; i <= kFilesBefore; ++i) {
    EXPECT_TRUE(
        world->db->AppendRows(world->caller, *table, {Pairs({{i, "x"}, {-i, "y"}})}, {}).ok());
    if (i == kFilesBefore) break;
    EXPECT_TRUE(world->db->lake()->Cut(world->caller, *table).ok());
  }
  return world;
}

/// The same, in another world.
std::unique_ptr<TableWorld> CopyOf(const TableWorld& prepared) {
  auto world = std::make_unique<TableWorld>();
  world->files = prepared.files->Copy();
  world->local_folder = kLocalFolder;
  EXPECT_TRUE(world->Open().ok());
  return world;
}

/// Rows of the files after a cut.
Result<int64_t> Cut(TableWorld* world) {
  ARROW_ASSIGN_OR_RAISE(const auto table, world->db->GetTable(world->caller, kPath));
  ARROW_ASSIGN_OR_RAISE(const auto snapshot, world->db->lake()->Cut(world->caller, table));
  return snapshot.rows;
}

void ExpectAllRows(TableWorld* world) {
  const auto result = world->db->Query(
      world->caller, "SELECT count(*), count(DISTINCT k), sum(k), max(k) FROM d.t", {});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  const auto rows = (*result)->Next();
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  std::string text;
  for (const auto& column : (*rows)->columns()) text += (*column->GetScalar(0))->ToString() + " ";
  EXPECT_EQ(text, "16 15 0 7 ");
}

/// After a start, one manifest lies in the folder, and the files that it names.
void ExpectNoOtherFiles(TableWorld* world) {
  const std::string folder = "lake/0000000000000001";
  std::string manifest;
  std::vector<std::string> files;
  for (const auto& file : *world->files->List(folder)) {
    if (file.name.ends_with(".parquet")) files.push_back(file.name);
    if (!file.name.ends_with(".manifest")) continue;
    EXPECT_EQ(manifest, "") << file.name;
    manifest =
        (*store::ReadFile(world->files.get(), folder + '/' + file.name, 1 << 20))->ToString();
  }
  for (const std::string& file : files) {
    const std::string number = std::to_string(std::stoll(file, nullptr, 16));
    EXPECT_NE(manifest.find("\"number\":" + number + ","), std::string::npos) << file;
  }
}

TEST(LakeFaultTest, AnErrorAtAnyStep) {
  const auto prepared = MakeWorld();
  uint64_t fail_at = 0;
  for (bool reached = true; reached; ++fail_at) {
    SCOPED_TRACE(fail_at);
    const auto world = CopyOf(*prepared);
    uint64_t step = 0;
    world->files->SetFaultHook([&](const char*, const std::string& path) -> Status {
      if (!path.starts_with("lake/") || step++ != fail_at) return Status::OK();
      return Error(Code::kResourceExhausted, Reason::kDiskFull, path + ": no room");
    });
    const Status cut = Cut(world.get()).status();
    world->files->SetFaultHook(nullptr);
    reached = step > fail_at;
    ASSERT_TRUE(cut.ok() || ReasonOf(cut) == Reason::kDiskFull) << cut.ToString();
    ExpectAllRows(world.get());
    ASSERT_TRUE(world->Restart().ok());
    const auto again = Cut(world.get());
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(*again, 16);
    ExpectNoOtherFiles(world.get());
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(fail_at, 20U);
}

TEST(LakeFaultTest, APowerCutAtAnyStep) {
  const auto prepared = MakeWorld();
  uint64_t steps = 1;
  for (uint64_t cut_at = 0; cut_at < steps; ++cut_at) {
    SCOPED_TRACE(cut_at);
    const auto world = CopyOf(*prepared);
    SeededRandom random(cut_at + 1);
    uint64_t step = 0;
    std::unique_ptr<store::MemoryFileSystem> left;
    world->files->SetFaultHook([&](const char*, const std::string&) {
      if (step++ == cut_at) left = world->files->PowerCut(&random);
      return Status::OK();
    });
    ASSERT_TRUE(Cut(world.get()).ok());
    world->files->SetFaultHook(nullptr);
    steps = std::max(steps, step);
    ASSERT_NE(left, nullptr);
    world->db.reset();
    world->executor.RunUntilIdle();
    world->files = std::move(left);
    const Status opened = world->Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    ExpectNoOtherFiles(world.get());
    ExpectAllRows(world.get());
    const auto again = Cut(world.get());
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(*again, 16);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(steps, 30U);
}

}  // namespace
}  // namespace firth::table
