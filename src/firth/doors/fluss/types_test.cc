// Goal: every type of the protocol survives the way to Arrow and back, and every Arrow type that a
// table may have is shown as something.
#include "firth/doors/fluss/types.h"

#include <gtest/gtest.h>

namespace firth::doors::fluss {
namespace {

struct TypeCase {
  const char* json;
  std::shared_ptr<arrow::DataType> type;
};

std::vector<TypeCase> Cases() {
  using arrow::TimeUnit;
  std::vector<TypeCase> cases = {
      {R"({"type":"BOOLEAN"})", arrow::boolean()},
      {R"({"type":"TINYINT"})", arrow::int8()},
      {R"({"type":"SMALLINT"})", arrow::int16()},
      {R"({"type":"INTEGER"})", arrow::int32()},
      {R"({"type":"BIGINT"})", arrow::int64()},
      {R"({"type":"FLOAT"})", arrow::float32()},
      {R"({"type":"DOUBLE"})", arrow::float64()},
      {R"({"type":"STRING"})", arrow::utf8()},
      {R"({"type":"BYTES"})", arrow::binary()},
      {R"({"type":"DATE"})", arrow::date32()},
      {R"({"type":"CHAR","length":7})", arrow::utf8()},
      {R"({"type":"BINARY","length":16})", arrow::fixed_size_binary(16)},
      {R"({"type":"DECIMAL","precision":10,"scale":2})", arrow::decimal128(10, 2)},
      {R"({"type":"DECIMAL","precision":38,"scale":0})", arrow::decimal128(38, 0)},
  };
  static const char* const kTimes[] = {R"({"type":"TIME_WITHOUT_TIME_ZONE","precision":0})",
                                       R"({"type":"TIME_WITHOUT_TIME_ZONE","precision":1})",
                                       R"({"type":"TIME_WITHOUT_TIME_ZONE","precision":3})",
                                       R"({"type":"TIME_WITHOUT_TIME_ZONE","precision":4})",
                                       R"({"type":"TIME_WITHOUT_TIME_ZONE","precision":6})",
                                       R"({"type":"TIME_WITHOUT_TIME_ZONE","precision":7})",
                                       R"({"type":"TIME_WITHOUT_TIME_ZONE","precision":9})"};
  const std::shared_ptr<arrow::DataType> times[] = {
      arrow::time32(TimeUnit::SECOND), arrow::time32(TimeUnit::MILLI),
      arrow::time32(TimeUnit::MILLI),  arrow::time64(TimeUnit::MICRO),
      arrow::time64(TimeUnit::MICRO),  arrow::time64(TimeUnit::NANO),
      arrow::time64(TimeUnit::NANO)};
  for (size_t i = 0; i < std::size(kTimes); ++i) cases.push_back({kTimes[i], times[i]});
  for (const char* zone : {"", "UTC"}) {
    const bool local = *zone != 0;
    static const char* const kPlain[] = {R"({"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":0})",
                                         R"({"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":2})",
                                         R"({"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":6})",
                                         R"({"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":9})"};
    static const char* const kLocal[] = {
        R"({"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":0})",
        R"({"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":2})",
        R"({"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":6})",
        R"({"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":9})"};
    const TimeUnit::type units[] = {TimeUnit::SECOND, TimeUnit::MILLI, TimeUnit::MICRO,
                                    TimeUnit::NANO};
    for (size_t i = 0; i < 4; ++i) {
      cases.push_back({local ? kLocal[i] : kPlain[i], arrow::timestamp(units[i], zone)});
    }
  }
  return cases;
}

std::string Shown(const arrow::Field& field) {
  return ToText(TypeToJson(field));
}

TEST(TypesTest, PlainTypesBothWays) {
  for (const TypeCase& one : Cases()) {
    const auto field = FieldFromJson("c", *ParseJson(one.json));
    ASSERT_TRUE(field.ok()) << one.json << field.status().ToString();
    EXPECT_TRUE((*field)->type()->Equals(*one.type)) << one.json << (*field)->type()->ToString();
    EXPECT_TRUE((*field)->nullable());
    EXPECT_EQ(Shown(**field), one.json);
    EXPECT_EQ(ServedType((*field)->type()), (*field)->type());
  }
}

TEST(TypesTest, MetadataOnlyWhereArrowCannotSayIt) {
  int with_metadata = 0;
  for (const TypeCase& one : Cases()) {
    const auto field = *FieldFromJson("c", *ParseJson(one.json));
    with_metadata += MetadataOf(*field, kTypeKey).empty() ? 0 : 1;
  }
  EXPECT_EQ(with_metadata, 6);  // CHAR, TIME(1), TIME(4), TIME(7), and both TIMESTAMP(2)
}

TEST(TypesTest, NotNullIsSaid) {
  const auto field =
      *FieldFromJson("c", *ParseJson(R"({"type":"CHAR","nullable":false,"length":3})"));
  EXPECT_FALSE(field->nullable());
  EXPECT_EQ(Shown(*field), R"({"type":"CHAR","nullable":false,"length":3})");
}

TEST(TypesTest, NestedTypesBothWays) {
  const char* const kJson =
      R"({"type":"ROW","fields":[)"
      R"({"name":"a","field_type":{"type":"ARRAY","element_type":{"type":"CHAR","length":2}},"description":"what","field_id":-1},)"
      R"({"name":"m","field_type":{"type":"MAP","key_type":{"type":"STRING","nullable":false},)"
      R"("value_type":{"type":"ROW","fields":[{"name":"x","field_type":{"type":"INTEGER","nullable":false},"field_id":-1}]}},"field_id":-1}]})";
  const auto field = FieldFromJson("c", *ParseJson(kJson));
  ASSERT_TRUE(field.ok()) << field.status().ToString();
  EXPECT_EQ(Shown(**field), kJson);
}

TEST(TypesTest, AMapsKeyIsShownAsItWasGiven) {
  for (
      const char* json :
      {R"({"type":"MAP","key_type":{"type":"STRING"},"value_type":{"type":"INTEGER"}})",
       R"({"type":"MAP","key_type":{"type":"STRING","nullable":false},"value_type":{"type":"INTEGER"}})"}) {
    const auto field = *FieldFromJson("c", *ParseJson(json));
    EXPECT_EQ(Shown(*field), json);
  }
}

TEST(TypesTest, DefaultsOfMissingParameters) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"type":"TIMESTAMP_WITHOUT_TIME_ZONE"})", "timestamp[us]"},
      {R"({"type":"TIME_WITHOUT_TIME_ZONE"})", "time32[s]"},
      {R"({"type":"DECIMAL","precision":5})", "decimal128(5, 0)"},
  };
  for (const auto& [json, type] : cases) {
    EXPECT_EQ((*FieldFromJson("c", *ParseJson(json)))->type()->ToString(), type);
  }
}

TEST(TypesTest, HostileTypesAreRefused) {
  std::string deep = R"({"type":"INTEGER"})";
  for (int i = 0; i < 20; ++i) deep = R"({"type":"ARRAY","element_type":)" + deep + "}";
  for (const std::string& json :
       {std::string("1"), std::string("{}"), std::string(R"({"type":7})"),
        std::string(R"({"type":"NOPE"})"), std::string(R"({"type":"CHAR"})"),
        std::string(R"({"type":"CHAR","length":0})"),
        std::string(R"({"type":"CHAR","length":"1"})"),
        std::string(R"({"type":"BINARY","length":99999999999})"),
        std::string(R"({"type":"DECIMAL","precision":39,"scale":0})"),
        std::string(R"({"type":"DECIMAL","precision":5,"scale":6})"),
        std::string(R"({"type":"TIME_WITHOUT_TIME_ZONE","precision":10})"),
        std::string(R"({"type":"ARRAY"})"),
        std::string(R"({"type":"MAP","key_type":{"type":"STRING"}})"),
        std::string(R"({"type":"ROW","fields":[]})"),
        std::string(R"({"type":"ROW","fields":[{}]})"),
        std::string(R"({"type":"INTEGER","nullable":"no"})"), deep}) {
    EXPECT_FALSE(FieldFromJson("c", *ParseJson(json)).ok()) << json;
  }
}

TEST(TypesTest, OtherDoorsTypesAreShownAsTheNearest) {
  const std::pair<std::shared_ptr<arrow::DataType>, const char*> cases[] = {
      {arrow::uint8(), R"({"type":"SMALLINT"})"},
      {arrow::uint16(), R"({"type":"INTEGER"})"},
      {arrow::uint32(), R"({"type":"BIGINT"})"},
      {arrow::uint64(), R"({"type":"DECIMAL","precision":20,"scale":0})"},
      {arrow::large_utf8(), R"({"type":"STRING"})"},
      {arrow::large_binary(), R"({"type":"BYTES"})"},
      {arrow::decimal256(20, 3), R"({"type":"DECIMAL","precision":20,"scale":3})"},
      {arrow::decimal256(60, 3), R"({"type":"STRING"})"},
      {arrow::duration(arrow::TimeUnit::NANO), R"({"type":"BIGINT"})"},
      {arrow::timestamp(arrow::TimeUnit::NANO, "Europe/Berlin"),
       R"({"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":9})"},
      {arrow::large_list(arrow::uint8()), R"({"type":"ARRAY","element_type":{"type":"SMALLINT"}})"},
  };
  for (const auto& [type, json] : cases) {
    EXPECT_EQ(Shown(arrow::Field("c", type)), json) << type->ToString();
  }
}

TEST(TypesTest, KeptTypesThatNoLongerFitAreIgnored) {
  const auto field = *FieldFromJson("c", *ParseJson(R"({"type":"CHAR","length":3})"));
  EXPECT_EQ(Shown(*field->WithType(arrow::int32())), R"({"type":"INTEGER"})");
}

}  // namespace
}  // namespace firth::doors::fluss
