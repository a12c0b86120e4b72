#include "firth/common/thread_priority.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

namespace firth {
namespace {

int OwnNice() {
  return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
}

TEST(ThreadPriorityTest, OneThreadIsLoweredOnce) {
  constexpr int kNiceMax = 19;
  const int usual = OwnNice();
  if (usual == kNiceMax) GTEST_SKIP() << "there is no lower priority than this process's";
  int lowered = 0;
  int again = 0;
  std::thread([&] {
    LowerThreadPriority();
    lowered = OwnNice();
    LowerThreadPriority();
    again = OwnNice();
  }).join();
  EXPECT_EQ(lowered, std::min(usual + 5, kNiceMax));
  EXPECT_EQ(again, lowered);
  EXPECT_EQ(OwnNice(), usual);
}

}  // namespace
}  // namespace firth
