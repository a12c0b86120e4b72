// Goal: the twin can fail as a disk can, on demand and reproducibly. Method: each kind of fault by
// itself; what a power cut takes is tested in power_cut_test.cc.
#include <map>

#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

constexpr Code kFull = Code::kResourceExhausted;

TEST(MemoryFileSystem, RefusesWhatExceedsItsCapacity) {
  MemoryFileSystem files;
  files.SetCapacity(1000);
  const auto a = files.Create("a").ValueOrDie();
  const auto b = files.Create("b").ValueOrDie();
  ASSERT_OK(WriteText(a.get(), 0, std::string(600, 'a')));
  EXPECT_EQ(*files.FreeBytes(), 400u);
  EXPECT_REASON(WriteText(b.get(), 0, std::string(401, 'b')), kFull, Reason::kDiskFull);
  EXPECT_REASON(b->Reserve(401), kFull, Reason::kDiskFull);
  EXPECT_REASON(b->Truncate(401), kFull, Reason::kDiskFull);
  EXPECT_REASON(b->Reserve(INT64_MAX), kFull, Reason::kDiskFull);
  EXPECT_EQ(*b->Size(), 0u);
  EXPECT_OK(WriteText(b.get(), 0, std::string(400, 'b')));
  EXPECT_EQ(*files.FreeBytes(), 0u);
  EXPECT_OK(WriteText(b.get(), 0, std::string(400, 'c')));
  EXPECT_OK(files.Create("empty files need no room").status());
}

TEST(MemoryFileSystem, ReservedRoomCanBeWrittenWhenTheDiskIsFull) {
  MemoryFileSystem files;
  files.SetCapacity(1000);
  const auto a = files.Create("a").ValueOrDie();
  ASSERT_OK(a->Reserve(700));
  ASSERT_OK(MakeFile(&files, "b", std::string(300, 'b')));
  EXPECT_OK(WriteText(a.get(), 0, std::string(700, 'a')));
  EXPECT_REASON(WriteText(a.get(), 700, "a"), kFull, Reason::kDiskFull);
}

TEST(MemoryFileSystem, ALowerCapacityThanIsUsedOnlyStopsGrowth) {
  MemoryFileSystem files;
  const auto a = files.Create("a").ValueOrDie();
  ASSERT_OK(WriteText(a.get(), 0, std::string(600, 'a')));
  ASSERT_OK(MakeFile(&files, "b", std::string(600, 'b')));
  files.SetCapacity(100);
  EXPECT_EQ(*files.FreeBytes(), 0u);
  EXPECT_REASON(WriteText(a.get(), 600, "a"), kFull, Reason::kDiskFull);
  EXPECT_OK(a->Truncate(10));
  EXPECT_REASON(WriteText(a.get(), 10, "a"), kFull, Reason::kDiskFull);
  ASSERT_OK(files.Remove("b"));
  EXPECT_OK(WriteText(a.get(), 10, "a"));
}

TEST(MemoryFileSystem, GivesRoomBackWhenAFileHasNeitherNameNorHandle) {
  MemoryFileSystem files;
  files.SetCapacity(1000);
  auto a = files.Create("a").ValueOrDie();
  ASSERT_OK(WriteText(a.get(), 0, std::string(600, 'a')));
  ASSERT_OK(files.Remove("a"));
  EXPECT_EQ(*files.FreeBytes(), 400u);
  ASSERT_OK(WriteText(a.get(), 600, std::string(100, 'a')));
  EXPECT_EQ(*files.FreeBytes(), 300u);
  a.reset();
  EXPECT_EQ(*files.FreeBytes(), 1000u);
}

TEST(MemoryFileSystem, GivesRoomBackWhenAFileIsReplacedOrCut) {
  MemoryFileSystem files;
  files.SetCapacity(1000);
  ASSERT_OK(MakeFile(&files, "a", std::string(600, 'a')));
  ASSERT_OK(MakeFile(&files, "b", std::string(300, 'b')));
  ASSERT_OK(files.Rename("b", "a"));
  EXPECT_EQ(*files.FreeBytes(), 700u);
  ASSERT_OK(files.Open("a").ValueOrDie()->Truncate(50));
  EXPECT_EQ(*files.FreeBytes(), 950u);
}

/// Do each operation once, and tell which statuses were not OK.
std::map<std::string, Status> DoEach(MemoryFileSystem* files, File* file) {
  std::map<std::string, Status> done;
  done["create"] = files->Create("new").status();
  done["open"] = files->Open("a").status();
  done["write"] = WriteText(file, 0, "later");
  done["read"] = ReadText(*file, 0, 1).status();
  done["reserve"] = file->Reserve(100);
  done["truncate"] = file->Truncate(50);
  done["sync"] = file->Sync();
  done["rename"] = files->Rename("b", "c");
  done["remove"] = files->Remove("d");
  done["list"] = files->List("").status();
  done["folder"] = files->MakeFolder("f");
  done["sync_folder"] = files->SyncFolder("");
  return done;
}

class MemoryFileSystemFaults : public testing::TestWithParam<const char*> {};

TEST_P(MemoryFileSystemFaults, AreReturnedInPlaceOfTheOperation) {
  const std::string_view faulty = GetParam();
  MemoryFileSystem files;
  for (const char* name : {"a", "b", "d"}) ASSERT_OK(MakeFile(&files, name, "first"));
  const auto file = files.Open("a").ValueOrDie();
  const uint64_t operations = files.operations();
  std::map<std::string, std::string> asked;
  files.SetFaultHook([&](std::string_view operation, const std::string& path) {
    asked[std::string(operation)] = path;
    return operation == faulty ? Error(Code::kUnavailable, Reason::kIo, "injected") : Status::OK();
  });
  const auto done = DoEach(&files, file.get());
  files.SetFaultHook(nullptr);

  for (const auto& [operation, status] : done) {
    EXPECT_EQ(!status.ok(), operation == faulty) << operation << " gave " << status;
    EXPECT_EQ(MessageOf(status), status.ok() ? "" : "injected");
  }
  EXPECT_EQ(asked.size(), done.size());
  EXPECT_EQ(asked.at("write"), "a");
  EXPECT_EQ(asked.at("rename"), "b");
  EXPECT_EQ(asked.at("sync_folder"), "");
  EXPECT_EQ(files.operations() - operations, done.size() - 1);
  const auto not_done = [&](std::string_view operation) { return operation == faulty; };
  EXPECT_EQ(*files.Exists("new"), !not_done("create"));
  EXPECT_EQ(*files.Exists("b"), not_done("rename"));
  EXPECT_EQ(*files.Exists("d"), not_done("remove"));
  EXPECT_EQ(*files.Exists("f"), !not_done("folder"));
  EXPECT_EQ(*ReadText(*file, 0, 5), not_done("write") ? "first" : "later");
  EXPECT_EQ(*file->Size(), not_done("truncate") ? 100u : 50u);
}

INSTANTIATE_TEST_SUITE_P(Operations, MemoryFileSystemFaults,
                         testing::Values("create", "open", "write", "read", "sync", "reserve",
                                         "truncate", "rename", "remove", "list", "folder",
                                         "sync_folder"),
                         [](const auto& tested) { return std::string(tested.param); });

Status FailSyncs(const char* operation, const std::string&) {
  if (std::string_view(operation) != "sync") return Status::OK();
  return Error(Code::kUnavailable, Reason::kIo, "injected");
}

TEST(MemoryFileSystem, ASyncThatFailedOnceFailsAgain) {
  MemoryFileSystem files;
  const auto file = files.Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "x"));
  files.SetFaultHook(FailSyncs);
  EXPECT_REASON(file->Sync(), Code::kUnavailable, Reason::kIo);
  files.SetFaultHook(nullptr);
  const Status again = file->Sync();
  EXPECT_REASON(again, Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(MessageOf(again),
            "cannot sync 'a': an earlier sync failed, and what it lost cannot be known");
}

TEST(MemoryFileSystem, TheHookMayUseTheFileSystem) {
  MemoryFileSystem files;
  ASSERT_OK(MakeFile(&files, "a", "x"));
  int copies = 0;
  files.SetFaultHook([&](const char*, const std::string&) {
    copies += *files.Copy()->Exists("a");
    return Status::OK();
  });
  EXPECT_OK(files.Remove("a"));
  EXPECT_OK(files.Remove("a"));
  EXPECT_EQ(copies, 1);
}

TEST(MemoryFileSystem, FlipBitsChangesOneByteWhetherDurableOrNot) {
  MemoryFileSystem files;
  const auto file = files.Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "abc"));
  ASSERT_OK(file->Sync());
  ASSERT_OK(files.SyncFolder(""));
  ASSERT_OK(files.FlipBits("a", 1, 0x01));
  EXPECT_EQ(*ReadAllText(*file), "acc");
  SeededRandom random(1);
  EXPECT_EQ(*ReadAllText(files.PowerCut(&random).get(), "a"), "acc");

  ASSERT_OK(WriteText(file.get(), 0, "ABC"));
  ASSERT_OK(files.FlipBits("a", 1, 0x01));
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom cut(seed);
    const std::string left = *ReadAllText(files.PowerCut(&cut).get(), "a");
    EXPECT_TRUE(left[1] == 'C' || left[1] == 'b') << left;
  }
  EXPECT_REASON(files.FlipBits("a", 3, 1), Code::kOutOfRange, Reason::kIo);
  EXPECT_REASON(files.FlipBits("b", 0, 1), Code::kNotFound, Reason::kFileMissing);
  EXPECT_REASON(files.FlipBits("../a", 0, 1), Code::kInvalidArgument, Reason::kInvalidName);
}

TEST(MemoryFileSystem, ACopyIsDeepAndKeepsWhatIsNotDurable) {
  MemoryFileSystem files;
  ASSERT_OK(files.MakeFolder("f"));
  ASSERT_OK(MakeFile(&files, "f/a", "one"));
  files.SetFaultHook(FailSyncs);
  const auto copy = files.Copy();
  ASSERT_OK(WriteText(files.Open("f/a").ValueOrDie().get(), 0, "two"));
  ASSERT_OK(MakeFile(&files, "f/b", ""));
  EXPECT_EQ(*Names(copy.get(), "f"), "a");
  const auto file = copy->Open("f/a").ValueOrDie();
  EXPECT_EQ(*ReadAllText(*file), "one");
  EXPECT_OK(file->Sync());
}

TEST(MemoryFileSystem, ACopyKnowsWhatIsDurable) {
  MemoryFileSystem files;
  ASSERT_OK(files.MakeFolder("f"));
  ASSERT_OK(MakeFile(&files, "f/a", Pattern(5000, 1)));
  ASSERT_OK(files.Open("f/a").ValueOrDie()->Sync());
  ASSERT_OK(files.SyncFolder("f"));
  ASSERT_OK(files.SyncFolder(""));
  ASSERT_OK(WriteText(files.Open("f/a").ValueOrDie().get(), 100, Pattern(6000, 2)));
  ASSERT_OK(files.Rename("f/a", "b"));
  const auto copy = files.Copy();
  for (uint64_t seed = 0; seed < 30; ++seed) {
    SeededRandom one(seed), two(seed);
    const auto left = files.PowerCut(&one);
    const auto left_of_copy = copy->PowerCut(&two);
    EXPECT_EQ(*Names(left.get(), ""), *Names(left_of_copy.get(), ""));
    const std::string path = *left->Exists("b") ? "b" : "f/a";
    EXPECT_EQ(*ReadAllText(left.get(), path), *ReadAllText(left_of_copy.get(), path));
  }
}

TEST(MemoryFileSystem, ACopyLeavesOpenFilesAndTheirRoomBehind) {
  MemoryFileSystem files;
  files.SetCapacity(1000);
  const auto file = files.Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, std::string(400, 'a')));
  const auto copy = files.Copy();
  EXPECT_EQ(*copy->FreeBytes(), 600u);
  ASSERT_OK(copy->Remove("a"));
  EXPECT_EQ(*copy->FreeBytes(), 1000u);
  ASSERT_OK(files.Remove("a"));
  EXPECT_EQ(*files.FreeBytes(), 600u);
  EXPECT_EQ(*files.Copy()->FreeBytes(), 1000u);
}

}  // namespace
}  // namespace firth::store
