// Goal: each aggregate function answers as Apache Fluss's does, for each type that it is for.
// Method: pairs of values as JSON and the value that is to come out.
#include "firth/keyview/aggregate_function.h"

#include <gtest/gtest.h>

#include "firth/keyview/testing_keyview.h"
#include "firth/keyview/testing_rows.h"

namespace firth::keyview {
namespace {

using arrow::decimal128;
using arrow::decimal256;
using arrow::TimeUnit;
using TypePtr = std::shared_ptr<arrow::DataType>;

/// What a column of `type` holds after `values`, one after another; JSON in, text out.
std::string Fold(const std::string& function, const TypePtr& type,
                 const std::vector<std::string>& values, bool nullable = true) {
  const TestRows rows(
      {arrow::field("k", arrow::int32(), false), arrow::field("v", type, nullable)});
  catalog::EditionSpec spec;
  spec.key = {"k"};
  spec.merge = catalog::MergeRule::kAggregate;
  spec.aggregates = {{"v", function}};
  auto decider = MergeDecider::Make(spec, rows.codec(), {});
  if (!decider.ok()) return std::string(ReasonName(ReasonOf(decider.status())));
  std::optional<std::string> held;
  for (const std::string& value : values) {
    Effects effects;
    const std::string row = rows.Of("[1, " + value + "]");
    const auto outcome = (*decider)->Upsert(held, row, &effects);
    if (!outcome.ok()) return std::string(ReasonName(ReasonOf(outcome.status())));
    EXPECT_OK(rows.codec()->Check(*outcome->row));
    const std::string next(*outcome->row);  // it may be a view of what was held
    held = next;
  }
  return rows.Text(held).substr(2);
}

TEST(AggregateFunctionTest, NullsLeaveTheOtherValue) {
  for (const char* function : {"sum", "product", "max", "min", "last_value_ignore_nulls",
                               "first_value", "first_value_ignore_nulls", ""}) {
    EXPECT_EQ(Fold(function, arrow::int64(), {"null", "7"}), "7") << function;
    EXPECT_EQ(Fold(function, arrow::int64(), {"7", "null"}), "7") << function;
    EXPECT_EQ(Fold(function, arrow::int64(), {"null", "null"}), "null") << function;
  }
  EXPECT_EQ(Fold("last_value", arrow::int64(), {"7", "null"}), "null");
  EXPECT_EQ(Fold("last_value", arrow::int64(), {"null", "7"}), "7");
  EXPECT_EQ(Fold("listagg", arrow::utf8(), {"null", "\"a\"", "null"}), "a");
  EXPECT_EQ(Fold("bool_or", arrow::boolean(), {"null", "true", "null"}), "true");
}

TEST(AggregateFunctionTest, SumsAndProductsOfEveryNumber) {
  for (const TypePtr& type :
       {arrow::int8(), arrow::int16(), arrow::int32(), arrow::int64(), arrow::uint8(),
        arrow::uint16(), arrow::uint32(), arrow::uint64(), arrow::float32(), arrow::float64()}) {
    EXPECT_EQ(Fold("sum", type, {"3", "4", "5"}), "12") << *type;
    EXPECT_EQ(Fold("product", type, {"3", "4", "5"}), "60") << *type;
  }
  EXPECT_EQ(Fold("sum", arrow::int32(), {"-3", "1"}), "-2");
  EXPECT_EQ(Fold("sum", arrow::float64(), {"0.5", "0.25"}), "0.75");
}

TEST(AggregateFunctionTest, IntegersWrap) {
  EXPECT_EQ(Fold("sum", arrow::int8(), {"127", "1"}), "-128");
  EXPECT_EQ(Fold("sum", arrow::int16(), {"-32768", "-1"}), "32767");
  EXPECT_EQ(Fold("sum", arrow::int32(), {"2147483647", "1"}), "-2147483648");
  EXPECT_EQ(Fold("sum", arrow::int64(), {"9223372036854775807", "1"}), "-9223372036854775808");
  EXPECT_EQ(Fold("sum", arrow::uint16(), {"65535", "2"}), "1");
  EXPECT_EQ(Fold("product", arrow::uint16(), {"65535", "65535"}), "1");
  EXPECT_EQ(Fold("product", arrow::int32(), {"65536", "65536"}), "0");
  EXPECT_EQ(Fold("product", arrow::int64(), {"-9223372036854775808", "-1"}),
            "-9223372036854775808");
}

TEST(AggregateFunctionTest, Decimals) {
  for (const TypePtr& type : {arrow::decimal32(9, 2), arrow::decimal64(18, 2), decimal128(10, 2),
                              decimal128(38, 2), decimal256(76, 2)}) {
    EXPECT_EQ(Fold("sum", type, {"\"1.50\"", "\"-0.25\""}), "1.25") << *type;
  }
  for (const TypePtr& type : {decimal128(10, 2), decimal128(38, 2), decimal256(38, 2)}) {
    EXPECT_EQ(Fold("product", type, {"\"1.50\"", "\"0.25\""}), "0.38") << *type;  // half up
    EXPECT_EQ(Fold("product", type, {"\"-1.50\"", "\"0.25\""}), "-0.38") << *type;
    EXPECT_EQ(Fold("product", type, {"\"1.50\"", "\"-0.21\""}), "-0.32") << *type;
    EXPECT_EQ(Fold("product", type, {"\"0.07\"", "\"0.07\""}), "0.00") << *type;
  }
  EXPECT_EQ(Fold("sum", decimal128(20, 0), {"\"255\"", "\"1\""}), "256");
  EXPECT_EQ(Fold("sum", decimal128(20, 0), {"\"-128\"", "\"-1\""}), "-129");
  EXPECT_EQ(Fold("sum", decimal128(20, 0), {"\"1\"", "\"-1\""}), "0");
}

TEST(AggregateFunctionTest, ADecimalOfTooManyDigitsIsNull) {
  const std::string nines38(38, '9');
  EXPECT_EQ(Fold("sum", decimal128(3, 0), {"\"999\"", "\"1\""}), "null");
  EXPECT_EQ(Fold("sum", decimal128(3, 0), {"\"999\"", "\"1\"", "\"5\""}), "5");
  EXPECT_EQ(Fold("sum", decimal128(38, 0), {"\"" + nines38 + "\"", "\"" + nines38 + "\""}), "null");
  EXPECT_EQ(Fold("product", decimal128(38, 0), {"\"" + nines38 + "\"", "\"-" + nines38 + "\""}),
            "null");
  EXPECT_EQ(Fold("sum", decimal128(3, 0), {"\"999\"", "\"1\""}, /*nullable=*/false), "bad_value");
}

TEST(AggregateFunctionTest, MaxAndMinOfEveryOrder) {
  const auto both = [](const TypePtr& type, const std::string& less, const std::string& greater) {
    const std::string least = Fold("last_value", type, {less});
    const std::string greatest = Fold("last_value", type, {greater});
    EXPECT_NE(least, greatest);
    EXPECT_EQ(Fold("max", type, {less, greater}), greatest) << *type;
    EXPECT_EQ(Fold("max", type, {greater, less}), greatest) << *type;
    EXPECT_EQ(Fold("min", type, {less, greater}), least) << *type;
    EXPECT_EQ(Fold("min", type, {greater, less}), least) << *type;
  };
  for (const TypePtr& type : {arrow::int8(), arrow::int16(), arrow::int32(), arrow::int64(),
                              arrow::float32(), arrow::float64()}) {
    both(type, "-100", "-2");
    both(type, "-1", "0");
    both(type, "2", "100");
  }
  both(arrow::int64(), "-9223372036854775808", "-9223372036854775807");
  both(arrow::uint64(), "0", "18446744073709551615");
  both(decimal128(10, 2), "\"-0.01\"", "\"0.00\"");
  both(decimal128(38, 2), "\"-123456789012345678901.00\"", "\"-0.01\"");
  both(arrow::date32(), "-1", "19000");
  both(arrow::time32(TimeUnit::MILLI), "1", "86399999");
  both(arrow::timestamp(TimeUnit::MILLI), "-5", "1000");
  both(arrow::timestamp(TimeUnit::NANO), "-1", "0");
  both(arrow::timestamp(TimeUnit::MICRO), "1001", "1002");
  both(arrow::utf8(), "\"\"", "\"a\"");
  both(arrow::utf8(), "\"a\"", "\"ab\"");
  both(arrow::utf8(), "\"z\"", "\"\xc3\xa9\"");
  both(arrow::binary(), "\"a\"", "\"b\"");
  both(arrow::boolean(), "false", "true");
}

TEST(AggregateFunctionTest, FirstAndLastOfAnyType) {
  const auto list = arrow::list(arrow::int32());
  EXPECT_EQ(Fold("first_value", list, {"[1, 2]", "[3]"}), Fold("last_value", list, {"[1, 2]"}));
  EXPECT_EQ(Fold("last_value", list, {"[1, 2]", "[3]"}), Fold("last_value", list, {"[3]"}));
  EXPECT_EQ(Fold("", list, {"[1, 2]", "null"}), Fold("last_value", list, {"[1, 2]"}));
}

TEST(AggregateFunctionTest, JoinedText) {
  EXPECT_EQ(Fold("listagg", arrow::utf8(), {"\"a\"", "\"\"", "\"b\""}), "a,,b");
  EXPECT_EQ(Fold("string_agg", arrow::large_utf8(), {"\"a\"", "\"b\""}), "a,b");
  EXPECT_EQ(Fold("listagg(; )", arrow::utf8(), {"\"a\"", "\"b\""}), "a; b");
  EXPECT_EQ(Fold("listagg(()))", arrow::utf8(), {"\"a\"", "\"b\""}), "a())b");
  std::string x;
  for (int i = 0; i < 300; ++i) x += 'x';
  EXPECT_EQ(Fold("LISTAGG(|)", arrow::utf8(), {'"' + x + '"', '"' + x + '"'}), x + '|' + x);
}

TEST(AggregateFunctionTest, Booleans) {
  for (const std::string a : {"false", "true"}) {
    for (const std::string b : {"false", "true"}) {
      EXPECT_EQ(Fold("bool_and", arrow::boolean(), {a, b}),
                a == "true" && b == "true" ? "true" : "false");
      EXPECT_EQ(Fold("bool_or", arrow::boolean(), {a, b}),
                a == "true" || b == "true" ? "true" : "false");
    }
  }
}

TEST(AggregateFunctionTest, NamesAreTakenAsTheyAreWritten) {
  EXPECT_EQ(Fold("SUM", arrow::int32(), {"1", "2"}), "3");
  EXPECT_EQ(Fold("Last-Value-Ignore-Nulls", arrow::int32(), {"1", "null"}), "1");
}

TEST(AggregateFunctionTest, WhatDoesNotFitIsRefused) {
  const auto refused = [](const std::string& function, const TypePtr& type) {
    return Fold(function, type, {}) == "invalid_property";
  };
  for (const char* function : {"sum", "product"}) {
    for (const TypePtr& type :
         {arrow::utf8(), arrow::boolean(), arrow::date32(), arrow::timestamp(TimeUnit::MICRO)}) {
      EXPECT_TRUE(refused(function, type)) << function << " of " << *type;
    }
  }
  EXPECT_TRUE(refused("product", decimal256(39, 2)));
  EXPECT_TRUE(refused("product", decimal128(10, -2)));
  EXPECT_TRUE(refused("max", arrow::list(arrow::int32())));
  EXPECT_TRUE(refused("listagg", arrow::binary()));
  EXPECT_TRUE(refused("listagg()", arrow::utf8()));
  EXPECT_TRUE(refused("bool_and", arrow::int8()));
  for (const char* function : {"median", "sum()", "sum(1)", "listagg(", "(", ")", "rbm32"}) {
    EXPECT_TRUE(refused(function, arrow::int32())) << function;
  }
}

}  // namespace
}  // namespace firth::keyview
