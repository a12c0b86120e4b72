// What a statement asks of the rows that are read for it. Goal: conditions on columns reach whoever
// reads the table, never more of them than every reading of the table has; the answer is that of
// the statement without them. Method: tables in memory that note the filters they are given.
#include "firth/query/plan_filters.h"

#include <arrow/compute/initialize.h>

#include "firth/query/testing_tables.h"

namespace firth::query {
namespace {

std::string Shown(const std::shared_ptr<arrow::Scalar>& value) {
  return value == nullptr ? "" : value->ToString();
}

/// `id [3, 5) [9, ]; name …`, columns by name.
std::string Shown(const schema::RowFilter& filter) {
  std::vector<std::string> columns;
  for (const auto& one : filter) {
    std::string text = one.column;
    for (const auto& span : one.spans) {
      text += span.with_from ? " [" : " (";
      text += Shown(span.from);
      if (!span.is_point()) text += ", " + Shown(span.to);
      text += span.with_to ? "]" : ")";
    }
    columns.push_back(text);
  }
  std::sort(columns.begin(), columns.end());
  std::string all;
  for (const auto& column : columns) all += (all.empty() ? "" : "; ") + column;
  return all;
}

class PlanFiltersTest : public QueryEngineTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(arrow::compute::Initialize().ok());
    QueryEngineTest::SetUp();
    tables_.Add("all",
                arrow::schema(
                    {arrow::field("i", arrow::int16()), arrow::field("u", arrow::uint64()),
                     arrow::field("f", arrow::float64()), arrow::field("d", arrow::date32()),
                     arrow::field("s", arrow::timestamp(arrow::TimeUnit::SECOND)),
                     arrow::field("n", arrow::timestamp(arrow::TimeUnit::NANO)),
                     arrow::field("z", arrow::timestamp(arrow::TimeUnit::NANO, "UTC")),
                     arrow::field("m", arrow::decimal128(10, 2)), arrow::field("t", arrow::utf8()),
                     arrow::field("l", arrow::list(arrow::int32()))}),
                R"([{"i": 1, "u": 2, "f": 1.5, "d": 3, "s": 4, "n": 5, "z": 6000, "m": "1.25",
                     "t": "abc", "l": [1]},
                    {"i": 2, "u": 3, "f": 2.5, "d": 4, "s": 5, "n": 6, "z": 7001, "m": "1.50",
                     "t": null, "l": null}])");
  }

  /// The filter that a statement's tables get, one after another in the order they are read.
  std::string Filters(const std::string& sql) {
    tables_.filters.clear();
    const auto table = Run(sql);
    if (!table.ok()) return table.status().ToString();
    std::string text;
    for (const auto& filter : tables_.filters) text += "| " + Shown(filter) + " ";
    return text;
  }
  std::string Where(const std::string& condition) {
    const std::string filters = Filters("SELECT count(*) FROM \"all\" WHERE " + condition);
    return filters.size() < 3 ? filters : filters.substr(2, filters.size() - 3);
  }
};

TEST_F(PlanFiltersTest, ConditionsOnColumnsReachWhoReadsThem) {
  EXPECT_EQ(Where("i = 1"), "i [1]");
  EXPECT_EQ(Where("1 < i"), "i (1, ]");
  EXPECT_EQ(Where("i BETWEEN 1 AND 5 AND i < 4 AND u >= 3"), "i [1, 4); u [3, ]");
  EXPECT_EQ(Where("i = 1 OR i = 5"), "i [1] [5]");
  EXPECT_EQ(Where("i IN (1, 2, 3, 4, 5, 6, 7)"), "i [1] [2] [3] [4] [5] [6] [7]");
  EXPECT_EQ(Where("i = 0"), "i [0]");
  EXPECT_EQ(Where("f >= 0.5 AND f <= 7"), "f [0.5, 7]");
  EXPECT_EQ(Where("d > DATE '1970-01-03'"), "d (1970-01-03, ]");
  EXPECT_EQ(Where("m < 1.5"), "m [, 1.50)");
  EXPECT_EQ(Where("t = 'a' AND i <> 3"), "t [a]");
  EXPECT_EQ(Where("t LIKE 'ab%' OR starts_with(t, 'x')"), "t [ab, ac) [x, y)");
  EXPECT_EQ(Where("t LIKE 'a_c%d'"), "t [a, b)");
  EXPECT_EQ(Where("(i = 1 AND t = 'a') OR (i = 2 AND u = 7)"), "i [1] [2]");
  EXPECT_EQ(Where("n = make_timestamp_ns(5)"), "n [1970-01-01 00:00:00.000000005]");
  EXPECT_EQ(Where("s < TIMESTAMP '1970-01-01 00:00:05'::TIMESTAMP_S"), "s [, 1970-01-01 00:00:05)");
}

TEST_F(PlanFiltersTest, CoarserTimesAskForAllThatTheyMayMean) {
  // DuckDB has microseconds here: 7001 ns are 7 us.
  EXPECT_EQ(Where("z = make_timestamptz(1970, 1, 1, 0, 0, 0.000007)"),
            "z [1970-01-01 00:00:00.000006000Z, 1970-01-01 00:00:00.000008000Z]");
  EXPECT_EQ(Rows("SELECT i FROM \"all\" WHERE z = make_timestamptz(1970, 1, 1, 0, 0, 0.000007)"),
            "2");
}

TEST_F(PlanFiltersTest, WhatCannotBeToldAsksForAll) {
  EXPECT_EQ(Where("i <> 1"), "");
  EXPECT_EQ(Where("i IS NULL"), "");
  EXPECT_EQ(Where("i = 1 OR t IS NULL"), "");
  EXPECT_EQ(Where("i + u = 2"), "");
  EXPECT_EQ(Where("abs(i) = 1"), "");
  EXPECT_EQ(Where("l = [1]"), "");
  EXPECT_EQ(Where("f = 'nan'"), "");
  EXPECT_EQ(Where("t LIKE '%c'"), "");
  EXPECT_EQ(Filters("SELECT count(*) FROM \"all\" WHERE i = (SELECT min(id) FROM staff)"),
            "|  |  ");
}

TEST_F(PlanFiltersTest, ATableThatIsReadTwiceGivesWhatEitherWants) {
  EXPECT_EQ(Filters("SELECT count(*) FROM staff a JOIN staff b ON a.room = b.room "
                    "WHERE a.id = 1 AND b.id = 2"),
            "| id [1] [2] | id [1] [2] ");
  EXPECT_EQ(Filters("SELECT count(*) FROM staff WHERE id = 1 UNION ALL SELECT count(*) FROM staff"),
            "|  |  ");
  EXPECT_EQ(Filters("SELECT id FROM staff WHERE id = 1 UNION ALL "
                    "SELECT id FROM staff WHERE name = 'x'"),
            "|  |  ");
  EXPECT_EQ(Rows("SELECT a.id, b.id FROM staff a JOIN staff b ON a.room = b.room "
                 "WHERE a.id = 1 AND b.id = 3"),
            "1 3");
}

TEST_F(PlanFiltersTest, ConditionsOfJoinsAndGroupsCount) {
  EXPECT_EQ(Filters("SELECT room, count(*) FROM staff GROUP BY room HAVING room = 7"),
            "| room [7] ");
  EXPECT_EQ(Filters("SELECT count(*) FROM staff JOIN d.rooms ON staff.room = rooms.room "
                    "AND rooms.room = 7"),
            "| room [7] | room [7] ");
}

TEST_F(PlanFiltersTest, WhatABytesEstimateReadsIsAll) {
  auto prepared = engine_.Prepare("SELECT id FROM staff WHERE id = 2", &tables_, {});
  ASSERT_TRUE(prepared.ok());
  EXPECT_EQ((*prepared)->ScanBytes().ValueOr(0), 24u);
  auto result = (*prepared)->Run();
  ASSERT_TRUE(result.ok());
  while (*(*result)->Next() != nullptr) {
  }
  ASSERT_EQ(tables_.filters.size(), 2u);
  EXPECT_EQ(Shown(tables_.filters[0]), "");
  EXPECT_EQ(Shown(tables_.filters[1]), "id [2]");
  EXPECT_EQ((*result)->progress().rows_read, 3);
  EXPECT_EQ((*result)->progress().bytes_read, 24u);
  EXPECT_GE((*result)->progress().bytes, 8u);
}

TEST_F(PlanFiltersTest, APlanThatIsNotAsExpectedSaysNothing) {
  const auto schema = arrow::schema({arrow::field("id", arrow::int64())});
  const std::string scan =
      R"({"type": "LOGICAL_GET", "name": "f", "column_indexes": [{"index": 0}]})";
  const auto over = [&](const std::string& condition) {
    return R"({"plans": [{"type": "LOGICAL_FILTER", "expressions": [)" + condition +
           R"(], "children": [)" + scan + "]}]}";
  };
  const std::string five =
      R"({"expression_class": "BOUND_CONSTANT", "value": {"type": {"id": "BIGINT"}, "is_null": false,
          "value": 5}})";
  const std::string column = R"({"expression_class": "BOUND_REF", "index": 0})";
  const auto equal = [](const std::string& left, const std::string& right) {
    return R"({"expression_class": "BOUND_COMPARISON", "type": "COMPARE_EQUAL", "left": )" + left +
           R"(, "right": )" + right + "}";
  };
  const auto read = [&](const std::string& plan) {
    return Shown(FiltersOfPlan(plan, {{.name = "f", .schema = schema}}).front());
  };
  EXPECT_EQ(read(over(equal(column, five))), "id [5]");
  EXPECT_EQ(read(over(equal(five, column))), "id [5]");
  EXPECT_EQ(read(over(equal(R"({"expression_class": "BOUND_REF", "index": 7})", five))), "");
  EXPECT_EQ(read(over(equal(R"({"expression_class": "BOUND_REF", "index": "x"})", five))), "");
  EXPECT_EQ(read(over(R"({"expression_class": 5})")), "");
  EXPECT_EQ(read(over("[]")), "");
  for (const char* plan : {"", "[]", "{", R"({"plans": 5})", R"({"plans": [{"type": 5}]})"}) {
    EXPECT_EQ(read(plan), "");
  }
  const std::string deep(100'000, '[');
  EXPECT_EQ(read(R"({"plans": )" + deep + std::string(100'000, ']') + "}"), "");
  // Of what lies too deep nothing is known, so nothing may be left out at all.
  EXPECT_EQ(read(R"({"plans": [)" + over(equal(column, five)) + "," + deep +
                 std::string(100'000, ']') + "]}"),
            "");
}

}  // namespace
}  // namespace firth::query
