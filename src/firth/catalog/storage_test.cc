// The catalog against its disk: power cuts, killed processes, damaged bytes, missing files.
// Method: a workload over files in memory. At its operations on the disk, what a power cut (or a
// kill) would leave is put aside with what had been acknowledged by then; each of these is opened
// and compared.
#include <gtest/gtest.h>

#include <set>

#include "firth/catalog/testing_catalog.h"
#include "firth/catalog/wal_format.h"
#include "firth/common/logging.h"
#include "firth/common/random.h"

namespace firth::catalog {
namespace {

using store::MemoryFileSystem;

/// Everything that a reader can see, as one text.
Result<std::string> Fingerprint(Catalog* catalog) {
  std::string out;
  const auto add = [&out](const auto&... parts) { ((out += fmt::format("{} ", parts)), ...); };
  ARROW_ASSIGN_OR_RAISE(const CommitId last, catalog->LastCommit());
  add("last", last.value);
  for (int64_t id = 1; id <= last.value; ++id) {
    ARROW_ASSIGN_OR_RAISE(const bool named, catalog->IsNamed(CommitId(id)));
    add(named ? "+" : "-");
  }
  ARROW_ASSIGN_OR_RAISE(const auto namespaces, catalog->ListNamespaces(Path()));
  for (const NamespaceInfo& info : namespaces) add(info.path.ToString(), info.created_ns);
  ARROW_ASSIGN_OR_RAISE(const auto tables, catalog->ListTables(Path()));
  add("tables", catalog->CountTables(), tables.size());
  for (const TablePtr& table : tables) {
    add(table->id.value, table->path.ToString(), table->modified_ns);
    ARROW_ASSIGN_OR_RAISE(const auto editions, catalog->ListEditions(table->id));
    for (const EditionInfo& edition : editions) {
      add(edition.id.value, edition.spec.bucket_count, edition.newest().schema->ToString());
      ARROW_ASSIGN_OR_RAISE(const auto partitions, catalog->ListPartitions(edition.id));
      for (const PartitionInfo& p : partitions) add(p.id.value, p.first_log.value, p.bucket_count);
    }
  }
  ARROW_ASSIGN_OR_RAISE(const auto values, catalog->ListValues(""));
  for (const auto& [name, value] : values) add(name, value);
  return out;
}

/// Groups that make three tables, each in a change of its own, of which the second fails now and
/// then, and in one more change drop those of an earlier group.
class Workload : public World {
 public:
  Workload() : World(std::make_unique<MemoryFileSystem>()) {}

  Status RunGroup(int number) {
    const std::string name = "g" + std::to_string(number);
    std::vector<Change> group;
    for (int i = 0; i < 3; ++i) {
      group.push_back(MakeChange([=](Changes* c) -> Status {
        TableId id;
        ARROW_RETURN_NOT_OK(
            CreateWholeTable(c, name + "/t" + std::to_string(i), /*buckets=*/i + 1, &id));
        if (i == 1 && number % 4 == 0) return Error(Code::kAborted, Reason::kConflict, "no");
        return Status::OK();
      }));
    }
    group.push_back(MakeChange([=, this](Changes* c) -> Status {
      ARROW_ASSIGN_OR_RAISE(const auto old,
                            catalog->ListTables(P("g" + std::to_string(number - 3))));
      for (const TablePtr& table : old) ARROW_RETURN_NOT_OK(c->DropTable(table->id));
      return Status::OK();
    }));
    return catalog->ApplyGroup(&group);
  }
};

/// What was left at some moment, and what had been acknowledged by then.
struct Left {
  std::unique_ptr<MemoryFileSystem> files;
  int groups_acknowledged = 0;
  int64_t ids_acknowledged = 0;
};

/// Fingerprints after each group, and what the moments left.
struct Observed {
  std::vector<std::string> after_group;
  std::vector<Left> left;
};

/// Run `groups` groups with a restart now and then; at one of `every` operations on the disk put
/// aside what `leave` makes of the files.
Observed RunWorkload(
    int groups, uint64_t every, Random* random,
    const std::function<std::unique_ptr<MemoryFileSystem>(MemoryFileSystem*)>& leave) {
  Observed run;
  Workload world;
  int groups_done = 0;
  int64_t ids_taken = 0;
  const auto observe = [&](const char* operation, const std::string&) {
    if (std::string_view(operation) != "read" && random->Next64() % every == 0) {
      run.left.push_back({leave(world.files.get()), groups_done, ids_taken});
    }
    return Status::OK();
  };
  EXPECT_OK(world.Open());
  run.after_group.push_back(Fingerprint(world.catalog.get()).ValueOrDie());
  world.files->SetFaultHook(observe);
  for (int i = 0; i < groups; ++i) {
    if (i % 13 == 12) {
      EXPECT_OK(world.Reopen());
    }
    // The state after this group is known before its group is acknowledged: it is allowed from here
    // on.
    run.after_group.emplace_back();
    EXPECT_OK(world.RunGroup(i));
    groups_done = i + 1;
    world.files->SetFaultHook(nullptr);
    run.after_group.back() = Fingerprint(world.catalog.get()).ValueOrDie();
    world.files->SetFaultHook(observe);
    ids_taken = world.catalog->TakeIds("ids", 3).ValueOrDie() + 2;
  }
  world.files->SetFaultHook(nullptr);
  run.left.push_back({leave(world.files.get()), groups_done, ids_taken});
  return run;
}

void CheckLeft(const Observed& run, const Left& left) {
  ManualClock clock;
  const auto opened = Catalog::Open({.files = left.files.get(), .clock = &clock});
  ASSERT_TRUE(opened.ok()) << opened.status();
  const auto fingerprint = Fingerprint(opened->get());
  ASSERT_TRUE(fingerprint.ok()) << fingerprint.status();
  const auto acknowledged = static_cast<size_t>(left.groups_acknowledged);
  // The group that was under way is there wholly or not at all.
  if (*fingerprint != run.after_group[acknowledged]) {
    ASSERT_LT(acknowledged + 1, run.after_group.size());
    ASSERT_EQ(*fingerprint, run.after_group[acknowledged + 1]);
  }
  EXPECT_GT((*opened)->TakeIds("ids", 1).ValueOrDie(), left.ids_acknowledged);
}

TEST(StorageTest, WhatWasAcknowledgedSurvivesPowerCuts) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SeededRandom random(seed);
    const Observed run =
        RunWorkload(/*groups=*/45, /*every=*/8, &random,
                    [&](MemoryFileSystem* files) { return files->PowerCut(&random); });
    EXPECT_GT(run.left.size(), 100u);
    for (size_t i = 0; i < run.left.size(); ++i) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", cut " + std::to_string(i));
      CheckLeft(run, run.left[i]);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(StorageTest, APowerCutDuringRecoveryLosesNothing) {
  SeededRandom random(11);
  const Observed run =
      RunWorkload(/*groups=*/30, /*every=*/100, &random,
                  [&](MemoryFileSystem* files) { return files->PowerCut(&random); });
  for (const Left& left : run.left) {
    std::vector<Left> again;
    left.files->SetFaultHook([&](const char* operation, const std::string&) {
      if (std::string_view(operation) != "read") {
        again.push_back(
            {left.files->PowerCut(&random), left.groups_acknowledged, left.ids_acknowledged});
      }
      return Status::OK();
    });
    CheckLeft(run, left);
    left.files->SetFaultHook(nullptr);
    for (const Left& second : again) CheckLeft(run, second);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(StorageTest, WhatWasAcknowledgedSurvivesAKill) {
  SeededRandom random(5);
  const Observed run = RunWorkload(/*groups=*/45, /*every=*/12, &random,
                                   [](MemoryFileSystem* files) { return files->Copy(); });
  for (const Left& left : run.left) {
    CheckLeft(run, left);
    if (testing::Test::HasFatalFailure()) return;
  }
}

// What a reader was shown after a restart must survive the power cut that follows, though the
// process that wrote it was killed before its sync.
TEST(StorageTest, WhatARestartShowedSurvivesAPowerCut) {
  SeededRandom random(6);
  const Observed run = RunWorkload(/*groups=*/30, /*every=*/12, &random,
                                   [](MemoryFileSystem* files) { return files->Copy(); });
  ManualClock clock;
  for (const Left& left : run.left) {
    auto shown = Catalog::Open({.files = left.files.get(), .clock = &clock});
    ASSERT_TRUE(shown.ok()) << shown.status();
    const std::string before = Fingerprint(shown->get()).ValueOrDie();
    const auto cut = left.files->PowerCut(&random);
    const auto after = Catalog::Open({.files = cut.get(), .clock = &clock});
    ASSERT_TRUE(after.ok()) << after.status();
    ASSERT_EQ(Fingerprint(after->get()).ValueOrDie(), before);
  }
}

/// Open and read everything: an error, or a fingerprint.
Result<std::string> ReadAll(MemoryFileSystem* files) {
  ManualClock clock;
  ARROW_ASSIGN_OR_RAISE(const auto catalog, Catalog::Open({.files = files, .clock = &clock}));
  return Fingerprint(catalog.get());
}

class DamageTest : public testing::Test {
 protected:
  /// After some groups, with a log that was begun anew once; `closed` or killed.
  void Fill(bool closed) {
    ASSERT_OK(world.Open());
    for (int i = 0; i < 25; ++i) {
      ASSERT_OK(world.RunGroup(i));
    }
    expected = Fingerprint(world.catalog.get()).ValueOrDie();
    files = world.files->Copy();
    if (!closed) return;
    world.catalog.reset();
    files = world.files->Copy();
  }
  uint64_t BytesOf(const std::string& path) {
    return files->Open(path).ValueOrDie()->Size().ValueOrDie();
  }

  Workload world;
  std::unique_ptr<MemoryFileSystem> files;
  std::string expected;
};

TEST_F(DamageTest, DamagedPagesAreNamed) {
  Fill(/*closed=*/true);
  SeededRandom random(1);
  const uint64_t pages = BytesOf("catalog.db") / kPageBytes;
  uint64_t found = 0;
  for (uint64_t page = 0; page < pages; ++page) {
    const uint64_t byte = random.Next64() % kPageBytes;
    const auto damaged = files->Copy();
    ASSERT_OK(damaged->FlipBits("catalog.db", page * kPageBytes + byte, 0x10));
    const auto read = ReadAll(damaged.get());
    if (read.ok()) {  // a page that nothing was asked of
      ASSERT_EQ(*read, expected) << "page " << page + 1;
      continue;
    }
    ++found;
    EXPECT_REASON(read.status(), Code::kDataLoss, Reason::kChecksumMismatch);
    const std::string name = "page " + std::to_string(page + 1) + " of 'catalog.db'";
    EXPECT_NE(MessageOf(read.status()).find(name), std::string::npos) << read.status();
  }
  EXPECT_GT(found, pages / 4);
}

TEST_F(DamageTest, EveryBitOfTheFirstBytesMatters) {
  Fill(/*closed=*/true);
  for (uint64_t byte = 0; byte < 100; ++byte) {
    const auto damaged = files->Copy();
    ASSERT_OK(damaged->FlipBits("catalog.db", byte, static_cast<uint8_t>(1U << (byte % 8))));
    const auto read = ReadAll(damaged.get());
    ASSERT_FALSE(read.ok()) << byte;
    EXPECT_EQ(CodeOf(read.status()), Code::kDataLoss) << byte << read.status();
  }
}

TEST_F(DamageTest, APageInAnothersPlaceIsFound) {
  Fill(/*closed=*/true);
  const uint64_t pages = BytesOf("catalog.db") / kPageBytes;
  uint64_t found = 0;
  for (uint64_t page = 1; page + 1 < pages; ++page) {
    const auto damaged = files->Copy();
    const auto file = damaged->Open("catalog.db").ValueOrDie();
    const std::string bytes = store::ReadText(*file, page * kPageBytes, kPageBytes).ValueOrDie();
    ASSERT_OK(store::WriteText(file.get(), (page + 1) * kPageBytes, bytes));
    const auto read = ReadAll(damaged.get());
    if (read.ok()) {
      ASSERT_EQ(*read, expected);
      continue;
    }
    ++found;
    EXPECT_REASON(read.status(), Code::kDataLoss, Reason::kChecksumMismatch);
  }
  EXPECT_GT(found, pages / 4);
}

// Without the mark, SQLite would take a damaged frame for the end of the log, and undo what
// follows.
TEST_F(DamageTest, ADamagedLogIsNeverAWrongAnswer) {
  Fill(/*closed=*/false);
  ASSERT_EQ(ReadAll(files->Copy().get()).ValueOrDie(), expected);
  SeededRandom random(2);
  const uint64_t bytes = BytesOf("catalog.db-wal");
  const auto wal = files->Open("catalog.db-wal").ValueOrDie();
  const uint64_t frames = ScanWal(*wal, bytes).ValueOrDie().frames_committed;
  ASSERT_GT(frames, 10u);
  for (uint64_t i = 0; i < 150; ++i) {
    const uint64_t byte = i < kWalHeaderBytes ? i : random.Next64() % bytes;
    const auto damaged = files->Copy();
    ASSERT_OK(damaged->FlipBits("catalog.db-wal", byte, 0x04));
    const auto read = ReadAll(damaged.get());
    if (byte >= FrameBegin(frames)) {  // left over from before the log began anew
      ASSERT_EQ(read.ValueOrDie(), expected);
      continue;
    }
    EXPECT_REASON(read.status(), Code::kDataLoss, Reason::kChecksumMismatch);
    EXPECT_NE(MessageOf(read.status()).find("catalog.db-wal"), std::string::npos);
  }
}

TEST_F(DamageTest, ADamagedMarkSaysNothing) {
  Fill(/*closed=*/false);
  for (uint64_t byte = 0; byte < BytesOf("catalog.db-mark"); ++byte) {
    const auto damaged = files->Copy();
    ASSERT_OK(damaged->FlipBits("catalog.db-mark", byte, 0x01));
    EXPECT_EQ(ReadAll(damaged.get()).ValueOrDie(), expected);
  }
}

TEST_F(DamageTest, MissingFilesAreNamed) {
  Fill(/*closed=*/false);
  for (const std::string name : {"catalog.db", "catalog.db-wal"}) {
    const auto without = files->Copy();
    ASSERT_OK(without->Remove(name));
    const Status removed = ReadAll(without.get()).status();
    EXPECT_REASON(removed, Code::kDataLoss, Reason::kFileMissing);
    EXPECT_NE(MessageOf(removed).find("'" + name + "'"), std::string::npos);
    const auto emptied = files->Copy();
    ASSERT_OK(emptied->Open(name).ValueOrDie()->Truncate(0));
    EXPECT_REASON(ReadAll(emptied.get()).status(), Code::kDataLoss, Reason::kFileMissing);
  }
  world.catalog.reset();
  ASSERT_OK(world.files->Remove("catalog.db"));
  EXPECT_REASON(world.Open(), Code::kDataLoss, Reason::kFileMissing);
}

// Every operation fails once, at some point of the workload: then the group is refused and nothing
// of it is there, or it is there; and after a new start the catalog is as before the group or after
// it.
TEST(StorageTest, EveryOperationMayFail) {
  for (int failing = 1; failing < 10'000; failing += 7) {
    Workload world;
    ASSERT_OK(world.Open());
    for (int i = 0; i < 18; ++i) {
      ASSERT_OK(world.RunGroup(i));
    }
    int count = 0;
    world.files->SetFaultHook([&](const char*, const std::string&) {
      return ++count == failing ? Error(Code::kUnavailable, Reason::kIo, "broken") : Status::OK();
    });
    std::string before = Fingerprint(world.catalog.get()).ValueOrDie();
    Status status;
    for (int i = 18; i < 26; ++i) {
      status = world.RunGroup(i);
      if (!status.ok()) break;
      before = Fingerprint(world.catalog.get()).ValueOrDie();
    }
    if (status.ok()) world.catalog.reset();  // the failing operation may be one of closing
    world.files->SetFaultHook(nullptr);
    if (!status.ok()) {
      EXPECT_REASON(status, Code::kUnavailable, Reason::kIo);
      EXPECT_EQ(Fingerprint(world.catalog.get()).ValueOrDie(), before) << failing;
    }
    ASSERT_OK(world.Reopen());
    const std::string after = Fingerprint(world.catalog.get()).ValueOrDie();
    EXPECT_TRUE(!status.ok() || after == before) << failing;
    ASSERT_OK(world.RunGroup(100));
    if (count < failing) return;
  }
  FAIL() << "the workload has too many operations";
}

}  // namespace
}  // namespace firth::catalog
