// Goal: conditions keep the rows that they should, for every operator and across types.
// Method: one batch, a table of conditions and the rows that remain.
#include "firth/doors/flight/filter.h"

#include <arrow/compute/initialize.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace firth::doors::flight {
namespace {

std::shared_ptr<arrow::RecordBatch> Rows() {
  const auto schema =
      arrow::schema({arrow::field("row", arrow::int64()), arrow::field("text", arrow::utf8()),
                     arrow::field("flag", arrow::boolean()), arrow::field("date", arrow::date32()),
                     arrow::field("price", arrow::decimal128(6, 2))});
  const auto column = [](const std::shared_ptr<arrow::DataType>& type, const char* json) {
    return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
  };
  return arrow::RecordBatch::Make(
      schema, 4,
      {column(arrow::int64(), "[0, 1, 2, 3]"), column(arrow::utf8(), R"(["a", "b", null, ""])"),
       column(arrow::boolean(), "[true, false, null, true]"),
       column(arrow::date32(), "[0, 19000, 19723, null]"),
       column(arrow::decimal128(6, 2), R"(["1.00", "2.50", "-3.00", null])")});
}

class FilterTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(arrow::compute::Initialize().ok()); }

  Result<std::vector<int64_t>> Kept(const std::string& json) {
    ARROW_ASSIGN_OR_RAISE(Filter filter, Filter::FromJson(nlohmann::json::parse(json)));
    const auto rows = Rows();
    ARROW_RETURN_NOT_OK(filter.Bind(*rows->schema()));
    ARROW_ASSIGN_OR_RAISE(const auto kept, filter.Apply(rows));
    const auto& column = static_cast<const arrow::Int64Array&>(*kept->column(0));
    std::vector<int64_t> numbers;
    for (int64_t i = 0; i < column.length(); ++i) numbers.push_back(column.Value(i));
    return numbers;
  }
};

TEST_F(FilterTest, KeepsRows) {
  using Numbers = std::vector<int64_t>;
  const std::vector<std::pair<std::string, Numbers>> cases = {
      {R"([])", {0, 1, 2, 3}},
      {R"([{"column": "row", "op": ">=", "value": 2}])", {2, 3}},
      {R"([{"column": "row", "value": "1"}])", {1}},
      {R"([{"column": "text", "op": "!=", "value": "a"}])", {1, 3}},
      {R"([{"column": "text", "op": "=", "value": ""}])", {3}},
      {R"([{"column": "text", "op": "null"}])", {2}},
      {R"([{"column": "text", "op": "not_null"}])", {0, 1, 3}},
      {R"([{"column": "flag", "op": "=", "value": true}])", {0, 3}},
      {R"([{"column": "date", "op": ">", "value": "2022-01-08"}])", {2}},
      {R"([{"column": "price", "op": "<", "value": 2.5}])", {0, 2}},
      {R"([{"column": "text", "op": "in", "value": ["b", "z", ""]}])", {1, 3}},
      {R"([{"column": "row", "op": "in", "value": []}])", {}},
      {R"([{"column": "row", "op": "<", "value": 3}, {"column": "flag", "value": true}])", {0}},
  };
  for (const auto& [json, numbers] : cases) {
    const auto kept = Kept(json);
    ASSERT_TRUE(kept.ok()) << json << ": " << kept.status();
    EXPECT_EQ(*kept, numbers) << json;
  }
}

TEST_F(FilterTest, RefusesWrongConditions) {
  for (const char* json :
       {R"([{"column": "nope", "value": 1}])", R"([{"column": "row", "value": "x"}])",
        R"([{"column": "row", "value": [1]}])", R"([{"column": "row", "op": "in", "value": 1}])",
        R"([{"column": "row"}])", R"([{"column": "row", "op": "like", "value": "x"}])"}) {
    EXPECT_EQ(CodeOf(Kept(json).status()), Code::kInvalidArgument) << json;
  }
}

}  // namespace
}  // namespace firth::doors::flight
