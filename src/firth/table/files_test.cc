// Goal: a file's rows are rows of its table for every reader, whatever happens to the process while
// it is taken, and no file stays or goes that should not. Method: a Database in memory; errors and
// power cuts at every operation on files.
#include <gtest/gtest.h>

#include <algorithm>

#include "firth/table/deltas.h"
#include "firth/table/files_testing.h"

namespace firth::table {
namespace {

const Path kPath{{"d", "t"}};
constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;

TablePtr MakeTable(TableWorld* world) {
  return *world->db->CreateTable(world->caller, kPath, {.schema = PairSchema()});
}

std::string SmallFile() {
  return FileBytesOf(format::FileFormat::kParquet, {Pairs({{1, "a"}, {2, std::nullopt}})});
}

Status Commit(TableWorld* world, const std::string& upload, const FileSource& source) {
  ARROW_ASSIGN_OR_RAISE(const Step step, AddStep(world, kPath, upload, source));
  return world->db->ApplySteps(world->caller, {step}, {}).status();
}

int64_t CountRows(TableWorld* world) {
  const auto table = world->db->GetTable(world->caller, kPath);
  return table.ok() ? static_cast<int64_t>(world->Rows(*table).size()) : -1;
}

TEST(FilesTest, RowsOfFilesAndRowsTogether) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  const auto table = MakeTable(&world);
  ASSERT_TRUE(world.db->AppendRows(world.caller, table, {Pairs({{0, "z"}})}, {}).ok());
  ASSERT_TRUE(Commit(&world, "u1", Upload(&world, "u1", SmallFile())).ok());
  ASSERT_TRUE(world.db->AppendRows(world.caller, table, {Pairs({{3, "c"}})}, {}).ok());
  const std::vector<std::string> expected{"0 z", "1 a", "2 null", "3 c"};
  EXPECT_EQ(world.Rows(table), expected);
  ASSERT_TRUE(world.Restart().ok());
  EXPECT_EQ(world.Rows(*world.db->GetTable(world.caller, kPath)), expected);
  // Only some columns, only some offsets.
  const auto again = *world.db->GetTable(world.caller, kPath);
  EXPECT_EQ(world.Rows(again, {.columns = {"v"}, .bucket = 0, .from = Offset(2), .to = Offset(4)}),
            (std::vector<std::string>{"null", "c"}));
}

TEST(FilesTest, FetchedAsBatchesWithFixedBoundaries) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  const auto table = MakeTable(&world);
  constexpr int kRows = 150'000;
  std::vector<std::pair<int32_t, std::optional<std::string>>> pairs;
  for (int i = 0; i < kRows; ++i) pairs.emplace_back(i, "x");
  ASSERT_TRUE(Commit(&world, "u",
                     Upload(&world, "u", FileBytesOf(format::FileFormat::kParquet, {Pairs(pairs)})))
                  .ok());
  const auto partition = world.db->ListPartitions(world.caller, *table)->front();
  const auto fetch = [&](int64_t from, uint64_t bytes) {
    auto fetched = world.db->Fetch(world.caller,
                                   {{.table = table,
                                     .where = {.partition = partition.id, .bucket = 0},
                                     .from = Offset(from),
                                     .bytes_max = bytes}},
                                   bytes);
    EXPECT_TRUE(fetched.front().status.ok()) << fetched.front().status.ToString();
    return std::move(fetched.front().entries);
  };
  const auto all = fetch(0, uint64_t{1} << 30);
  ASSERT_GE(all.size(), 3U);
  int64_t next = 0;
  for (const auto& entry : all) {
    EXPECT_EQ(entry.base_offset.value, next);
    const Bytes body(reinterpret_cast<const std::byte*>(entry.body->data()),
                     static_cast<size_t>(entry.body->size()));
    const auto header = log::ParseBatch(body);
    ASSERT_TRUE(header.ok()) << header.status().ToString();
    EXPECT_EQ(header->base_offset, next);
    EXPECT_EQ(header->commit_time_ms, entry.commit_time_ns / 1'000'000);
    next = entry.end_offset().value;
  }
  EXPECT_EQ(next, kRows);
  // From anywhere, a little at a time: the same batches.
  for (size_t i = all.size(); i-- > 0;) {
    const auto one = fetch(all[i].base_offset.value + 1, 1);
    ASSERT_EQ(one.size(), 1U);
    EXPECT_TRUE(one.front().body->Equals(*all[i].body));
  }
}

TEST(FilesTest, BytesThatAreNotRows) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  MakeTable(&world);
  std::string damaged = SmallFile();
  for (size_t i = 4; i < 60; ++i) damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
  int n = 0;
  for (const std::string& bytes : {std::string(), std::string("PAR1"), std::string(200, 'x'),
                                   damaged, SmallFile().substr(0, 100)}) {
    for (const char* format : {"parquet", "feather", "json", "orc"}) {
      const std::string upload = "bad-" + std::to_string(n++);
      EXPECT_FALSE(Commit(&world, upload, Upload(&world, upload, bytes, format)).ok() &&
                   CountRows(&world) != 0)
          << format << " " << bytes.size();
    }
  }
  EXPECT_EQ(CountRows(&world), 0);
}

TEST(FilesTest, ChangedBytesAreFoundOut) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  const auto table = MakeTable(&world);
  const auto source = Upload(&world, "u", SmallFile());
  ASSERT_TRUE(Commit(&world, "u", source).ok());
  ASSERT_TRUE(world.files->FlipBits(source.where.path, 10, 1).ok());
  auto scanner = *world.db->Scan(world.caller, {.table = table});
  const auto rows = scanner->Next();
  EXPECT_EQ(ReasonOf(rows.status()), Reason::kChecksumMismatch) << rows.status().ToString();
}

TEST(FilesTest, EntryBodies) {
  const FileEntry entry{.file = FileId(77), .ordered = true, .batches = {1, 65536, 3}};
  const std::string body = EncodeFileEntry(entry);
  const auto parsed = ParseFileEntry(AsBytes(body));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->file, entry.file);
  EXPECT_TRUE(parsed->ordered);
  EXPECT_EQ(parsed->batches, entry.batches);
  for (size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(ParseFileEntry(AsBytes(body.substr(0, length))).ok()) << length;
  }
  EXPECT_FALSE(ParseFileEntry(AsBytes(body + "x")).ok());
  std::string newer = body;
  newer[0] = 2;
  EXPECT_EQ(ReasonOf(ParseFileEntry(AsBytes(newer)).status()), Reason::kFormatTooNew);
}

TEST(FilesTest, Records) {
  catalog::FileInfo file{
      .id = FileId(3),
      .format = "csv",
      .encoding = "gzip",
      .bytes = catalog::kFileBlockBytes + 1,
      .rows = 9,
      .columns = {"a", "ä\""},
      .blocks = {1, UINT64_MAX},
      .hash = 5,
      .locations = {{.path = "files/x/y"}, {.root = "local", .path = "/z", .owned = false}},
      .statistics = R"({"a":{"max":2,"min":1,"n":0}})",
      .made_ns = 7};
  const auto decoded = catalog::DecodeFile(catalog::EncodeFile(file));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, file);
  for (const char* bad : {"", "{}", "[]", "{\"v\":1}", "nonsense"}) {
    EXPECT_FALSE(catalog::DecodeFile(bad).ok()) << bad;
  }
  file.blocks.pop_back();
  EXPECT_EQ(CodeOf(catalog::DecodeFile(catalog::EncodeFile(file)).status()), Code::kDataLoss);
}

// What a writer does, from the upload to the answer, ended by an error at each operation.
TEST(FilesTest, AnErrorAtAnyStep) {
  uint64_t fail_at = 0;
  for (bool reached = true; reached; ++fail_at) {
    SCOPED_TRACE(fail_at);
    TableWorld world;
    ASSERT_TRUE(world.Open().ok());
    MakeTable(&world);
    const auto source = Upload(&world, "u", SmallFile());
    uint64_t step = 0;
    world.files->SetFaultHook([&](const char*, const std::string& path) -> Status {
      if (!path.starts_with("files") || step++ != fail_at) return Status::OK();
      return Error(Code::kUnavailable, Reason::kIo, path + ": a fault");
    });
    const Status made = Commit(&world, "u", source);
    world.files->SetFaultHook(nullptr);
    reached = step > fail_at;
    EXPECT_EQ(CountRows(&world), made.ok() ? 2 : 0) << made.ToString();
    ASSERT_TRUE(world.Restart().ok());
    EXPECT_EQ(CountRows(&world), made.ok() ? 2 : 0);
    // The writer tries again with what it had put there.
    if (!made.ok()) {
      ASSERT_TRUE(Commit(&world, "u", source).ok());
    }
    EXPECT_EQ(CountRows(&world), 2);
    if (HasFailure()) return;
  }
  EXPECT_GT(fail_at, 5U);
}

TEST(FilesTest, APowerCutAtAnyStep) {
  uint64_t steps = 1;
  for (uint64_t cut_at = 0; cut_at <= steps; ++cut_at) {
    SCOPED_TRACE(cut_at);
    TableWorld world;
    ASSERT_TRUE(world.Open().ok());
    MakeTable(&world);
    const auto source = Upload(&world, "u", SmallFile());
    SeededRandom random(cut_at + 1);
    uint64_t step = 0;
    std::unique_ptr<store::MemoryFileSystem> left;
    world.files->SetFaultHook([&](const char*, const std::string&) {
      if (step++ == cut_at) left = world.files->PowerCut(&random);
      return Status::OK();
    });
    ASSERT_TRUE(Commit(&world, "u", source).ok());
    world.files->SetFaultHook(nullptr);
    steps = std::max(steps, step);
    const bool acknowledged = left == nullptr;
    if (acknowledged) left = world.files->PowerCut(&random);
    world.db.reset();
    world.executor.RunUntilIdle();
    world.files = std::move(left);
    ASSERT_TRUE(world.Open().ok());
    const int64_t rows = CountRows(&world);
    EXPECT_TRUE(rows == 2 || (!acknowledged && rows == 0)) << rows;
    if (HasFailure()) return;
  }
  EXPECT_GT(steps, 10U);
}

TEST(FilesTest, UploadsThatCameToNothingGo) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  MakeTable(&world);
  const auto lost = Upload(&world, "lost", SmallFile());
  const auto kept = Upload(&world, "kept", SmallFile());
  const auto stray = FileStore::UploadFolder("kept") + "/stray";
  ASSERT_TRUE(world.files->Create(stray).ok());
  ASSERT_TRUE(world.db->catalog()
                  ->ChangeValues({FileStore::KeepUpload("lost", world.clock.NowNs() + kHourNs),
                                  FileStore::KeepUpload("kept", world.clock.NowNs() + kHourNs)})
                  .ok());
  ASSERT_TRUE(Commit(&world, "kept", kept).ok());
  const auto exists = [&](const std::string& path) { return *world.files->Exists(path); };
  ASSERT_TRUE(world.db->file_store()->Collect().ok());
  EXPECT_TRUE(exists(lost.where.path) && exists(kept.where.path) && exists(stray));
  world.clock.Advance(kHourNs + kHourNs / 2);
  ASSERT_TRUE(world.db->file_store()->Collect().ok());
  EXPECT_TRUE(exists(lost.where.path) && exists(kept.where.path) && !exists(stray));
  world.clock.Advance(kHourNs);
  ASSERT_TRUE(world.db->file_store()->Collect().ok());
  EXPECT_TRUE(!exists(lost.where.path) && exists(kept.where.path));
  EXPECT_EQ(CountRows(&world), 2);
}

TEST(FilesTest, FilesOfADroppedTable) {
  for (const bool release : {false, true}) {
    TableWorld world;
    ASSERT_TRUE(world.Open().ok());
    MakeTable(&world);
    const auto source = Upload(&world, "u", SmallFile());
    ASSERT_TRUE(Commit(&world, "u", source).ok());
    Step drop{.kind = Step::Kind::kDropTable, .path = kPath, .release_files = release};
    ASSERT_TRUE(world.db->ApplySteps(world.caller, {drop}, {}).ok());
    const auto there = [&] { return *world.files->Exists(source.where.path); };
    world.clock.Advance(kHourNs / 2);
    ASSERT_TRUE(world.db->file_store()->Collect().ok());
    EXPECT_TRUE(there());
    EXPECT_TRUE(world.db->file_store()->Keep(FileId(1)));
    world.clock.Advance(kHourNs - 1);
    ASSERT_TRUE(world.db->file_store()->Collect().ok());
    EXPECT_TRUE(there());
    world.clock.Advance(kHourNs);
    ASSERT_TRUE(world.db->file_store()->Collect().ok());
    EXPECT_EQ(there(), !release);
    EXPECT_EQ(world.db->file_store()->Get(FileId(1)).ok(), !release);
  }
}

TEST(FilesTest, CutsAreUsedAgainAndGo) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  const auto table = MakeTable(&world);
  const auto list = [&] {
    std::vector<int64_t> ids;
    const auto deltas = world.db->ListDeltas(world.caller, table, {});
    EXPECT_TRUE(deltas.ok()) << deltas.status().ToString();
    for (const Delta& delta : *deltas) {
      for (const DeltaFile& file : delta.files) ids.push_back(file.file.id.value);
    }
    return ids;
  };
  EXPECT_EQ(list().size(), 0U);
  ASSERT_TRUE(world.db->AppendRows(world.caller, table, {Pairs({{1, "a"}})}, {}).ok());
  const auto first = list();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(list(), first);
  ASSERT_TRUE(world.db->AppendRows(world.caller, table, {Pairs({{2, "b"}})}, {}).ok());
  const auto second = list();
  ASSERT_EQ(second.size(), 2U);
  EXPECT_EQ(second[0], first[0]);
  ASSERT_TRUE(world.Restart().ok());
  EXPECT_EQ(list(), second);
  world.clock.Advance(kHourNs + 1);
  ASSERT_TRUE(world.db->file_store()->Collect().ok());
  EXPECT_EQ(world.files->List("files/own")->size(), 0U);
  const auto third = list();
  ASSERT_FALSE(third.empty());
  EXPECT_GT(third.front(), second.back());
  // One that a crash left before its record.
  ASSERT_TRUE(world.files->Create("files/own/00000000000fffff.parquet").ok());
  ASSERT_TRUE(world.Restart().ok());
  EXPECT_FALSE(*world.files->Exists("files/own/00000000000fffff.parquet"));
}

}  // namespace
}  // namespace firth::table
