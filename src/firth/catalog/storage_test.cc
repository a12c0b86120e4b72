// The catalog against its disk: power cuts, killed processes, full disks, operations that fail.
// Method: a workload over files in memory. At its operations on the disk, what a power cut (or a
// kill) would leave is put aside with what had been acknowledged by then; each of these is opened
// and compared.
#include <gtest/gtest.h>

#include "firth/catalog/testing_workload.h"
#include "firth/catalog/wal_format.h"
#include "firth/common/random.h"

namespace firth::catalog {
namespace {

using store::MemoryFileSystem;

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
    // Half of them also write: neither the killed process nor the new one made the log's name
    // durable, unless the new one does so when it opens.
    if (random.Next64() % 2 == 0) {
      ASSERT_OK((*shown)->PutValue("after", "the restart"));
    }
    const std::string before = Fingerprint(shown->get()).ValueOrDie();
    const auto cut = left.files->PowerCut(&random);
    const auto after = Catalog::Open({.files = cut.get(), .clock = &clock});
    ASSERT_TRUE(after.ok()) << after.status();
    ASSERT_EQ(Fingerprint(after->get()).ValueOrDie(), before);
  }
}

// The same for the names of files: a killed process leaves them as it made them, durable or not.
TEST(StorageTest, NamesThatAKilledProcessLeftAreMadeDurable) {
  World world(std::make_unique<MemoryFileSystem>());
  std::vector<std::unique_ptr<MemoryFileSystem>> killed;
  world.files->SetFaultHook([&](const char* operation, const std::string&) {
    if (std::string_view(operation) != "read") killed.push_back(world.files->Copy());
    return Status::OK();
  });
  for (int i = 0; i < 2; ++i) {
    ASSERT_OK(world.Reopen());
    ASSERT_OK(world.catalog->PutValue("killed", "perhaps"));
  }
  world.files->SetFaultHook(nullptr);
  SeededRandom random(7);
  for (const auto& files : killed) {
    auto again = Catalog::Open({.files = files.get(), .clock = &world.clock});
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_OK((*again)->PutValue("acknowledged", "surely"));
    for (int i = 0; i < 8; ++i) {
      const auto cut = files->PowerCut(&random);
      const auto after = Catalog::Open({.files = cut.get(), .clock = &world.clock});
      ASSERT_TRUE(after.ok()) << after.status();
      ASSERT_EQ((*after)->GetValue("acknowledged").ValueOrDie(), "surely");
    }
  }
}

/// A file system that may report a full disk although all was written.
class LyingFileSystem : public store::FileSystem {
 public:
  bool full = false;
  MemoryFileSystem memory;

  Result<std::unique_ptr<store::File>> Create(const std::string& path) override {
    return Lying(memory.Create(path));
  }
  Result<std::unique_ptr<store::File>> Open(const std::string& path) override {
    return Lying(memory.Open(path));
  }
  Result<bool> Exists(const std::string& path) override { return memory.Exists(path); }
  Result<std::vector<store::FileInfo>> List(const std::string& folder) override {
    return memory.List(folder);
  }
  Status MakeFolder(const std::string& path) override { return memory.MakeFolder(path); }
  Status Rename(const std::string& from, const std::string& to) override {
    return memory.Rename(from, to);
  }
  Status Remove(const std::string& path) override { return memory.Remove(path); }
  Result<bool> RemoveFolder(const std::string& path) override { return memory.RemoveFolder(path); }
  Status SyncFolder(const std::string& folder) override { return memory.SyncFolder(folder); }
  Result<uint64_t> FreeBytes() override { return memory.FreeBytes(); }

 private:
  class LyingFile : public store::PassingFile {
   public:
    LyingFile(std::unique_ptr<store::File> file, const bool* full)
        : PassingFile(std::move(file)), full_(full) {}
    Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
      ARROW_RETURN_NOT_OK(PassingFile::Write(position, parts));
      // The last write of a transaction: a page whose frame's header says that it ends one.
      if (!*full_ || parts[0].size() != kPageBytes || position < FrameBegin(0)) return Status::OK();
      std::vector<std::byte> header(kWalFrameHeaderBytes);
      ARROW_RETURN_NOT_OK(Read(position - header.size(), header));
      if (!EndsTransaction(header)) return Status::OK();
      return Error(Code::kResourceExhausted, Reason::kDiskFull, "full, or so they say");
    }

   private:
    const bool* const full_;
  };

  Result<std::unique_ptr<store::File>> Lying(Result<std::unique_ptr<store::File>> file) {
    ARROW_RETURN_NOT_OK(file.status());
    return std::make_unique<LyingFile>(*std::move(file), &full);
  }
};

// A transaction that was refused for want of room must not come back because its bytes arrived
// after all.
TEST(StorageTest, WhatAFullDiskRefusedDoesNotComeBack) {
  LyingFileSystem files;
  ManualClock clock;
  auto catalog = Catalog::Open({.files = &files, .clock = &clock}).ValueOrDie();
  ASSERT_OK(catalog->PutValue("a", "1"));
  files.full = true;
  EXPECT_REASON(catalog->PutValue("a", "2"), Code::kResourceExhausted, Reason::kDiskFull);
  EXPECT_EQ(catalog->GetValue("a").ValueOrDie(), "1");
  SeededRandom random(3);
  for (int i = 0; i < 10; ++i) {
    const auto left = i == 0 ? files.memory.Copy() : files.memory.PowerCut(&random);
    const auto again = Catalog::Open({.files = left.get(), .clock = &clock});
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ((*again)->GetValue("a").ValueOrDie(), "1");
  }
  files.full = false;
  ASSERT_OK(catalog->PutValue("a", "3"));
  EXPECT_EQ(catalog->GetValue("a").ValueOrDie(), "3");
}

TEST(StorageTest, AChangeThatMayBeThereOrNotIsFatal) {
  store::MemoryFileSystem files;
  ManualClock clock;
  std::vector<Status> fatal;
  auto catalog = Catalog::Open({.files = &files,
                                .clock = &clock,
                                .on_fatal = [&](const Status& why) { fatal.push_back(why); }})
                     .ValueOrDie();
  const auto failing = [&](const char* wanted, const Status& with) {
    files.SetFaultHook([=](const char* operation, const std::string&) {
      return std::string_view(operation) == wanted ? with : Status::OK();
    });
  };
  failing("write", Error(Code::kResourceExhausted, Reason::kDiskFull, "full"));
  EXPECT_REASON(catalog->PutValue("a", "1"), Code::kResourceExhausted, Reason::kDiskFull);
  EXPECT_TRUE(fatal.empty()) << "what a full disk refused is known not to be there";
  failing("read", Error(Code::kUnavailable, Reason::kIo, "broken"));
  static_cast<void>(catalog->GetValue("a"));
  EXPECT_TRUE(fatal.empty()) << "a read changes nothing";
  failing("sync", Error(Code::kUnavailable, Reason::kIo, "broken"));
  EXPECT_REASON(catalog->PutValue("a", "1"), Code::kUnavailable, Reason::kIo);
  files.SetFaultHook(nullptr);
  EXPECT_REASON(catalog->PutValue("a", "1"), Code::kUnavailable, Reason::kIo);
  ASSERT_EQ(fatal.size(), 1U);
  EXPECT_REASON(fatal[0], Code::kUnavailable, Reason::kIo);
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
