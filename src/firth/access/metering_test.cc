// Goal: what is counted is seen at once, by hour, month and period, and again after a start.
// Method: a manual clock over a catalog in memory.
#include "firth/access/metering.h"

#include <gtest/gtest.h>

#include "firth/access/quotas.h"
#include "firth/store/memory_file_system.h"

namespace firth::access {
namespace {

constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;
constexpr int64_t kStart = 1'614'556'800'000'000'000;  // 2021-03-01T00:00:00Z

struct MeteringTest : testing::Test {
  store::MemoryFileSystem files;
  ManualClock clock{kStart};
  std::unique_ptr<catalog::Catalog> catalog =
      catalog::Catalog::Open({.files = &files, .clock = &clock}).ValueOrDie();
};

TEST_F(MeteringTest, CountsAreSeenAtOnceAndKept) {
  {
    Metering meter(catalog.get(), &clock, nullptr);
    ASSERT_TRUE(meter.Add("a", kStart, {.write_ops = 1, .write_bytes = 10}).ok());
    EXPECT_EQ(meter.InPeriod("a", kStart).ValueOrDie().write_bytes, 10);
    clock.Advance(2 * kHour);
    ASSERT_TRUE(meter.Add("a", kStart, {.read_bytes = 3, .write_bytes = 5}).ok());
  }
  Metering meter(catalog.get(), &clock, nullptr);
  EXPECT_EQ(meter.InPeriod("a", kStart).ValueOrDie().write_bytes, 15);
  EXPECT_EQ(meter.InPeriod("b", kStart).ValueOrDie().write_bytes, 0);
  const auto hours = meter.List("a", Span::kHour, kStart, kStart + 24 * kHour).ValueOrDie();
  ASSERT_EQ(hours.size(), 2u);
  EXPECT_EQ(hours[0].first, kStart);
  EXPECT_EQ(hours[1].first, kStart + 2 * kHour);
  EXPECT_EQ(hours[1].second.read_bytes, 3);
  const auto months = meter.List("a", Span::kMonth, kStart, kStart + 1).ValueOrDie();
  ASSERT_EQ(months.size(), 1u);
  EXPECT_EQ(months[0].second.write_bytes, 15);
}

TEST_F(MeteringTest, APeriodEnds) {
  Metering meter(catalog.get(), &clock, nullptr);
  ASSERT_TRUE(meter.Add("a", kStart, {.scan_bytes = 7}).ok());
  clock.Advance(kPeriodNs - 1);
  EXPECT_EQ(meter.InPeriod("a", kStart).ValueOrDie().scan_bytes, 7);
  clock.Advance(1);
  EXPECT_EQ(meter.InPeriod("a", kStart).ValueOrDie().scan_bytes, 0);
}

TEST_F(MeteringTest, WhatIsUsedUpIsRefused) {
  Metering meter(catalog.get(), &clock, nullptr);
  Payers payers(&meter, {.call = 100, .scan = 1000});
  payers.Add({.meter = "a", .since_ns = kStart, .limits = {.read_bytes = 150, .scan_bytes = 3000}});
  payers.Add({.meter = "b", .since_ns = kStart, .limits = {.write_bytes = 0}});
  ASSERT_TRUE(payers.Check(Using::kRead).ok());
  ASSERT_TRUE(payers.Count(Using::kRead, 7, 1, {"thing"}).ok());
  ASSERT_TRUE(payers.Check(Using::kRead).ok());
  ASSERT_TRUE(payers.Count(Using::kRead, 50, 1, {"thing"}).ok());
  EXPECT_EQ(ReasonOf(payers.Check(Using::kRead)), Reason::kOverBudget);
  EXPECT_EQ(meter.InPeriod("a", kStart).ValueOrDie().read_bytes, 200);
  EXPECT_EQ(meter.InPeriod("b", kStart).ValueOrDie().read_bytes, 200);
  EXPECT_EQ(meter.InPeriod("thing", 0).ValueOrDie().read_bytes, 57);
  EXPECT_FALSE(payers.Check(Using::kWrite).ok());
  ASSERT_TRUE(payers.Count(Using::kScan, 1, 0, {}).ok());
  EXPECT_TRUE(payers.Check(Using::kScan, 2000).ok());
  EXPECT_FALSE(payers.Check(Using::kScan, 2001).ok());
  EXPECT_TRUE(Payers().Check(Using::kRead).ok());
}

TEST_F(MeteringTest, BeginningsOfHoursAndMonths) {
  EXPECT_EQ(Metering::BeginOf(Span::kHour, kStart + kHour - 1), kStart);
  EXPECT_EQ(Metering::BeginOf(Span::kMonth, kStart - 1), kStart - int64_t{28} * 24 * kHour);
  EXPECT_EQ(Metering::BeginOf(Span::kHour, -1), -kHour);
}

}  // namespace
}  // namespace firth::access
