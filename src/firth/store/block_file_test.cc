#include "firth/store/block_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "firth/common/block_memory.h"
#include "firth/common/random.h"
#include "firth/store/memory_file_system.h"
#include "firth/store/testing_cache.h"
#include "firth/store/testing_files.h"

namespace firth::store {
namespace {

std::string Text(Random* random, size_t bytes) {
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>('a' + random->Next64() % 26);
  return text;
}

/// Groups of any size, each in parts; reads of any range, some of them of what is no more in
/// memory; now and then the file is opened anew, or cut and written on.
void Compare(FileSystem* files, size_t recent_bytes) {
  SeededRandom random(recent_bytes);
  const auto recent = std::make_shared<RecentBytes>(recent_bytes);
  const auto below = [&](uint64_t end) { return random.Next64() % end; };
  auto file = CreateToAppend(files, "f", recent).ValueOrDie();
  std::string expected;
  for (int i = 0; i < 400; ++i) {
    const std::string group = Text(&random, 1 + below(below(10) == 0 ? 40'000 : 900));
    const size_t cut = below(group.size() + 1);
    const std::string_view view = group;
    ASSERT_TRUE(file->Reserve(expected.size() + group.size()).ok());
    ASSERT_TRUE(file->Write(expected.size(),
                            {AsBytes(view.substr(0, cut)), Bytes(), AsBytes(view.substr(cut))})
                    .ok());
    ASSERT_TRUE(file->Sync().ok());
    expected += group;
    for (int j = 0; j < 3; ++j) {
      const uint64_t from = below(expected.size());
      const size_t bytes = below(expected.size() - from + 1);
      ASSERT_EQ(ReadText(*file, from, bytes).ValueOrDie(), expected.substr(from, bytes));
    }
    // What lies behind it in its block is zeros, and the other name of the file sees the same.
    const auto plain = files->Open("f").ValueOrDie();
    const uint64_t size = plain->Size().ValueOrDie();
    const uint64_t rest = std::min<uint64_t>(size, (expected.size() + 4095) / 4096 * 4096);
    ASSERT_EQ(ReadText(*plain, 0, rest).ValueOrDie(),
              expected + std::string(rest - expected.size(), '\0'));
    if (below(20) == 0) {
      ASSERT_TRUE(file->Truncate(expected.size()).ok());
      ASSERT_EQ(file->Size().ValueOrDie(), expected.size());
    }
    if (below(20) == 0) {
      expected.resize(below(expected.size() + 1));
      ASSERT_TRUE(file->Truncate(expected.size()).ok());
    }
    if (below(20) == 0) file = OpenToAppend(files, "f", recent).ValueOrDie();
  }
}

TEST(BlockFileTest, ReadsWhatWasWrittenFromMemoryAndFromTheFile) {
  for (const size_t recent : {size_t{1}, size_t{3} << 12, size_t{1} << 20}) {
    MemoryFileSystem files;
    Compare(&files, recent);
  }
}

TEST(BlockFileTest, ReadsWhatWasWrittenPastThePageCache) {
  const TemporaryFolder folder(testing::TempDir());  // on a disk, where there is one
  const auto files = OpenLocalFileSystem(folder.path()).ValueOrDie();
  Compare(files.get(), 3 << 12);
}

TEST(BlockFileTest, ReadsWhatWasWrittenToAFileSystemInMemory) {
  const TemporaryFolder folder;
  const auto files = OpenLocalFileSystem(folder.path()).ValueOrDie();
  Compare(files.get(), 3 << 12);
}

TEST(BlockFileTest, LongReadsOfWhatIsNotInMemory) {
  const TemporaryFolder folder(testing::TempDir());  // on a disk, where there is one
  const auto files = OpenLocalFileSystem(folder.path()).ValueOrDie();
  SeededRandom random(7);
  const std::string text = Text(&random, (5 << 20) + 77);
  const auto file = CreateToAppend(files.get(), "f", std::make_shared<RecentBytes>(1)).ValueOrDie();
  ASSERT_TRUE(file->Write(0, {AsBytes(text)}).ok());
  for (const uint64_t from : {0, 1, 4095, 4096, 70'000}) {
    EXPECT_TRUE(ReadText(*file, from, text.size() - from).ValueOrDie() == text.substr(from));
    EXPECT_TRUE(ReadText(*file, from, 300'001).ValueOrDie() == text.substr(from, 300'001));
  }
  ASSERT_TRUE(file->Truncate(text.size()).ok());
  EXPECT_FALSE(ReadText(*file, 1 << 20, text.size()).ok()) << "it ends before";
}

// A page that a reader brought there while its block was written could stay as it was.
TEST(BlockFileTest, NoReadBringsAPageOfALiveFileToTheCache) {
  const TemporaryFolder folder(testing::TempDir());  // on a disk, where there is one
  const auto files = OpenLocalFileSystem(folder.path()).ValueOrDie();
  const auto file = CreateToAppend(files.get(), "f", std::make_shared<RecentBytes>(1)).ValueOrDie();
  if (!GoesPastCache(folder.path() + "/f")) {
    GTEST_SKIP() << folder.path() << " is in memory: nothing goes past the cache there";
  }
  SeededRandom random(5);
  std::string expected;
  for (int i = 0; i < 30; ++i) {
    const std::string more = Text(&random, 30'000);
    ASSERT_TRUE(file->Reserve(expected.size() + more.size()).ok());
    ASSERT_TRUE(file->Write(expected.size(), {AsBytes(more)}).ok());
    ASSERT_TRUE(file->Sync().ok());
    expected += more;
    const auto other = OpenPastCache(files.get(), "f").ValueOrDie();
    for (const size_t bytes : {size_t{1}, size_t{5000}, expected.size()}) {
      EXPECT_EQ(ReadText(*file, 0, bytes).ValueOrDie(), expected.substr(0, bytes));
      EXPECT_EQ(ReadText(*other, 0, bytes).ValueOrDie(), expected.substr(0, bytes));
    }
    ASSERT_EQ(PagesInCache(folder.path() + "/f"), 0u);
  }
}

/// `text` in memory of its own whose address is `place` modulo a block.
std::shared_ptr<arrow::Buffer> Placed(const std::string& text, uint64_t place) {
  const size_t bytes = text.size() + 2 * kBlockBytes;
  auto piece = TakeBuffer(
      std::make_shared<BlockMemory>((bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes, 1));
  const auto at = static_cast<int64_t>(place % kBlockBytes);
  std::memcpy(piece->mutable_data() + at, text.data(), text.size());
  return arrow::SliceMutableBuffer(piece, at, static_cast<int64_t>(text.size()));
}

Bytes BytesIn(const std::shared_ptr<arrow::Buffer>& buffer) {
  return {reinterpret_cast<const std::byte*>(buffer->data()), static_cast<size_t>(buffer->size())};
}

/// Groups of parts with and without owners, in memory that lies as their place in the file does, or
/// otherwise.
void CompareHeld(FileSystem* files, size_t recent_bytes) {
  SeededRandom random(recent_bytes + 1);
  const auto recent = std::make_shared<RecentBytes>(recent_bytes);
  const auto below = [&](uint64_t end) { return random.Next64() % end; };
  auto file = CreateToAppend(files, "f", recent).ValueOrDie();
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const size_t before = expected.size();
    std::vector<std::string> own(below(6));
    std::vector<HeldBytes> parts;
    for (std::string& text : own) {
      text = Text(&random, below(below(3) == 0 ? 40'000 : 700));
      const uint64_t off = below(4) == 0 ? below(kBlockBytes) : 0;
      const auto held = below(3) == 0 ? nullptr : Placed(text, expected.size() + off);
      parts.push_back({.bytes = held == nullptr ? AsBytes(text) : BytesIn(held), .owner = held});
      expected += text;
    }
    ASSERT_TRUE(file->Reserve(expected.size()).ok());
    ASSERT_TRUE(file->WriteHeld(before, parts).ok());
    ASSERT_TRUE(file->Sync().ok());
    parts.clear();
    for (int j = 0; j < 3 && !expected.empty(); ++j) {
      const uint64_t from = below(expected.size());
      const size_t bytes = below(expected.size() - from + 1);
      ASSERT_TRUE(ReadText(*file, from, bytes).ValueOrDie() == expected.substr(from, bytes));
    }
    const auto plain = OpenPastCache(files, "f").ValueOrDie();
    ASSERT_TRUE(ReadText(*plain, 0, expected.size()).ValueOrDie() == expected) << i;
    if (below(20) == 0) {
      expected.resize(below(expected.size() + 1));
      ASSERT_TRUE(file->Truncate(expected.size()).ok());
    }
    if (below(20) == 0) file = OpenToAppend(files, "f", recent).ValueOrDie();
  }
}

TEST(BlockFileTest, WritesWhatIsHeldFromWhereItLies) {
  for (const size_t recent : {size_t{1}, size_t{3} << 12, size_t{1} << 20}) {
    MemoryFileSystem memory;
    CompareHeld(&memory, recent);
    const TemporaryFolder folder(testing::TempDir());  // on a disk, where there is one
    CompareHeld(OpenLocalFileSystem(folder.path()).ValueOrDie().get(), recent);
  }
}

/// A file in memory that wants to be written as one past the cache is: whole units, at addresses
/// and places that are multiples of them.
class AlignedFile : public PassingFile, public WritesDirectly {
 public:
  using PassingFile::PassingFile;

  uint64_t align_bytes() const override { return 512; }
  Status Write(uint64_t position, const std::vector<Bytes>& parts) override {
    EXPECT_EQ(position % align_bytes(), 0u);
    for (const Bytes part : parts) {
      EXPECT_EQ(part.size() % align_bytes(), 0u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(part.data()) % align_bytes(), 0u);
    }
    return PassingFile::Write(position, parts);
  }
};

std::unique_ptr<BlockFile> MakeAligned(FileSystem* files, size_t recent_bytes) {
  return MakeBlockFile(std::make_unique<AlignedFile>(files->Create("f").ValueOrDie()),
                       std::make_shared<RecentBytes>(recent_bytes));
}

TEST(BlockFileTest, ServesWhatIsHeldFromWhereItLies) {
  MemoryFileSystem files;
  const auto file = MakeAligned(&files, 8 << 20);
  SeededRandom random(1);
  const std::string text = Text(&random, 100'000);
  const auto held = Placed(text, 0);
  ASSERT_TRUE(file->WriteHeld(0, {{.bytes = BytesIn(held), .owner = held}}).ok());
  ASSERT_TRUE(ReadText(*file, 0, text.size()).ValueOrDie() == text);
  held->mutable_data()[5000] = '!';  // which nobody may do, and shows where it is read from
  EXPECT_EQ(ReadText(*file, 5000, 1).ValueOrDie(), "!");
  const auto plain = files.Open("f").ValueOrDie();
  EXPECT_TRUE(ReadText(*plain, 0, text.size()).ValueOrDie() == text);
}

TEST(BlockFileTest, HoldsNoMoreMemoryThanItMay) {
  MemoryFileSystem files;
  auto file = MakeAligned(&files, 8 << 20);
  SeededRandom random(2);
  const std::string text = Text(&random, 40'000);
  const auto pieces = std::make_shared<BlockMemory>(1 << 20, 100);
  std::vector<std::weak_ptr<arrow::Buffer>> all;
  uint64_t position = 0;
  for (int i = 0; i < 60; ++i) {
    // Little of much memory: what counts is all that it keeps from being used again.
    const auto piece = TakeBuffer(pieces);
    const auto at = static_cast<int64_t>(position % kBlockBytes);
    std::memcpy(piece->mutable_data() + at, text.data(), text.size());
    const auto held = arrow::SliceBuffer(piece, at, static_cast<int64_t>(text.size()));
    all.push_back(piece);
    ASSERT_TRUE(file->WriteHeld(position, {{.bytes = BytesIn(held), .owner = held}}).ok());
    position += text.size();
  }
  const auto held = [&] {
    return std::count_if(all.begin(), all.end(),
                         [](const auto& piece) { return !piece.expired(); });
  };
  EXPECT_LE(held(), 8);
  EXPECT_GT(held(), 0);
  EXPECT_FALSE(all.back().expired());
  for (uint64_t from = 0; from < position; from += text.size()) {
    EXPECT_TRUE(ReadText(*file, from, text.size()).ValueOrDie() == text);
  }
  file.reset();
  EXPECT_EQ(held(), 0);
}

void ReadWhileItIsWritten(FileSystem* files) {
  const auto file = CreateToAppend(files, "f", std::make_shared<RecentBytes>(4 << 12)).ValueOrDie();
  SeededRandom random(3);
  const std::string text = Text(&random, 3 << 20);
  std::atomic<size_t> durable{0};
  const auto read = [&](uint64_t seed) {
    SeededRandom own(seed);
    for (size_t end = 0; end < text.size();) {
      end = durable;
      if (end == 0) continue;
      // Mostly what was written last.
      const size_t from = end - 1 - own.Next64() % std::min<size_t>(end, 40'000);
      const auto got = ReadText(*file, from, end - from);
      ASSERT_TRUE(got.ok()) << got.status();
      ASSERT_TRUE(*got == text.substr(from, end - from)) << from << " " << end;
    }
  };
  std::thread first(read, 1), second(read, 2);
  while (durable < text.size()) {
    const size_t bytes = std::min<size_t>(text.size() - durable, 1 + random.Next64() % 20'000);
    ASSERT_TRUE(file->Reserve(durable + bytes).ok());
    const auto held = Placed(text.substr(durable, bytes), durable);
    ASSERT_TRUE(file->WriteHeld(durable, {{.bytes = BytesIn(held), .owner = held}}).ok());
    durable += bytes;
  }
  first.join();
  second.join();
}

TEST(BlockFileTest, ReadersSeeWhatWasWrittenWhileMoreIsWritten) {
  const TemporaryFolder folder(testing::TempDir());  // on a disk, where there is one
  ReadWhileItIsWritten(OpenLocalFileSystem(folder.path()).ValueOrDie().get());
  MemoryFileSystem memory;
  ReadWhileItIsWritten(&memory);
}

// Several files share the memory: one that is written pushes out the other, and neither shows the
// other's bytes.
TEST(BlockFileTest, FilesShareTheMemory) {
  MemoryFileSystem files;
  const auto recent = std::make_shared<RecentBytes>(2 << 12);
  const auto a = CreateToAppend(&files, "a", recent).ValueOrDie();
  const auto b = CreateToAppend(&files, "b", recent).ValueOrDie();
  SeededRandom random(9);
  std::string in_a, in_b;
  for (int i = 0; i < 60; ++i) {
    for (auto [file, text] : {std::pair(a.get(), &in_a), std::pair(b.get(), &in_b)}) {
      const std::string more = Text(&random, 1 + random.Next64() % 3000);
      ASSERT_TRUE(file->Write(text->size(), {AsBytes(more)}).ok());
      *text += more;
      ASSERT_EQ(ReadText(*file, 0, text->size()).ValueOrDie(), *text);
    }
  }
}

}  // namespace
}  // namespace firth::store
