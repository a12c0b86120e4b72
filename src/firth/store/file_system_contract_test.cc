// Goal: both file systems keep the contract of file_system.h. Method: the same tests on each.
#include <climits>
#include <thread>

#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

class FileSystemContract : public BothFileSystems {};
FIRTH_TEST_ON_BOTH(FileSystemContract);

TEST_P(FileSystemContract, WhatWasWrittenIsRead) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(file->Write(0, {AsBytes("one "), {}, AsBytes("two "), AsBytes("three")}));
  EXPECT_EQ(*file->Size(), 13u);
  EXPECT_EQ(*ReadText(*file, 0, 13), "one two three");
  EXPECT_EQ(*ReadText(*file, 4, 3), "two");
  EXPECT_EQ(*ReadAllText(files.get(), "a"), "one two three");
}

TEST_P(FileSystemContract, ANewFileIsEmpty) {
  const auto file = files->Create("a").ValueOrDie();
  EXPECT_EQ(*file->Size(), 0u);
  EXPECT_EQ(file->name(), "a");
}

TEST_P(FileSystemContract, AWriteReplacesBytesInPlace) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "0123456789"));
  ASSERT_OK(WriteText(file.get(), 3, "abc"));
  EXPECT_EQ(*ReadAllText(*file), "012abc6789");
}

TEST_P(FileSystemContract, AGapReadsAsZero) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 2000, "x"));
  std::string expected(2001, '\0');
  expected.back() = 'x';
  EXPECT_EQ(*ReadAllText(*file), expected);
}

TEST_P(FileSystemContract, AnEmptyWriteDoesNotLengthen) {
  const auto file = files->Create("a").ValueOrDie();
  EXPECT_OK(file->Write(100, {}));
  EXPECT_OK(file->Write(100, {{}, {}}));
  EXPECT_EQ(*file->Size(), 0u);
}

TEST_P(FileSystemContract, AWriteMayHaveMorePartsThanOneCallTakes) {
  const auto file = files->Create("a").ValueOrDie();
  const std::string text = Pattern(3 * IOV_MAX + 1, 1);
  std::vector<Bytes> parts;
  for (size_t i = 0; i < text.size(); ++i) parts.push_back(AsBytes(text).subspan(i, 1));
  ASSERT_OK(file->Write(5, parts));
  EXPECT_EQ(*ReadText(*file, 5, text.size()), text);
  EXPECT_EQ(*file->Size(), 5 + text.size());
}

TEST_P(FileSystemContract, AReadPastTheEndFailsAndNamesTheFile) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "0123"));
  const Status status = ReadText(*file, 2, 3).status();
  EXPECT_REASON(status, Code::kOutOfRange, Reason::kIo);
  EXPECT_EQ(MessageOf(status), "cannot read 3 bytes at 2 of 'a': it ends after 2 of them");
  EXPECT_REASON(ReadText(*file, 100, 1).status(), Code::kOutOfRange, Reason::kIo);
  EXPECT_REASON(ReadText(*file, UINT64_MAX, 1).status(), Code::kOutOfRange, Reason::kIo);
  EXPECT_OK(ReadText(*file, 100, 0).status());
}

TEST_P(FileSystemContract, APositionThatNoFileHasIsRefused) {
  const auto file = files->Create("a").ValueOrDie();
  EXPECT_REASON(WriteText(file.get(), UINT64_MAX, "x"), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(file->Reserve(UINT64_MAX), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(file->Truncate(UINT64_MAX), Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(*file->Size(), 0u);
}

TEST_P(FileSystemContract, ReserveLengthensWithZerosAndKeepsWhatIsThere) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "abc"));
  ASSERT_OK(file->Reserve(5000));
  EXPECT_EQ(*ReadAllText(*file), "abc" + std::string(4997, '\0'));
  ASSERT_OK(file->Reserve(10));
  EXPECT_EQ(*file->Size(), 5000u);
  ASSERT_OK(file->Reserve(0));
  EXPECT_EQ(*file->Size(), 5000u);
}

TEST_P(FileSystemContract, TruncateCutsAndLengthensWithZeros) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "0123456789"));
  ASSERT_OK(file->Truncate(4));
  EXPECT_EQ(*ReadAllText(*file), "0123");
  ASSERT_OK(file->Truncate(6));
  EXPECT_EQ(*ReadAllText(*file), std::string("0123\0\0", 6));
}

TEST_P(FileSystemContract, SyncsSucceed) {
  ASSERT_OK(files->MakeFolder("f"));
  const auto file = files->Create("f/a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "abc"));
  EXPECT_OK(file->Sync());
  EXPECT_OK(file->Sync());
  EXPECT_OK(files->SyncFolder("f"));
  EXPECT_OK(files->SyncFolder(""));
}

TEST_P(FileSystemContract, CreateRefusesWhatExists) {
  ASSERT_OK(MakeFile(files.get(), "a", "old"));
  ASSERT_OK(files->MakeFolder("f"));
  EXPECT_REASON(files->Create("a").status(), Code::kAlreadyExists, Reason::kIo);
  EXPECT_REASON(files->Create("f").status(), Code::kAlreadyExists, Reason::kIo);
  EXPECT_EQ(*ReadAllText(files.get(), "a"), "old");
}

TEST_P(FileSystemContract, WhatIsMissingIsNamed) {
  const Status status = files->Open("f/a").status();
  EXPECT_REASON(status, Code::kNotFound, Reason::kFileMissing);
  EXPECT_EQ(MessageOf(status), "cannot open 'f/a': No such file or directory");
  EXPECT_REASON(files->Create("f/a").status(), Code::kNotFound, Reason::kFileMissing);
  EXPECT_REASON(files->List("f").status(), Code::kNotFound, Reason::kFileMissing);
  EXPECT_REASON(files->SyncFolder("f"), Code::kNotFound, Reason::kFileMissing);
  EXPECT_REASON(files->Rename("a", "b"), Code::kNotFound, Reason::kFileMissing);
}

TEST_P(FileSystemContract, AFileIsNoFolderAndAFolderNoFile) {
  ASSERT_OK(MakeFile(files.get(), "a", ""));
  ASSERT_OK(files->MakeFolder("f"));
  EXPECT_REASON(files->Open("f").status(), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->Remove("f"), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->List("a").status(), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->SyncFolder("a"), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->Create("a/b").status(), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->MakeFolder("a"), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->MakeFolder("a/b"), Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(*Names(files.get(), ""), "a f/");
}

TEST_P(FileSystemContract, ExistsTellsOfFilesAndFolders) {
  ASSERT_OK(files->MakeFolder("f"));
  ASSERT_OK(MakeFile(files.get(), "f/a", ""));
  EXPECT_TRUE(*files->Exists(""));
  EXPECT_TRUE(*files->Exists("f"));
  EXPECT_TRUE(*files->Exists("f/a"));
  EXPECT_FALSE(*files->Exists("f/b"));
  EXPECT_FALSE(*files->Exists("g/a"));
  EXPECT_FALSE(*files->Exists("f/a/b"));
}

TEST_P(FileSystemContract, ListGivesNamesSizesAndKindsInOrder) {
  EXPECT_EQ(*Names(files.get(), ""), "");
  ASSERT_OK(MakeFile(files.get(), "b", "12345"));
  ASSERT_OK(MakeFile(files.get(), "a10", ""));
  ASSERT_OK(MakeFile(files.get(), "a9", ""));
  ASSERT_OK(files->MakeFolder("c/d"));
  ASSERT_OK(MakeFile(files.get(), "c/e", ""));
  const auto found = files->List("").ValueOrDie();
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[2].name, "b");
  EXPECT_EQ(found[2].bytes, 5u);
  EXPECT_FALSE(found[2].is_folder);
  EXPECT_EQ(found[3].bytes, 0u);
  EXPECT_EQ(*Names(files.get(), ""), "a10 a9 b c/");
  EXPECT_EQ(*Names(files.get(), "c"), "d/ e");
}

TEST_P(FileSystemContract, MakeFolderMakesThoseAboveAndMayBeRepeated) {
  EXPECT_OK(files->MakeFolder("a/b/c"));
  ASSERT_OK(MakeFile(files.get(), "a/b/x", "x"));
  EXPECT_OK(files->MakeFolder("a/b/c"));
  EXPECT_OK(files->MakeFolder(""));
  EXPECT_EQ(*Names(files.get(), "a/b"), "c/ x");
}

TEST_P(FileSystemContract, RenameMovesAndReplaces) {
  ASSERT_OK(files->MakeFolder("f"));
  ASSERT_OK(MakeFile(files.get(), "a", "new"));
  ASSERT_OK(MakeFile(files.get(), "f/b", "old"));
  EXPECT_OK(files->Rename("a", "f/b"));
  EXPECT_EQ(*Names(files.get(), ""), "f/");
  EXPECT_EQ(*ReadAllText(files.get(), "f/b"), "new");
  EXPECT_OK(files->Rename("f/b", "f/b"));
  EXPECT_EQ(*ReadAllText(files.get(), "f/b"), "new");
}

TEST_P(FileSystemContract, RenameMovesFolders) {
  ASSERT_OK(files->MakeFolder("f/g"));
  ASSERT_OK(files->MakeFolder("empty"));
  ASSERT_OK(MakeFile(files.get(), "f/g/a", "x"));
  EXPECT_OK(files->Rename("f/g", "empty"));
  EXPECT_EQ(*Names(files.get(), ""), "empty/ f/");
  EXPECT_EQ(*ReadAllText(files.get(), "empty/a"), "x");
}

TEST_P(FileSystemContract, RenameRefusesWhatWouldLoseAFolder) {
  ASSERT_OK(files->MakeFolder("f/g"));
  ASSERT_OK(files->MakeFolder("h"));
  ASSERT_OK(MakeFile(files.get(), "a", "x"));
  EXPECT_REASON(files->Rename("a", "h"), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->Rename("h", "a"), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->Rename("h", "f"), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(files->Rename("f", "f/g/i"), Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(*Names(files.get(), ""), "a f/ h/");
  EXPECT_EQ(*Names(files.get(), "f"), "g/");
}

TEST_P(FileSystemContract, OnlyEmptyFoldersAreRemoved) {
  ASSERT_OK(files->MakeFolder("a/b"));
  ASSERT_TRUE(files->Create("a/b/f").ok());
  EXPECT_EQ(files->RemoveFolder("a/b").ValueOrDie(), false);
  EXPECT_EQ(files->RemoveFolder("a").ValueOrDie(), false);
  EXPECT_FALSE(files->RemoveFolder("a/b/f").ok());
  ASSERT_OK(files->Remove("a/b/f"));
  EXPECT_EQ(files->RemoveFolder("a/b").ValueOrDie(), true);
  EXPECT_EQ(files->RemoveFolder("a/b").ValueOrDie(), true);
  EXPECT_EQ(files->RemoveFolder("no/such").ValueOrDie(), true);
  EXPECT_EQ(*files->Exists("a/b"), false);
  EXPECT_TRUE(files->List("a")->empty());
  EXPECT_FALSE(files->RemoveFolder("").ok());
  ASSERT_OK(files->MakeFolder("a/b"));  // the name is free
}

TEST_P(FileSystemContract, RemoveMayBeRepeated) {
  ASSERT_OK(MakeFile(files.get(), "a", "x"));
  EXPECT_OK(files->Remove("a"));
  EXPECT_FALSE(*files->Exists("a"));
  EXPECT_OK(files->Remove("a"));
  EXPECT_OK(files->Remove("no/such/folder"));
}

TEST_P(FileSystemContract, AnOpenFileOutlivesItsName) {
  const auto file = files->Create("a").ValueOrDie();
  ASSERT_OK(WriteText(file.get(), 0, "first"));
  ASSERT_OK(files->Remove("a"));
  ASSERT_OK(MakeFile(files.get(), "a", "second"));
  ASSERT_OK(WriteText(file.get(), 5, "!"));
  EXPECT_OK(file->Sync());
  EXPECT_EQ(*ReadAllText(*file), "first!");
  EXPECT_EQ(*ReadAllText(files.get(), "a"), "second");
}

TEST_P(FileSystemContract, AnOpenFileOutlivesBeingReplacedAndRenamed) {
  ASSERT_OK(MakeFile(files.get(), "a", "old"));
  const auto old_file = files->Open("a").ValueOrDie();
  ASSERT_OK(MakeFile(files.get(), "b", "new"));
  const auto new_file = files->Open("b").ValueOrDie();
  ASSERT_OK(files->Rename("b", "a"));
  EXPECT_EQ(*ReadAllText(*old_file), "old");
  ASSERT_OK(WriteText(new_file.get(), 0, "NEW"));
  EXPECT_EQ(*ReadAllText(files.get(), "a"), "NEW");
}

TEST_P(FileSystemContract, AnOpenFileOutlivesTheFileSystem) {
  const auto file = files->Create("a").ValueOrDie();
  files.reset();
  ASSERT_OK(WriteText(file.get(), 0, "x"));
  EXPECT_EQ(*ReadAllText(*file), "x");
}

TEST_P(FileSystemContract, TwoHandlesSeeOneFile) {
  const auto one = files->Create("a").ValueOrDie();
  const auto two = files->Open("a").ValueOrDie();
  ASSERT_OK(WriteText(one.get(), 0, "abc"));
  EXPECT_EQ(*ReadAllText(*two), "abc");
  ASSERT_OK(two->Truncate(1));
  EXPECT_EQ(*one->Size(), 1u);
}

TEST_P(FileSystemContract, PathsThatLeaveTheRootAreRefused) {
  ASSERT_OK(files->MakeFolder("f"));
  const std::string nul("a\0b", 3);
  for (const std::string& path :
       {std::string("/a"), std::string("../a"), std::string("f/../a"), std::string("./a"),
        std::string("f/."), std::string("f//a"), std::string("f/"), std::string(".."), nul,
        std::string("LOCK"), std::string(256, 'a'), "f/" + std::string(5000, 'a')}) {
    const auto refused = [&](const Status& status) {
      EXPECT_REASON(status, Code::kInvalidArgument, Reason::kInvalidName);
    };
    SCOPED_TRACE(path.substr(0, 64));
    refused(files->Create(path).status());
    refused(files->Open(path).status());
    refused(files->Exists(path).status());
    refused(files->List(path).status());
    refused(files->MakeFolder(path));
    refused(files->Rename(path, "b"));
    refused(files->Rename("f", path));
    refused(files->Remove(path));
    refused(files->SyncFolder(path));
  }
  EXPECT_EQ(*Names(files.get(), ""), "f/");
}

TEST_P(FileSystemContract, TheRootIsAFolderAndNoFile) {
  EXPECT_REASON(files->Create("").status(), Code::kInvalidArgument, Reason::kInvalidName);
  EXPECT_REASON(files->Open("").status(), Code::kInvalidArgument, Reason::kInvalidName);
  EXPECT_REASON(files->Remove(""), Code::kInvalidArgument, Reason::kInvalidName);
  EXPECT_REASON(files->Rename("", "a"), Code::kInvalidArgument, Reason::kInvalidName);
  EXPECT_OK(files->List("").status());
}

TEST_P(FileSystemContract, NamesMayBeAnyOtherBytes) {
  const std::string name = "~ .x\n\xff%é";
  ASSERT_OK(MakeFile(files.get(), name, "x"));
  EXPECT_EQ(*Names(files.get(), ""), name);
  ASSERT_OK(files->MakeFolder("f"));
  EXPECT_OK(MakeFile(files.get(), "f/LOCK", "only the root's is kept"));
}

TEST_P(FileSystemContract, ThereIsRoom) {
  EXPECT_GT(*files->FreeBytes(), 1u << 20);
}

TEST_P(FileSystemContract, ReadsAreThreadSafeBesideTheWriter) {
  const auto file = files->Create("a").ValueOrDie();
  const std::string text = Pattern(4096, 2);
  ASSERT_OK(WriteText(file.get(), 0, text));
  const auto read = [&] {
    for (size_t i = 0; i < 200; ++i) ASSERT_EQ(*ReadText(*file, i, 512), text.substr(i, 512));
  };
  std::thread one(read), two(read);
  for (uint64_t i = 0; i < 200; ++i) EXPECT_OK(WriteText(file.get(), 4096 + 512 * i, text));
  one.join();
  two.join();
}

}  // namespace
}  // namespace firth::store
