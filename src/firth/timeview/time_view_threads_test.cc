// Goal: who reads while series are obliterated, and nodes of files that are mostly dead move and
// vanish, reads right points, or of a series that is gone none. Method: threads read everything
// there is to read, of revisions pinned before and just now, while one thread writes, obliterates,
// checkpoints and reclaims; the view is then opened again.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "firth/common/clock.h"
#include "firth/common/executor.h"
#include "firth/store/memory_file_system.h"
#include "firth/timeview/helpers.h"
#include "firth/timeview/testing_model.h"

namespace firth::timeview {
namespace {

constexpr size_t kSeries = 8;
constexpr int kRounds = 60;
constexpr int64_t kBatch = 400;  // points of an edit
constexpr int64_t kStep = 10;

/// A series holds, at revision r, the points of r - kEmptyRevision edits, one behind another.
double ValueOf(uint8_t series, int64_t i) {
  return static_cast<double>(series) * 1e6 + static_cast<double>(i % 1'000);
}

/// Does a snapshot hold what its revision says?
Status Expect(const Snapshot& snapshot, uint8_t series) {
  const int64_t count = (snapshot.revision() - kEmptyRevision) * kBatch;
  ARROW_ASSIGN_OR_RAISE(const auto points, snapshot.Points(kTimeMin, kTimeTop));
  PointBatch batch;
  int64_t next = 0;
  do {
    ARROW_RETURN_NOT_OK(points->Next(1'000, &batch));
    for (size_t i = 0; i < batch.size(); ++i, ++next) {
      if (batch.times[i] != next * kStep || batch.values[i] != ValueOf(series, next)) {
        return Status::Invalid("point ", next, " of series ", int{series});
      }
    }
  } while (batch.size() > 0);
  if (next != count) return Status::Invalid(next, " points instead of ", count);
  if (count == 0) return Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto windows, snapshot.Windows(0, count * kStep, kStep));
  WindowBatch batch_of_windows;
  next = 0;
  do {
    ARROW_RETURN_NOT_OK(windows->Next(1'000, &batch_of_windows));
    for (size_t i = 0; i < batch_of_windows.size(); ++i, ++next) {
      if (batch_of_windows.count[i] != 1 || batch_of_windows.mean[i] != ValueOf(series, next)) {
        return Status::Invalid("window ", next, " of series ", int{series});
      }
    }
  } while (batch_of_windows.size() > 0);
  return next == count ? Status::OK() : Status::Invalid(next, " windows");
}

TimeViewOptions SmallFiles(store::FileSystem* files) {
  return {.files = files,
          .node_cache_bytes = 64 << 10,
          .dirty_bytes_max = 64 << 10,
          .series_pending_points_max = 512,
          .leaf_points_max = 64,
          .file_bytes_max = 32 << 10};
}

TEST(TimeViewThreadsTest, ReadsAreRightWhileSeriesVanishAndNodesMove) {
  store::MemoryFileSystem files;
  SystemClock clock;
  ThreadPool helpers("helper", 2, &clock);
  auto view = TimeView::Open(SmallFiles(&files)).ValueOrDie();
  SetHelpers(view.get(), &helpers);
  // Which series stands at each place: one that is obliterated is followed by another.
  std::array<std::atomic<uint8_t>, kSeries> standing;
  for (size_t i = 0; i < kSeries; ++i) standing[i] = static_cast<uint8_t>(i);
  std::atomic<bool> done = false;
  std::atomic<uint64_t> reads = 0;
  std::atomic<uint64_t> gone = 0;
  std::array<Status, 2> failed;
  std::vector<std::thread> readers;
  for (size_t reader = 0; reader < failed.size(); ++reader) {
    readers.emplace_back([&, reader] {
      std::mt19937_64 random(reader);
      Status& status = failed[reader];
      while (!done && status.ok()) {
        const uint8_t series = standing[random() % kSeries];
        const auto snapshot = view->Pin(TestSeries(series), kLatestRevision);
        if (!snapshot.ok()) {
          status = snapshot.status();
          break;
        }
        status = Expect(*snapshot, series);
        // An earlier revision, which may be gone by now together with all others.
        const int64_t revisions = snapshot->revision() - kEmptyRevision;
        if (status.ok() && revisions > 0) {
          const auto back = static_cast<int64_t>(random() % static_cast<uint64_t>(revisions));
          const auto earlier = view->Pin(TestSeries(series), snapshot->revision() - back);
          if (earlier.ok()) {
            status = Expect(*earlier, series);
          } else if (view->LatestRevision(TestSeries(series)).ValueOrDie() == kEmptyRevision) {
            ++gone;
          } else {
            status = earlier.status();
          }
          // And the one that was pinned, whatever became of its series.
          if (status.ok()) status = Expect(*snapshot, series);
        }
        ++reads;
      }
    });
  }
  std::mt19937_64 random(7);
  std::array<int64_t, 256> revisions;
  revisions.fill(kEmptyRevision);
  int64_t commit = 0;
  uint8_t next = kSeries;
  uint64_t moved = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (size_t place = 0; place < kSeries; ++place) {
      const uint8_t series = standing[place];
      OwnedEdit edit;
      edit.edit.series = TestSeries(series);
      const int64_t first = (revisions[series] - kEmptyRevision) * kBatch;
      for (int64_t i = first; i < first + kBatch; ++i) {
        edit.times.push_back(i * kStep);
        edit.values.push_back(ValueOf(series, i));
      }
      edit.edit.revision = ++revisions[series];
      edit.edit.commit = CommitId(++commit);
      const Edit applied = edit.get();
      TIMEVIEW_OK(view->Apply({&applied, 1}, applied.commit));
    }
    const size_t place = random() % kSeries;
    const uint8_t old = standing[place].exchange(next++);
    TIMEVIEW_OK(view->Obliterate(TestSeries(old), CommitId(++commit)));
    TIMEVIEW_OK(view->Checkpoint());
    for (;;) {
      const auto reclaimed = view->Reclaim(16 << 10);
      TIMEVIEW_OK(reclaimed.status());
      moved += reclaimed->freed_bytes;
      if (!reclaimed->more) break;
    }
    ASSERT_EQ(view->LatestRevision(TestSeries(old)).ValueOrDie(), kEmptyRevision);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  for (const Status& status : failed) EXPECT_TRUE(status.ok()) << status;
  EXPECT_GT(reads, 20u);
  EXPECT_GT(moved, 0u);
  view.reset();
  view = TimeView::Open(SmallFiles(&files)).ValueOrDie();
  for (const auto& place : standing) {
    const auto snapshot = view->Pin(TestSeries(place), kLatestRevision);
    TIMEVIEW_OK(snapshot.status());
    EXPECT_EQ(snapshot->revision(), revisions[place]);
    TIMEVIEW_OK(Expect(*snapshot, place));
  }
}

}  // namespace
}  // namespace firth::timeview
