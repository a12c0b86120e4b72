// Goal: the log's promises: dense offsets, atomic commits, exactly-once batches, durable answers,
// and recovery that gives back what was answered and nothing else. Method: a log store in a
// simulated world, one thread, files in memory.
#include "firth/log/log_store.h"

#include "firth/common/random.h"
#include "firth/log/journal.h"
#include "firth/log/log_testing.h"
#include "firth/log/writer_window.h"

namespace firth::log {
namespace {

constexpr LogId kA{1};
constexpr LogId kB{2};

struct NoChange : CatalogPart {};

std::unique_ptr<TestWorld> NewWorld(uint64_t file_bytes_max = 1 << 20) {
  auto world = std::make_unique<TestWorld>(std::make_unique<store::MemoryFileSystem>());
  EXPECT_TRUE(world->Open(file_bytes_max).ok());
  return world;
}

std::vector<int64_t> UpTo(int64_t end) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < end; ++i) values.push_back(i);
  return values;
}

TEST(LogStoreTest, AppendsAreDenseAndReadBack) {
  auto world = NewWorld();
  const auto first = world->Append(kA, 0, 3);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_EQ(first->entries[0].base_offset, Offset(0));
  const auto second = world->Append(kA, 3, 2);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->entries[0].base_offset, Offset(3));
  EXPECT_GT(second->id, first->id);
  EXPECT_GT(second->time_ns, first->time_ns);
  EXPECT_EQ(*world->Values(kA), UpTo(5));
  EXPECT_EQ(world->log->Range(kA)->end, Offset(5));
  EXPECT_EQ(world->log->Range(kB)->end, Offset(0));
}

TEST(LogStoreTest, ReadBeginsWithTheEntryThatHoldsTheOffset) {
  auto world = NewWorld();
  ASSERT_TRUE(world->Append(kA, 0, 10).ok());
  ASSERT_TRUE(world->Append(kA, 10, 10).ok());
  const auto read = world->log->Read(kA, Offset(12), {});
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ(read->front().base_offset, Offset(10));
  EXPECT_TRUE(world->log->Read(kA, Offset(20), {})->empty());
  EXPECT_EQ(ReasonOf(world->log->Read(kA, Offset(21), {}).status()), Reason::kOffsetOutOfRange);
  EXPECT_EQ(ReasonOf(world->log->Read(kA, Offset(-1), {}).status()), Reason::kOffsetOutOfRange);
  EXPECT_EQ(ReasonOf(world->log->Read(kB, Offset(1), {}).status()), Reason::kOffsetOutOfRange);
}

TEST(LogStoreTest, StoredFrontCarriesOffsetAndTime) {
  auto world = NewWorld();
  ASSERT_TRUE(world->Append(kA, 0, 10).ok());
  const auto made = world->Append(kA, 10, 10);
  const auto read = world->log->Read(kA, Offset(10), {});
  const BatchHeader header = *ParseBatch(BytesOf(read->front().body));
  EXPECT_EQ(header.base_offset, 10);
  EXPECT_EQ(header.commit_time_ms, made->time_ns / 1'000'000);
}

TEST(LogStoreTest, OneSyncServesAllThatWait) {
  auto world = NewWorld();
  const uint64_t before = world->log->GetMetrics().syncs;
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    CommitDraft draft;
    draft.entries.push_back(TestEntry(LogId(i % 5 + 1), i, 1));
    world->log->Commit(std::move(draft), [&](const Result<CommitResult>& made) {
      EXPECT_TRUE(made.ok());
      ++answered;
    });
  }
  world->executor.RunUntilIdle();
  EXPECT_EQ(answered, 50);
  EXPECT_EQ(world->log->GetMetrics().syncs, before + 1);
}

TEST(LogStoreTest, CommitSpansLogs) {
  auto world = NewWorld();
  CommitDraft draft;
  draft.entries.push_back(TestEntry(kA, 0, 3));
  draft.entries.push_back(TestEntry(kB, 0, 4));
  draft.entries.push_back(TestEntry(kA, 3, 2));
  const auto made = world->Commit(std::move(draft));
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->entries[2].base_offset, Offset(3));
  EXPECT_EQ(*world->Values(kA), UpTo(5));
  EXPECT_EQ(*world->Values(kB), UpTo(4));
  world->Kill();
  ASSERT_TRUE(world->Open().ok());
  EXPECT_EQ(*world->Values(kA), UpTo(5));
  EXPECT_EQ(*world->Values(kB), UpTo(4));
}

// On a full disk the next file may be begun, and neither get its header nor be removed again; then
// the last one is written on, with room behind its end.
TEST(LogStoreTest, AFileThatWasBegunInVainIsNone) {
  const auto world = NewWorld();
  ASSERT_TRUE(world->Append(kA, 0, 10).ok());
  world->Kill();
  ASSERT_TRUE(world->files->Create("journal/" + Journal::FileName(2)).ok());
  const auto opened = world->Open();
  ASSERT_TRUE(opened.ok()) << opened.ToString();
  EXPECT_EQ(*world->Values(kA), UpTo(10));
  ASSERT_TRUE(world->Append(kA, 10, 10).ok());
  ASSERT_TRUE(world->log->Close().ok());
  world->Kill();
  ASSERT_TRUE(world->Open().ok());
  EXPECT_EQ(*world->Values(kA), UpTo(20));
}

TEST(LogStoreTest, RepeatedBatchIsAppliedOnceAlsoAfterARestart) {
  auto world = NewWorld();
  const WriterId writer(9);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(world->Append(kA, i, 1, writer, i).ok());
  const auto again = world->Append(kA, 7, 1, writer, 7);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->entries[0].duplicate);
  EXPECT_EQ(again->entries[0].base_offset, Offset(7));
  // Older than the window, or not next: refused.
  EXPECT_EQ(ReasonOf(world->Append(kA, 0, 1, writer, 0).status()), Reason::kOutOfOrderSequence);
  EXPECT_EQ(ReasonOf(world->Append(kA, 0, 1, writer, 9).status()), Reason::kOutOfOrderSequence);
  EXPECT_EQ(ReasonOf(world->Append(kA, 0, 1, WriterId(10), 1).status()),
            Reason::kOutOfOrderSequence);
  world->Kill();
  ASSERT_TRUE(world->Open().ok());
  const auto after = world->Append(kA, 6, 1, writer, 6);
  ASSERT_TRUE(after.ok());
  EXPECT_TRUE(after->entries[0].duplicate);
  EXPECT_EQ(after->entries[0].base_offset, Offset(6));
  EXPECT_TRUE(world->Append(kA, 8, 1, writer, 8).ok());
  EXPECT_EQ(*world->Values(kA), UpTo(9));
}

TEST(LogStoreTest, RepeatInTheSameGroupIsAnsweredWhenItIsDurable) {
  auto world = NewWorld();
  std::vector<CommitResult> answers;
  for (int i = 0; i < 2; ++i) {
    CommitDraft draft;
    draft.entries.push_back(TestEntry(kA, 0, 2, WriterId(1), 0));
    world->log->Commit(std::move(draft), [&](const Result<CommitResult>& made) {
      ASSERT_TRUE(made.ok());
      EXPECT_EQ(world->log->Range(kA)->end, Offset(2));
      answers.push_back(*made);
    });
  }
  world->executor.RunUntilIdle();
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].id, answers[1].id);
  EXPECT_TRUE(answers[1].entries[0].duplicate);
}

TEST(LogStoreTest, CommitThatTheCatalogRefusesLeavesNoTrace) {
  auto world = NewWorld();
  ASSERT_TRUE(world->Append(kA, 0, 2).ok());
  world->catalog.refuse_each = true;
  CommitDraft draft;
  draft.entries.push_back(TestEntry(kA, 100, 5, WriterId(3), 0));
  draft.catalog = std::make_shared<NoChange>();
  EXPECT_EQ(ReasonOf(world->Commit(std::move(draft)).status()), Reason::kTableExists);
  world->catalog.refuse_each = false;
  EXPECT_EQ(world->log->Range(kA)->end, Offset(2));
  EXPECT_TRUE(world->Append(kA, 2, 3, WriterId(3), 0).ok());  // its sequence was given back
  EXPECT_EQ(*world->Values(kA), UpTo(5));
  world->Kill();
  ASSERT_TRUE(world->Open().ok());
  EXPECT_EQ(*world->Values(kA), UpTo(5));
}

// The seal that a close writes must not say less than what lies before it.
TEST(LogStoreTest, ACloseBehindARefusedCommitCanBeOpenedAgain) {
  auto world = NewWorld();
  ASSERT_TRUE(world->Append(kA, 0, 2).ok());
  world->catalog.refuse_each = true;
  CommitDraft draft;
  draft.entries.push_back(TestEntry(kA, 100, 5));
  draft.catalog = std::make_shared<NoChange>();
  ASSERT_FALSE(world->Commit(std::move(draft)).ok());
  world->catalog.refuse_each = false;
  for (int start = 0; start < 3; ++start) {
    ASSERT_TRUE(world->log->Close().ok());
    world->Kill();
    const Status opened = world->Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    ASSERT_TRUE(world->Append(kA, 2 + start, 1).ok());
    EXPECT_EQ(*world->Values(kA), UpTo(3 + start));
  }
}

TEST(LogStoreTest, WhatTheCatalogMayHaveNamedIsSettledByTheNextStart) {
  for (const bool was_named : {false, true}) {
    auto world = NewWorld();
    ASSERT_TRUE(world->Append(kA, 0, 2).ok());
    world->catalog.refuse = Error(Code::kUnavailable, Reason::kIo, "the disk is gone");
    CommitDraft draft;
    draft.entries.push_back(TestEntry(kA, 2, 5));
    draft.catalog = std::make_shared<NoChange>();
    ASSERT_FALSE(world->Commit(std::move(draft)).ok());
    EXPECT_FALSE(world->fatal.ok());
    EXPECT_FALSE(world->Append(kA, 2, 1).ok());
    const auto before = world->log->GetMetrics().syncs;
    EXPECT_FALSE(world->log->Close().ok());
    EXPECT_EQ(world->log->GetMetrics().syncs, before) << "nothing is written any more";
    world->Kill();
    world->catalog.refuse = Status::OK();
    if (was_named) world->catalog.named[2] = 1;
    const Status opened = world->Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    EXPECT_EQ(*world->Values(kA), UpTo(was_named ? 7 : 2));
  }
}

TEST(LogStoreTest, CommitWithCatalogChangesIsThereOnceItIsNamed) {
  auto world = NewWorld();
  CommitDraft draft;
  draft.entries.push_back(TestEntry(kA, 0, 5));
  draft.catalog = std::make_shared<NoChange>();
  ASSERT_TRUE(world->Commit(std::move(draft)).ok());
  ASSERT_TRUE(world->Append(kA, 5, 1).ok());
  world->Kill();
  ASSERT_TRUE(world->Open().ok());
  EXPECT_EQ(*world->Values(kA), UpTo(6));
}

TEST(LogStoreTest, ACheckIsAskedInCommitOrder) {
  auto world = NewWorld();
  CommitDraft refused;
  refused.entries.push_back(TestEntry(kA, 0, 1));
  refused.check = [] { return Error(Code::kAborted, Reason::kConflict, "no"); };
  EXPECT_EQ(ReasonOf(world->Commit(std::move(refused)).status()), Reason::kConflict);
  EXPECT_EQ(world->log->Range(kA)->end, Offset(0));
}

TEST(LogStoreTest, FilesRollAndAllAreRead) {
  auto world = NewWorld(/*file_bytes_max=*/4096);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(world->Append(kA, i, 1).ok());
  EXPECT_GT(world->log->GetMetrics().journal_files, 5u);
  EXPECT_EQ(*world->Values(kA), UpTo(100));
  ASSERT_TRUE(world->log->Close().ok());
  ASSERT_TRUE(world->Open(4096).ok());
  EXPECT_EQ(*world->Values(kA), UpTo(100));
}

TEST(LogStoreTest, FollowersWakeOnTheirLogOnly) {
  auto world = NewWorld();
  int woken = 0;
  world->log->Follow({{kA, Offset(0)}}, [&] { ++woken; });
  world->executor.RunUntilIdle();
  EXPECT_EQ(woken, 0);
  ASSERT_TRUE(world->Append(kB, 0, 1).ok());
  EXPECT_EQ(woken, 0);
  ASSERT_TRUE(world->Append(kA, 0, 1).ok());
  EXPECT_EQ(woken, 1);
  world->log->Follow({{kA, Offset(0)}}, [&] { ++woken; });  // ready at once
  world->executor.RunUntilIdle();
  EXPECT_EQ(woken, 2);
  const uint64_t gone = world->log->Follow({{kA, Offset(1)}}, [&] { ++woken; });
  world->log->Unfollow(gone);
  ASSERT_TRUE(world->Append(kA, 1, 1).ok());
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(world->log->GetMetrics().followers, 0u);
}

// Commits of one group, one of which the catalog refuses.
TEST(LogStoreTest, AGroupWakesTheFollowersOfAllItsLogs) {
  auto world = NewWorld();
  world->catalog.refuse_each = true;
  std::vector<std::string> woken;
  const auto follow = [&](LogId log, int64_t offset, const char* name) {
    world->log->Follow({{log, Offset(offset)}}, [&woken, name] { woken.emplace_back(name); });
  };
  const LogId other(kB.value + 1);
  follow(kA, 0, "a at its begin");
  follow(kA, 2, "a within the group");
  follow(kA, 3, "a behind the group");
  follow(kB, 0, "b");
  follow(other, 0, "refused");
  std::vector<CommitResult> made;
  const auto append = [&](LogId log, int64_t first, int64_t count, bool changes_catalog = false) {
    CommitDraft draft;
    draft.entries.push_back(TestEntry(log, first, count));
    if (changes_catalog) draft.catalog = std::make_shared<CatalogPart>();
    world->log->Commit(std::move(draft), [&](const Result<CommitResult>& result) {
      if (result.ok()) made.push_back(*result);
    });
  };
  append(kA, 0, 2);
  append(kB, 0, 1);
  append(kA, 2, 1);
  append(other, 0, 1, /*changes_catalog=*/true);
  world->executor.RunUntilIdle();
  EXPECT_EQ(world->log->GetMetrics().groups, 1u);
  EXPECT_EQ(woken, (std::vector<std::string>{"a at its begin", "b", "a within the group"}));
  EXPECT_EQ(world->log->GetMetrics().followers, 2u);
  ASSERT_EQ(made.size(), 3u);
  for (const CommitResult& commit : made) {
    EXPECT_EQ(*world->log->LastCommitAt(commit.time_ns), commit.id);
  }
  EXPECT_EQ(world->log->LastCommit(), made.back().id);
}

TEST(LogStoreTest, FindsOffsetsByTimeAndCommit) {
  auto world = NewWorld();
  std::vector<CommitResult> made;
  for (int i = 0; i < 5; ++i) {
    world->clock.Advance(1'000'000'000);
    made.push_back(*world->Append(kA, i * 2, 2));
  }
  EXPECT_EQ(*world->log->OffsetAtTime(kA, 0), Offset(0));
  EXPECT_EQ(*world->log->OffsetAtTime(kA, made[2].time_ns), Offset(4));
  EXPECT_EQ(*world->log->OffsetAtTime(kA, made[2].time_ns + 1), Offset(6));
  EXPECT_EQ(*world->log->OffsetAtTime(kA, made[4].time_ns + 1), Offset(10));
  EXPECT_EQ(*world->log->OffsetAfterCommit(kA, made[1].id), Offset(4));
  EXPECT_EQ(*world->log->OffsetAfterCommit(kA, made[4].id), Offset(10));
  EXPECT_EQ(*world->log->LogsAfter(made[3].id), std::vector<LogId>{kA});
  EXPECT_TRUE(world->log->LogsAfter(made[4].id)->empty());
}

TEST(LogStoreTest, DroppedLogTakesNothing) {
  auto world = NewWorld();
  ASSERT_TRUE(world->Append(kA, 0, 1).ok());
  bool woken = false;
  world->log->Follow({{.log = kA, .offset = Offset(1)}}, [&] { woken = true; });
  world->catalog.close = {{.first = kA,
                           .count = 1,
                           .answer = Error(Code::kNotFound, Reason::kBucketNotFound, "dropped"),
                           .dropped = true}};
  CommitDraft drop;
  drop.catalog = std::make_shared<CatalogPart>();
  ASSERT_TRUE(world->Commit(std::move(drop)).ok());
  EXPECT_TRUE(woken);
  EXPECT_EQ(ReasonOf(world->Append(kA, 1, 1).status()), Reason::kBucketNotFound);
  EXPECT_EQ(world->log->Range(kA)->end, Offset(1));
}

TEST(LogStoreTest, ARepeatOfWhatAClosedLogTookIsAnsweredAsBefore) {
  auto world = NewWorld();
  const auto first = world->Append(kA, 0, 3, WriterId(7), 0);
  world->catalog.close = {{.first = kA,
                           .count = 1,
                           .answer = Error(Code::kFailedPrecondition, Reason::kEditionSealed, "")}};
  CommitDraft seal;
  seal.catalog = std::make_shared<CatalogPart>();
  ASSERT_TRUE(world->Commit(std::move(seal)).ok());
  const auto repeat = world->Append(kA, 0, 3, WriterId(7), 0);
  ASSERT_TRUE(repeat.ok()) << repeat.status().ToString();
  EXPECT_EQ(repeat->id, first->id);
  EXPECT_EQ(ReasonOf(world->Append(kA, 3, 3, WriterId(7), 1).status()), Reason::kEditionSealed);
}

TEST(LogStoreTest, FullDiskIsRefusedCleanlyAndWritingResumes) {
  auto world = NewWorld();
  ASSERT_TRUE(world->Append(kA, 0, 1).ok());
  world->files->SetCapacity(1 << 15);
  int64_t next = 1;
  Status full;
  while (full.ok()) {
    full = world->Append(kA, next, 10).status();
    if (full.ok()) next += 10;
    ASSERT_LT(next, 100'000);
  }
  EXPECT_EQ(ReasonOf(full), Reason::kDiskFull) << full.ToString();
  EXPECT_TRUE(world->fatal.ok());
  EXPECT_EQ(*world->Values(kA), UpTo(next));
  world->files->SetCapacity(1 << 24);
  EXPECT_TRUE(world->Append(kA, next, 10).ok());
  EXPECT_EQ(*world->Values(kA), UpTo(next + 10));
}

// More batches of one writer in a group than are remembered of it: refused, they leave what was
// remembered before.
TEST(LogStoreTest, AFullDiskRefusesManyBatchesOfAWriterAtOnce) {
  constexpr WriterId kWriter{7};
  constexpr int32_t kBefore = 7;
  constexpr int32_t kAtOnce = 20;
  auto world = NewWorld();
  for (int32_t i = 0; i < kBefore; ++i) ASSERT_TRUE(world->Append(kA, i, 1, kWriter, i).ok());
  const auto send = [&] {
    std::vector<Result<CommitResult>> answers(kAtOnce, Status::UnknownError("no answer"));
    for (int32_t i = 0; i < kAtOnce; ++i) {
      CommitDraft draft;
      draft.entries.push_back(TestEntry(kA, kBefore + 200 * i, 200, kWriter, kBefore + i));
      world->log->Commit(std::move(draft), [&, i](const auto& made) { answers[i] = made; });
    }
    world->executor.RunUntilIdle();
    return answers;
  };
  world->files->SetFaultHook([](const std::string& operation, const std::string&) {
    return operation == "reserve" ? Error(Code::kResourceExhausted, Reason::kDiskFull, "full")
                                  : Status::OK();
  });
  for (const auto& refused : send()) EXPECT_EQ(ReasonOf(refused.status()), Reason::kDiskFull);
  EXPECT_TRUE(world->fatal.ok());
  world->files->SetFaultHook(nullptr);
  for (int32_t i = kBefore - static_cast<int32_t>(kWriterBatches); i < kBefore; ++i) {
    const auto again = world->Append(kA, i, 1, kWriter, i);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->entries[0].duplicate);
    EXPECT_EQ(again->entries[0].base_offset, Offset(i));
  }
  int64_t next = kBefore;
  for (const auto& taken : send()) {
    ASSERT_TRUE(taken.ok()) << taken.status();
    EXPECT_FALSE(taken->entries[0].duplicate);
    EXPECT_EQ(taken->entries[0].base_offset, Offset(next));
    next += 200;
  }
  for (const auto& again : send()) {
    const bool known = again.ok() && again->entries[0].duplicate;
    EXPECT_TRUE(known || ReasonOf(again.status()) == Reason::kOutOfOrderSequence);
  }
  EXPECT_EQ(*world->Values(kA), UpTo(next));
}

TEST(LogStoreTest, FailedSyncEndsIt) {
  auto world = NewWorld();
  ASSERT_TRUE(world->Append(kA, 0, 1).ok());
  world->files->SetFaultHook([](const char* operation, const std::string&) -> Status {
    if (std::string_view(operation) == "sync") {
      return Error(Code::kUnavailable, Reason::kIo, "the disk is gone");
    }
    return Status::OK();
  });
  EXPECT_FALSE(world->Append(kA, 1, 1).ok());
  EXPECT_FALSE(world->fatal.ok());
  world->files->SetFaultHook(nullptr);
  EXPECT_FALSE(world->Append(kA, 1, 1).ok()) << "nothing is acknowledged after a failed sync";
}

// A full file is synced before its successor begins; when that fails, nothing more is taken.
TEST(LogStoreTest, FailedSyncOfAFullFileEndsIt) {
  auto world = std::make_unique<TestWorld>(std::make_unique<store::MemoryFileSystem>());
  ASSERT_TRUE(world->Open(/*file_bytes_max=*/4096).ok());
  int64_t next = 0;
  bool truncated = false;
  world->files->SetFaultHook([&](const char* operation, const std::string&) -> Status {
    truncated |= std::string_view(operation) == "truncate";
    if (!truncated || std::string_view(operation) != "sync") return Status::OK();
    return Error(Code::kResourceExhausted, Reason::kDiskFull, "no room for what was written");
  });
  while (world->fatal.ok() && next < 1000) {
    if (world->Append(kA, next, 10).ok()) next += 10;
  }
  EXPECT_TRUE(truncated);
  EXPECT_FALSE(world->fatal.ok());
  world->files->SetFaultHook(nullptr);
  EXPECT_FALSE(world->Append(kA, next, 10).ok());
  EXPECT_EQ(*world->Values(kA), UpTo(next));
  world->Kill();
  ASSERT_TRUE(world->Open(4096).ok());
  EXPECT_EQ(*world->Values(kA), UpTo(next));
}

TEST(LogStoreTest, DamageBeforeTheTailIsNamed) {
  auto world = NewWorld();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(world->Append(kA, i, 1).ok());
  world->Kill();
  const std::string file = "journal/0000000000000001.journal";
  // In the header of the second commit: recovery finds it, since later groups follow.
  ASSERT_TRUE(world->files->FlipBits(file, 64 + 700, 0x20).ok());
  const Status opened = world->Open();
  if (opened.ok()) {
    // The bit fell into a body: it is found when the body is read.
    const auto values = world->Values(kA);
    EXPECT_EQ(CodeOf(values.status()), Code::kDataLoss);
    EXPECT_NE(values.status().message().find("journal"), std::string::npos);
  } else {
    EXPECT_EQ(CodeOf(opened), Code::kDataLoss) << opened.ToString();
    EXPECT_NE(opened.message().find("journal"), std::string::npos);
  }
}

/// A world whose process ended cleanly after commits of one row each.
std::unique_ptr<TestWorld> ClosedWorld(int rows) {
  auto world = NewWorld();
  for (int i = 0; i < rows; ++i) EXPECT_TRUE(world->Append(kA, i, 1).ok());
  EXPECT_TRUE(world->log->Close().ok());
  world->Kill();
  return world;
}

TEST(LogStoreTest, EveryFlippedByteIsNamedOrHarmless) {
  const auto world = ClosedWorld(6);
  const std::string file = "journal/0000000000000001.journal";
  const auto pristine = world->files->Copy();
  const uint64_t bytes = (*(*pristine->Open(file))).Size().ValueOrDie();
  for (uint64_t at = 0; at < bytes; at += 3) {
    TestWorld damaged(pristine->Copy());
    ASSERT_TRUE(damaged.files->FlipBits(file, at, 0x41).ok());
    const Status opened = damaged.Open();
    if (!opened.ok()) continue;
    const auto values = damaged.Values(kA);
    if (!values.ok()) continue;
    // What is served is right; only the seal at the end, and padding, may be damaged unseen.
    EXPECT_EQ(*values, UpTo(6)) << "byte " << at;
  }
}

TEST(LogStoreTest, WhatIsMissingAfterACleanCloseIsNamed) {
  const auto world = ClosedWorld(6);
  const std::string file = "journal/0000000000000001.journal";
  const auto pristine = world->files->Copy();
  const uint64_t bytes = (*(*pristine->Open(file))).Size().ValueOrDie();
  // At every length, the last byte of the seal and an empty file among them.
  for (uint64_t left = bytes + 1; left-- > 0;) {
    TestWorld cut(pristine->Copy());
    if (left < bytes) {
      ASSERT_TRUE((*cut.files->Open(file))->Truncate(left).ok());
    }
    cut.catalog = world->catalog;
    const Status opened = cut.Open();
    if (left == bytes) {
      EXPECT_TRUE(opened.ok()) << opened.ToString();
      continue;
    }
    EXPECT_EQ(CodeOf(opened), Code::kDataLoss) << left << " bytes left: " << opened.ToString();
    EXPECT_NE(opened.message().find(file), std::string::npos) << opened.ToString();
  }
  TestWorld gone(pristine->Copy());
  ASSERT_TRUE(gone.files->Remove(file).ok());
  const Status opened = gone.Open();
  EXPECT_EQ(CodeOf(opened), Code::kDataLoss) << opened.ToString();
  EXPECT_NE(opened.message().find(file), std::string::npos) << opened.ToString();
}

// Without its mark a journal that was cut short would look whole, so the mark cannot be lost
// unseen.
TEST(LogStoreTest, AMarkThatIsLostIsNamed) {
  const std::string mark = "journal/synced";
  using Harm = std::function<void(store::MemoryFileSystem*)>;
  const auto flip = [&](store::MemoryFileSystem* files, uint64_t at) {
    ASSERT_TRUE(files->FlipBits(mark, at, 0x10).ok());
  };
  const std::vector<Harm> both = {
      [&](store::MemoryFileSystem* files) { ASSERT_TRUE(files->Remove(mark).ok()); },
      [&](store::MemoryFileSystem* files) { ASSERT_TRUE((*files->Open(mark))->Truncate(0).ok()); },
      [&](store::MemoryFileSystem* files) { ASSERT_TRUE((*files->Open(mark))->Truncate(31).ok()); },
      [&](store::MemoryFileSystem* files) {
        const std::string zeros(64, '\0');
        ASSERT_TRUE((*files->Open(mark))->Write(0, {AsBytes(zeros)}).ok());
      },
      [&](store::MemoryFileSystem* files) { flip(files, 9), flip(files, 63); },
  };
  const Harm one = [&](store::MemoryFileSystem* files) { flip(files, 17); };
  for (const bool closed : {true, false}) {
    auto world = NewWorld();
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(world->Append(kA, i, 1).ok());
    if (closed) {
      ASSERT_TRUE(world->log->Close().ok());
    }
    world->Kill();
    for (size_t i = 0; i < both.size(); ++i) {
      TestWorld harmed(world->files->Copy());
      harmed.catalog = world->catalog;
      both[i](harmed.files.get());
      const Status opened = harmed.Open();
      EXPECT_EQ(CodeOf(opened), Code::kDataLoss) << i << ": " << opened.ToString();
      EXPECT_NE(opened.message().find(mark), std::string::npos) << i << ": " << opened.ToString();
    }
    TestWorld harmed(world->files->Copy());
    harmed.catalog = world->catalog;
    one(harmed.files.get());
    const Status opened = harmed.Open();
    EXPECT_TRUE(opened.ok()) << "a power cut may tear one record: " << opened.ToString();
    if (!closed) continue;
    // After a clean close each record says everything.
    TestWorld cut(world->files->Copy());
    cut.catalog = world->catalog;
    one(cut.files.get());
    const auto file = *cut.files->Open("journal/0000000000000001.journal");
    ASSERT_TRUE(file->Truncate(*file->Size() - 1).ok());
    EXPECT_EQ(CodeOf(cut.Open()), Code::kDataLoss);
  }
}

TEST(LogStoreTest, AMarkOfOneRecordIsReadAndReplaced) {
  const auto world = ClosedWorld(6);
  world->catalog.end.clear();  // as an older binary left it
  ASSERT_TRUE((*world->files->Open("journal/synced"))->Truncate(32).ok());
  ASSERT_TRUE(world->Open().ok());
  EXPECT_FALSE(world->catalog.end.empty());
  EXPECT_EQ(*(*world->files->Open("journal/synced"))->Size(), 64U);
  EXPECT_EQ(*world->Values(kA), UpTo(6));
}

// A power cut can tear one record of the mark. The next one must not tear the other.
TEST(LogStoreTest, PowerCutsOneAfterAnotherLeaveAMark) {
  for (const uint64_t record : {0, 1}) {
    const auto world = ClosedWorld(6);
    ASSERT_TRUE(world->files->FlipBits("journal/synced", record * 32 + 20, 0x10).ok());
    const auto torn = world->files->Copy();
    for (uint64_t seed = 1; seed <= 1500; ++seed) {
      TestWorld next(torn->Copy());
      next.catalog = world->catalog;
      ASSERT_TRUE(next.Open().ok());
      SeededRandom random(seed);
      for (int64_t i = 6; i < 9 && next.Append(kA, i, 1).ok() && random.Next64() % 3 > 0; ++i) {
      }
      TestWorld after(next.files->PowerCut(&random));
      after.catalog = next.catalog;
      const Status opened = after.Open();
      ASSERT_TRUE(opened.ok()) << "seed " << seed << ": " << opened;
    }
  }
}

// Whatever of it finds no room: the end of a store and its next start do without.
TEST(LogStoreTest, AFullDiskStopsNeitherTheEndNorTheStart) {
  const Status full = Error(Code::kResourceExhausted, Reason::kDiskFull, "the disk is full");
  for (const bool is_older : {false, true}) {
    auto world = NewWorld();
    ASSERT_TRUE(world->Append(kA, 0, 5).ok());
    ASSERT_TRUE(world->log->Close().ok());
    world->Kill();
    if (is_older) {  // a folder of a version that kept no mark
      ASSERT_TRUE(world->files->Remove("journal/synced").ok());
      world->catalog.end.clear();
    }
    world->catalog.refuse_end = full;
    world->files->SetFaultHook([&](const std::string& operation, const std::string&) {
      return operation == "reserve" || operation == "create" ? full : Status::OK();
    });
    const Status opened = world->Open();
    ASSERT_TRUE(opened.ok()) << opened;
    EXPECT_EQ(*world->Values(kA), UpTo(5));
    EXPECT_EQ(ReasonOf(world->Append(kA, 5, 100).status()), Reason::kDiskFull);
    EXPECT_EQ(*world->Values(kA), UpTo(5));
    const Status closed = world->log->Close();
    EXPECT_TRUE(closed.ok()) << closed;
    world->Kill();
    world->catalog.refuse_end = Status::OK();
    world->files->SetFaultHook(nullptr);
    ASSERT_TRUE(world->Open().ok());
    ASSERT_TRUE(world->Append(kA, 5, 5).ok());
    EXPECT_EQ(*world->Values(kA), UpTo(10));
    EXPECT_FALSE(world->catalog.end.empty());
  }
}

// A closed file that ends early, between two of its commits, is not taken for a shorter one.
TEST(LogStoreTest, AClosedFileThatWasCutShortIsNamed) {
  auto world = std::make_unique<TestWorld>(std::make_unique<store::MemoryFileSystem>());
  ASSERT_TRUE(world->Open(/*file_bytes_max=*/4096).ok());
  const std::string path = "journal/0000000000000001.journal";
  for (int64_t i = 0; world->log->GetMetrics().journal_files < 3; ++i) {
    // Each log once: nothing that comes later shows what is missing.
    ASSERT_TRUE(world->Append(LogId(100 + i), 0, 5).ok());
  }
  ASSERT_TRUE(world->log->Close().ok());
  world->Kill();
  const uint64_t bytes = *(*world->files->Open(path))->Size();
  for (uint64_t left = 64; left < bytes; left += 8) {
    TestWorld cut(world->files->Copy());
    cut.catalog = world->catalog;
    ASSERT_TRUE((*cut.files->Open(path))->Truncate(left).ok());
    const Status opened = cut.Open(4096);
    EXPECT_EQ(CodeOf(opened), Code::kDataLoss) << left << " bytes left: " << opened.ToString();
    EXPECT_NE(opened.message().find(path), std::string::npos) << opened.ToString();
  }
}

// The heart: random commits, a power cut at a random moment, recovery, compare. What was answered
// is there; what is there was sent, whole, in order.
TEST(LogStoreTest, PowerCutsLoseNothingThatWasAnswered) {
  int unanswered_kept = 0;
  int unanswered_lost = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SeededRandom random(seed);
    auto world = NewWorld(/*file_bytes_max=*/8192);
    uint64_t left = 20 + random.Next64() % 150;  // operations until the cut
    std::unique_ptr<store::MemoryFileSystem> after;
    world->files->SetFaultHook([&](const char*, const std::string&) -> Status {
      if (left > 0 && --left == 0) after = world->files->PowerCut(&random);
      return Status::OK();
    });
    std::map<LogId, std::vector<int64_t>> sent;
    std::map<LogId, size_t> answered;
    for (int step = 0; step < 200 && after == nullptr; ++step) {
      // Several commits at once make groups.
      for (uint64_t k = 0; k < 1 + random.Next64() % 4; ++k) {
        CommitDraft draft;
        std::map<LogId, size_t> ends;
        for (uint64_t e = 0; e < 1 + random.Next64() % 2; ++e) {
          const LogId log(1 + static_cast<int64_t>(random.Next64() % 3));
          auto& values = sent[log];
          const auto count = static_cast<int64_t>(1 + random.Next64() % 5);
          const auto first = static_cast<int64_t>(values.size());
          draft.entries.push_back(TestEntry(log, first, count));
          for (int64_t i = 0; i < count; ++i) values.push_back(first + i);
          ends[log] = values.size();
        }
        world->log->Commit(std::move(draft), [&, ends](const Result<CommitResult>& made) {
          if (!made.ok() || after != nullptr) return;
          for (const auto& [log, end] : ends) answered[log] = end;
        });
      }
      world->executor.RunUntilIdle();
    }
    ASSERT_NE(after, nullptr) << "seed " << seed;
    TestWorld recovered(std::move(after));
    const Status opened = recovered.Open(8192);
    ASSERT_TRUE(opened.ok()) << "seed " << seed << ": " << opened.ToString();
    for (const auto& [log, values] : sent) {
      const auto kept = recovered.Values(log);
      ASSERT_TRUE(kept.ok()) << "seed " << seed << ": " << kept.status().ToString();
      ASSERT_GE(kept->size(), answered[log]) << "seed " << seed;
      ASSERT_EQ(*kept, UpTo(static_cast<int64_t>(kept->size()))) << "seed " << seed;
      (kept->size() > answered[log] ? unanswered_kept : unanswered_lost) += 1;
    }
    // And it goes on from there.
    const auto end = recovered.log->Range(kA)->end.value;
    ASSERT_TRUE(recovered.Append(kA, end, 2).ok()) << "seed " << seed;
    ASSERT_EQ(*recovered.Values(kA), UpTo(end + 2)) << "seed " << seed;
  }
  EXPECT_GT(unanswered_kept, 0);
  EXPECT_GT(unanswered_lost, 0);
}

}  // namespace
}  // namespace firth::log
