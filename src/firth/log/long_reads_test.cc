// Long reads of closed files of the operating system, which go past its cache into memory that is
// used again: everything is given as it was written, whoever still holds what was read before, and
// damage is named.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "firth/log/log_testing.h"
#include "firth/store/testing_files.h"

namespace firth::log {
namespace {

constexpr int64_t kRows = 8000;   // of an entry, whose body is then some 200 kB
constexpr int64_t kEntries = 40;  // of each of two logs

class LongReadsTest : public testing::Test {
 protected:
  LongReadsTest() {
    log_ = Open();
    // The two lie between each other.
    for (int64_t i = 0; i < kEntries; ++i) {
      for (const LogId log : {LogId(1), LogId(2)}) {
        CommitDraft draft;
        draft.entries.push_back(Entry(log, i));
        log_->Commit(std::move(draft), [](const auto& done) { FIRTH_CHECK(done.ok()); });
        executor_.RunUntilIdle();
      }
    }
  }
  static EntryDraft Entry(LogId log, int64_t i) {
    EntryDraft entry;
    entry.log = log;
    entry.schema_id = SchemaId(1);
    entry.rows = entry.offsets = static_cast<uint32_t>(kRows);
    entry.body = TestBatch((log.value * kEntries + i) * kRows, kRows,
                           {.compression = arrow::Compression::UNCOMPRESSED});
    return entry;
  }

  std::unique_ptr<LogStore> Open() {
    LogOptions options;
    options.files = files_.get();
    options.clock = &clock_;
    options.writer = options.notifier = &executor_;
    options.file_bytes_max = 3 << 20;
    options.recent_bytes = 4 << 20;  // two pieces to read into: soon more are wanted
    options.apply = [](std::vector<CatalogCommit>*) { return Status::OK(); };
    options.named_in = [](uint64_t) -> Result<std::vector<CommitId>> {
      return std::vector<CommitId>();
    };
    return LogStore::Open(std::move(options)).ValueOrDie();
  }

  /// All entries of a log from one on, in reads of at most `bytes_max`.
  Result<std::vector<StoredEntry>> ReadAll(LogId log, uint64_t bytes_max) {
    std::vector<StoredEntry> all;
    Offset next(0);
    while (next.value < kEntries * kRows) {
      ARROW_ASSIGN_OR_RAISE(auto entries, log_->Read(log, next, {.bytes_max = bytes_max}));
      for (StoredEntry& entry : entries) {
        next = entry.end_offset();
        all.push_back(std::move(entry));
      }
    }
    return all;
  }

  static void Expect(LogId log, const std::vector<StoredEntry>& entries) {
    ASSERT_EQ(entries.size(), static_cast<size_t>(kEntries));
    for (int64_t i = 0; i < kEntries; ++i) {
      const Bytes body = BytesOf(entries[static_cast<size_t>(i)].body);
      const auto expected = Entry(log, i).body;
      ASSERT_EQ(body.size(), static_cast<size_t>(expected->size()));
      ASSERT_TRUE(AsText(body.subspan(kBatchPatchedBytes)) ==
                  AsText(BytesOf(expected).subspan(kBatchPatchedBytes)))
          << "entry " << i;
    }
  }

  const store::TemporaryFolder folder_{testing::TempDir()};  // on a disk: memory has no cache
  ManualClock clock_;
  ManualExecutor executor_{&clock_};
  std::unique_ptr<store::FileSystem> files_ =
      store::OpenLocalFileSystem(folder_.path()).ValueOrDie();
  std::unique_ptr<LogStore> log_;
};

TEST_F(LongReadsTest, WhatIsHeldStaysAsItWasRead) {
  std::vector<std::pair<LogId, std::vector<StoredEntry>>> held;
  for (const uint64_t bytes_max :
       {uint64_t{1}, uint64_t{300'000}, uint64_t{1} << 20, uint64_t{64} << 20}) {
    for (const LogId log : {LogId(1), LogId(2)}) {
      held.emplace_back(log, ReadAll(log, bytes_max).ValueOrDie());
    }
  }
  for (const auto& [log, entries] : held) Expect(log, entries);
  // And when all of it was given back, the same memory is filled anew.
  held.clear();
  for (int i = 0; i < 6; ++i) Expect(LogId(1), ReadAll(LogId(1), 1 << 20).ValueOrDie());
}

TEST_F(LongReadsTest, AlsoAfterARestart) {
  ASSERT_TRUE(log_->Close().ok());
  log_ = Open();
  for (const LogId log : {LogId(2), LogId(1)}) Expect(log, ReadAll(log, 2 << 20).ValueOrDie());
}

TEST_F(LongReadsTest, DamageIsNamed) {
  const auto path = std::filesystem::path(folder_.path()) / "journal" / "0000000000000002.journal";
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  // Well within a body: between two of them may be padding.
  const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(path) / 2 + 50'000);
  file.seekg(middle);
  const char was = static_cast<char>(file.get());
  file.seekp(middle);
  file.put(static_cast<char>(was ^ 1));
  file.close();
  ASSERT_TRUE(file.good());
  Status seen;
  for (const LogId log : {LogId(1), LogId(2)}) {
    if (const auto read = ReadAll(log, 1 << 20); !read.ok()) seen = read.status();
  }
  EXPECT_EQ(CodeOf(seen), Code::kDataLoss);
  EXPECT_NE(seen.message().find("0000000000000002.journal"), std::string::npos) << seen;
}

}  // namespace
}  // namespace firth::log
