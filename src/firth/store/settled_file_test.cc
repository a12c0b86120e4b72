// Files that nobody writes to any more: every read gives what is there, whichever way it goes, and
// which way that is is seen by what is in the operating system's cache afterwards.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "firth/common/block_memory.h"
#include "firth/common/random.h"
#include "firth/store/ask_ahead.h"
#include "firth/store/block_file.h"
#include "firth/store/testing_cache.h"
#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

constexpr size_t kBytes = (3 << 20) + 1234;

/// A file of kBytes on a disk, where there is one, that is durable and not in the cache.
class SettledFileTest : public testing::Test {
 protected:
  SettledFileTest() {
    const auto made = files_->Create("f").ValueOrDie();
    FIRTH_CHECK(WriteText(made.get(), 0, text_).ok() && made->Sync().ok());
    DropFromCache(path_);
  }
  std::unique_ptr<File> Open() { return OpenSettled(files_.get(), "f", lately_).ValueOrDie(); }

  const TemporaryFolder folder_{testing::TempDir()};
  const std::string path_ = folder_.path() + "/f";
  const std::string text_ = Pattern(kBytes, 1);
  const std::unique_ptr<FileSystem> files_ = OpenLocalFileSystem(folder_.path()).ValueOrDie();
  const std::shared_ptr<LatelyRead> lately_ = std::make_shared<LatelyRead>();
};

/// Read into memory that lies `offset` bytes behind a block's begin.
Result<std::string> ReadAt(const File& file, uint64_t position, size_t bytes, size_t offset,
                           const std::shared_ptr<BlockMemory>& memory) {
  const auto piece = TakeBuffer(memory);
  const std::span out(reinterpret_cast<std::byte*>(piece->mutable_data()) + offset, bytes);
  ARROW_RETURN_NOT_OK(file.Read(position, out));
  return std::string(AsText(out));
}

TEST_F(SettledFileTest, GivesWhatIsThereAtAnyPlaceIntoAnyMemory) {
  const auto memory = std::make_shared<BlockMemory>(4 << 20, 1);
  SeededRandom random(3);
  const auto below = [&](uint64_t end) { return random.Next64() % end; };
  const auto file = Open();
  for (int i = 0; i < 600; ++i) {
    if (i % 20 == 0) DropFromCache(path_);
    const uint64_t position = below(4) == 0 ? below(kBytes / 4096) * 4096 : below(kBytes);
    const size_t left = kBytes - position;
    const size_t bytes = below(5) == 0 ? left : below(std::min<size_t>(left, 400'000) + 1);
    // As its bytes lie in the file, or not.
    const size_t offset = below(2) == 0 ? position % 4096 : below(4096);
    ASSERT_TRUE(ReadAt(*file, position, bytes, offset, memory).ValueOrDie() ==
                text_.substr(position, bytes))
        << position << " " << bytes << " " << offset;
  }
}

TEST_F(SettledFileTest, AReadPastTheEndSaysWhereItEnds) {
  const auto file = Open();
  for (const uint64_t position :
       {uint64_t{0}, uint64_t{70'000}, uint64_t{kBytes}, uint64_t{kBytes + 9'000}}) {
    const auto read = ReadText(*file, position, kBytes + 1);
    EXPECT_REASON(read.status(), Code::kOutOfRange, Reason::kIo);
  }
  EXPECT_FALSE(ReadText(*file, INT64_MAX - 5, 100'000).ok());
  EXPECT_FALSE(ReadText(*file, UINT64_MAX - 5, 100'000).ok());
  // And so does one of a file that was cut since.
  ASSERT_OK(files_->Open("f").ValueOrDie()->Truncate(200'000));
  EXPECT_REASON(ReadText(*file, 100'000, 150'000).status(), Code::kOutOfRange, Reason::kIo);
  EXPECT_EQ(ReadText(*file, 100'000, 100'000).ValueOrDie(), text_.substr(100'000, 100'000));
}

TEST_F(SettledFileTest, LongReadsGoPastTheCacheUntilTheyComeAgain) {
  if (!GoesPastCache(path_)) {
    GTEST_SKIP() << folder_.path() << " is in memory: nothing goes past the cache there";
  }
  const auto file = Open();
  ASSERT_EQ(PagesInCache(path_), 0u);
  const auto read = [&](uint64_t position, size_t bytes) {
    ASSERT_TRUE(ReadText(*file, position, bytes).ValueOrDie() == text_.substr(position, bytes));
  };
  // Neighbours share blocks, and are no readers of the same for that.
  for (uint64_t i = 0; i < LatelyRead::kTimesMax; ++i) {
    for (uint64_t at = 0; at + 100'000 <= kBytes; at += 100'000) read(at, 100'000);
  }
  EXPECT_EQ(PagesInCache(path_), 0u);
  read(700'000, 100'000);
  EXPECT_GE(PagesInCache(path_), 100'000u / 4096);
  // From there on it is in memory, and is read from there whatever else is read.
  const size_t held = PagesInCache(path_);
  for (int i = 0; i < 3; ++i) read(700'000, 100'000);
  EXPECT_EQ(PagesInCache(path_), held);
}

TEST_F(SettledFileTest, ShortReadsGoThroughTheCache) {
  const auto file = Open();
  ASSERT_EQ(ReadText(*file, 5'000, 3'000).ValueOrDie(), text_.substr(5'000, 3'000));
  EXPECT_GT(PagesInCache(path_), 0u);
}

TEST_F(SettledFileTest, WhatTheCacheHoldsIsReadAtOnce) {
  if (!GoesPastCache(path_)) {
    GTEST_SKIP() << folder_.path() << " is in memory: there is no cache that could lack a page";
  }
  const auto file = Open();
  std::string text(3'000, '?');
  const std::span out = std::as_writable_bytes(std::span(text));
  EXPECT_FALSE(ReadAtOnce(*file, 5'000, out));
  ASSERT_TRUE(file->Read(5'000, out).ok());
  text.assign(text.size(), '?');
  EXPECT_TRUE(ReadAtOnce(*file, 5'000, out));
  EXPECT_EQ(text, text_.substr(5'000, text.size()));
  ASSERT_TRUE(file->Read(kBytes - text.size(), out).ok());
  EXPECT_TRUE(ReadAtOnce(*file, kBytes - text.size(), out));
  EXPECT_FALSE(ReadAtOnce(*file, kBytes - text.size() + 1, out)) << "it ends before";
  EXPECT_FALSE(ReadAtOnce(*file, uint64_t{1} << 63, out));
}

TEST_F(SettledFileTest, ManyReadersAtOnce) {
  const auto file = Open();
  const auto read = [&](uint64_t seed) {
    SeededRandom random(seed);
    for (int i = 0; i < 200; ++i) {
      const uint64_t position = random.Next64() % (kBytes - 200'000);
      const size_t bytes = random.Next64() % 200'000;
      ASSERT_TRUE(ReadText(*file, position, bytes).ValueOrDie() == text_.substr(position, bytes));
    }
  };
  std::vector<std::thread> readers;
  for (uint64_t seed = 1; seed <= 4; ++seed) readers.emplace_back(read, seed);
  for (std::thread& reader : readers) reader.join();
}

TEST(LatelyReadTest, ForgetsNothingSoonAndEverythingInTheEnd) {
  LatelyRead lately;
  const int a = 0;
  const int b = 0;
  for (uint64_t i = 0; i < LatelyRead::kTimesMax; ++i) {
    EXPECT_FALSE(lately.Note(&a, 1'000'000, 100'000));
    EXPECT_FALSE(lately.Note(&a, 1'100'000, 64 << 10)) << "what lies beside it";
  }
  EXPECT_TRUE(lately.Note(&a, 1'000'000, 100'000));
  EXPECT_TRUE(lately.Note(&a, 1'010'000, 80'000)) << "a part of it";
  EXPECT_FALSE(lately.Note(&b, 1'000'000, 100'000)) << "another file";
  for (uint64_t at = 0; at < uint64_t{16} << 30; at += 1 << 20) lately.Note(&b, at, 1 << 20);
  EXPECT_FALSE(lately.Note(&a, 1'000'000, 100'000));
}

TEST(SettledFileElsewhereTest, WhereNothingGoesPastTheCache) {
  const TemporaryFolder folder;  // in memory, where that is possible
  const auto local = OpenLocalFileSystem(folder.path()).ValueOrDie();
  MemoryFileSystem memory;
  const std::string text = Pattern(300'000, 2);
  for (FileSystem* files : {local.get(), static_cast<FileSystem*>(&memory)}) {
    ASSERT_OK(MakeFile(files, "f", text));
    const auto file = OpenSettled(files, "f", std::make_shared<LatelyRead>()).ValueOrDie();
    EXPECT_TRUE(ReadAllText(*file).ValueOrDie() == text);
    EXPECT_REASON(OpenSettled(files, "g", nullptr).status(), Code::kNotFound, Reason::kFileMissing);
  }
}

TEST(BlockMemoryTest, PiecesAreUsedAgainWhenNobodyHoldsASlice) {
  const auto memory = std::make_shared<BlockMemory>(8192, 1);
  auto piece = TakeBuffer(memory);
  ASSERT_NE(piece, nullptr);
  EXPECT_EQ(piece->size(), 8192);
  const uint8_t* const at = piece->data();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % kBlockBytes, 0u);
  auto slice = arrow::SliceBuffer(piece, 100, 10);
  piece.reset();
  EXPECT_EQ(TakeBuffer(memory), nullptr) << "a slice is held, and no more than one is kept";
  std::byte* const more = memory->Take();
  EXPECT_NE(more, nullptr) << "whoever must have one gets one";
  memory->GiveBack(more);
  slice.reset();
  ASSERT_NE(TakeBuffer(memory), nullptr);
  EXPECT_EQ(TakeBuffer(memory)->data(), at);
}

}  // namespace
}  // namespace firth::store
