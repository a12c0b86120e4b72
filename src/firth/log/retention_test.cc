// Goal: nothing that is kept is lost and no answer changes when closed files get indexes, logs are
// trimmed, and files are rewritten or removed; and no start is fooled by what is missing. Method:
// the same simulated world as log_store_test, with small files so that many are closed; every step
// is followed by reading everything, also after a restart.
#include "firth/common/checksum.h"
#include "firth/common/random.h"
#include "firth/log/log_testing.h"

namespace firth::log {
namespace {

constexpr LogId kA{1};
constexpr LogId kB{2};
constexpr uint64_t kFileBytes = 4096;

struct NoChange : CatalogPart {};

std::unique_ptr<TestWorld> NewWorld() {
  auto world = std::make_unique<TestWorld>(std::make_unique<store::MemoryFileSystem>());
  EXPECT_TRUE(world->Open(kFileBytes).ok());
  return world;
}

std::vector<int64_t> From(int64_t begin, int64_t end) {
  std::vector<int64_t> values;
  for (int64_t i = begin; i < end; ++i) values.push_back(i);
  return values;
}

std::vector<std::string> Files(TestWorld* world, const std::string& ending) {
  std::vector<std::string> names;
  for (const auto& info : *world->files->List("journal")) {
    if (info.name.ends_with(ending)) names.push_back(info.name);
  }
  return names;
}

/// Rows 0 .. count-1 of both logs, one a commit, in turn.
void Fill(TestWorld* world, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    ASSERT_TRUE(world->Append(kA, i, 1, WriterId(1), static_cast<int32_t>(i)).ok());
    ASSERT_TRUE(world->Append(kB, i, 1).ok());
    world->clock.Advance(1'000'000);
  }
}

void Restart(TestWorld* world) {
  world->Kill();
  const Status opened = world->Open(kFileBytes);
  ASSERT_TRUE(opened.ok()) << opened.ToString();
}

TEST(RetentionTest, AnswersAreTheSameFromIndexesAndAfterAStart) {
  auto other = NewWorld();
  std::vector<CommitResult> commits;
  for (int64_t i = 0; i < 150; ++i) {
    other->clock.Advance(1'000'000);
    const auto commit = other->Append(kA, i, 1, WriterId(1), static_cast<int32_t>(i));
    ASSERT_TRUE(commit.ok()) << commit.status().ToString();
    commits.push_back(*commit);
  }
  ASSERT_GT(Files(other.get(), ".index").size(), 3u);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(*other->Values(kA), From(0, 150));
    for (size_t i = 0; i < commits.size(); i += 7) {
      const Offset offset(static_cast<int64_t>(i));
      EXPECT_EQ(*other->log->OffsetAtTime(kA, commits[i].time_ns), offset);
      EXPECT_EQ(other->log->OffsetAfterCommit(kA, commits[i].id)->value, offset.value + 1);
      EXPECT_EQ(*other->log->LastCommitAt(commits[i].time_ns), commits[i].id);
      EXPECT_EQ(other->log->List(kA, commits[i].id, CommitId(INT64_MAX))->size(), 149 - i);
      EXPECT_EQ(other->log->Read(kA, offset, {.bytes_max = 1})->front().base_offset, offset);
      EXPECT_EQ(*other->log->BytesBetween(kA, Offset(0), offset),
                *other->log->BytesBetween(kA, Offset(0), Offset(150)) -
                    *other->log->BytesBetween(kA, offset, Offset(150)));
    }
    EXPECT_EQ(*other->log->LogsAfter(commits[3].id), std::vector<LogId>{kA});
    EXPECT_TRUE(other->log->LogsAfter(commits.back().id)->empty());
    EXPECT_EQ(other->log->Range(kA)->last_commit, commits.back().id);
    EXPECT_EQ(other->log->Range(kA)->last_commit_time_ns, commits.back().time_ns);
    EXPECT_EQ(*other->log->LastSequence(kA, WriterId(1)), 149);
    Restart(other.get());
    if (round == 1) {
      // Without any index they are made again.
      other->Kill();
      for (const auto& name : Files(other.get(), ".index")) {
        ASSERT_TRUE(other->files->Remove("journal/" + name).ok());
      }
      ASSERT_TRUE(other->Open(kFileBytes).ok());
      ASSERT_GT(Files(other.get(), ".index").size(), 3u);
    }
  }
  const auto repeat = other->Append(kA, 147, 1, WriterId(1), 147);
  ASSERT_TRUE(repeat.ok()) << repeat.status().ToString();
  EXPECT_EQ(repeat->id, commits[147].id);
  EXPECT_TRUE(repeat->entries[0].duplicate);
  EXPECT_EQ(ReasonOf(other->Append(kA, 9, 1, WriterId(1), 151).status()),
            Reason::kOutOfOrderSequence);
}

TEST(RetentionTest, ATrimmedLogSaysWhereItStartsAndKnowsItsWriters) {
  auto world = NewWorld();
  Fill(world.get(), 60);
  ASSERT_TRUE(world->log->TrimLogs({{.log = kA, .to = Offset(41)}}).ok());
  ASSERT_TRUE(world->log->TrimLogs({{.log = kA, .to = Offset(7)}}).ok());  // nothing comes back
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(world->log->Range(kA)->start, Offset(41));
    EXPECT_EQ(*world->Values(kA), From(41, 60));
    EXPECT_EQ(*world->Values(kB), From(0, 60));
    EXPECT_EQ(ReasonOf(world->log->Read(kA, Offset(40), {}).status()), Reason::kOffsetOutOfRange);
    EXPECT_EQ(*world->log->OffsetAtTime(kA, 0), Offset(41));
    EXPECT_EQ(world->log->List(kA, CommitId(0), CommitId(INT64_MAX))->size(), 19u);
    if (round == 1) {
      ASSERT_TRUE(world->log->Rewrite().ok());
    }
    Restart(world.get());
  }
  // All of it: the end stays, and the writer goes on where it was.
  ASSERT_TRUE(
      world->log->TrimLogs({{.log = kA, .to = Offset(60)}, {.log = kB, .to = Offset(60)}}).ok());
  const CommitId last = world->log->Range(kA)->last_commit;
  ASSERT_TRUE(world->Append(LogId(3), 0, 30).ok());  // so that the file of the last rows closes
  ASSERT_TRUE(world->Append(LogId(3), 30, 500).ok());
  ASSERT_TRUE(world->log->Rewrite().ok());
  Restart(world.get());
  EXPECT_EQ(world->log->Range(kA)->start, Offset(60));
  EXPECT_EQ(world->log->Range(kA)->end, Offset(60));
  EXPECT_EQ(world->log->Range(kA)->last_commit, last);
  EXPECT_TRUE(world->Append(kA, 59, 1, WriterId(1), 59)->entries[0].duplicate);
  EXPECT_EQ(world->Append(kA, 60, 1, WriterId(1), 60)->entries[0].base_offset, Offset(60));
  EXPECT_EQ(*world->Values(kA), From(60, 61));
}

TEST(RetentionTest, FilesOfWhichNothingIsKeptGoAway) {
  auto world = NewWorld();
  Fill(world.get(), 60);
  const size_t before = Files(world.get(), ".journal").size();
  ASSERT_TRUE(world->log->TrimLogs({{.log = kA, .to = Offset(50)}}).ok());
  world->catalog.gone.insert(kB);
  ASSERT_TRUE(world->log->Rewrite().ok());
  EXPECT_LT(Files(world.get(), ".journal").size(), before / 2);
  EXPECT_EQ(*world->Values(kA), From(50, 60));
  Restart(world.get());
  EXPECT_EQ(*world->Values(kA), From(50, 60));
  const auto verified = world->log->Verify();
  EXPECT_TRUE(verified.ok()) << verified.status().ToString();
}

TEST(RetentionTest, ScatteredLogsAreGatheredAndReadTheSame) {
  constexpr uint64_t kLargeBytes = 128 << 10;
  constexpr int64_t kRows = 250;  // some KiB: what lies between two batches of a log is more
  auto world = std::make_unique<TestWorld>(std::make_unique<store::MemoryFileSystem>());
  ASSERT_TRUE(world->Open(kLargeBytes).ok());
  CommitDraft both;  // a commit of both logs, with a side and a change of the catalog
  both.entries = {TestEntry(kA, 0, 2), TestEntry(kB, 0, 2)};
  both.entries[1].side = "sides";
  both.entries[0].record_time_min_ns = 5;
  both.entries[0].record_time_max_ns = 9;
  both.catalog = std::make_shared<NoChange>();
  const auto first = world->Commit(std::move(both));
  ASSERT_TRUE(first.ok());
  for (int64_t i = 0; i < 60; ++i) {
    for (const LogId log : {kA, kB, LogId(3)}) {
      CommitDraft draft;
      draft.entries = {TestEntry(log, i * kRows, kRows)};
      draft.entries[0].body =
          TestBatch(i * kRows, kRows, {.compression = arrow::Compression::UNCOMPRESSED});
      ASSERT_TRUE(world->Commit(std::move(draft)).ok());
    }
  }
  const auto bodies = [&] {
    std::vector<std::string> all;
    for (const LogId log : {kA, kB, LogId(3)}) {
      const auto read = world->log->Read(log, Offset(0), {.bytes_max = UINT64_MAX});
      EXPECT_TRUE(read.ok()) << read.status().ToString();
      for (const auto& entry : *read) all.push_back(entry.body->ToString());
    }
    return all;
  };
  const auto before = bodies();
  const size_t files = Files(world.get(), ".journal").size();
  ASSERT_TRUE(world->log->Rewrite().ok());
  ASSERT_GT(Files(world.get(), ".sorted").size(), 0u);
  EXPECT_LT(Files(world.get(), ".journal").size(), files / 2);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(bodies(), before);
    const auto b = world->log->Read(kB, Offset(0), {.bytes_max = 1});
    EXPECT_EQ(b->front().side, "sides");
    EXPECT_EQ(b->front().commit, first->id);
    EXPECT_EQ(b->front().commit_time_ns, first->time_ns);
    const auto a = world->log->Read(kA, Offset(0), {.bytes_max = 1});
    EXPECT_EQ(a->front().record_time_min_ns, 5);
    EXPECT_EQ(a->front().record_time_max_ns, 9);
    EXPECT_EQ(*world->log->LastCommitAt(first->time_ns), first->id);
    const auto verified = world->log->Verify();
    ASSERT_TRUE(verified.ok()) << verified.status().ToString();
    EXPECT_EQ(verified->entries, 182u);
    world->Kill();
    if (round == 1) {
      for (const auto& name : Files(world.get(), ".index")) {
        ASSERT_TRUE(world->files->Remove("journal/" + name).ok());
      }
    }
    const Status opened = world->Open(kLargeBytes);
    ASSERT_TRUE(opened.ok()) << opened.ToString();
  }
}

TEST(RetentionTest, AFileThatIsNotThereIsNamed) {
  auto world = NewWorld();
  Fill(world.get(), 40);
  ASSERT_TRUE(world->log->Rewrite().ok());
  world->Kill();
  for (const std::string& ending : {std::string(".sorted"), std::string(".journal")}) {
    for (const std::string& name : Files(world.get(), ending)) {
      TestWorld damaged(world->files->Copy());
      damaged.catalog = world->catalog;
      ASSERT_TRUE(damaged.files->Remove("journal/" + name).ok());
      const Status opened = damaged.Open(kFileBytes);
      if (opened.ok()) {
        // Only the last file can go unseen, and only if nothing says that it had begun.
        EXPECT_EQ(name, Files(world.get(), ".journal").back());
        continue;
      }
      EXPECT_EQ(CodeOf(opened), Code::kDataLoss);
      EXPECT_NE(opened.message().find(name), std::string::npos) << opened.message();
    }
  }
}

TEST(RetentionTest, ACommitThatTheCatalogNamesAndNoFileHoldsIsNamed) {
  auto world = NewWorld();
  CommitDraft draft;
  draft.entries.push_back(TestEntry(kA, 0, 1));
  draft.catalog = std::make_shared<NoChange>();
  const auto made = world->Commit(std::move(draft));
  ASSERT_TRUE(made.ok());
  world->Kill();
  world->catalog.named[made->id.value + 5] = 1;
  const Status opened = world->Open(kFileBytes);
  EXPECT_EQ(CodeOf(opened), Code::kDataLoss);
  EXPECT_NE(opened.message().find("0000000000000001.journal"), std::string::npos)
      << opened.ToString();
}

TEST(RetentionTest, RotInTheLastSyncedGroupIsNoTornTail) {
  auto world = NewWorld();
  for (int64_t i = 0; i < 3; ++i) ASSERT_TRUE(world->Append(kA, i, 1).ok());
  const auto last = world->log->Read(kA, Offset(2), {});
  world->Kill();
  const std::string file = "journal/0000000000000001.journal";
  const uint64_t end =
      64 + 3 * (64 + 96 + (static_cast<uint64_t>(last->front().body->size()) + 7) / 8 * 8);
  for (uint64_t back : {1u, 9u, 100u, 300u}) {
    TestWorld damaged(world->files->Copy());
    ASSERT_TRUE(damaged.files->FlipBits(file, end - back, 0x10).ok());
    const Status opened = damaged.Open(kFileBytes);
    if (opened.ok()) {
      EXPECT_EQ(*damaged.Values(kA), From(0, 3));  // padding
    } else {
      EXPECT_EQ(CodeOf(opened), Code::kDataLoss);
      EXPECT_NE(opened.message().find(file), std::string::npos);
    }
  }
  // The file cut short, as well.
  TestWorld shorter(world->files->Copy());
  ASSERT_TRUE((*shorter.files->Open(file))->Truncate(end - 400).ok());
  EXPECT_EQ(CodeOf(shorter.Open(kFileBytes)), Code::kDataLoss);
}

TEST(RetentionTest, DamagedIndexesAreMadeAgainOrNamed) {
  auto world = NewWorld();
  Fill(world.get(), 40);
  world->Kill();
  SeededRandom random(3);
  for (const std::string& name : Files(world.get(), ".index")) {
    const std::string path = "journal/" + name;
    const uint64_t bytes = (*world->files->Open(path))->Size().ValueOrDie();
    for (uint64_t at = random.Next64() % 41; at < bytes; at += 41) {
      TestWorld damaged(world->files->Copy());
      ASSERT_TRUE(damaged.files->FlipBits(path, at, 0x04).ok());
      ASSERT_TRUE(damaged.Open(kFileBytes).ok());
      for (const LogId log : {kA, kB}) {
        const auto values = damaged.Values(log);
        if (values.ok()) {
          EXPECT_EQ(*values, From(0, 40)) << path << " byte " << at;
        } else {
          EXPECT_EQ(CodeOf(values.status()), Code::kDataLoss);
          EXPECT_NE(values.status().message().find(path), std::string::npos);
        }
      }
    }
  }
}

TEST(RetentionTest, NewerFormatsAreRefusedWithOneLine) {
  auto world = NewWorld();
  Fill(world.get(), 40);
  world->Kill();
  const std::string journal = "journal/" + Files(world.get(), ".journal").front();
  const std::string last = "journal/" + Files(world.get(), ".journal").back();
  struct Case {
    std::string path;
    uint64_t header_bytes;
  };
  for (const Case& one : {Case{last, 56}, Case{journal + ".index", 120}}) {
    TestWorld newer(world->files->Copy());
    const auto file = *newer.files->Open(one.path);
    std::string header(one.header_bytes, '\0');
    ASSERT_TRUE(
        file->Read(0, std::as_writable_bytes(std::span(header.data(), header.size()))).ok());
    header[8] = 2;  // the version, at the same place in both
    AppendLe<uint64_t>(&header, Hash64(AsBytes(header)));
    ASSERT_TRUE(file->Write(0, {AsBytes(header)}).ok());
    const Status opened = newer.Open(kFileBytes);
    EXPECT_EQ(ReasonOf(opened), Reason::kFormatTooNew) << opened.ToString();
    EXPECT_NE(opened.message().find("use a newer firth"), std::string::npos);
    EXPECT_EQ(opened.message().find('\n'), std::string::npos);
  }
}

TEST(RetentionTest, LogsLeaveMemoryAndComeBack) {
  auto world = NewWorld();
  world->logs_in_memory = 8;
  Restart(world.get());
  for (int64_t log = 1; log <= 64; ++log) {
    for (int64_t i = 0; i < 4; ++i) {
      ASSERT_TRUE(world->Append(LogId(log), i, 1, WriterId(log), static_cast<int32_t>(i)).ok());
    }
  }
  EXPECT_LT(world->log->GetMetrics().logs_in_memory, 40u);
  for (int64_t log = 1; log <= 64; ++log) {
    EXPECT_EQ(*world->Values(LogId(log)), From(0, 4));
    EXPECT_TRUE(world->Append(LogId(log), 3, 1, WriterId(log), 3)->entries[0].duplicate);
    EXPECT_TRUE(world->Append(LogId(log), 4, 1, WriterId(log), 4).ok());
    EXPECT_EQ(*world->Values(LogId(log)), From(0, 5));
  }
}

// A hundred thousand logs with entries, whose indexes are on disk: a start has in memory the few
// that its last file holds, then those that were asked for, and all of them are there.
TEST(RetentionTest, AHundredThousandLogsAreOpenedAsTheyAreAskedFor) {
  constexpr int64_t kLogs = 100'000;
  constexpr int64_t kLogsOfCommit = 500;
  constexpr uint64_t kLongFileBytes = 4 << 20;
  auto world = std::make_unique<TestWorld>(std::make_unique<store::MemoryFileSystem>());
  ASSERT_TRUE(world->Open(kLongFileBytes).ok());
  for (int64_t first = 1; first <= kLogs; first += kLogsOfCommit) {
    CommitDraft draft;
    draft.entries.assign(kLogsOfCommit, TestEntry(LogId(0), first, 1));
    for (int64_t i = 0; i < kLogsOfCommit; ++i) draft.entries[i].log = LogId(first + i);
    ASSERT_TRUE(world->Commit(std::move(draft)).ok());
  }
  ASSERT_GT(Files(world.get(), ".index").size(), 4u);
  world->Kill();
  ASSERT_TRUE(world->Open(kLongFileBytes).ok());
  const uint64_t at_start = world->log->GetMetrics().logs_in_memory;
  EXPECT_LT(at_start, static_cast<uint64_t>(kLogs / 4)) << "those of the file that has no index";
  uint64_t asked = 0;
  for (int64_t log = 1; log <= kLogs; log += 997, ++asked) {
    const int64_t first = (log - 1) / kLogsOfCommit * kLogsOfCommit + 1;
    EXPECT_EQ(*world->Values(LogId(log)), From(first, first + 1));
    EXPECT_EQ(world->Append(LogId(log), 7, 1)->entries[0].base_offset, Offset(1));
  }
  EXPECT_LE(world->log->GetMetrics().logs_in_memory, at_start + asked);
}

// A log is trimmed while a batch is under way, and the power is cut before that is durable: sent
// again, it is taken.
TEST(RetentionTest, AStartRemembersNoBatchThatIsUnderWay) {
  constexpr WriterId kWriter{1};
  auto world = NewWorld();
  for (int32_t i = 0; i < 10; ++i) ASSERT_TRUE(world->Append(kA, i, 1, kWriter, i).ok());
  SeededRandom random(3);
  bool is_cut = false;
  std::unique_ptr<store::MemoryFileSystem> after;
  TestCatalog catalog_then;
  world->files->SetFaultHook([&](const char* operation, const std::string&) -> Status {
    if (std::string_view(operation) == "sync" && !std::exchange(is_cut, true)) {
      EXPECT_TRUE(world->log->TrimLogs({{.log = kA, .to = Offset(5)}}).ok());
      catalog_then = world->catalog;
      after = world->files->PowerCut(&random);
    }
    return Status::OK();
  });
  ASSERT_TRUE(world->Append(kA, 10, 1, kWriter, 10).ok());
  ASSERT_EQ(catalog_then.starts.count(kA), 1u);
  TestWorld reopened(std::move(after));
  reopened.catalog = catalog_then;
  ASSERT_TRUE(reopened.Open(kFileBytes).ok());
  // The cut may have left what was written and not synced; then it is there.
  const bool is_there = *reopened.Values(kA) == From(5, 11);
  const auto again = reopened.Append(kA, 10, 1, kWriter, 10);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->entries[0].duplicate, is_there);
  EXPECT_FALSE(is_there) << "choose another seed";
  EXPECT_EQ(*reopened.Values(kA), From(5, 11));
}

// A power cut anywhere while logs are trimmed and files are rewritten: what was answered and not
// trimmed is there, whole and in order.
TEST(RetentionTest, PowerCutsWhileRewritingLoseNothing) {
  std::set<std::string> cut_at;
  int trimmed = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SeededRandom random(seed);
    auto world = NewWorld();
    Fill(world.get(), 40);
    uint64_t left = 1 + random.Next64() % 60;
    std::unique_ptr<store::MemoryFileSystem> after;
    TestCatalog catalog_then;
    world->files->SetFaultHook([&](const char* operation, const std::string& path) -> Status {
      if (left > 0 && --left == 0) {
        cut_at.insert(std::string(operation) + path.substr(path.rfind('.') + 1));
        after = world->files->PowerCut(&random);
        catalog_then = world->catalog;
      }
      return Status::OK();
    });
    ASSERT_TRUE(world->log->TrimLogs({{.log = kA, .to = Offset(31)}}).ok());
    ASSERT_TRUE(world->log->Rewrite().ok());
    for (int64_t i = 40; i < 60 && after == nullptr; ++i) {
      ASSERT_TRUE(world->Append(kA, i, 1).ok());
      ASSERT_TRUE(world->log->Rewrite().ok());
    }
    if (after == nullptr) continue;
    TestWorld reopened(std::move(after));
    reopened.catalog = catalog_then;
    const Status opened = reopened.Open(kFileBytes);
    ASSERT_TRUE(opened.ok()) << "seed " << seed << ": " << opened.ToString();
    const int64_t start = reopened.log->Range(kA)->start.value;
    EXPECT_TRUE(start == 0 || start == 31);
    trimmed += start == 31;
    const auto a = reopened.Values(kA);
    ASSERT_TRUE(a.ok()) << "seed " << seed << ": " << a.status().ToString();
    EXPECT_GE(a->size(), static_cast<size_t>(40 - start));
    EXPECT_EQ(*a, From(start, start + static_cast<int64_t>(a->size())));
    EXPECT_EQ(*reopened.Values(kB), From(0, 40)) << "seed " << seed;
    const auto verified = reopened.log->Verify();
    EXPECT_TRUE(verified.ok()) << verified.status().ToString();
    EXPECT_TRUE(reopened.log->Rewrite().ok());
    EXPECT_EQ(*reopened.Values(kB), From(0, 40)) << "seed " << seed;
  }
  EXPECT_GT(trimmed, 20);
  EXPECT_GT(cut_at.size(), 8u);
}

TEST(RetentionTest, EveryFailingCallWhileRewritingLeavesTheLogWhole) {
  for (int fail = 1; fail < 200; ++fail) {
    auto world = NewWorld();
    Fill(world.get(), 20);
    int calls = 0;
    world->files->SetFaultHook([&](const char*, const std::string&) -> Status {
      return ++calls == fail ? Error(Code::kUnavailable, Reason::kIo, "no luck") : Status::OK();
    });
    const Status rewritten = world->log->Rewrite();
    world->files->SetFaultHook(nullptr);
    EXPECT_EQ(*world->Values(kA), From(0, 20)) << "call " << fail;
    EXPECT_TRUE(world->log->Rewrite().ok());
    EXPECT_EQ(*world->Values(kB), From(0, 20)) << "call " << fail;
    Restart(world.get());
    EXPECT_EQ(*world->Values(kA), From(0, 20)) << "call " << fail;
    if (calls < fail) return;  // all were tried
  }
  FAIL() << "more calls than were tried";
}

}  // namespace
}  // namespace firth::log
