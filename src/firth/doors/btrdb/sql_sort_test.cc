// Goal: records come back sorted, however little memory there is, and limits are kept.
// Method: random records beside a stable sort in memory, with memory for all of them and for almost
// none, so that runs are written and merged; then a full disk, a bound on it, and a call that was
// cancelled.
#include "firth/doors/btrdb/sql_sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "firth/store/memory_file_system.h"

namespace firth::doors::btrdb {
namespace {

using Records = std::vector<std::pair<std::string, std::string>>;

Records RandomRecords(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  Records records;
  for (size_t i = 0; i < count; ++i) {
    // Few keys, so that many are equal; now and then a record larger than a buffer.
    std::string key = std::to_string(random() % 500);
    key.push_back('\0');
    const size_t padding = random() % 4000 == 0 ? 100'000 : random() % 40;
    records.emplace_back(std::move(key), std::to_string(i) + std::string(padding, 'x'));
  }
  return records;
}

Result<Records> Sorted(const Records& records, SqlSpace* space, uint64_t wanted = UINT64_MAX) {
  SortedRecords sorted(space, wanted);
  for (const auto& [key, value] : records) ARROW_RETURN_NOT_OK(sorted.Add(key, value));
  Records out;
  ARROW_RETURN_NOT_OK(
      sorted.ForEach([&](std::string_view key, std::string_view value) -> Result<bool> {
        if (out.size() == wanted) return false;
        out.emplace_back(key, value);
        return true;
      }));
  return out;
}

class SqlSortTest : public testing::Test {
 protected:
  SqlSpace Space(SqlMemory* memory) {
    return {
        .memory = memory, .files = &files_, .folder = "spill", .disk_bytes_max = uint64_t{1} << 30};
  }

  store::MemoryFileSystem files_;
};

TEST_F(SqlSortTest, AnyMemoryGivesTheSameOrder) {
  const Records records = RandomRecords(1, 60'000);
  Records expected = records;
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const uint64_t bytes : {uint64_t{64} << 20, uint64_t{1} << 20, uint64_t{0}}) {
    SqlMemory memory(bytes);
    auto space = Space(&memory);
    const auto sorted = Sorted(records, &space);
    ASSERT_TRUE(sorted.ok()) << sorted.status().ToString();
    EXPECT_TRUE(*sorted == expected) << bytes;
    EXPECT_EQ(space.disk_bytes > 0, bytes < (uint64_t{64} << 20));
    EXPECT_TRUE(memory.Take(bytes)) << "memory was not given back";
  }
  EXPECT_TRUE(files_.List("spill")->empty());
}

TEST_F(SqlSortTest, TheFirstOnesNeedNoDisk) {
  const Records records = RandomRecords(2, 60'000);
  Records expected = records;
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const size_t wanted : {size_t{0}, size_t{1}, size_t{100}}) {
    SqlMemory memory(uint64_t{4} << 20);
    auto space = Space(&memory);
    space.files = nullptr;
    expected.resize(std::max(wanted, size_t{100}));
    const auto sorted = Sorted(records, &space, wanted);
    ASSERT_TRUE(sorted.ok()) << sorted.status().ToString();
    EXPECT_TRUE(std::equal(sorted->begin(), sorted->end(), expected.begin()));
    EXPECT_EQ(sorted->size(), wanted);
  }
}

TEST_F(SqlSortTest, TheFirstOnesOfMoreThanMemory) {
  const Records records = RandomRecords(3, 60'000);
  Records expected = records;
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  expected.resize(30'000);
  SqlMemory memory(0);
  auto space = Space(&memory);
  const auto sorted = Sorted(records, &space, 30'000);
  ASSERT_TRUE(sorted.ok()) << sorted.status().ToString();
  EXPECT_TRUE(*sorted == expected);
}

TEST_F(SqlSortTest, Refusals) {
  const Records records = RandomRecords(4, 20'000);
  SqlMemory memory(0);
  auto space = Space(&memory);
  space.disk_bytes_max = 100'000;
  EXPECT_EQ(ReasonOf(Sorted(records, &space).status()), Reason::kOverBudget);
  auto without = Space(&memory);
  without.files = nullptr;
  EXPECT_EQ(ReasonOf(Sorted(records, &without).status()), Reason::kOverBudget);
  files_.SetCapacity(100'000);
  auto full = Space(&memory);
  EXPECT_EQ(ReasonOf(Sorted(records, &full).status()), Reason::kDiskFull);
  files_.SetCapacity(UINT64_MAX);
  auto cancelled = Space(&memory);
  int asked = 0;
  cancelled.is_cancelled = [&] { return ++asked > 3; };
  EXPECT_EQ(CodeOf(Sorted(records, &cancelled).status()), Code::kCancelled);
}

TEST_F(SqlSortTest, WhatIsReadOtherwiseIsRefused) {
  const Records records = RandomRecords(5, 20'000);
  SqlMemory memory(0);
  auto space = Space(&memory);
  SortedRecords sorted(&space);
  for (const auto& [key, value] : records) ASSERT_TRUE(sorted.Add(key, value).ok());
  files_.SetFaultHook([](const char* operation, const std::string&) {
    return std::string_view(operation) == "read"
               ? Error(Code::kInternal, Reason::kIo, "a broken disk")
               : Status::OK();
  });
  const Status read =
      sorted.ForEach([](std::string_view, std::string_view) -> Result<bool> { return true; });
  EXPECT_EQ(ReasonOf(read), Reason::kIo);
}

}  // namespace
}  // namespace firth::doors::btrdb
