// Goal: whatever is written, in whatever order, every answer at every revision is that of plain
// code. Method: random edits under all merge policies go to a view and to a model of sorted vectors
// (testing_model.h); leaves are small, so that a few hundred points make deep trees.

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/store/memory_file_system.h"
#include "firth/timeview/helpers.h"
#include "firth/timeview/testing_model.h"

namespace firth::timeview {
namespace {

/// Edits of each run.
constexpr int64_t kCommits = 100;
constexpr int64_t kLongCommits = 5000;

/// A view that two threads help.
std::unique_ptr<TimeView> Open(const TimeViewOptions& options) {
  static SystemClock clock;
  static ThreadPool helpers("helper", 2, &clock);
  auto view = TimeView::Open(options).ValueOrDie();
  SetHelpers(view.get(), &helpers);
  return view;
}

/// Where the times of a run lie.
enum class Shape { kDense, kAscending, kSpread, kPiles, kLate };

class Writer {
 public:
  Writer(Shape shape, uint64_t seed) : shape_(shape), random_(seed) {}

  /// The next edit of a series whose points are those of `model`.
  OwnedEdit Next(TimeView* view, SeriesId series, const ModelSeries& model, int64_t commit) {
    OwnedEdit out;
    out.edit.series = series;
    out.edit.revision = model.latest() + 1;
    out.edit.commit = CommitId(commit);
    if (random_() % (shape_ == Shape::kLate ? 60 : 8) == 0) {
      out.edit.kind = Edit::Kind::kRemove;
      const auto [start, end] = std::minmax({SomeTime(), SomeTime()});
      out.edit.start = start;
      out.edit.end = end + 1;
      if (random_() % 4 == 0) {
        out.edit.start = kTimeMin;
        if (random_() % 4 == 0) out.edit.end = kTimeTop;
      }
      return out;
    }
    const size_t points = random_() % 4 == 0 ? random_() % 60 : random_() % 6;
    std::vector<int64_t> times;
    std::vector<double> values;
    for (size_t i = 0; i < points; ++i) {
      times.push_back(SomeTime());
      values.push_back(SomeValue());
    }
    auto policy = static_cast<MergePolicy>(random_() % 4);
    if (shape_ == Shape::kLate && random_() % 20 != 0) policy = MergePolicy::kNever;
    auto snapshot = view->Pin(series, kLatestRevision).ValueOrDie();
    const auto decision = Decide(snapshot, policy, times, values).ValueOrDie();
    const auto want = model.Decide(policy, times, values);
    if (decision.all) {
      EXPECT_EQ(want.size(), times.size());
      out.times = times;
      out.values = values;
    } else {
      EXPECT_EQ(decision.kept, want);
      for (const uint32_t i : decision.kept) {
        out.times.push_back(times[i]);
        out.values.push_back(values[i]);
      }
    }
    EXPECT_TRUE(policy == MergePolicy::kReplace || !decision.replace);
    out.edit.replace = policy == MergePolicy::kReplace;
    // A decision says so when nothing has to be removed; either way must do.
    if (random_() % 2 == 0) out.edit.replace = decision.replace;
    // Some of the times only lose their points.
    for (size_t i = 0; out.edit.replace && random_() % 2 == 0 && i < out.values.size(); ++i) {
      if (random_() % 3 == 0) out.values[i] = std::numeric_limits<double>::quiet_NaN();
    }
    return out;
  }

 private:
  int64_t SomeTime() {
    switch (shape_) {
      case Shape::kDense:
        return 1'000'000 + static_cast<int64_t>(random_() % 300);
      case Shape::kAscending:
        // Now and then a step back.
        if (random_() % 40 == 0) return clock_ - static_cast<int64_t>(random_() % 2000);
        return clock_ += static_cast<int64_t>(random_() % 20);
      case Shape::kSpread:
        if (random_() % 50 == 0) return random_() % 2 == 0 ? kTimeMin : kTimeLast;
        return kTimeMin + static_cast<int64_t>(random_() % ((uint64_t{1} << 62) - 1));
      case Shape::kLate:
        // A third comes late, nearly always to a time where there is no point.
        clock_ += 1000;
        if (random_() % 3 != 0) return clock_;
        if (random_() % 100 == 0) return clock_ - 1000;
        return clock_ - static_cast<int64_t>(random_() % 100'000);
      case Shape::kPiles:
        return 5 + static_cast<int64_t>(random_() % 3);
    }
    FIRTH_CHECK(false);
  }
  double SomeValue() {
    switch (random_() % 8) {
      case 0:
        return -0.0;
      case 1:
        return 1e9 + static_cast<double>(random_() % 1000) / 1000;
      case 2:
        return 5e-324;
      default:
        return static_cast<double>(random_() % 5);
    }
  }

  const Shape shape_;
  std::mt19937_64 random_;
  int64_t clock_ = 1'500'000'000'000'000'000;
};

struct ModelRun {
  Shape shape;
  uint32_t leaf_points_max;
  uint32_t pending_max;
  uint64_t seed;
};

class TimeViewModelTest : public testing::TestWithParam<ModelRun> {};

TEST_P(TimeViewModelTest, EveryAnswerIsThatOfPlainCode) {
  const ModelRun run = GetParam();
  auto files = std::make_unique<store::MemoryFileSystem>();
  TimeViewOptions options{.node_cache_bytes = run.seed % 2 == 0 ? 0u : 1u << 20,
                          .dirty_bytes_max = run.seed % 3 == 0 ? 0u : 1u << 20,
                          .pending_bytes_max = run.seed % 5 < 2 ? 300u : 1u << 20,
                          .series_pending_points_max = run.pending_max,
                          .head_points_max = run.seed % 4 < 2 ? 10u : 500u,
                          .leaf_points_max = run.leaf_points_max,
                          .late_times_max = run.seed % 2 == 0 ? 30u : 10'000u,
                          .file_bytes_max = 16 << 10};
  options.files = files.get();
  auto view = Open(options);
  std::mt19937_64 random(run.seed);
  SeededRandom power(run.seed);
  Writer writer(run.shape, run.seed);
  ModelSeries model;
  const SeriesId series = TestSeries(1);
  std::vector<OwnedEdit> log;
  for (int64_t commit = 1; commit <= kCommits && !HasFailure(); ++commit) {
    Comparison comparison(view.get(), series, &model, random());
    OwnedEdit edit = writer.Next(view.get(), series, model, commit);
    const auto before = view->Pin(series, kLatestRevision).ValueOrDie();
    const auto preview = before.With({&edit.get(), 1}).ValueOrDie();
    TIMEVIEW_OK(view->Apply({&edit.get(), 1}, CommitId(commit)));
    model.Apply(edit.get());
    log.push_back(edit);
    comparison.State(preview, model.At(model.latest()), "preview");
    comparison.Revision(model.latest());
    comparison.SomeRevision();
    comparison.SomeChanges();
    if (random() % 8 == 0) {
      TIMEVIEW_OK(view->Checkpoint());
      ASSERT_EQ(view->base_watermark(), CommitId(commit));
    }
    if (random() % 20 == 0) TIMEVIEW_OK(view->Reclaim(1 << 20).status());
    if (random() % 12 == 0) {
      // The process is killed, or the power goes; the log is replayed.
      auto left = random() % 2 == 0 ? files->Copy() : files->PowerCut(&power);
      view.reset();
      files = std::move(left);
      options.files = files.get();
      view = Open(options);
      const auto base = static_cast<size_t>(view->base_watermark().value);
      for (size_t i = base - std::min<size_t>(base, random() % 3); i < log.size(); ++i) {
        TIMEVIEW_OK(view->Apply({&log[i].get(), 1}, log[i].edit.commit));
      }
      ASSERT_EQ(view->watermark(), CommitId(commit));
    }
  }
  TIMEVIEW_OK(view->Checkpoint());
  Comparison(view.get(), series, &model, run.seed).Everything(50);
  view = Open(options);
  ASSERT_EQ(view->base_watermark(), CommitId(kCommits));
  Comparison(view.get(), series, &model, run.seed).Everything(50);
}

/// Long lives, of which some answers are compared at each step.
class TimeViewLongTest : public testing::TestWithParam<ModelRun> {};

TEST_P(TimeViewLongTest, EveryAnswerIsThatOfPlainCode) {
  const ModelRun run = GetParam();
  auto files = std::make_unique<store::MemoryFileSystem>();
  TimeViewOptions options{.files = files.get(),
                          .node_cache_bytes = 64 << 10,
                          .dirty_bytes_max = 64 << 10,
                          .pending_bytes_max = run.seed % 2 == 0 ? 2u << 10 : 1u << 20,
                          .series_pending_points_max = run.pending_max,
                          .head_points_max = run.seed % 3 == 0 ? 300u : 50u,
                          .leaf_points_max = run.leaf_points_max,
                          .late_times_max = 500,
                          .file_bytes_max = 256 << 10};
  auto view = Open(options);
  std::mt19937_64 random(run.seed);
  SeededRandom power(run.seed);
  constexpr uint8_t kSeries = 4;
  std::vector<Writer> writers;
  ModelSeries models[kSeries];
  for (uint8_t i = 0; i < kSeries; ++i) writers.emplace_back(run.shape, run.seed + i);
  std::vector<OwnedEdit> log;  // since the base
  for (int64_t commit = 1; commit <= kLongCommits && !HasFailure(); ++commit) {
    const auto number = static_cast<uint8_t>(random() % kSeries);
    const SeriesId series = TestSeries(number);
    OwnedEdit edit = writers[number].Next(view.get(), series, models[number], commit);
    TIMEVIEW_OK(view->Apply({&edit.get(), 1}, CommitId(commit)));
    models[number].Apply(edit.get());
    log.push_back(edit);
    Comparison comparison(view.get(), series, &models[number], random());
    if (random() % 4 == 0) comparison.Revision(models[number].latest());
    if (random() % 12 == 0) comparison.SomeRevision();
    if (random() % 40 == 0) comparison.SomeChanges();
    if (random() % 100 == 0) {
      TIMEVIEW_OK(view->Checkpoint());
      log.clear();
    }
    if (random() % 300 == 0) {
      TIMEVIEW_OK(view->Reclaim(1 << 20).status());
      log.clear();
    }
    if (random() % 150 == 0) {
      auto left = random() % 2 == 0 ? files->Copy() : files->PowerCut(&power);
      view.reset();
      files = std::move(left);
      options.files = files.get();
      view = Open(options);
      for (OwnedEdit& again : log) {
        TIMEVIEW_OK(view->Apply({&again.get(), 1}, again.edit.commit));
      }
    }
  }
  for (uint8_t i = 0; i < kSeries; ++i) {
    Comparison comparison(view.get(), TestSeries(i), &models[i], run.seed);
    for (int64_t revision = kEmptyRevision; revision <= models[i].latest(); revision += 11) {
      comparison.Revision(revision);
    }
  }
}

std::vector<ModelRun> LongRuns() {
  std::vector<ModelRun> runs;
  uint64_t seed = 1000;
  for (const Shape shape :
       {Shape::kDense, Shape::kAscending, Shape::kSpread, Shape::kPiles, Shape::kLate}) {
    for (const uint32_t leaf : {4u, 64u}) {
      for (const uint32_t pending : {4u, 200u}) runs.push_back({shape, leaf, pending, seed++});
    }
  }
  return runs;
}

std::vector<ModelRun> Runs() {
  std::vector<ModelRun> runs;
  uint64_t seed = 1;
  for (const Shape shape :
       {Shape::kDense, Shape::kAscending, Shape::kSpread, Shape::kPiles, Shape::kLate}) {
    for (const uint32_t leaf : {1u, 2u, 8u, 1536u}) {
      for (const uint32_t pending : {1u, 20u, 1000u}) {
        runs.push_back({shape, leaf, pending, seed++});
      }
    }
  }
  return runs;
}

std::string NameOf(const testing::TestParamInfo<ModelRun>& tested) {
  static constexpr const char* kShapes[] = {"Dense", "Ascending", "Spread", "Piles", "Late"};
  const ModelRun& run = tested.param;
  return std::string(kShapes[static_cast<int>(run.shape)]) + "Leaf" +
         std::to_string(run.leaf_points_max) + "Pending" + std::to_string(run.pending_max);
}

INSTANTIATE_TEST_SUITE_P(Runs, TimeViewModelTest, testing::ValuesIn(Runs()), NameOf);
INSTANTIATE_TEST_SUITE_P(Runs, TimeViewLongTest, testing::ValuesIn(LongRuns()), NameOf);

}  // namespace
}  // namespace firth::timeview
