// Goal: power cuts at every step of a checkpoint and of reclaiming lose nothing that a base held;
// damaged bytes are named or cost nothing, and never give a wrong number; a full disk is told and
// passes. Method: a small view in memory whose disk fails at each of its operations in turn, or has
// each part of each file damaged; what it says is compared with plain vectors.

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "firth/common/sanitizer.h"
#include "firth/store/memory_file_system.h"
#include "firth/timeview/testing_model.h"

namespace firth::timeview {
namespace {

constexpr uint8_t kSeries = 3;

/// Edits of some series, and what they make of them.
struct Story {
  explicit Story(uint64_t seed, int64_t commits) {
    std::mt19937_64 random(seed);
    for (int64_t commit = 1; commit <= commits; ++commit) {
      const auto number = static_cast<uint8_t>(random() % kSeries);
      OwnedEdit edit;
      edit.edit.series = TestSeries(number);
      edit.edit.revision = models[number].latest() + 1;
      edit.edit.commit = CommitId(commit);
      if (random() % 6 == 0) {
        edit.edit.kind = Edit::Kind::kRemove;
        edit.edit.start = static_cast<int64_t>(random() % 500);
        edit.edit.end = edit.edit.start + 1 + static_cast<int64_t>(random() % 100);
      } else {
        for (uint64_t i = 0; i < 1 + random() % 12; ++i) {
          edit.times.push_back(static_cast<int64_t>(random() % 500));
          edit.values.push_back(static_cast<double>(random() % 100) / 4);
        }
      }
      models[number].Apply(edit.get());
      edits.push_back(edit);
    }
  }

  std::vector<OwnedEdit> edits;
  ModelSeries models[kSeries];
};

TimeViewOptions SmallOptions(store::FileSystem* files) {
  return {.files = files,
          .node_cache_bytes = 0,
          .dirty_bytes_max = 4096,
          .series_pending_points_max = 16,
          .leaf_points_max = 4,
          .file_bytes_max = 8 << 10};
}

/// Apply what comes after the view's watermark.
Status Replay(TimeView* view, Story* story) {
  const auto from = static_cast<size_t>(view->watermark().value);
  for (size_t i = from; i < story->edits.size(); ++i) {
    const Edit& edit = story->edits[i].get();
    ARROW_RETURN_NOT_OK(view->Apply({&edit, 1}, edit.commit));
  }
  return Status::OK();
}

/// All points of a revision.
Result<ModelPoints> Read(TimeView* view, const SeriesId& series, int64_t revision) {
  ARROW_ASSIGN_OR_RAISE(const Snapshot snapshot, view->Pin(series, revision));
  ARROW_ASSIGN_OR_RAISE(const auto cursor, snapshot.Points(kTimeMin, kTimeTop));
  ModelPoints points;
  PointBatch batch;
  do {
    ARROW_RETURN_NOT_OK(cursor->Next(64, &batch));
    for (size_t i = 0; i < batch.size(); ++i) points.push_back({batch.times[i], batch.values[i]});
  } while (batch.size() > 0);
  ARROW_ASSIGN_OR_RAISE(const Statistics all, snapshot.Summarise(kTimeMin, kTimeTop));
  EXPECT_EQ(all.count, points.size());
  return points;
}

void ExpectAll(TimeView* view, const Story& story, const std::string& where) {
  for (uint8_t number = 0; number < kSeries; ++number) {
    const ModelSeries& model = story.models[number];
    for (int64_t revision = kEmptyRevision; revision <= model.latest(); ++revision) {
      const auto points = Read(view, TestSeries(number), revision);
      ASSERT_TRUE(points.ok()) << where << ": " << points.status();
      ASSERT_EQ(*points, model.At(revision)) << where << " revision " << revision;
    }
  }
}

/// Do the story in parts with checkpoints between them, and reclaim at the end.
Status Live(TimeView* view, Story* story) {
  for (size_t i = static_cast<size_t>(view->watermark().value); i < story->edits.size(); ++i) {
    const Edit& edit = story->edits[i].get();
    ARROW_RETURN_NOT_OK(view->Apply({&edit, 1}, edit.commit));
    if (i % 25 == 24) ARROW_RETURN_NOT_OK(view->Checkpoint());
  }
  ARROW_RETURN_NOT_OK(view->Checkpoint());
  return view->Reclaim(uint64_t{1} << 30).status();
}

TEST(TimeViewFaultTest, APowerCutAtAnyStepLosesNothing) {
  Story story(1, 100);
  uint64_t operations = 0;
  {
    store::MemoryFileSystem files;
    auto view = TimeView::Open(SmallOptions(&files)).ValueOrDie();
    TIMEVIEW_OK(Live(view.get(), &story));
    operations = files.operations();
  }
  SeededRandom power(1);
  const uint64_t step = UnlessSanitized<uint64_t>(1, 7);
  for (uint64_t at = 0; at < operations && !testing::Test::HasFailure(); at += step) {
    store::MemoryFileSystem files;
    std::unique_ptr<store::MemoryFileSystem> left;
    uint64_t seen = 0;
    files.SetFaultHook([&](const char*, const std::string&) -> Status {
      if (seen++ == at) left = files.PowerCut(&power);
      return left == nullptr ? Status::OK() : Error(Code::kUnavailable, Reason::kIo, "no power");
    });
    if (auto view = TimeView::Open(SmallOptions(&files)); view.ok()) {
      static_cast<void>(Live(view->get(), &story));
    }
    if (left == nullptr) continue;
    const std::string where = "cut at operation " + std::to_string(at);
    auto view = TimeView::Open(SmallOptions(left.get()));
    ASSERT_TRUE(view.ok()) << where << ": " << view.status();
    TIMEVIEW_OK(Replay(view->get(), &story));
    TIMEVIEW_OK((*view)->Checkpoint());
    ExpectAll(view->get(), story, where);
  }
}

TEST(TimeViewFaultTest, DamagedBytesAreNeverAWrongNumber) {
  Story story(2, 60);
  store::MemoryFileSystem sound;
  {
    auto view = TimeView::Open(SmallOptions(&sound)).ValueOrDie();
    TIMEVIEW_OK(Live(view.get(), &story));
  }
  int named = 0;
  std::mt19937_64 random(2);
  const auto files = sound.List("timeview").ValueOrDie();
  ASSERT_GE(files.size(), 3u);
  for (const auto& file : files) {
    const std::string path = "timeview/" + file.name;
    const uint64_t size = sound.Open(path).ValueOrDie()->Size().ValueOrDie();
    for (uint64_t position = 0; position < size; position += 1 + random() % 40) {
      const auto damaged = sound.Copy();
      TIMEVIEW_OK(damaged->FlipBits(path, position, static_cast<uint8_t>(1 + random() % 255)));
      const auto view = TimeView::Open(SmallOptions(damaged.get()));
      if (!view.ok()) {
        ASSERT_NE(view.status().ToString().find("timeview/"), std::string::npos) << view.status();
        ++named;
        continue;
      }
      for (uint8_t number = 0; number < kSeries; ++number) {
        const ModelSeries& model = story.models[number];
        for (const int64_t revision : {model.latest(), model.latest() / 2 + 5}) {
          const auto points = Read(view->get(), TestSeries(number), revision);
          if (points.ok()) {
            ASSERT_EQ(*points, model.At(revision)) << path << " at " << position;
          } else {
            ASSERT_EQ(CodeOf(points.status()), Code::kDataLoss) << points.status();
            ASSERT_NE(points.status().ToString().find("timeview/"), std::string::npos)
                << points.status();
            ++named;
          }
        }
      }
    }
  }
  EXPECT_GT(named, 100);
}

TEST(TimeViewFaultTest, AFullDiskIsToldAndPasses) {
  Story story(3, 80);
  for (uint64_t capacity = 4096; capacity < 64 << 10; capacity += 4096) {
    store::MemoryFileSystem files;
    files.SetCapacity(capacity);
    auto view = TimeView::Open(SmallOptions(&files));
    if (!view.ok()) {
      ASSERT_EQ(ReasonOf(view.status()), Reason::kDiskFull) << view.status();
      continue;
    }
    const Status lived = Live(view->get(), &story);
    if (!lived.ok()) {
      ASSERT_EQ(ReasonOf(lived), Reason::kDiskFull) << lived;
    }
    files.SetCapacity(uint64_t{1} << 30);
    TIMEVIEW_OK(Replay(view->get(), &story));
    TIMEVIEW_OK((*view)->Checkpoint());
    ExpectAll(view->get(), story, "capacity " + std::to_string(capacity));
    view->reset();
    view = TimeView::Open(SmallOptions(&files));
    TIMEVIEW_OK(view.status());
    ExpectAll(view->get(), story, "reopened, capacity " + std::to_string(capacity));
  }
}

TEST(TimeViewFaultTest, ObliteratedSeriesGiveTheirSpaceBack) {
  store::MemoryFileSystem files;
  auto options = SmallOptions(&files);
  auto view = TimeView::Open(options).ValueOrDie();
  std::vector<int64_t> times(200);
  std::vector<double> values(200, 1.5);
  for (size_t i = 0; i < times.size(); ++i) times[i] = static_cast<int64_t>(i * i);
  int64_t commit = 0;
  for (uint8_t number = 0; number < 40; ++number) {
    const Edit edit{.series = TestSeries(number),
                    .revision = kEmptyRevision + 1,
                    .commit = CommitId(++commit),
                    .times = times,
                    .values = values};
    TIMEVIEW_OK(view->Apply({&edit, 1}, CommitId(commit)));
  }
  TIMEVIEW_OK(view->Checkpoint());
  const uint64_t before = view->Stats().file_bytes;
  const Snapshot pinned = view->Pin(TestSeries(5), kLatestRevision).ValueOrDie();
  for (uint8_t number = 0; number < 39; ++number) {
    TIMEVIEW_OK(view->Obliterate(TestSeries(number), CommitId(++commit)));
  }
  for (int i = 0; i < 3; ++i) TIMEVIEW_OK(view->Reclaim(uint64_t{1} << 30).status());
  EXPECT_LT(view->Stats().file_bytes, before / 2);
  EXPECT_EQ(view->LatestRevision(TestSeries(5)).ValueOrDie(), kEmptyRevision);
  EXPECT_EQ(Read(view.get(), TestSeries(39), kLatestRevision).ValueOrDie().size(), times.size());
  // Who pinned it before goes on reading.
  EXPECT_EQ(pinned.Summarise(kTimeMin, kTimeTop).ValueOrDie().count, times.size());
}

// All ways to give three edits of small sets of points to a tree of leaves of one or two points.
TEST(TimeViewFaultTest, EverySmallTreeIsRight) {
  const std::vector<std::vector<int64_t>> sets = {{0}, {1}, {63}, {64}, {0, 0}, {0, 64}, {1, 2, 3}};
  const size_t kinds = 2 * sets.size() + 2;  // inserts, replaces, two removals
  for (const uint32_t leaf : {1u, 2u}) {
    for (size_t story = 0; story < kinds * kinds * kinds; ++story) {
      store::MemoryFileSystem files;
      TimeViewOptions options = SmallOptions(&files);
      options.leaf_points_max = leaf;
      options.series_pending_points_max = 1;
      auto view = TimeView::Open(options).ValueOrDie();
      ModelSeries model;
      size_t rest = story;
      for (int64_t commit = 1; commit <= 3; ++commit, rest /= kinds) {
        const size_t kind = rest % kinds;
        OwnedEdit edit;
        edit.edit.series = TestSeries(1);
        edit.edit.revision = kEmptyRevision + commit;
        edit.edit.commit = CommitId(commit);
        if (kind >= 2 * sets.size()) {
          edit.edit.kind = Edit::Kind::kRemove;
          edit.edit.start = kind % 2 == 0 ? 0 : 2;
          edit.edit.end = kind % 2 == 0 ? 2 : 64;
        } else {
          edit.times = sets[kind / 2];
          edit.edit.replace = kind % 2 == 1;
          edit.values.assign(edit.times.size(), static_cast<double>(commit));
        }
        TIMEVIEW_OK(view->Apply({&edit.get(), 1}, edit.edit.commit));
        model.Apply(edit.get());
        if (commit == 2) TIMEVIEW_OK(view->Checkpoint());
      }
      for (int64_t revision = kEmptyRevision; revision <= model.latest(); ++revision) {
        const auto points = Read(view.get(), TestSeries(1), revision);
        ASSERT_TRUE(points.ok()) << points.status();
        ASSERT_EQ(*points, model.At(revision)) << "leaf " << leaf << " story " << story;
      }
    }
  }
}

TEST(TimeViewMemoryTest, NodesOutsideFilesStayWithinTheirBound) {
  store::MemoryFileSystem files;
  TimeViewOptions options = SmallOptions(&files);
  options.dirty_bytes_max = 32 << 10;
  options.pending_bytes_max = 16 << 10;
  options.series_pending_points_max = 1000;
  auto view = TimeView::Open(options).ValueOrDie();
  // What waits in front of the trees is written with the heads at a checkpoint, and goes into the
  // trees later, when others want its place.
  int64_t commit = 0;
  for (int64_t round = 0; round < 4; ++round) {
    for (uint8_t number = 0; number < 200; ++number) {
      OwnedEdit edit;
      edit.edit.series = TestSeries(number);
      edit.edit.revision = kEmptyRevision + 1 + round;
      edit.edit.commit = CommitId(++commit);
      for (int i = 0; i < 20; ++i) {
        edit.times.push_back(round * 100 + i);
        edit.values.push_back(i);
      }
      TIMEVIEW_OK(view->Apply({&edit.get(), 1}, edit.edit.commit));
      ASSERT_LE(view->Stats().dirty_bytes, options.dirty_bytes_max + (16 << 10))
          << "round " << round << " series " << int{number};
      if (number == 100) TIMEVIEW_OK(view->Checkpoint());
    }
  }
  TIMEVIEW_OK(view->Checkpoint());
  EXPECT_EQ(view->Stats().dirty_bytes, 0u);
  EXPECT_EQ(Read(view.get(), TestSeries(7), kLatestRevision).ValueOrDie().size(), 80u);
}

/// `points` points of `value`, a round's in one edit, which makes the round's revision.
OwnedEdit EditOfRound(uint8_t number, int64_t round, CommitId commit, int64_t points,
                      double value) {
  OwnedEdit edit;
  edit.edit.series = TestSeries(number);
  edit.edit.revision = kEmptyRevision + 1 + round;
  edit.edit.commit = commit;
  for (int64_t i = 0; i < points; ++i) {
    edit.times.push_back(round * 100 + i);
    edit.values.push_back(value);
  }
  return edit;
}

TEST(TimeViewMemoryTest, WhatWaitsIsWrittenOnceAndForgotten) {
  store::MemoryFileSystem files;
  TimeViewOptions options{.files = &files, .pending_bytes_max = 4096};
  auto view = TimeView::Open(options).ValueOrDie();
  constexpr uint8_t kMany = 20;
  constexpr int64_t kRounds = 200;
  constexpr int64_t kPoints = 4;
  int64_t commit = 0;
  ModelPoints points;
  for (int64_t round = 0; round < kRounds; ++round) {
    const double value = 0.5 * static_cast<double>(round);
    for (int64_t i = 0; i < kPoints; ++i) points.push_back({round * 100 + i, value});
    for (uint8_t number = 0; number < kMany; ++number) {
      OwnedEdit edit = EditOfRound(number, round, CommitId(++commit), kPoints, value);
      TIMEVIEW_OK(view->Apply({&edit.get(), 1}, edit.edit.commit));
      ASSERT_LE(view->Stats().pending_bytes, options.pending_bytes_max);
    }
    if (round % 4 == 3) TIMEVIEW_OK(view->Checkpoint());
  }
  // Each series was written some hundred times, with the points that came since, not with all that
  // wait, which are 400 at a time.
  EXPECT_EQ(view->Stats().trees_written, 0u);
  EXPECT_LT(view->Stats().written_bytes, uint64_t{kMany} * 100 * 300);
  view = TimeView::Open(options).ValueOrDie();
  for (uint8_t number = 0; number < kMany; ++number) {
    const SeriesInfo info = view->Info(TestSeries(number)).ValueOrDie();
    EXPECT_EQ(info.revision, kEmptyRevision + kRounds);
    EXPECT_EQ(info.pending_points, static_cast<uint64_t>(kRounds * kPoints));
    EXPECT_EQ(Read(view.get(), TestSeries(number), kLatestRevision).ValueOrDie(), points);
  }
}

TEST(TimeViewMemoryTest, EditsOfHeadsThatComeAndGoAreCountedOnce) {
  store::MemoryFileSystem files;
  TimeViewOptions options{.files = &files, .pending_bytes_max = 1 << 16, .open_series_max = 20};
  auto view = TimeView::Open(options).ValueOrDie();
  constexpr uint8_t kMany = 100;
  constexpr int64_t kRounds = 100;
  constexpr int64_t kPoints = 10;
  int64_t commit = 0;
  for (int64_t round = 0; round < kRounds; ++round) {
    for (uint8_t number = 0; number < kMany; ++number) {
      OwnedEdit edit = EditOfRound(number, round, CommitId(++commit), kPoints, number);
      TIMEVIEW_OK(view->Apply({&edit.get(), 1}, edit.edit.commit));
      ASSERT_LE(view->Stats().pending_bytes, options.pending_bytes_max);
      // A reader brings others.
      ASSERT_TRUE(view->Info(TestSeries(static_cast<uint8_t>((number + kMany / 2) % kMany))).ok());
    }
    if (round % 10 == 9) TIMEVIEW_OK(view->Checkpoint());
  }
  // All that waits in memory fits, so that no head is written for each of its edits.
  TIMEVIEW_OK(view->Checkpoint());
  for (uint8_t number = 0; number < kMany; ++number) {
    EXPECT_EQ(Read(view.get(), TestSeries(number), kLatestRevision).ValueOrDie().size(),
              static_cast<size_t>(kRounds * kPoints));
    TIMEVIEW_OK(view->Obliterate(TestSeries(number), CommitId(++commit)));
  }
  EXPECT_EQ(view->Stats().pending_bytes, 0u);
}

TEST(TimeViewMemoryTest, HeadsAreLetGoInRuns) {
  store::MemoryFileSystem files;
  TimeViewOptions options = SmallOptions(&files);
  options.dirty_bytes_max = 1 << 20;
  options.open_series_max = 80;
  auto view = TimeView::Open(options).ValueOrDie();
  int trims = 0;
  uint64_t before = 0;
  int64_t commit = 0;
  for (int round = 0; round < 2; ++round) {
    for (uint8_t number = 0; number < 250; ++number) {
      OwnedEdit edit;
      edit.edit.series = TestSeries(number);
      edit.edit.revision = kEmptyRevision + 1 + round;
      edit.edit.commit = CommitId(++commit);
      edit.times = {round};
      edit.values = {1.0 * number};
      TIMEVIEW_OK(view->Apply({&edit.get(), 1}, edit.edit.commit));
      const uint64_t open = view->Stats().open_series;
      ASSERT_LE(open, 81u);
      trims += open < before;
      before = open;
    }
  }
  EXPECT_GT(trims, 10);
  EXPECT_LT(trims, 70);  // of 420 heads that were let go
  // What waits is counted of heads in memory alone: no head has more than a few edits.
  EXPECT_LT(view->Stats().pending_bytes, uint64_t{80} * 256);
  for (uint8_t number = 0; number < 250; ++number) {
    const auto points = Read(view.get(), TestSeries(number), kLatestRevision).ValueOrDie();
    ASSERT_EQ(points, (ModelPoints{{0, 1.0 * number}, {1, 1.0 * number}}));
  }
}

}  // namespace
}  // namespace firth::timeview
