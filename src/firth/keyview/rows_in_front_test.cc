#include "firth/keyview/rows_in_front.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace firth::keyview {
namespace {

constexpr LogId kLog{1};

KeyStatePtr StateOf(int k) {
  return KeyState::Make(kLog, std::to_string(k), std::string("\1\0", 2), std::string(200, 'x'));
}

/// Which of these keys are known.
std::vector<int> Known(const RowsInFront& rows, const std::vector<int>& keys) {
  std::vector<int> known;
  for (const int k : keys) {
    const std::string key = std::to_string(k);
    if (rows.Find(kLog, {key}).missing == 0) known.push_back(k);
  }
  return known;
}

std::vector<int> Numbers(int from, int to) {
  std::vector<int> numbers;
  for (int k = from; k < to; ++k) numbers.push_back(k);
  return numbers;
}

uint64_t RoomFor(uint64_t rows) {
  return rows * StateOf(0)->memory_bytes();
}

/// Keep rows [0, count), as if they had been read.
std::vector<KeyStatePtr> KeepAll(RowsInFront* rows, int count) {
  std::vector<KeyStatePtr> read;
  for (const int k : Numbers(0, count)) read.push_back(StateOf(k));
  rows->Keep(kLog, rows->VersionOf(kLog), read);
  return read;
}

TEST(RowsInFrontTest, WhatIsNotWrittenIsNeverForgotten) {
  RowsInFront rows(RoomFor(100));
  for (const int k : Numbers(0, 1000)) rows.Put(kLog, {StateOf(k)});
  EXPECT_EQ(Known(rows, Numbers(0, 1000)).size(), 1000u);
  rows.Written(rows.TakeUnwritten());
  EXPECT_FALSE(rows.IsUnwritten(kLog));
  const size_t left = Known(rows, Numbers(0, 1000)).size();
  EXPECT_LE(left, 100u);
  EXPECT_GT(left, 50u);
}

TEST(RowsInFrontTest, WhatIsAskedForStaysLonger) {
  RowsInFront rows(RoomFor(1000));
  const uint64_t version = rows.VersionOf(kLog);
  for (const int k : Numbers(0, 5000)) {
    rows.Keep(kLog, version, {StateOf(k)});
    if (k % 10 != 0) continue;
    const std::vector<int> asked = Numbers(0, std::min(k, 50));
    EXPECT_EQ(Known(rows, asked), asked);
  }
  EXPECT_EQ(Known(rows, Numbers(0, 50)).size(), 50u);
  EXPECT_LE(Known(rows, Numbers(0, 5000)).size(), 1000u);
}

TEST(RowsInFrontTest, OneRowThatComesHasFewForgotten) {
  constexpr int kRows = 50'000;
  RowsInFront rows(RoomFor(kRows));
  const std::vector<KeyStatePtr> read = KeepAll(&rows, kRows);
  ASSERT_EQ(Known(rows, {0, kRows - 1}).size(), 2u);
  rows.Put(kLog, {StateOf(kRows)});
  size_t known = 0;
  for (const KeyStatePtr& state : read) known += rows.Find(kLog, {state->key()}).missing == 0;
  EXPECT_LT(known, static_cast<size_t>(kRows));
  EXPECT_GE(known, static_cast<size_t>(kRows - 300));
}

TEST(RowsInFrontTest, WhereMostAreInUseTheirMarksGoAndThenRoomIsMade) {
  constexpr int kRows = 20'000;
  RowsInFront rows(RoomFor(kRows));
  KeepAll(&rows, kRows);
  ASSERT_EQ(Known(rows, Numbers(0, kRows)).size(), static_cast<size_t>(kRows));
  for (const int k : Numbers(kRows, 2 * kRows)) {
    rows.Keep(kLog, rows.VersionOf(kLog), {StateOf(k)});
  }
  EXPECT_LE(Known(rows, Numbers(0, 2 * kRows)).size(), static_cast<size_t>(kRows));
}

TEST(RowsInFrontTest, AChangeAfterTheTakingIsToBeWrittenAgain) {
  RowsInFront rows(RoomFor(100));
  rows.Put(kLog, {StateOf(1), StateOf(2)});
  const auto first = rows.TakeUnwritten();
  EXPECT_EQ(first.size(), 2u);
  rows.Put(kLog, {StateOf(2)});
  rows.Written(first);
  EXPECT_TRUE(rows.IsUnwritten(kLog));
  // Room is made for others, and still it is there.
  for (const int k : Numbers(1000, 1300)) {
    rows.Keep(kLog, rows.VersionOf(kLog), {StateOf(k)});
  }
  for (const int k : Numbers(2000, 2300)) {
    rows.Keep(kLog, rows.VersionOf(kLog), {StateOf(k)});
  }
  EXPECT_EQ(Known(rows, {2}), std::vector<int>{2});
  const auto second = rows.TakeUnwritten();
  ASSERT_EQ(second.size(), 1u);
  rows.Written(second);
  EXPECT_FALSE(rows.IsUnwritten(kLog));
}

TEST(RowsInFrontTest, ManyBatchesOfWrittenRows) {
  RowsInFront rows(RoomFor(100'000));
  std::vector<KeyStatePtr> states;
  for (const int k : Numbers(0, 3000)) states.push_back(StateOf(k));
  rows.Put(kLog, states);
  rows.Put(LogId(2), {KeyState::MakeGone(LogId(2), "a")});
  auto taken = rows.TakeUnwritten();
  EXPECT_EQ(taken.size(), 3001u);
  rows.Written(taken);
  EXPECT_FALSE(rows.IsUnwritten(kLog));
  EXPECT_FALSE(rows.IsUnwritten(LogId(2)));
  EXPECT_EQ(Known(rows, Numbers(0, 3000)).size(), 3000u);
}

}  // namespace
}  // namespace firth::keyview
