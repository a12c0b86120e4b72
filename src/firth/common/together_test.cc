// Goal: what is posted in one scope is one task, in order, and what it hands over goes on behind
// all of it; what is posted otherwise is passed on. Method: the manual executor.
#include "firth/common/together.h"

#include <gtest/gtest.h>

#include <string>

namespace firth {
namespace {

class TogetherTest : public testing::Test {
 protected:
  /// Run tasks of the executor behind; how many.
  int RunAll() {
    int count = 0;
    while (executor_.RunOne()) ++count;
    return count;
  }

  ManualClock clock_;
  ManualExecutor executor_{&clock_};
  Together together_{&executor_};
  std::string done_;
};

TEST_F(TogetherTest, PassesOnWhatComesAlone) {
  together_.Post([&] { done_ += 'a'; });
  together_.Post([&] { done_ += 'b'; });
  EXPECT_EQ(RunAll(), 2);
  EXPECT_EQ(done_, "ab");
}

TEST_F(TogetherTest, RunsWhatOneScopePostsAsOneTask) {
  {
    const Later later;
    together_.Post([&] {
      done_ += 'a';
      Later::Do([&] { done_ += 'x'; });
    });
    {
      const Later inner;
      together_.Post([&] { done_ += 'b'; });
    }
    EXPECT_EQ(RunAll(), 0);
  }
  EXPECT_EQ(RunAll(), 1);
  EXPECT_EQ(done_, "abx");
}

TEST_F(TogetherTest, WhatItsTasksPostIsOneTaskToo) {
  {
    const Later later;
    for (const char name : {'a', 'b'}) {
      together_.Post([this, name] {
        done_ += name;
        together_.Post([this, name] { done_ += static_cast<char>(name - 'a' + 'A'); });
      });
    }
  }
  EXPECT_EQ(RunAll(), 2);
  EXPECT_EQ(done_, "abAB");
}

TEST_F(TogetherTest, KeepsTheTasksOfTwoExecutorsApart) {
  Together other(&executor_);
  {
    const Later later;
    together_.Post([&] { done_ += 'a'; });
    other.Post([&] { done_ += 'b'; });
    together_.Post([&] { done_ += 'c'; });
  }
  EXPECT_EQ(RunAll(), 2);
  EXPECT_EQ(done_, "acb");
}

}  // namespace
}  // namespace firth
