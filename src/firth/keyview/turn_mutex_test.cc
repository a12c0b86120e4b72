#include "firth/keyview/turn_mutex.h"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

namespace firth::keyview {
namespace {

void WaitForWaiting(const TurnMutex& mutex, int count) {
  while (mutex.waiting() < count) std::this_thread::yield();
}

TEST(TurnMutexTest, WhoWaitsHasItBeforeWhoGivesWay) {
  TurnMutex mutex;
  for (int round = 0; round < 100; ++round) {
    int turns = 0;  // guarded by mutex
    mutex.lock();
    std::thread other([&] {
      const std::lock_guard lock(mutex);
      ++turns;
    });
    WaitForWaiting(mutex, 1);
    mutex.unlock();
    mutex.GiveWay();
    mutex.lock();
    EXPECT_EQ(turns, 1);
    mutex.unlock();
    other.join();
  }
}

TEST(TurnMutexTest, EachTimeOneOfThoseThatWait) {
  constexpr int kOthers = 4;
  TurnMutex mutex;
  int turns = 0;  // guarded by mutex
  mutex.lock();
  std::vector<std::thread> others;
  for (int i = 0; i < kOthers; ++i) {
    others.emplace_back([&] {
      const std::lock_guard lock(mutex);
      ++turns;
    });
  }
  WaitForWaiting(mutex, kOthers);
  for (int i = 1; i <= kOthers; ++i) {
    mutex.unlock();
    mutex.GiveWay();
    mutex.lock();
    EXPECT_GE(turns, i);
  }
  mutex.unlock();
  for (std::thread& other : others) other.join();
}

TEST(TurnMutexTest, WhereNobodyWaitsItIsHadAtOnce) {
  TurnMutex mutex;
  mutex.GiveWay();
  EXPECT_TRUE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock());
  mutex.unlock();
  EXPECT_EQ(mutex.waiting(), 0);
}

}  // namespace
}  // namespace firth::keyview
