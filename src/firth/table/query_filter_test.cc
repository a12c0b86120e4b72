// What queries read. Goal: a condition on a key reads that key, one on the end of a log takes only
// rows that meet it, one on series only their times, a limit ends the reading; and the answer is
// the one that the whole table gives, now and as of a commit, before and after cuts. Method: the
// same condition twice, once in a form that no reader understands.
#include <algorithm>

#include "firth/table/lake.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

constexpr int32_t kRows = 9000;

class QueryFilterTest : public ::testing::Test {
 protected:
  struct Answer {
    std::string rows;
    int64_t read = -1;

    bool operator==(const Answer&) const = default;
  };

  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }

  static std::shared_ptr<arrow::Schema> Columns() {
    return arrow::schema({arrow::field("a", arrow::utf8(), false),
                          arrow::field("n", arrow::int64(), false),
                          arrow::field("v", arrow::int32())});
  }
  TablePtr Create(const std::string& name, EditionSpec edition) {
    auto table = world_.db->CreateTable(world_.caller, Path{{"d", name}},
                                        {.schema = Columns(), .edition = std::move(edition)});
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    return table.ok() ? *table : nullptr;
  }

  /// Row i: ('g' and i % 90, i, i + `more`).
  static std::shared_ptr<arrow::RecordBatch> Rows(int32_t from, int32_t to, int32_t more = 0) {
    arrow::StringBuilder a;
    arrow::Int64Builder n;
    arrow::Int32Builder v;
    for (int32_t i = from; i < to; ++i) {
      EXPECT_TRUE(a.Append("g" + std::to_string(i % 90)).ok());
      EXPECT_TRUE(n.Append(i).ok());
      EXPECT_TRUE(v.Append(i + more).ok());
    }
    return arrow::RecordBatch::Make(Columns(), to - from, {*a.Finish(), *n.Finish(), *v.Finish()});
  }

  Answer Ask(const std::string& sql, const QueryRequest& like = {}) {
    auto prepared =
        world_.db->PrepareQuery(world_.caller, {.sql = sql, .options = {}, .find = like.find});
    if (!prepared.ok()) return {prepared.status().ToString()};
    auto result = (*prepared)->Run();
    if (!result.ok()) return {result.status().ToString()};
    std::vector<std::string> rows;
    for (;;) {
      const auto batch = (*result)->Next();
      if (!batch.ok()) return {batch.status().ToString()};
      if (*batch == nullptr) break;
      for (int64_t i = 0; i < (*batch)->num_rows(); ++i) {
        std::string& row = rows.emplace_back();
        for (const auto& column : (*batch)->columns()) {
          row += (row.empty() ? "" : " ") + (*column->GetScalar(i))->ToString();
        }
      }
    }
    std::sort(rows.begin(), rows.end());
    Answer answer{.read = (*result)->progress().rows_read};
    for (const auto& row : rows) answer.rows += (answer.rows.empty() ? "" : "; ") + row;
    return answer;
  }

  /// How many rows are read for a condition; nothing of it must be missing in the answer. `hidden`:
  /// the same condition, as nobody who reads understands it.
  int64_t ReadFor(const std::string& from, const std::string& condition, const std::string& hidden,
                  const QueryRequest& like = {}) {
    const Answer some = Ask("SELECT * FROM " + from + " WHERE " + condition, like);
    const Answer all = Ask("SELECT * FROM " + from + " WHERE " + hidden, like);
    EXPECT_EQ(some.rows, all.rows) << from << ": " << condition;
    EXPECT_FALSE(some.rows.empty()) << condition;
    EXPECT_LT(some.read, all.read) << condition;
    return some.read;
  }

  TableWorld world_;
};

TEST_F(QueryFilterTest, AKeyIsReadWhereItStands) {
  const TablePtr table = Create("k", {.key = {"n"}, .bucket_count = 3});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, table, {Rows(0, kRows)}).ok());
  EXPECT_EQ(ReadFor("d.k", "n = 77", "n % 100000 = 77"), 1);
  EXPECT_EQ(ReadFor("d.k", "n = 77 AND v > 3", "n % 100000 = 77"), 1);
  EXPECT_EQ(ReadFor("d.k", "n IN (5, 6, 7, 500, 501, 8000, 8999, 100000)",
                    "n::VARCHAR IN ('5', '6', '7', '500', '501', '8000', '8999')"),
            7);
  EXPECT_EQ(ReadFor("d.k", "n BETWEEN 10 AND 19 OR n >= 8990", "n // 10 IN (1, 899)"), 20);
  EXPECT_EQ(ReadFor("d.k", "n < 3", "n // 3 = 0"), 3);
  EXPECT_EQ(Ask("SELECT count(*) FROM d.k WHERE n = 1000000"), (Answer{"0", 0}));
  EXPECT_EQ(Ask("SELECT count(*) FROM d.k WHERE n > 5 AND n < 3"), (Answer{"0", 0}));
  EXPECT_EQ(Ask("SELECT a.v, b.v FROM d.k a, d.k b WHERE a.n = 4 AND b.n = 9").rows, "4 9");
  EXPECT_EQ(Ask("SELECT count(*) FROM d.k WHERE v = 7").read, kRows);
}

TEST_F(QueryFilterTest, RowsWhoseLifetimeIsOverAreNotSeen) {
  const TablePtr table =
      Create("k", {.key = {"n"}, .key_lifetime = catalog::Lifetime{.duration_ns = 10'000'000'000}});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, table, {Rows(0, 10)}).ok());
  world_.clock.Advance(8'000'000'000);
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, table, {Rows(5, 8)}).ok());
  EXPECT_EQ(Ask("SELECT count(*) FROM d.k").rows, "10");
  world_.clock.Advance(3'000'000'000);
  EXPECT_EQ(Ask("SELECT n FROM d.k").rows, "5; 6; 7");
  EXPECT_EQ(Ask("SELECT n FROM d.k WHERE n IN (4, 5)"), (Answer{"5", 1}));
}

TEST_F(QueryFilterTest, AKeyOfTwoColumnsIsReadByItsFirst) {
  const TablePtr table = Create("k", {.key = {"a", "n"}, .bucket_by = {"a"}, .bucket_count = 2});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, table, {Rows(0, kRows)}).ok());
  EXPECT_EQ(ReadFor("d.k", "a = 'g7'", "a || '' = 'g7'"), 100);
  EXPECT_EQ(ReadFor("d.k", "a = 'g7' AND n = 97", "n % 100000 = 97"), 1);
  EXPECT_EQ(
      ReadFor("d.k", "a IN ('g7', 'g8') AND n < 200", "a || '' IN ('g7', 'g8') AND n // 200 = 0"),
      6);
  EXPECT_EQ(ReadFor("d.k", "a LIKE 'g8%'", "a || '' LIKE 'g8%'"), 1100);
  EXPECT_EQ(ReadFor("d.k", "a > 'g88'", "a || '' > 'g88'"), 200);
  EXPECT_EQ(Ask("SELECT count(*) FROM d.k WHERE n = 97").read, kRows);
}

TEST_F(QueryFilterTest, ThePastOfAKeyIsReadWhereItStands) {
  const TablePtr table = Create("k", {.key = {"n"}, .bucket_count = 2});
  const auto first = world_.db->UpsertRows(world_.caller, table, {Rows(0, kRows)});
  ASSERT_TRUE(first.ok());
  const std::string then = "d.k AT (VERSION => " + std::to_string(first->value) + ")";
  EXPECT_EQ(ReadFor(then, "n = 77", "n % 100000 = 77"), 1);
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, table, {Rows(50, 100, 1'000'000)}).ok());
  EXPECT_EQ(Ask("SELECT v FROM d.k WHERE n = 77"), (Answer{"1000077", 1}));
  EXPECT_EQ(Ask("SELECT v FROM " + then + " WHERE n = 77"), (Answer{"77", 1}));
  ASSERT_TRUE(world_.db->lake()->Cut(world_.caller, table).ok());
  EXPECT_EQ(Ask("SELECT v FROM " + then + " WHERE n IN (77, 78)"), (Answer{"77; 78", 2}));
  EXPECT_EQ(Ask("SELECT v FROM " + then + " WHERE n > 3 AND n < 2"), (Answer{"", 0}));
}

TEST_F(QueryFilterTest, OfTheEndOfALogOnlyWhatIsWantedIsTaken) {
  const TablePtr table = Create("l", {});
  for (int32_t i = 0; i < kRows; i += 100) {
    ASSERT_TRUE(world_.db->AppendRows(world_.caller, table, {Rows(i, i + 100)}, {}).ok());
  }
  const auto check = [&] {
    EXPECT_EQ(ReadFor("d.l", "n = 77", "n % 100000 = 77"), 1);
    EXPECT_EQ(
        ReadFor("d.l", "n BETWEEN 150 AND 249 AND v <> 160", "n // 50 IN (3, 4) AND v <> 160"),
        100);
    EXPECT_EQ(
        ReadFor("d.l", "a = 'g5' AND n IN (5, 95, 185, 6, 7, 8)", "n % 90 = 5 AND n // 186 = 0"),
        3);
  };
  check();
  EXPECT_EQ(Ask("SELECT count(*) FROM d.l WHERE n < 0"), (Answer{"0", 0}));
  EXPECT_EQ(Ask("SELECT count(*) FROM d.l WHERE v IS NOT NULL").read, kRows);
  ASSERT_TRUE(world_.Restart().ok());
  check();
}

TEST_F(QueryFilterTest, EntriesOfOtherCommitsAreNotTaken) {
  const TablePtr table = Create("k", {.key = {"n"}});
  std::vector<CommitId> commits;
  for (int32_t i = 0; i < 500; i += 10) {
    const auto made = world_.db->UpsertRows(world_.caller, table, {Rows(i, i + 10)});
    ASSERT_TRUE(made.ok());
    commits.push_back(*made);
  }
  const QueryRequest history{
      .sql = "", .options = {}, .find = [&](const query::NamedTable&) {
        return Result<QueryTable>(QueryTable{.table = table, .history = true});
      }};
  const std::string commit = std::to_string(commits[20].value);
  EXPECT_EQ(ReadFor("h", "__commit = " + commit, "__commit % 1000000 = " + commit, history), 10);
  EXPECT_EQ(ReadFor("h", "__offset BETWEEN 33 AND 44", "__offset + v BETWEEN 66 AND 88", history),
            12);
}

TEST_F(QueryFilterTest, ALimitEndsTheReading) {
  const TablePtr keyed = Create("k", {.key = {"n"}});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, keyed, {Rows(0, kRows)}).ok());
  EXPECT_LT(Ask("SELECT n FROM d.k LIMIT 5").read, kRows);
  const TablePtr log = Create("l", {});
  for (int32_t i = 0; i < kRows; i += 100) {
    ASSERT_TRUE(world_.db->AppendRows(world_.caller, log, {Rows(i, i + 100)}, {}).ok());
  }
  EXPECT_LE(Ask("SELECT n FROM d.l LIMIT 5").read, 2500);
  EXPECT_LE(Ask("SELECT n FROM d.l WHERE v >= 1000 LIMIT 5").read, 2500);
}

TEST_F(QueryFilterTest, OfSeriesOnlyThoseAndTheirTimesAreRead) {
  SeriesStore* series = world_.db->series();
  for (char i = 0; i < 5; ++i) {
    SeriesId id;
    id.bytes[0] = i;
    ASSERT_TRUE(series
                    ->Create(world_.caller, {.id = id,
                                             .collection = Path{{"s", "c"}},
                                             .tags = {{"name", "s" + std::to_string(i)}}})
                    .ok());
    std::vector<int64_t> times;
    std::vector<double> values;
    for (int64_t t = 0; t < 1000; ++t) {
      times.push_back(t * 1'000'000'000 + 500);
      values.push_back(static_cast<double>(t + i));
    }
    ASSERT_TRUE(series->Insert(world_.caller, id, times, values, MergePolicy::kReplace).ok());
  }
  EXPECT_EQ(ReadFor("s.c", "name = 's3'", "name || '' = 's3'"), 1000);
  EXPECT_EQ(ReadFor("s.c", "name IN ('s1', 's2') AND time >= TIMESTAMPTZ '1970-01-01 00:16:30+00'",
                    "name || '' IN ('s1', 's2') AND epoch(time) >= 990"),
            20);
  EXPECT_EQ(ReadFor("s.c",
                    "time BETWEEN TIMESTAMPTZ '1970-01-01 00:00:10+00' AND "
                    "TIMESTAMPTZ '1970-01-01 00:00:12+00'",
                    "epoch(time) >= 10 AND epoch(time) <= 12"),
            15);
  EXPECT_EQ(Ask("SELECT count(*) FROM s.c WHERE time < TIMESTAMPTZ '1960-01-01 00:00:00+00'"),
            (Answer{"0", 0}));
}

}  // namespace
}  // namespace firth::table
