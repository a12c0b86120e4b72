// Goal: partitions by time have the names that clients expect, and come and go. Method: chosen
// instants; a table in a world whose clock is moved.
#include "firth/doors/fluss/auto_partition.h"

#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>

#include "firth/doors/fluss/table_json.h"
#include "firth/table/table_testing.h"

namespace firth::doors::fluss {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
// 2026-12-31 23:30:00 UTC
constexpr int64_t kEve = int64_t{1'798'759'800} * kSecond;

std::string NameOf(AutoPartition::Unit unit, int64_t units, const std::string& zone = "UTC") {
  return PartitionName({.unit = unit, .time_zone = zone}, kEve, units).ValueOr("?");
}

TEST(AutoPartitionTest, NamesUnits) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  using Unit = AutoPartition::Unit;
  EXPECT_EQ(NameOf(Unit::kHour, 0), "2026123123");
  EXPECT_EQ(NameOf(Unit::kHour, 1), "2027010100");
  EXPECT_EQ(NameOf(Unit::kDay, 0), "20261231");
  EXPECT_EQ(NameOf(Unit::kDay, 1), "20270101");
  EXPECT_EQ(NameOf(Unit::kDay, -31), "20261130");
  EXPECT_EQ(NameOf(Unit::kMonth, 0), "202612");
  EXPECT_EQ(NameOf(Unit::kMonth, 1), "202701");
  EXPECT_EQ(NameOf(Unit::kMonth, -12), "202512");
  EXPECT_EQ(NameOf(Unit::kQuarter, 0), "20264");
  EXPECT_EQ(NameOf(Unit::kQuarter, 1), "20271");
  EXPECT_EQ(NameOf(Unit::kYear, -1), "2025");
  EXPECT_EQ(NameOf(Unit::kDay, 0, "Europe/Berlin"), "20270101");
  EXPECT_EQ(NameOf(Unit::kHour, 0, "America/New_York"), "2026123118");
  EXPECT_EQ(NameOf(Unit::kDay, 0, "Middle/Earth"), "?");
}

TEST(AutoPartitionTest, PartitionsComeAndGo) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  table::TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  table::TableSpec spec;
  spec.schema =
      arrow::schema({arrow::field("day", arrow::utf8()), arrow::field("v", arrow::int64())});
  spec.edition.partition_by = {"day"};
  SetProperties(
      {{"table.auto-partition.enabled", "true"}, {"table.auto-partition.num-retention", "2"}}, {},
      &spec.attributes);
  const auto table = world.db->CreateTable(world.caller, Path{{"d", "t"}}, spec).ValueOrDie();
  const auto names = [&] {
    std::vector<std::string> found;
    for (const auto& partition : *world.db->ListPartitions(world.caller, *table)) {
      found.push_back(partition.values.front());
    }
    std::sort(found.begin(), found.end());
    return found;
  };
  const auto day = [&](int64_t days) {
    return PartitionName({.time_zone = "UTC"}, world.clock.NowNs(), days).ValueOrDie();
  };
  ASSERT_TRUE(LookAfterPartitions(world.db.get(), table).ok());
  const std::vector<std::string> first = {day(0), day(1)};
  EXPECT_EQ(names(), first);
  ASSERT_TRUE(LookAfterPartitions(world.db.get(), table).ok());
  EXPECT_EQ(names(), first);
  ASSERT_TRUE(world.db->CreatePartition(world.caller, *table, {"by-hand"}).ok());
  world.clock.Advance(3 * kDay);
  ASSERT_TRUE(LookAfterPartitions(world.db.get(), table).ok());
  EXPECT_EQ(names(), (std::vector<std::string>{day(-2), day(0), day(1), "by-hand"}));
}

}  // namespace
}  // namespace firth::doors::fluss
