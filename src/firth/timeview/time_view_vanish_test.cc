// Goal: a series that vanishes in the middle of a read, together with its files, is read right, or
// is said to be empty or without the revision, and is never said to be damaged. Method: at file
// reads of each way to read in turn, the series is obliterated and its space taken back.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "firth/store/memory_file_system.h"
#include "firth/timeview/testing_model.h"

namespace firth::timeview {
namespace {

const SeriesId kOld = TestSeries(1);
// Before it in the directory, whose block is then read for it.
const SeriesId kOther = TestSeries(0);
constexpr int64_t kTimes = 400;

TimeViewOptions SmallOptions(store::FileSystem* files) {
  return {.files = files,
          .node_cache_bytes = 0,
          .series_pending_points_max = 64,
          .head_points_max = 32,
          .leaf_points_max = 4,
          .late_times_max = 8,
          .file_bytes_max = 8 << 10};
}

/// A view at rest with a series of long history, in whose head's parts edits wait, and what it is.
class VanishingTest : public testing::Test {
 protected:
  void SetUp() override {
    auto view = TimeView::Open(SmallOptions(&sound_)).ValueOrDie();
    std::mt19937_64 random(1);
    for (int i = 0; i < 150; ++i) {
      Write(view.get(), &random, kOld, &model_);
      if (i % 20 == 19) TIMEVIEW_OK(view->Checkpoint());
    }
    // The file that is written to is another's.
    ModelSeries other;
    for (int i = 0; i < 60; ++i) {
      Write(view.get(), &random, kOther, &other);
      TIMEVIEW_OK(view->Checkpoint());
    }
    Write(view.get(), &random, kOld, &model_);
    TIMEVIEW_OK(view->Checkpoint());
    for (int i = 0; i < 60; ++i) {
      Write(view.get(), &random, kOther, &other);
      TIMEVIEW_OK(view->Checkpoint());
    }
  }

  void Write(TimeView* view, std::mt19937_64* random, const SeriesId& series, ModelSeries* model) {
    OwnedEdit edit;
    edit.edit.series = series;
    edit.edit.revision = model->latest() + 1;
    edit.edit.commit = CommitId(++commit_);
    if ((*random)() % 5 == 0) {
      edit.edit.kind = Edit::Kind::kRemove;
      edit.edit.start = static_cast<int64_t>((*random)() % kTimes);
      edit.edit.end = edit.edit.start + 20;
    } else {
      edit.edit.replace = (*random)() % 4 == 0;
      for (uint64_t i = 0; i < 1 + (*random)() % 12; ++i) {
        edit.times.push_back(static_cast<int64_t>((*random)() % kTimes));
        edit.values.push_back(static_cast<double>((*random)() % 100));
      }
    }
    model->Apply(edit.get());
    const Edit applied = edit.get();
    TIMEVIEW_OK(view->Apply({&applied, 1}, applied.commit));
  }

  /// When the space of the series is taken back: as soon as it vanished, or only when its name is
  /// next looked for in files, so that readers go on with it for a while.
  enum class Space { kAtOnce, kWhenLookedFor };

  /// Read with `read`, which says how it went, while the series vanishes at a file read: at each of
  /// the first, and now and then of later ones. Gives the last.
  int VanishAtReads(Space space, const std::function<Status(TimeView*)>& read) {
    for (int at = 0;; at += 1 + at / 16) {
      const auto files = sound_.Copy();
      auto view = TimeView::Open(SmallOptions(files.get())).ValueOrDie();
      int reads = 0;
      bool gone = false;
      bool taken_back = false;
      bool writes = false;  // what the writer reads counts for nothing
      const auto vanish = [&]() -> Status {
        gone = true;
        ARROW_RETURN_NOT_OK(view->Obliterate(kOld, view->watermark()));
        return view->Checkpoint();
      };
      const auto take_back = [&]() -> Status {
        taken_back = true;
        for (bool more = true; more;) {
          ARROW_ASSIGN_OR_RAISE(const Reclaimed reclaimed, view->Reclaim(uint64_t{1} << 30));
          freed_bytes_ += reclaimed.freed_bytes;
          more = reclaimed.more;
        }
        return Status::OK();
      };
      files->SetFaultHook([&](const char* operation, const std::string& path) -> Status {
        if (writes || taken_back || std::string(operation) != "read") return Status::OK();
        const bool begins = !gone && reads++ == at;
        const bool looked_for = gone && path.find("/series-") != std::string::npos;
        writes = true;
        Status done;
        if (begins) done = vanish();
        if (done.ok() && (looked_for || (begins && space == Space::kAtOnce))) done = take_back();
        writes = false;
        return done;
      });
      const Status status = read(view.get());
      EXPECT_TRUE(status.ok() || (gone && ReasonOf(status) == Reason::kVersionNotFound))
          << "read " << at << ": " << status;
      files->SetFaultHook(nullptr);
      if (!gone || HasFailure()) return at;
    }
  }

  Result<Snapshot> PinWhole(TimeView* view, int64_t revision) {
    ARROW_ASSIGN_OR_RAISE(const Snapshot snapshot, view->Pin(kOld, revision));
    if (snapshot.revision() != kEmptyRevision) return snapshot;
    return Error(Code::kNotFound, Reason::kVersionNotFound, "it vanished before it was pinned");
  }

  store::MemoryFileSystem sound_;
  ModelSeries model_;
  int64_t commit_ = 0;
  uint64_t freed_bytes_ = 0;
};

TEST_F(VanishingTest, PointsAreRightOrNone) {
  for (const int64_t revision : {kLatestRevision, model_.latest() - 3, int64_t{80}, int64_t{30}}) {
    const ModelPoints& want = model_.At(revision == kLatestRevision ? model_.latest() : revision);
    const int reads = VanishAtReads(Space::kAtOnce, [&](TimeView* view) -> Status {
      ARROW_ASSIGN_OR_RAISE(const Snapshot snapshot, PinWhole(view, revision));
      ARROW_ASSIGN_OR_RAISE(const auto cursor, snapshot.Points(kTimeMin, kTimeTop));
      ModelPoints points;
      PointBatch batch;
      do {
        ARROW_RETURN_NOT_OK(cursor->Next(50, &batch));
        for (size_t i = 0; i < batch.size(); ++i) {
          points.push_back({batch.times[i], batch.values[i]});
        }
      } while (batch.size() > 0);
      EXPECT_EQ(points, want) << "revision " << revision;
      return Status::OK();
    });
    EXPECT_GT(reads, 10) << "revision " << revision;
  }
  EXPECT_GT(freed_bytes_, 0u);
}

TEST_F(VanishingTest, WindowsAndNearestPointsAreRightOrNone) {
  const ModelPoints& want = model_.At(model_.latest());
  const int reads = VanishAtReads(Space::kAtOnce, [&](TimeView* view) -> Status {
    ARROW_ASSIGN_OR_RAISE(const Snapshot snapshot, PinWhole(view, kLatestRevision));
    ARROW_ASSIGN_OR_RAISE(const auto nearest, snapshot.Nearest(kTimes / 2, Direction::kForward));
    const auto next =
        std::lower_bound(want.begin(), want.end(), kTimes / 2,
                         [](const ModelPoint& point, int64_t time) { return point.time < time; });
    EXPECT_EQ(nearest->time, next->time);
    ARROW_ASSIGN_OR_RAISE(const auto cursor, snapshot.Windows(0, kTimes, 10));
    WindowBatch windows;
    ARROW_RETURN_NOT_OK(cursor->Next(kTimes, &windows));
    EXPECT_EQ(windows.size(), size_t{kTimes / 10});
    for (size_t i = 0; i < windows.size(); ++i) {
      const int64_t start = windows.starts[i];
      EXPECT_EQ(windows.count[i], ModelSeries::Between(want, start, start + 10).size());
    }
    return Status::OK();
  });
  EXPECT_GT(reads, 10);
  EXPECT_GT(freed_bytes_, 0u);
}

TEST_F(VanishingTest, ChangesAreAllThereOrNone) {
  for (const Space space : {Space::kAtOnce, Space::kWhenLookedFor}) {
    for (const auto& [from, to] : std::vector<std::pair<int64_t, int64_t>>{
             {kEmptyRevision, model_.latest()}, {100, model_.latest()}, {kEmptyRevision, 90}}) {
      const int reads = VanishAtReads(space, [&, from = from, to = to](TimeView* view) -> Status {
        ARROW_ASSIGN_OR_RAISE(const auto cursor, view->Changes(kOld, from, to, 0));
        std::set<int64_t> changed;
        std::vector<TimeRange> batch;
        do {
          ARROW_RETURN_NOT_OK(cursor->Next(100, &batch));
          for (const TimeRange& range : batch) {
            for (int64_t time = range.start; time < range.end; ++time) changed.insert(time);
          }
        } while (!batch.empty());
        for (const int64_t time : model_.Changed(from, to)) {
          EXPECT_EQ(changed.count(time), 1u) << time << " in (" << from << ", " << to << "]";
        }
        return Status::OK();
      });
      EXPECT_GT(reads, 10);
    }
  }
  EXPECT_GT(freed_bytes_, 0u);
}

}  // namespace
}  // namespace firth::timeview
