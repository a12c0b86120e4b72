// Goal: a cut, the merge of files behind it, the collection of those that were merged, and the
// tables that other engines are told of, may be ended at any step by an error, by a kill or by a
// power cut: no row is lost or doubled, no file stays that nothing names, and the next cut
// succeeds. Method: one cut that also merges and collects, stopped at each of its operations on
// files in turn.
#include <array>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
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
/// Rows of its log, of 15 keys; with a key, an update is two; what collects has one more.
constexpr int64_t kPlainRows = 16;

/// What the cut that is stopped does besides: it merges; it merges rows of which some are
/// superseded, so that other engines get masks; or it collects what the one before it merged.
enum class Case { kMerges, kMasks, kCollects };
class LakeFaultTest : public ::testing::TestWithParam<Case> {
 protected:
  bool keyed() const { return GetParam() == Case::kMasks; }
  int64_t rows() const { return GetParam() == Case::kMerges ? kPlainRows : kPlainRows + 1; }
};
std::string NameOf(const ::testing::TestParamInfo<Case>& what) {
  constexpr std::array<const char*, 3> kNames = {"Merges", "Masks", "Collects"};
  return kNames[static_cast<size_t>(what.param)];
}
INSTANTIATE_TEST_SUITE_P(Cuts, LakeFaultTest,
                         ::testing::Values(Case::kMerges, Case::kMasks, Case::kCollects), NameOf);

/// A world in which the next cut makes a file and merges eight.
std::unique_ptr<TableWorld> MakeWorld(bool keyed) {
  auto world = std::make_unique<TableWorld>();
  world->local_folder = kLocalFolder;
  EXPECT_TRUE(world->Open().ok());
  EditionSpec edition{.order = {"k"}};
  if (keyed) edition = {.key = {"k"}};
  const auto table =
      world->db->CreateTable(world->caller, kPath, {.schema = PairSchema(), .edition = edition});
  EXPECT_TRUE(table.ok());
  for (int i = 0; i <= kFilesBefore; ++i) {
    const auto rows = Pairs({{i, "x"}, {-i, "y"}});
    EXPECT_TRUE((keyed ? world->db->UpsertRows(world->caller, *table, {rows})
                       : world->db->AppendRows(world->caller, *table, {rows}, {}))
                    .ok());
    if (i == kFilesBefore) break;
    EXPECT_TRUE(world->db->lake()->Cut(world->caller, *table).ok());
  }
  return world;
}

Result<int64_t> Cut(TableWorld* world);

/// The same, in another world; or one in which the files were merged, and are to be collected.
std::unique_ptr<TableWorld> CopyOf(const TableWorld& prepared, Case what) {
  auto world = std::make_unique<TableWorld>();
  world->files = prepared.files->Copy();
  world->local_folder = kLocalFolder;
  EXPECT_TRUE(world->Open().ok());
  if (what != Case::kCollects) return world;
  EXPECT_TRUE(Cut(world.get()).ok());
  const auto table = world->db->GetTable(world->caller, kPath);
  EXPECT_TRUE(table.ok() &&
              world->db->AppendRows(world->caller, *table, {Pairs({{0, "z"}})}, {}).ok());
  return world;
}

/// Rows of the files after a cut.
Result<int64_t> Cut(TableWorld* world) {
  ARROW_ASSIGN_OR_RAISE(const auto table, world->db->GetTable(world->caller, kPath));
  ARROW_ASSIGN_OR_RAISE(const auto snapshot, world->db->lake()->Cut(world->caller, table));
  return snapshot.rows;
}

/// What an operation of the file system is about.
std::string StepOf(const std::string& operation, const std::string& path) {
  const auto ends = [&](const char* end) { return path.ends_with(end); };
  const std::string metadata = path.find("/metadata") == std::string::npos ? "" : " for others";
  std::string what = "other file";
  if (path.find("catalog") != std::string::npos) what = "catalog";
  if (path.find("journal") != std::string::npos) what = "journal";
  if (path.starts_with("lake/")) what = "folder";
  if (ends(".parquet")) what = metadata.empty() ? "lake file" : "mask";
  if (path.find(".manifest") != std::string::npos) what = "manifest";
  if (path.find(".avro") != std::string::npos) what = "manifest";
  if (path.find(".json") != std::string::npos) what = "metadata";
  if (path.find("hint") != std::string::npos) what = "hint";
  return operation + ' ' + what + metadata;
}

/// How often each step was the one.
void Print(const char* what, const std::map<std::string, int>& steps) {
  std::cout << what << " at:";
  for (const auto& [step, count] : steps) std::cout << "\n  " << count << " x " << step;
  std::cout << std::endl;
}

/// Every kind of step that the case is about was reached.
void ExpectReached(const std::map<std::string, int>& steps, Case what) {
  std::vector<std::string> expected = {"sync lake file", "remove manifest", "rename manifest"};
  if (what == Case::kMasks) expected.emplace_back("sync mask for others");
  if (what == Case::kCollects) expected.emplace_back("remove lake file");
  for (const std::string& step : expected) EXPECT_TRUE(steps.contains(step)) << step;
}

void ExpectAllRows(TableWorld* world, Case what) {
  const auto result = world->db->Query(
      world->caller, "SELECT count(*), count(DISTINCT k), sum(k), max(k) FROM d.t", {});
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  const auto rows = (*result)->Next();
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  std::string text;
  for (const auto& column : (*rows)->columns()) text += (*column->GetScalar(0))->ToString() + " ";
  const std::string count = what == Case::kMerges ? "16" : what == Case::kMasks ? "15" : "17";
  EXPECT_EQ(text, count + " 15 0 7 ");
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

TEST_P(LakeFaultTest, AnErrorAtAnyStep) {
  const auto prepared = MakeWorld(keyed());
  std::map<std::string, int> steps;
  uint64_t fail_at = 0;
  for (bool reached = true; reached; ++fail_at) {
    SCOPED_TRACE(fail_at);
    const auto world = CopyOf(*prepared, GetParam());
    uint64_t step = 0;
    world->files->SetFaultHook([&](const char* operation, const std::string& path) -> Status {
      if (!path.starts_with("lake/") || step++ != fail_at) return Status::OK();
      ++steps[StepOf(operation, path)];
      return Error(Code::kResourceExhausted, Reason::kDiskFull, path + ": no room");
    });
    const Status cut = Cut(world.get()).status();
    world->files->SetFaultHook(nullptr);
    reached = step > fail_at;
    ASSERT_TRUE(cut.ok() || ReasonOf(cut) == Reason::kDiskFull) << cut.ToString();
    ExpectAllRows(world.get(), GetParam());
    ASSERT_TRUE(world->Restart().ok());
    const auto again = Cut(world.get());
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(*again, rows());
    ExpectNoOtherFiles(world.get());
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(fail_at, 20U);
  Print("An error", steps);
  ExpectReached(steps, GetParam());
}

TEST_P(LakeFaultTest, APowerCutAtAnyStep) {
  const auto prepared = MakeWorld(keyed());
  std::map<std::string, int> reached;
  uint64_t steps = 1;
  for (uint64_t cut_at = 0; cut_at < steps; ++cut_at) {
    SCOPED_TRACE(cut_at);
    const auto world = CopyOf(*prepared, GetParam());
    SeededRandom random(cut_at + 1);
    uint64_t step = 0;
    std::unique_ptr<store::MemoryFileSystem> left;
    world->files->SetFaultHook([&](const char* operation, const std::string& path) {
      // What changes nothing leaves what the step before it left.
      const std::string_view name = operation;
      if (name == "read" || name == "open" || name == "list") return Status::OK();
      if (step++ != cut_at) return Status::OK();
      left = world->files->PowerCut(&random);
      ++reached[StepOf(operation, path)];
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
    ExpectAllRows(world.get(), GetParam());
    const auto again = Cut(world.get());
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(*again, rows());
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(steps, 20U);
  Print("A power cut", reached);
  ExpectReached(reached, GetParam());
}

}  // namespace
}  // namespace firth::table
