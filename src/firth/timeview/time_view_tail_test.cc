// Goal: the points that late ones are likely to come between wait outside the nodes of their tree,
// and nobody sees a difference: every revision is there, at once and later, whatever comes next,
// and they can be written whatever befell the files. Method: edits a third of whose points come
// with the next one, beside plain vectors.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "firth/store/memory_file_system.h"
#include "firth/timeview/record.h"
#include "firth/timeview/testing_model.h"

namespace firth::timeview {
namespace {

constexpr int64_t kStep = 1000;

/// Points in order, of which some come late.
class LateWriter {
 public:
  explicit LateWriter(uint64_t seed) : random_(seed) {}

  /// The next `points` of them, of which a third is held back, after those that were.
  OwnedEdit Next(const ModelSeries& model, size_t points) {
    OwnedEdit edit = Begin(model);
    edit.times = std::exchange(held_, {});
    for (size_t i = 0; i < points; ++i) {
      clock_ += kStep;
      (random_() % 3 == 0 ? held_ : edit.times).push_back(clock_);
    }
    AddValues(&edit);
    return edit;
  }
  /// The same, with none held back any more.
  OwnedEdit All(const ModelSeries& model, size_t points) {
    OwnedEdit edit = Next(model, points);
    edit.times.insert(edit.times.end(), held_.begin(), held_.end());
    held_.clear();
    AddValues(&edit);
    return edit;
  }
  /// One that comes very late, and some behind all others.
  OwnedEdit VeryLate(const ModelSeries& model) {
    OwnedEdit edit = Begin(model);
    edit.times = {kStep / 2};
    for (int i = 0; i < 10; ++i) edit.times.push_back(clock_ += kStep);
    AddValues(&edit);
    return edit;
  }
  /// A point at the time of one that is there, where a late one is likely to come.
  OwnedEdit Again(const ModelSeries& model) {
    OwnedEdit edit = Begin(model);
    const ModelPoints& points = model.At(model.latest());
    edit.times = {points[points.size() - 5].time};
    AddValues(&edit);
    return edit;
  }
  OwnedEdit Remove(const ModelSeries& model) {
    OwnedEdit edit = Begin(model);
    edit.edit.kind = Edit::Kind::kRemove;
    edit.edit.start = clock_ - 12 * kStep;
    edit.edit.end = clock_ - 7 * kStep;
    return edit;
  }

 private:
  OwnedEdit Begin(const ModelSeries& model) {
    OwnedEdit edit;
    edit.edit.series = TestSeries(1);
    edit.edit.revision = model.latest() + 1;
    edit.edit.commit = CommitId(model.latest() + 1 - kEmptyRevision);
    return edit;
  }
  void AddValues(OwnedEdit* edit) {
    while (edit->values.size() < edit->times.size()) {
      edit->values.push_back(static_cast<double>(random_() % 1000));
    }
  }

  std::mt19937_64 random_;
  int64_t clock_ = 0;
  std::vector<int64_t> held_;
};

/// An edit of at least eight points goes into the tree at once; the tail has 128 at most.
TimeViewOptions SmallOptions(store::FileSystem* files) {
  return {
      .files = files, .node_cache_bytes = 0, .series_pending_points_max = 32, .leaf_points_max = 8};
}

Result<ModelPoints> Read(TimeView* view, int64_t revision) {
  ARROW_ASSIGN_OR_RAISE(const Snapshot snapshot, view->Pin(TestSeries(1), revision));
  ARROW_ASSIGN_OR_RAISE(const auto cursor, snapshot.Points(kTimeMin, kTimeTop));
  ModelPoints points;
  PointBatch batch;
  do {
    ARROW_RETURN_NOT_OK(cursor->Next(64, &batch));
    for (size_t i = 0; i < batch.size(); ++i) points.push_back({batch.times[i], batch.values[i]});
  } while (batch.size() > 0);
  return points;
}

void ExpectFrom(int64_t first, TimeView* view, const ModelSeries& model) {
  for (int64_t revision = std::max(first, kEmptyRevision); revision <= model.latest(); ++revision) {
    const auto points = Read(view, revision);
    ASSERT_TRUE(points.ok()) << points.status();
    ASSERT_EQ(*points, model.At(revision)) << "revision " << revision << " of " << model.latest();
  }
}

void ExpectAll(TimeView* view, const ModelSeries& model) {
  ExpectFrom(kEmptyRevision, view, model);
}

void Apply(TimeView* view, OwnedEdit edit, ModelSeries* model) {
  TIMEVIEW_OK(view->Apply({&edit.get(), 1}, edit.edit.commit));
  model->Apply(edit.get());
}

TEST(TimeViewTailTest, EveryRevisionIsThereWhateverComesNext) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    store::MemoryFileSystem files;
    auto view = TimeView::Open(SmallOptions(&files)).ValueOrDie();
    std::mt19937_64 random(seed);
    LateWriter writer(seed);
    ModelSeries model;
    for (int i = 0; i < 60 && !HasFailure(); ++i) {
      // In the end there are only small edits, many of which go into the tree together.
      const uint64_t what = i < 3 ? 20 : i < 40 ? random() % 20 : 8;
      if (what == 0) {
        Apply(view.get(), writer.Remove(model), &model);
      } else if (what == 1) {
        Apply(view.get(), writer.Again(model), &model);
      } else if (what < 4) {
        Apply(view.get(), writer.All(model, 30), &model);
      } else if (what < 6) {
        Apply(view.get(), writer.Next(model, 300), &model);  // more than a tail may have
      } else if (what < 12) {
        Apply(view.get(), writer.Next(model, 4), &model);  // so few wait in front of the tree
      } else {
        Apply(view.get(), writer.Next(model, 40), &model);
      }
      ExpectFrom(i % 10 == 9 ? kEmptyRevision : model.latest() - 3, view.get(), model);
      const SeriesInfo info = view->Info(TestSeries(1)).ValueOrDie();
      EXPECT_GE(info.tree_points + info.pending_points, model.At(model.latest()).size());
      if (random() % 10 == 0) {
        TIMEVIEW_OK(view->Checkpoint());
        EXPECT_EQ(view->Stats().dirty_bytes, 0u);
      }
    }
    TIMEVIEW_OK(view->Checkpoint());
    view = TimeView::Open(SmallOptions(&files)).ValueOrDie();
    ExpectAll(view.get(), model);
  }
}

TEST(TimeViewTailTest, AnEditWithLatePointsIsInTheTreeAtOnce) {
  store::MemoryFileSystem files;
  auto view = TimeView::Open(SmallOptions(&files)).ValueOrDie();
  LateWriter writer(1);
  ModelSeries model;
  for (int i = 0; i < 10; ++i) {
    Apply(view.get(), writer.Next(model, 40), &model);
    const SeriesInfo info = view->Info(TestSeries(1)).ValueOrDie();
    EXPECT_EQ(info.tree_revision, model.latest());
    EXPECT_EQ(info.tree_points, model.At(model.latest()).size());
    EXPECT_EQ(info.pending_points, 0u);
  }
}

TEST(TimeViewTailTest, OfMemoryOnlyTheLastOneIsCounted) {
  store::MemoryFileSystem files;
  auto view = TimeView::Open({.files = &files, .series_pending_points_max = 2000}).ValueOrDie();
  LateWriter writer(3);
  ModelSeries model;
  constexpr uint64_t kEdits = 50;
  constexpr size_t kPoints = 1000;
  for (uint64_t i = 0; i < kEdits; ++i) Apply(view.get(), writer.Next(model, kPoints), &model);
  // All tails together would take as much, and the nodes, whose leaves are coded, come on top.
  const uint64_t dirty = view->Stats().dirty_bytes;
  EXPECT_GT(dirty, kPoints / 2 * sizeof(Point));
  EXPECT_LT(dirty, kEdits * kPoints * 2 / 3 * sizeof(Point));
}

TEST(TimeViewTailTest, WhatWaitsIsWrittenWhateverBefellTheFiles) {
  store::MemoryFileSystem files;
  auto view = TimeView::Open(SmallOptions(&files)).ValueOrDie();
  LateWriter writer(2);
  ModelSeries model;
  for (int i = 0; i < 20; ++i) Apply(view.get(), writer.Next(model, 40), &model);
  TIMEVIEW_OK(view->Checkpoint());
  Apply(view.get(), writer.VeryLate(model), &model);
  // All that was written is damaged, until the rest was written, too.
  const std::string folder = SmallOptions(&files).folder;
  std::vector<std::pair<std::string, uint64_t>> damaged;
  for (const store::FileInfo& file : files.List(folder).ValueOrDie()) {
    if (file.name.find("nodes") == std::string::npos) continue;
    const std::string path = folder + "/" + file.name;
    const uint64_t size = files.Open(path).ValueOrDie()->Size().ValueOrDie();
    for (uint64_t at = kFileHeaderBytes; at < size; at += 8) damaged.emplace_back(path, at);
  }
  ASSERT_FALSE(damaged.empty());
  const auto flip = [&] {
    for (const auto& [path, at] : damaged) TIMEVIEW_OK(files.FlipBits(path, at, 1));
  };
  flip();
  EXPECT_FALSE(Read(view.get(), kLatestRevision).ok());
  ASSERT_EQ(view->Info(TestSeries(1)).ValueOrDie().pending_points, 0u);
  TIMEVIEW_OK(view->Checkpoint());
  flip();
  ExpectAll(view.get(), model);
  view = TimeView::Open(SmallOptions(&files)).ValueOrDie();
  ExpectAll(view.get(), model);
}

}  // namespace
}  // namespace firth::timeview
