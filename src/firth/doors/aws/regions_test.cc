// Regions against a plain reading of them: each row against each region.
#include "firth/doors/aws/regions.h"

#include <arrow/builder.h>
#include <gtest/gtest.h>

#include "firth/common/random.h"

namespace firth::doors::aws {
namespace {

TableShape Shape() {
  TableShape shape;
  shape.fields = {{.name = "a", .type = arrow::int32()},
                  {.name = "b", .type = arrow::utf8()},
                  {.name = "c", .type = arrow::binary()},
                  {.name = "v", .type = arrow::int64()}};
  shape.row_keys = 3;
  return shape;
}

/// The rows of (a, b, c) that a set takes.
std::vector<int64_t> Take(const RegionSet& set, const std::vector<int32_t>& a,
                          const std::vector<std::string>& b) {
  arrow::Int32Builder first;
  arrow::StringBuilder second;
  arrow::BinaryBuilder third;
  EXPECT_TRUE(first.AppendValues(a).ok());
  EXPECT_TRUE(second.AppendValues(b).ok());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(third.Append("").ok());
  const auto taken = set.Take({*first.Finish(), *second.Finish(), *third.Finish()});
  EXPECT_TRUE(taken.ok());
  return taken.ValueOr({});
}

Result<RegionSet> Read(const std::string& text) {
  return RegionSet::Read(json::parse(text), Shape());
}

TEST(RegionsTest, DefaultsOfTheMessage) {
  // Text is base64 unless told otherwise; max is exclusive, min inclusive.
  const auto set = Read(R"([{"b": {"min": "YQ==", "max": "Yw=="}}])");
  ASSERT_TRUE(set.ok()) << set.status().ToString();
  EXPECT_EQ(Take(*set, {0, 0, 0, 0}, {"a", "b", "c", "YQ=="}), (std::vector<int64_t>{0, 1}));
  const auto plain = Read(R"([{"b": {"min": "b", "max": null}, "stringsBase64Encoded": false}])");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(Take(*plain, {0, 0}, {"a", "b"}), (std::vector<int64_t>{1}));
  EXPECT_TRUE(Read(R"([{}])")->takes_all());
  EXPECT_FALSE(Read(R"([{"a": {"min": "-5", "max": " 7"}}])").ok());
  EXPECT_TRUE(Read(R"([{"a": {"min": "-5", "max": "7"}}])").ok());
  EXPECT_TRUE(Take(*Read(R"([{"a": {"min": 5, "max": 5}}])"), {5}, {""}).empty());
}

TEST(RegionsTest, RefusesWhatIsNoRegion) {
  for (const char* bad :
       {"[]", "{}", "null", "[1]", R"([{"v": {"min": 1}}])", R"([{"a": 1}])", R"([{"a": {}}])",
        R"([{"a": {"min": null}}])", R"([{"a": {"min": 1.0}}])", R"([{"a": {"min": true}}])",
        R"([{"a": {"min": 2147483648}}])", R"([{"a": {"min": 18446744073709551615}}])",
        R"([{"a": {"min": 2, "max": 1}}])", R"([{"b": {"min": 1}}])", R"([{"b": {"min": "*"}}])",
        R"([{"b": {"min": "/w=="}}])", R"([{"c": {"min": "*"}, "stringsBase64Encoded": false}])",
        R"([{"a": {"min": 1, "minInclusive": "yes"}}])", R"([{"a": {"min": []}}])"}) {
    EXPECT_FALSE(Read(bad).ok()) << bad;
  }
}

/// A random set of regions over small domains, as JSON.
json RandomRegions(SeededRandom* random) {
  const auto pick = [&](uint64_t n) { return static_cast<int>(random->Next64() % n); };
  json regions = json::array();
  const int count = 1 + pick(8);
  for (int i = 0; i < count; ++i) {
    json region{{"stringsBase64Encoded", false}};
    if (pick(4) != 0) {
      const int low = pick(10);
      json range{{"min", low}, {"minInclusive", pick(2) == 0}, {"maxInclusive", pick(2) == 0}};
      if (pick(5) != 0) range["max"] = low + pick(10 - low);
      region["a"] = range;
    }
    if (pick(3) != 0) {
      const int low = pick(4);
      const int high = low + pick(4 - low);
      json range{{"min", std::string(1, static_cast<char>('a' + low))},
                 {"minInclusive", pick(2) == 0},
                 {"maxInclusive", pick(2) == 0}};
      if (pick(5) != 0) range["max"] = std::string(1, static_cast<char>('a' + high));
      region["b"] = range;
    }
    regions.push_back(region);
  }
  return regions;
}

template <typename T>
bool InRange(const json& range, const T& value) {
  const T min = range["min"].get<T>();
  if (value < min || (value == min && !range["minInclusive"].get<bool>())) return false;
  if (!range.contains("max")) return true;
  const T max = range["max"].get<T>();
  return value < max || (value == max && range["maxInclusive"].get<bool>());
}

TEST(RegionsTest, AgreesWithAPlainReading) {
  std::vector<int32_t> a;
  std::vector<std::string> b;
  for (int32_t i = -1; i < 11; ++i) {
    for (const char* text : {"", "a", "aa", "b", "c", "d", "e"}) {
      a.push_back(i);
      b.emplace_back(text);
    }
  }
  SeededRandom random(3);
  for (int round = 0; round < 2000; ++round) {
    const json regions = RandomRegions(&random);
    std::vector<int64_t> expected;
    for (size_t i = 0; i < a.size(); ++i) {
      for (const json& region : regions) {
        if (region.contains("a") && !InRange<int32_t>(region["a"], a[i])) continue;
        if (region.contains("b") && !InRange<std::string>(region["b"], b[i])) continue;
        expected.push_back(static_cast<int64_t>(i));
        break;
      }
    }
    const auto set = RegionSet::Read(regions, Shape());
    ASSERT_TRUE(set.ok()) << regions.dump();
    ASSERT_EQ(Take(*set, a, b), expected) << regions.dump();
  }
}

TEST(RegionsTest, ManyRegionsCostLittle) {
  json regions = json::array();
  for (int i = 0; i < 100'000; ++i)
    regions.push_back({{"a", {{"min", 3 * i}, {"max", 3 * i}, {"maxInclusive", true}}}});
  const auto set = RegionSet::Read(regions, Shape());
  ASSERT_TRUE(set.ok());
  std::vector<int32_t> a(100'000);
  for (int32_t i = 0; i < 100'000; ++i) a[static_cast<size_t>(i)] = i;
  EXPECT_EQ(Take(*set, a, std::vector<std::string>(a.size(), "x")).size(), 33'334u);
}

}  // namespace
}  // namespace firth::doors::aws
