// Goal: types and schemas as text read back as they were written, and mistakes are named.
// Method: a table of texts; each is parsed, printed and parsed again.
#include "firth/doors/flight/type_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace firth::doors::flight {
namespace {

TEST(TypeText, RoundTrips) {
  const std::vector<std::pair<std::string, std::shared_ptr<arrow::DataType>>> cases = {
      {"bool", arrow::boolean()},
      {"int8", arrow::int8()},
      {"uint64", arrow::uint64()},
      {"float32", arrow::float32()},
      {"text", arrow::utf8()},
      {"bytes", arrow::binary()},
      {"bytes(16)", arrow::fixed_size_binary(16)},
      {"date", arrow::date32()},
      {"time(ms)", arrow::time32(arrow::TimeUnit::MILLI)},
      {"time(ns)", arrow::time64(arrow::TimeUnit::NANO)},
      {"timestamp(ns)", arrow::timestamp(arrow::TimeUnit::NANO)},
      {"timestamp(us,UTC)", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")},
      {"timestamp(s,Europe/Paris)", arrow::timestamp(arrow::TimeUnit::SECOND, "Europe/Paris")},
      {"duration(us)", arrow::duration(arrow::TimeUnit::MICRO)},
      {"decimal(10,2)", arrow::decimal128(10, 2)},
      {"decimal(76,0)", arrow::decimal256(76, 0)},
      {"list<int32>", arrow::list(arrow::int32())},
      {"list<int32!>", arrow::list(arrow::field("item", arrow::int32(), false))},
      {"list<float32,3>", arrow::fixed_size_list(arrow::float32(), 3)},
      {"large_list<text>", arrow::large_list(arrow::utf8())},
      {"map<text,list<int64>>", arrow::map(arrow::utf8(), arrow::list(arrow::int64()))},
      {"struct<a:int32!,b:struct<c:text>>",
       arrow::struct_({arrow::field("a", arrow::int32(), false),
                       arrow::field("b", arrow::struct_({arrow::field("c", arrow::utf8())}))})},
  };
  for (const auto& [text, type] : cases) {
    const auto parsed = ParseType(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    EXPECT_TRUE((*parsed)->Equals(*type)) << text << " gave " << (*parsed)->ToString();
    EXPECT_EQ(TypeToText(*type), text);
  }
}

TEST(TypeText, HasDefaults) {
  EXPECT_EQ(TypeToText(**ParseType("timestamp")), "timestamp(us)");
  EXPECT_EQ(TypeToText(**ParseType("time")), "time(us)");
  EXPECT_EQ(TypeToText(**ParseType("decimal(5)")), "decimal(5,0)");
  EXPECT_EQ(TypeToText(**ParseType(" list < int8 > ")), "list<int8>");
}

TEST(TypeText, RoundTripsSchemas) {
  const std::string text = R"(id:int64!,"odd, name":text,"say ""hi""":list<int8>,größe:float64)";
  const auto schema = ParseSchemaText(text);
  ASSERT_TRUE(schema.ok()) << schema.status();
  EXPECT_EQ((*schema)->field_names(),
            (std::vector<std::string>{"id", "odd, name", "say \"hi\"", "größe"}));
  EXPECT_FALSE((*schema)->field(0)->nullable());
  EXPECT_EQ(SchemaToText(**schema), text);
  EXPECT_EQ(SchemaToText(**ParseSchemaText(" a : int8 , b : text ! ")), "a:int8,b:text!");
}

TEST(TypeText, NamesMistakes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "a column's name"},
      {"a", "`:`"},
      {"a:", "a type"},
      {"a:int", "`int` where a type"},
      {"a:int32 b:int32", "the end"},
      {"a:list<int32", "`>`"},
      {"a:map<text>", "`,`"},
      {"a:struct<>", "a column's name"},
      {"a:decimal(99,1)", "1 to 76"},
      {"a:decimal(5,6)", "s up to p"},
      {"a:timestamp(h)", "s, ms, us or ns"},
      {"a:timestamp(ns,", "a time zone"},
      {"\"a:int32", "a closing"},
      {"a:int32,", "a column's name"},
      {"a:bytes(x)", "a number"},
      {"a:bytes(-1)", "a number"},
  };
  for (const auto& [text, says] : cases) {
    const auto parsed = ParseSchemaText(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(CodeOf(parsed.status()), Code::kInvalidArgument);
    EXPECT_NE(MessageOf(parsed.status()).find(says), std::string::npos)
        << text << ": " << parsed.status();
  }
}

TEST(TypeText, RefusesDeepNesting) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "list<";
  EXPECT_FALSE(ParseType(text).ok());
}

}  // namespace
}  // namespace firth::doors::flight
