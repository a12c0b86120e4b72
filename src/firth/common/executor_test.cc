// Goal: tasks run once and in order, timers when they are due, and a strand or an asynchronous
// mutex never lets two in. Method: the real pool, and the manual one.
#include "firth/common/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "firth/common/async_mutex.h"
#include "firth/common/later.h"
#include "firth/common/strand.h"

namespace firth {
namespace {

TEST(ThreadPoolTest, FinishesWhatWasPosted) {
  SystemClock clock;
  std::atomic<int> ran{0};
  {
    ThreadPool pool("test", 3, &clock);
    for (int i = 0; i < 1000; ++i) pool.Post([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

TEST(ThreadPoolTest, TimersRunWhenDueUnlessCancelled) {
  SystemClock clock;
  ThreadPool pool("test", 1, &clock);
  std::mutex mutex;
  std::condition_variable done;
  bool late = false;
  std::atomic<bool> cancelled_ran{false};
  const uint64_t timer =
      pool.PostAt(clock.MonotonicNs() + 1'000'000, [&] { cancelled_ran = true; });
  pool.Cancel(timer);
  pool.PostAt(clock.MonotonicNs() + 2'000'000, [&] {
    std::lock_guard lock(mutex);
    late = true;
    done.notify_all();
  });
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return late; });
  EXPECT_FALSE(cancelled_ran);
}

TEST(ThreadPoolTest, TasksThatEndMayPostToThePoolThatStops) {
  SystemClock clock;
  const auto pool = std::make_unique<ThreadPool>("test", 2, &clock);
  const auto owned = std::make_shared<int>(0);
  std::atomic<int> ran{0};
  std::atomic<bool> stopping{false};
  for (int i = 0; i < 2; ++i) {
    pool->Post([&, owned] {
      while (!stopping) std::this_thread::yield();
      pool->Post([&] { ++ran; });
      pool->PostAt(clock.MonotonicNs() + int64_t{3600} * 1'000'000'000, [&, owned] { ++ran; });
    });
  }
  stopping = true;
  pool->Stop();
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(owned.use_count(), 1);  // no timer is left
  pool->Post([&, owned] { ++ran; });
  pool->PostAt(0, [&, owned] { ++ran; });
  pool->Stop();
  EXPECT_EQ(ran, 2);
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(StrandTest, OneAtATimeInOrder) {
  SystemClock clock;
  std::vector<int> order;
  std::atomic<int> inside{0};
  {
    ThreadPool pool("test", 4, &clock);
    Strand strand(&pool);
    for (int i = 0; i < 2000; ++i) {
      strand.Post([&, i] {
        EXPECT_EQ(++inside, 1);
        order.push_back(i);
        --inside;
      });
    }
  }
  ASSERT_EQ(order.size(), 2000u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(AsyncMutexTest, IsTakenAtOnceOnlyWhileItIsFree) {
  ManualClock clock;
  ManualExecutor executor(&clock);
  AsyncMutex mutex(&executor);
  bool held = false;
  ASSERT_TRUE(mutex.TryLock());
  EXPECT_FALSE(mutex.TryLock());
  mutex.Lock([&] { held = true; });
  executor.RunUntilIdle();
  EXPECT_FALSE(held);
  mutex.Unlock();
  EXPECT_FALSE(mutex.TryLock());  // who waits is before who tries
  executor.RunUntilIdle();
  EXPECT_TRUE(held);
  mutex.Unlock();
  EXPECT_TRUE(mutex.TryLock());
}

TEST(StrandTest, WakesNobodyBeforeWhatOneThreadBringsIsThere) {
  ManualClock clock;
  ManualExecutor executor(&clock);
  Strand strand(&executor);
  std::string done;
  {
    const Later later;
    strand.Post([&] { done += 'a'; });
    strand.Post([&] { done += 'b'; });
    EXPECT_FALSE(executor.RunOne());
  }
  EXPECT_TRUE(executor.RunOne());
  EXPECT_EQ(done, "ab");
}

TEST(AsyncMutexTest, ExcludesAndIsFair) {
  ManualClock clock;
  ManualExecutor executor(&clock);
  AsyncMutex mutex(&executor);
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) {
    mutex.Lock([&, i] {
      order.push_back(i);
      executor.Post([&] { mutex.Unlock(); });  // held beyond the task
    });
  }
  executor.RunUntilIdle();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  mutex.Lock([&] { order.push_back(3); });
  executor.RunUntilIdle();
  EXPECT_EQ(order.back(), 3);
}

TEST(ManualExecutorTest, MovesTheClockFromTimerToTimer) {
  ManualClock clock(1000);
  ManualExecutor executor(&clock);
  std::vector<int64_t> at;
  executor.PostAt(5000, [&] { at.push_back(clock.NowNs()); });
  executor.PostAt(3000, [&] { at.push_back(clock.NowNs()); });
  executor.RunUntilIdle();
  EXPECT_TRUE(at.empty());
  executor.RunUntilIdle(/*advance=*/true);
  EXPECT_EQ(at, (std::vector<int64_t>{3000, 5000}));
}

}  // namespace
}  // namespace firth
