// Goal: a filter leaves out no row that meets it, and none that does not meet it stays where it is
// asked. Method: small batches, and random spans against a filter of one row after another.
#include "firth/schema/row_filter.h"

#include <arrow/compute/initialize.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "firth/common/random.h"

namespace firth::schema {
namespace {

std::shared_ptr<arrow::Scalar> Int(int64_t value) {
  return std::make_shared<arrow::Int64Scalar>(value);
}

class RowFilterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(arrow::compute::Initialize().ok()); }

  /// The places of a column's rows that meet the filter.
  static std::string Meeting(const std::shared_ptr<arrow::Array>& values,
                             std::vector<ValueSpan> spans) {
    arrow::Int64Builder places;
    for (int64_t i = 0; i < values->length(); ++i) EXPECT_TRUE(places.Append(i).ok());
    const auto rows = arrow::RecordBatch::Make(
        arrow::schema({arrow::field("v", values->type()), arrow::field("at", arrow::int64())}),
        values->length(), {values, *places.Finish()});
    const RowFilter filter = {{.column = "v", .spans = std::move(spans)}};
    const auto kept = FilterRows(rows, filter);
    if (!kept.ok()) return kept.status().ToString();
    EXPECT_EQ(AnyRowMeets(*rows, filter).ValueOrDie(), (*kept)->num_rows() > 0);
    std::string text;
    const auto& at = static_cast<const arrow::Int64Array&>(*(*kept)->column(1));
    for (int64_t i = 0; i < at.length(); ++i) text += std::to_string(at.Value(i)) + " ";
    return text;
  }
};

TEST_F(RowFilterTest, KeepsWhatLiesInASpan) {
  const auto values = *arrow::json::ArrayFromJSONString(arrow::int64(), "[1, null, 5, 3, 9, 5]");
  EXPECT_EQ(Meeting(values, {{.from = Int(3), .to = Int(5)}}), "2 3 5 ");
  EXPECT_EQ(Meeting(values, {{.from = Int(3), .to = Int(5), .with_from = false}}), "2 5 ");
  EXPECT_EQ(Meeting(values, {{.from = Int(3), .to = Int(5), .with_to = false}}), "3 ");
  EXPECT_EQ(Meeting(values, {{.from = Int(5)}}), "2 4 5 ");
  EXPECT_EQ(Meeting(values, {{.to = Int(3)}}), "0 3 ");
  EXPECT_EQ(Meeting(values, {{}}), "0 2 3 4 5 ");
  EXPECT_EQ(Meeting(values, {{.to = Int(1)}, {.from = Int(9)}}), "0 4 ");
  EXPECT_EQ(Meeting(values, {}), "");
  std::vector<ValueSpan> points;
  for (const int64_t point : {1, 2, 4, 6, 8, 9}) {
    points.push_back({.from = Int(point), .to = Int(point)});
  }
  EXPECT_EQ(Meeting(values, points), "0 4 ");
}

TEST_F(RowFilterTest, OrdersNotANumberAboveAllAndTextByItsBytes) {
  arrow::DoubleBuilder builder;
  ASSERT_TRUE(builder.AppendValues({NAN, -0.0, INFINITY, 2}).ok());
  const auto numbers = *builder.Finish();
  const auto number = [](double value) { return std::make_shared<arrow::DoubleScalar>(value); };
  EXPECT_EQ(Meeting(numbers, {{.from = number(1)}}), "0 2 3 ");
  EXPECT_EQ(Meeting(numbers, {{.to = number(5)}}), "1 3 ");
  EXPECT_EQ(Meeting(numbers, {{.from = number(0), .to = number(0)}}), "1 ");
  std::vector<ValueSpan> points;
  for (int i = 0; i < 6; ++i) points.push_back({.from = number(i), .to = number(i)});
  EXPECT_EQ(Meeting(numbers, points), "1 3 ");
  const auto texts = *arrow::json::ArrayFromJSONString(arrow::utf8(), R"(["a", "B", "é", "ab"])");
  EXPECT_EQ(Meeting(texts, {{.from = arrow::MakeScalar("a"), .to = arrow::MakeScalar("b")}}),
            "0 3 ");
}

TEST_F(RowFilterTest, AsksNothingOfOtherTypesAndOtherColumns) {
  const auto values = *arrow::json::ArrayFromJSONString(arrow::int32(), "[1, 5]");
  EXPECT_EQ(Meeting(values, {{.from = Int(3)}}), "0 1 ");
  const auto rows =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("v", values->type())}), 2, {values});
  EXPECT_EQ(FilterRows(rows, {{.column = "w", .spans = {}}}).ValueOrDie()->num_rows(), 2);
  EXPECT_EQ(FilterRows(rows, {}).ValueOrDie()->num_rows(), 2);
}

TEST_F(RowFilterTest, TellsWhatMayLieBetweenTwoValues) {
  const ColumnFilter filter{"v", {{.from = Int(3), .to = Int(5)}, {.from = Int(9)}}};
  EXPECT_TRUE(MayMeet(filter, Int(0), Int(3)));
  EXPECT_TRUE(MayMeet(filter, Int(4), Int(4)));
  EXPECT_FALSE(MayMeet(filter, Int(6), Int(8)));
  EXPECT_FALSE(MayMeet(filter, Int(0), Int(2)));
  EXPECT_TRUE(MayMeet(filter, Int(100), Int(200)));
  EXPECT_TRUE(MayMeet(filter, arrow::MakeScalar(6), arrow::MakeScalar(8)));
}

TEST_F(RowFilterTest, AnIntersectionHoldsWhatBothHold) {
  SeededRandom random(5);
  const auto below = [&](uint64_t end) { return static_cast<int64_t>(random.Next64() % end); };
  const auto spans = [&] {
    std::vector<ValueSpan> made(static_cast<size_t>(below(4)));
    for (ValueSpan& span : made) {
      if (below(4) > 0) span.from = Int(below(12));
      if (below(4) > 0) span.to = Int(below(12));
      span.with_from = below(2) == 0;
      span.with_to = below(2) == 0;
    }
    return made;
  };
  arrow::Int64Builder builder;
  for (int64_t i = -1; i < 13; ++i) ASSERT_TRUE(builder.Append(i).ok());
  const auto values = *builder.Finish();
  for (int round = 0; round < 300; ++round) {
    const auto a = spans();
    const auto b = spans();
    const auto rows = arrow::RecordBatch::Make(arrow::schema({arrow::field("v", arrow::int64())}),
                                               values->length(), {values});
    const auto both =
        FilterRows(*FilterRows(rows, {{.column = "v", .spans = a}}), {{.column = "v", .spans = b}});
    const auto met = FilterRows(rows, {{.column = "v", .spans = Intersection(a, b)}});
    ASSERT_TRUE((*both)->Equals(**met)) << round << (*both)->ToString() << (*met)->ToString();
  }
}

}  // namespace
}  // namespace firth::schema
