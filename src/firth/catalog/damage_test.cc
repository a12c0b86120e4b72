// Damaged bytes and missing files: an error that names the file, never a wrong answer.
// Method: the files that a workload leaves, one byte changed at a time, are opened and read whole.
#include <gtest/gtest.h>

#include "firth/catalog/testing_workload.h"
#include "firth/catalog/wal_format.h"
#include "firth/common/logging.h"
#include "firth/common/random.h"

namespace firth::catalog {
namespace {

using store::MemoryFileSystem;

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

TEST_F(DamageTest, AMarkThatIsGoneIsSaid) {
  Fill(/*closed=*/false);
  logging::SetLevel(logging::Level::kWarning);
  const auto said = [&](store::MemoryFileSystem* left) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(ReadAll(left).ValueOrDie(), expected);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(said(files->Copy().get()).find("mark"), std::string::npos);
  const auto damaged = files->Copy();
  ASSERT_OK(damaged->FlipBits("catalog.db-mark", 9, 0x01));
  EXPECT_NE(said(damaged.get()).find("'catalog.db-mark' was torn"), std::string::npos);
  const auto without = files->Copy();
  ASSERT_OK(without->Remove("catalog.db-mark"));
  EXPECT_NE(said(without.get()).find("'catalog.db-mark' is missing"), std::string::npos);
  EXPECT_EQ(said(without.get()).find("'catalog.db-mark' is missing"), std::string::npos);
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

}  // namespace
}  // namespace firth::catalog
