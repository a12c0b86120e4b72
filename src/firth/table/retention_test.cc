// Goal: a log shows exactly what its lifetime keeps, at any moment and whatever was trimmed; and
// nothing is trimmed that a view could still need, or that nobody asked to end. Method: a database
// in a simulated world whose clock is moved; every look is repeated after trimming, and after a
// restart.
#include "firth/table/retention.h"

#include "firth/table/database_impl.h"
#include "firth/table/lake.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;
using Texts = std::vector<std::string>;

class RetentionTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }

  TablePtr Create(EditionSpec edition) {
    auto made = world_.db->CreateTable(world_.caller, Path{{"d", "t"}},
                                       {.schema = PairSchema(), .edition = std::move(edition)});
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made.ok() ? *made : nullptr;
  }
  void Append(const TablePtr& table, int32_t k) {
    ASSERT_TRUE(
        world_.db->AppendRows(world_.caller, table, {Pairs({{k, "x"}, {k + 1, "y"}})}, {}).ok());
  }
  BucketRef Where(const TablePtr& table) {
    return {.partition = world_.db->ListPartitions(world_.caller, *table)->front().id};
  }
  int64_t Start(const TablePtr& table) {
    return world_.db->GetRange(world_.caller, *table, Where(table))->start.value;
  }
  Reason FetchFrom(const TablePtr& table, int64_t offset) {
    const auto fetched = world_.db->Fetch(
        world_.caller, {{.table = table, .where = Where(table), .from = Offset(offset)}}, 1 << 20);
    return ReasonOf(fetched.front().status);
  }
  /// The start as the log itself has it, whatever the lifetime says.
  int64_t Trimmed(const TablePtr& table) {
    auto plain = std::make_shared<TableInfo>(*table);
    plain->current->spec.log_lifetime = {};
    return Start(plain);
  }

  TableWorld world_;
};

TEST_F(RetentionTest, RowsEndAtTheirTimeAndTheirBytesLater) {
  const TablePtr table = Create({.log_lifetime = {.duration_ns = 10 * kHourNs}});
  for (int32_t i = 0; i < 5; ++i) {
    Append(table, i * 2);
    world_.clock.Advance(kHourNs);
  }
  EXPECT_EQ(Start(table), 0);
  world_.clock.Advance(7 * kHourNs + 1);  // a little more than 12, 11, 10, 9 and 8 hours old
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Start(table), 6);
    EXPECT_EQ(FetchFrom(table, 5), Reason::kOffsetOutOfRange);
    EXPECT_EQ(FetchFrom(table, 6), Reason::kNone);
    EXPECT_EQ(world_.Rows(table), (Texts{"6 x", "7 y", "8 x", "9 y"}));
    EXPECT_EQ(Trimmed(table), round == 0 ? 0 : 6);
    ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
    if (round == 1) {
      ASSERT_TRUE(world_.Restart().ok());
    }
  }
  world_.clock.Advance(100 * kHourNs);
  EXPECT_EQ(Start(table), 10);
  ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(Start(table), 10);
  Append(table, 10);
  EXPECT_EQ(world_.Rows(table), (Texts{"10 x", "11 y"}));
}

TEST_F(RetentionTest, SizeKeepsTheNewest) {
  const TablePtr table = Create({.log_lifetime = {.bytes = 2000}});
  for (int32_t i = 0; i < 40; ++i) Append(table, i * 2);
  const int64_t start = Start(table);
  EXPECT_GT(start, 0);
  EXPECT_LT(start, 80);
  ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
  EXPECT_EQ(Trimmed(table), start);
  Append(table, 80);
  EXPECT_GT(Start(table), start);
}

TEST_F(RetentionTest, NothingEndsUnlessItsOwnerAsked) {
  const TablePtr table = Create({});
  Append(table, 0);
  world_.clock.Advance(100'000 * kHourNs);
  ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
  EXPECT_EQ(Start(table), 0);
}

TEST_F(RetentionTest, TheLakeViewKeepsWhatIsNotInItsFiles) {
  const TablePtr table =
      Create({.log_lifetime = {.duration_ns = kHourNs}, .views = catalog::kLakeView});
  Append(table, 0);
  world_.clock.Advance(2 * kHourNs);
  ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
  EXPECT_EQ(Start(table), 2);
  EXPECT_EQ(Trimmed(table), 0);
  ASSERT_TRUE(world_.db->lake()->Cut(world_.caller, table).ok());
  Append(table, 2);
  world_.clock.Advance(2 * kHourNs);
  ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
  EXPECT_EQ(Trimmed(table), 2);  // the second batch is not in a file yet
}

TEST_F(RetentionTest, AKeyViewKeepsWhatIsNotInItsBase) {
  const TablePtr table =
      Create({.key = {"k"}, .log_lifetime = {.duration_ns = kHourNs}, .views = catalog::kKeyView});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, table, {Pairs({{1, "a"}})}).ok());
  world_.clock.Advance(2 * kHourNs);
  ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
  EXPECT_EQ(Start(table), 1);
  EXPECT_EQ(Trimmed(table), 0);  // the view has no base
  ASSERT_TRUE(static_cast<DatabaseImpl*>(world_.db.get())->CutBases().ok());
  ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
  EXPECT_EQ(Trimmed(table), 1);
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(world_.db->ScanKeys(world_.caller, {.table = table, .where = Where(table)})->size(),
            1u);
}

TEST_F(RetentionTest, ALifetimeThatCannotBeIsRefused) {
  for (const catalog::Lifetime& lifetime :
       {catalog::Lifetime{.duration_ns = 0}, catalog::Lifetime{.bytes = -1},
        catalog::Lifetime{.duration_ns = 1, .by = catalog::LifetimeBy::kColumn, .column = "v"}}) {
    const auto made =
        world_.db->CreateTable(world_.caller, Path{{"d", "t"}},
                               {.schema = PairSchema(), .edition = {.log_lifetime = lifetime}});
    EXPECT_EQ(ReasonOf(made.status()), Reason::kInvalidProperty);
  }
}

}  // namespace
}  // namespace firth::table
