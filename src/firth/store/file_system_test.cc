// Goal: whole files are read, and written wholly or not at all. Method: every operation fails in
// turn, and the power is cut at every one of them.
#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

class WholeFiles : public BothFileSystems {};
FIRTH_TEST_ON_BOTH(WholeFiles);

std::string TextOf(const Result<std::shared_ptr<arrow::Buffer>>& buffer) {
  return buffer.ok() ? (*buffer)->ToString() : buffer.status().ToString();
}

TEST_P(WholeFiles, AreReadUpToALimit) {
  ASSERT_OK(MakeFile(files.get(), "a", "12345"));
  EXPECT_EQ(TextOf(ReadFile(files.get(), "a", 5)), "12345");
  const Status status = ReadFile(files.get(), "a", 4).status();
  EXPECT_REASON(status, Code::kResourceExhausted, Reason::kOverBudget);
  EXPECT_EQ(MessageOf(status), "'a' has 5 bytes; at most 4 are read at once");
  EXPECT_REASON(ReadFile(files.get(), "b", 4).status(), Code::kNotFound, Reason::kFileMissing);
}

TEST_P(WholeFiles, MayBeEmpty) {
  ASSERT_OK(WriteFileAtomically(files.get(), "a", Bytes()));
  EXPECT_EQ(TextOf(ReadFile(files.get(), "a", 0)), "");
}

TEST_P(WholeFiles, AreWrittenAndReplacedAndLeaveNothingElse) {
  ASSERT_OK(files->MakeFolder("f"));
  EXPECT_OK(WriteFileAtomically(files.get(), "f/a", AsBytes("first, and longer")));
  EXPECT_OK(WriteFileAtomically(files.get(), "f/a", {AsBytes("sec"), AsBytes("ond")}));
  EXPECT_EQ(*ReadAllText(files.get(), "f/a"), "second");
  EXPECT_EQ(*Names(files.get(), "f"), "a");
}

TEST_P(WholeFiles, ReplaceWhatACrashLeft) {
  ASSERT_OK(MakeFile(files.get(), "a~", "half of something longer"));
  EXPECT_OK(WriteFileAtomically(files.get(), "a", AsBytes("whole")));
  EXPECT_EQ(*ReadAllText(files.get(), "a"), "whole");
  EXPECT_EQ(*Names(files.get(), ""), "a");
}

TEST_P(WholeFiles, NeedTheirFolder) {
  EXPECT_REASON(WriteFileAtomically(files.get(), "f/a", AsBytes("x")), Code::kNotFound,
                Reason::kFileMissing);
}

TEST_P(WholeFiles, FoldersAreMadeDurably) {
  EXPECT_OK(MakeFolderDurably(files.get(), "f/g/h"));
  EXPECT_OK(MakeFolderDurably(files.get(), "f/g/h"));
  EXPECT_OK(MakeFolderDurably(files.get(), ""));
  EXPECT_EQ(*Names(files.get(), "f/g"), "h/");
}

/// Fail the `failing`th operation (from 0) of a file system; `failed` names it.
void FailOne(MemoryFileSystem* files, int failing, std::string* failed) {
  files->SetFaultHook(
      [failing, failed, count = 0](const char* operation, const std::string&) mutable {
        if (count++ != failing) return Status::OK();
        *failed = operation;
        return Error(Code::kResourceExhausted, Reason::kDiskFull, "injected");
      });
}

TEST(WriteFileAtomically, FailsCleanlyAtEachOperation) {
  std::vector<std::string> failures;
  for (int failing = 0; failing < 100; ++failing) {
    MemoryFileSystem files;
    ASSERT_OK(WriteFileAtomically(&files, "a", AsBytes("old")));
    std::string failed;
    FailOne(&files, failing, &failed);
    const Status status = WriteFileAtomically(&files, "a", AsBytes("new"));
    if (failed.empty()) {
      EXPECT_OK(status);
      break;
    }
    failures.push_back(failed);
    files.SetFaultHook(nullptr);
    EXPECT_REASON(status, Code::kResourceExhausted, Reason::kDiskFull);
    EXPECT_EQ(*Names(&files, ""), "a") << "failed in " << failed;
    const bool may_be_new = failed == "sync_folder";
    EXPECT_EQ(*ReadAllText(&files, "a"), may_be_new ? "new" : "old") << "failed in " << failed;
  }
  EXPECT_EQ(failures, (std::vector<std::string>{"remove", "create", "write", "sync", "rename",
                                                "sync_folder"}));
}

TEST(WriteFileAtomically, TellsOfATemporaryThatCannotBeRemoved) {
  MemoryFileSystem files;
  files.SetFaultHook([removals = 0](const char* operation, const std::string&) mutable {
    const bool fails = std::string_view(operation) == "write" ||
                       (std::string_view(operation) == "remove" && ++removals == 2);
    return fails ? Error(Code::kResourceExhausted, Reason::kDiskFull, operation) : Status::OK();
  });
  const Status status = WriteFileAtomically(&files, "a", AsBytes("new"));
  EXPECT_REASON(status, Code::kResourceExhausted, Reason::kDiskFull);
  EXPECT_EQ(MessageOf(status), "write; then: remove");
}

TEST(WriteFileAtomically, FreesTheRoomOfAFileThatDidNotFit) {
  MemoryFileSystem files;
  files.SetCapacity(100);
  ASSERT_OK(WriteFileAtomically(&files, "a", AsBytes(std::string(60, 'a'))));
  EXPECT_REASON(WriteFileAtomically(&files, "a", AsBytes(std::string(60, 'b'))),
                Code::kResourceExhausted, Reason::kDiskFull);
  EXPECT_EQ(*ReadAllText(&files, "a"), std::string(60, 'a'));
  EXPECT_EQ(*files.FreeBytes(), 40u);
}

TEST(WriteFileAtomically, IsWholeAfterAPowerCutAtEachOperation) {
  const std::string before = Pattern(3000, 1);
  const std::string after = Pattern(5000, 2);
  int old_seen = 0, new_seen = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MemoryFileSystem files;
    ASSERT_OK(WriteFileAtomically(&files, "a", AsBytes(before)));
    SeededRandom random(seed);
    files.SetFaultHook([&](const char* operation, const std::string&) {
      const auto left = files.PowerCut(&random);
      const std::string text = *ReadAllText(left.get(), "a");
      (text == before ? old_seen : new_seen) += 1;
      EXPECT_TRUE(text == before || text == after) << "before " << operation << ", seed " << seed;
      return Status::OK();
    });
    ASSERT_OK(WriteFileAtomically(&files, "a", AsBytes(after)));
    files.SetFaultHook(nullptr);
    EXPECT_EQ(*ReadAllText(files.PowerCut(&random).get(), "a"), after) << "seed " << seed;
  }
  EXPECT_GT(old_seen, 0);
  EXPECT_GT(new_seen, 0);
}

TEST(MakeFolderDurably, SurvivesAPowerCut) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MemoryFileSystem files;
    ASSERT_OK(MakeFolderDurably(&files, "f/g/h"));
    SeededRandom random(seed);
    EXPECT_TRUE(*files.PowerCut(&random)->Exists("f/g/h")) << "seed " << seed;
  }
}

TEST(MakeFolderDurably, ReportsAFailureOfEachOperation) {
  int failures = 0;
  for (;; ++failures) {
    MemoryFileSystem files;
    std::string failed;
    FailOne(&files, failures, &failed);
    const Status status = MakeFolderDurably(&files, "f/g");
    if (failed.empty()) break;
    EXPECT_REASON(status, Code::kResourceExhausted, Reason::kDiskFull);
  }
  EXPECT_EQ(failures, 3);  // one to make them, two to sync the folders that hold their names
}

}  // namespace
}  // namespace firth::store
