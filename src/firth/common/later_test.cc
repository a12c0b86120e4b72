// Goal: work that is kept back is done, once, in order, at the end of the outermost scope.
#include "firth/common/later.h"

#include <gtest/gtest.h>

#include <thread>

namespace firth {
namespace {

TEST(LaterTest, DoesWhatItKeptAtTheEndOfTheOutermostScope) {
  std::string done;
  Later::Do([&] { done += 'a'; });
  EXPECT_EQ(done, "a");
  {
    Later outer;
    Later::Do([&] { done += 'b'; });
    {
      Later inner;
      // What is done then may hand over work itself.
      Later::Do([&] {
        done += 'c';
        Later::Do([&] { done += 'd'; });
      });
    }
    EXPECT_EQ(done, "a");
    // Another thread has nothing to do with it.
    std::thread([&] { Later::Do([&] { done += 'e'; }); }).join();
    EXPECT_EQ(done, "ae");
  }
  EXPECT_EQ(done, "aebcd");
}

}  // namespace
}  // namespace firth
