// Goal: windows that several threads look at are those of plain code, over gaps and over edits that
// are not in the tree; a damaged node among them is named and never a wrong number; a hundred
// million of them need no more memory than some; a helper that is away for long is not waited for.
// Method: a series with dense and empty parts, many
// widths, with and without helpers, beside sums over a sorted vector; a leaf after another damaged;
// all of a very long answer, its memory measured on the way.

#include "firth/timeview/window_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>
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

constexpr size_t kDense = 20'000;

/// Points every 8 ns or so, with gaps behind each dense part.
ModelPoints Uneven() {
  std::mt19937_64 random(1);
  ModelPoints points;
  int64_t time = 1'000'003;
  for (size_t i = 0; i < 3 * kDense; ++i) {
    time += 1 + static_cast<int64_t>(random() % 16);
    if (i % kDense == 0) time += 3'000'000;
    if (i % 5'000 == 0) time += 20'000;
    points.push_back({time, static_cast<double>(random() % 100'000) / 8});
  }
  return points;
}

class WindowGroupsTest : public ::testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<TimeView> Open(store::FileSystem* files, uint64_t cache_bytes) {
    auto view =
        TimeView::Open({.files = files, .node_cache_bytes = cache_bytes, .leaf_points_max = 200})
            .ValueOrDie();
    if (GetParam()) SetHelpers(view.get(), &helpers_);
    return view;
  }

  void Insert(TimeView* view, const ModelPoints& points) {
    OwnedEdit edit;
    edit.edit.series = TestSeries(0);
    edit.edit.revision = ++revision_;
    edit.edit.commit = CommitId(revision_);
    for (const ModelPoint& point : points) {
      edit.times.push_back(point.time);
      edit.values.push_back(point.value);
    }
    const Edit applied = edit.get();
    TIMEVIEW_OK(view->Apply({&applied, 1}, applied.commit));
  }

  SystemClock clock_;
  ThreadPool helpers_{"helper", 2, &clock_};
  int64_t revision_ = kEmptyRevision;
};

/// Compare windows that begin at these times with plain code; those that are not there are empty.
void ExpectWindows(const WindowBatch& got, const ModelPoints& points, int64_t width,
                   const std::string& where) {
  auto from = points.begin();
  for (size_t i = 0; i < got.size(); ++i) {
    const auto before = [](const ModelPoint& point, int64_t time) { return point.time < time; };
    from = std::lower_bound(from, points.end(), got.starts[i], before);
    const auto to = std::lower_bound(from, points.end(), got.starts[i] + width, before);
    ExpectStatistics({.count = got.count[i],
                      .min = got.min[i],
                      .mean = got.mean[i],
                      .max = got.max[i],
                      .stddev = got.stddev[i]},
                     PlainStatistics({from, to}), where + " window " + std::to_string(i));
    if (::testing::Test::HasFailure()) return;
  }
}

TEST_P(WindowGroupsTest, WindowsAreThoseOfPlainCode) {
  store::MemoryFileSystem files;
  ModelPoints points = Uneven();
  {
    auto view = Open(&files, 1 << 20);
    Insert(view.get(), points);
    TIMEVIEW_OK(view->Checkpoint());
  }
  auto view = Open(&files, 1 << 20);
  const int64_t end = points.back().time + 1'000'000;
  for (const bool more : {false, true}) {
    if (more) {
      // In front of the tree, and in the midst of it.
      const ModelPoints late = {{points[kDense].time - 1'000, 5}, {points.back().time + 7, -3}};
      Insert(view.get(), late);
      points.insert(points.end(), late.begin(), late.end());
      std::sort(points.begin(), points.end(),
                [](const ModelPoint& a, const ModelPoint& b) { return a.time < b.time; });
    }
    const auto snapshot = view->Pin(TestSeries(0), kLatestRevision).ValueOrDie();
    for (const int64_t width : {97, 1'024, 3'000, 30'011}) {
      for (const size_t rows : {size_t{7}, size_t{300}, size_t{1'000}, size_t{5'000}}) {
        const std::string where = std::to_string(width) + " by " + std::to_string(rows);
        const int64_t start = width < 1'000 ? points[kDense - 3'000].time : 5;
        const int64_t stop = width < 1'000 ? start + 1'000 * width : end;
        const auto windows = AllWindows(
            snapshot.Windows(start, stop, static_cast<uint64_t>(width)).ValueOrDie().get(), rows);
        ASSERT_EQ(windows.size(), static_cast<size_t>((stop - start) / width)) << where;
        ASSERT_EQ(windows.starts.back(), start + static_cast<int64_t>(windows.size() - 1) * width);
        ExpectWindows(windows, points, width, where);
        ASSERT_FALSE(HasFailure());
      }
    }
    for (const int point_width : {7, 11, 15}) {
      const auto windows =
          AllWindows(snapshot.AlignedWindows(0, end, point_width).ValueOrDie().get(), 900);
      uint64_t counted = 0;
      for (const uint64_t count : windows.count) counted += count;
      // None is missing, and none is empty.
      ASSERT_EQ(counted, ModelSeries::Between(points, 0, end >> point_width << point_width).size());
      ASSERT_EQ(std::count(windows.count.begin(), windows.count.end(), 0u), 0);
      ExpectWindows(windows, points, int64_t{1} << point_width, std::to_string(point_width));
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST_P(WindowGroupsTest, ADamagedNodeIsNamed) {
  store::MemoryFileSystem sound;
  const ModelPoints points = Uneven();
  {
    auto view = Open(&sound, 0);
    Insert(view.get(), points);
    TIMEVIEW_OK(view->Checkpoint());
  }
  std::string nodes;
  for (const auto& file : sound.List("timeview").ValueOrDie()) {
    if (file.name.rfind("nodes", 0) == 0) nodes = "timeview/" + file.name;
  }
  const uint64_t size = sound.Open(nodes).ValueOrDie()->Size().ValueOrDie();
  const int64_t start = points.front().time;
  const int64_t width = (points[kDense - 1].time - start) / 1'000;
  const auto read = [&](store::FileSystem* files, WindowBatch* batch) {
    const auto view = Open(files, 0);
    const auto snapshot = view->Pin(TestSeries(0), kLatestRevision).ValueOrDie();
    return snapshot.Windows(start, start + 1'000 * width, static_cast<uint64_t>(width))
        .ValueOrDie()
        ->Next(1'000, batch);
  };
  WindowBatch want;
  TIMEVIEW_OK(read(&sound, &want));
  int named = 0;
  int right = 0;
  std::mt19937_64 random(3);
  for (uint64_t position = 64; position < size; position += 500 + random() % 500) {
    const auto damaged = sound.Copy();
    TIMEVIEW_OK(damaged->FlipBits(nodes, position, 4));
    WindowBatch got;
    const Status status = read(damaged.get(), &got);
    if (status.ok()) {
      ++right;
      ASSERT_EQ(got.count, want.count);
      ASSERT_EQ(got.mean, want.mean);
      ASSERT_EQ(got.stddev, want.stddev);
    } else {
      ++named;
      ASSERT_EQ(CodeOf(status), Code::kDataLoss) << status;
      ASSERT_NE(status.ToString().find(nodes + " at "), std::string::npos) << status;
    }
  }
  EXPECT_GT(named, 10);
  EXPECT_GT(right, 10);
}

INSTANTIATE_TEST_SUITE_P(Helped, WindowGroupsTest, ::testing::Bool());

/// A tree in memory, where helpers that ask for a node get it when they are let go. Who reads
/// otherwise waits until a helper has asked.
class HeldSource : public NodeSource {
 public:
  explicit HeldSource(Executor* threads) : helpers_(std::make_shared<ReadHelpers>(threads)) {}

  Result<NodePtr> Get(const NodeLink& link) const override {
    std::unique_lock lock(mutex_);
    if (std::this_thread::get_id() == reader_) {
      changed_.wait(lock, [this] { return asked_; });
    } else {
      asked_ = true;
      changed_.notify_all();
      changed_.wait(lock, [this] { return let_go_; });
    }
    return link.node;
  }
  ReadHelpers* helpers() const override { return helpers_.get(); }

  void LetGo() {
    std::lock_guard lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }

 private:
  const std::shared_ptr<ReadHelpers> helpers_;
  const std::thread::id reader_ = std::this_thread::get_id();
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable bool asked_ = false;
  bool let_go_ = false;
};

TEST(WindowHelpersTest, OneThatIsAwayIsNotWaitedFor) {
  constexpr int kRootBits = 14;
  constexpr int64_t kLeaf = int64_t{1} << WidthBelow(kRootBits);
  constexpr int64_t kWidth = 16;
  std::vector<NodeLink> links;
  for (int64_t slot = 0; slot < static_cast<int64_t>(kFanOut); ++slot) {
    std::vector<int64_t> times;
    std::vector<double> values;
    for (int64_t time = slot * kLeaf; time < (slot + 1) * kLeaf; ++time) {
      times.push_back(time);
      values.push_back(static_cast<double>(time));
    }
    links.push_back(MakeLeaf(WidthBelow(kRootBits), slot * kLeaf, 1, {times, values}));
    links.back().slot_begin = static_cast<uint8_t>(slot);
    links.back().slot_end = static_cast<uint8_t>(slot + 1);
  }
  SystemClock clock;
  ThreadPool threads("helper", 2, &clock);
  const auto source = std::make_shared<HeldSource>(&threads);
  const auto state = std::make_shared<internal::SnapshotState>(internal::SnapshotState{
      .source = source,
      .root = MakeInner(NodeKind::kInner, kRootBits, 0, 1, std::move(links)),
      .overlay = std::make_shared<Overlay>()});
  SnapshotReader reader(state);
  std::vector<Statistics> windows((int64_t{1} << kRootBits) / kWidth);
  ASSERT_EQ(SummariseTogether(&reader, 0, kWidth, windows, /*helpers_max=*/1).ValueOrDie(),
            windows.size());
  for (size_t i = 0; i < windows.size(); ++i) {
    const auto first = static_cast<double>(static_cast<int64_t>(i) * kWidth);
    ASSERT_EQ(windows[i].count, static_cast<uint64_t>(kWidth));
    ASSERT_EQ(windows[i].min, first);
    ASSERT_EQ(windows[i].mean, first + (kWidth - 1) / 2.0);
  }
  // What a helper brings afterwards goes nowhere.
  const std::vector<Statistics> nothing(windows.size());
  windows = nothing;
  source->LetGo();
  source->helpers()->Close();
  EXPECT_EQ(windows, nothing);
}

TEST(WindowHelpersTest, NothingIsAtWorkForAViewThatEnded) {
  SystemClock clock;
  ThreadPool threads("helper", 2, &clock);
  std::atomic<int> working{0};
  for (int round = 0; round < 100; ++round) {
    const auto helpers = std::make_shared<ReadHelpers>(&threads);
    for (int i = 0; i < 5; ++i) {
      helpers->Post([&working] {
        ++working;
        std::this_thread::yield();
        --working;
      });
    }
    helpers->Close();
    ASSERT_EQ(working, 0);
    helpers->Post([&working] { ++working; });
  }
  threads.Stop();
  EXPECT_EQ(working, 0);
}

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0;
  int64_t resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

using WindowsLongTest = WindowGroupsTest;

TEST_P(WindowsLongTest, AHundredMillionNeedNoMoreMemoryThanSome) {
  constexpr uint64_t kWindows = 100'000'000;
  constexpr int64_t kWidth = 10;
  store::MemoryFileSystem files;
  auto view = Open(&files, 4 << 20);
  ModelPoints points;
  // A window in a thousand has one, but for stretches where each has one.
  for (uint64_t i = 0; i < kWindows; i += i % 10'000'000 < 100'000 ? 1 : 1'000) {
    points.push_back({static_cast<int64_t>(i) * kWidth, static_cast<double>(i)});
  }
  Insert(view.get(), points);
  TIMEVIEW_OK(view->Checkpoint());
  const auto snapshot = view->Pin(TestSeries(0), kLatestRevision).ValueOrDie();
  const auto cursor =
      snapshot.Windows(0, static_cast<int64_t>(kWindows) * kWidth, kWidth).ValueOrDie();
  WindowBatch batch;
  uint64_t windows = 0;
  uint64_t counted = 0;
  int64_t before = 0;
  int64_t most = 0;
  for (;;) {
    TIMEVIEW_OK(cursor->Next(50'000, &batch));
    if (batch.size() == 0) break;
    ASSERT_EQ(batch.starts.front(), static_cast<int64_t>(windows) * kWidth);
    ASSERT_LE(batch.size(), 50'000u);
    for (const uint64_t count : batch.count) counted += count;
    windows += batch.size();
    most = std::max(most, ResidentBytes());
    if (before == 0) before = most;
  }
  EXPECT_EQ(windows, kWindows);
  EXPECT_EQ(counted, points.size());
  EXPECT_LT(most - before, int64_t{32} << 20);
}

INSTANTIATE_TEST_SUITE_P(Helped, WindowsLongTest, ::testing::Values(true));

}  // namespace
}  // namespace firth::timeview
