// Goal: tables are described as clients of the original see them, and what no table may be is
// refused with the protocol's code.
#include "firth/doors/fluss/table_json.h"

#include <gtest/gtest.h>

#include "firth/doors/fluss/errors.h"
#include "firth/schema/schema.h"

namespace firth::doors::fluss {
namespace {

constexpr char kLogTable[] =
    R"({"version":1,"schema":{"version":1,"columns":[)"
    R"({"name":"a","data_type":{"type":"INTEGER"},"id":0},)"
    R"({"name":"b","data_type":{"type":"STRING"},"comment":"the b","id":1}],"highest_field_id":1},)"
    R"("comment":"rows","partition_key":[],"bucket_key":["a"],"bucket_count":4,)"
    R"("properties":{"table.replication.factor":"1"},"custom_properties":{"owner":"me"}})";

catalog::TableInfo MakeTable(table::TableSpec spec) {
  catalog::TableInfo table;
  table.attributes = spec.attributes;
  table.current.emplace();
  table.current->spec = spec.edition;
  table.current->schemas.push_back(
      {.id = SchemaId(1),
       .schema = schema::AssignFieldIds(spec.schema, &table.current->next_field_id)});
  return table;
}

std::string RoundTrip(std::string_view json) {
  auto spec = ParseTable(json);
  EXPECT_TRUE(spec.ok()) << spec.status().ToString();
  return spec.ok() ? TableJson(MakeTable(std::move(*spec))) : "";
}

int32_t CodeOfTable(std::string_view json) {
  const auto spec = ParseTable(json);
  return spec.ok() ? 0 : CodeFor(spec.status(), Asked::kName);
}

/// A table of columns k INT, v STRING, l ARRAY<INT>, t TIMESTAMP with these members besides.
std::string Table(const std::string& schema_members, const std::string& members) {
  return R"({"schema":{"columns":[{"name":"k","data_type":{"type":"INTEGER"}},)"
         R"({"name":"v","data_type":{"type":"STRING"}},)"
         R"({"name":"l","data_type":{"type":"ARRAY","element_type":{"type":"INTEGER"}}},)"
         R"({"name":"t","data_type":{"type":"TIMESTAMP_WITHOUT_TIME_ZONE"}}])" +
         schema_members + "}" + members + "}";
}
std::string WithProperty(const std::string& schema_members, const std::string& properties) {
  return Table(schema_members, R"(,"properties":{)" + properties + "}");
}
constexpr char kKey[] = R"(,"primary_key":["k"])";

/// A table that aggregates, with key k and a column v, one of which has this function.
std::string Aggregated(const std::string& column, const std::string& function) {
  std::string columns;
  for (const std::string name : {"k", "v"}) {
    if (!columns.empty()) columns += ",";
    columns += R"({"name":")" + name + R"(","data_type":{"type":"STRING"})";
    if (name == column) columns += R"(,"agg_function":)" + function;
    columns += "}";
  }
  return R"({"schema":{"columns":[)" + columns + R"(],"primary_key":["k"]},)" +
         R"("properties":{"table.merge-engine":"aggregation"}})";
}

TEST(TableJsonTest, AWholeDescriptionComesBack) {
  EXPECT_EQ(RoundTrip(kLogTable), kLogTable);
}

TEST(TableJsonTest, TheServerFillsInWhatOldClientsLeaveOut) {
  EXPECT_EQ(
      RoundTrip(
          R"({"version":1,"schema":{"version":1,"columns":[{"name":"k","data_type":)"
          R"({"type":"INTEGER"}},{"name":"r","data_type":{"type":"ROW","fields":[{"name":"x",)"
          R"("field_type":{"type":"INTEGER"}}]}},{"name":"z","data_type":{"type":"DATE"}}],)"
          R"("primary_key":["k"]},"partition_key":[],"bucket_key":[],"properties":{},)"
          R"("custom_properties":{}})"),
      R"({"version":1,"schema":{"version":1,"columns":[)"
      R"({"name":"k","data_type":{"type":"INTEGER","nullable":false},"id":0},)"
      R"({"name":"r","data_type":{"type":"ROW","fields":[{"name":"x","field_type":{"type":"INTEGER"},)"
      R"("field_id":2}]},"id":1},{"name":"z","data_type":{"type":"DATE"},"id":3}],)"
      R"("primary_key":["k"],"highest_field_id":3},"partition_key":[],"bucket_key":["k"],)"
      R"("bucket_count":1,"properties":{"table.kv.format-version":"2",)"
      R"("table.replication.factor":"1"},"custom_properties":{}})");
}

TEST(TableJsonTest, UnknownMembersAreKept) {
  const std::string json = RoundTrip(
      R"({"schema":{"columns":[{"name":"a","data_type":{"type":"INTEGER"},"agg_function":{"type":"sum"}}],)"
      R"("hint":[1,2]},"future":{"x":true}})");
  EXPECT_NE(json.find(R"("agg_function":{"type":"sum"})"), json.npos);
  EXPECT_NE(json.find(R"("hint":[1,2])"), json.npos);
  EXPECT_NE(json.find(R"("future":{"x":true})"), json.npos);
}

TEST(TableJsonTest, FunctionsOfColumnsAreTheEditionsAndComeBack) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"type":"max"})", "max"},
      {R"({"type":"Last-Value"})", "last_value"},
      {R"({"type":"listagg","parameters":{"delimiter":"; "}})", "listagg(; )"},
      {R"({"type":"STRING_AGG","parameters":{"delimiter":")("}})", "string_agg()()"},
  };
  for (const auto& [json, text] : cases) {
    auto spec = *ParseTable(Aggregated("v", json));
    EXPECT_EQ(spec.edition.aggregates, (std::map<std::string, std::string>{{"v", text}}));
    const std::string shown = TableJson(MakeTable(spec));
    const auto again = *ParseTable(shown);
    EXPECT_EQ(again.edition.aggregates, spec.edition.aggregates) << shown;
    EXPECT_EQ(TableJson(MakeTable(again)), shown);
    // The word of the edition counts, whoever changed it.
    spec.edition.aggregates.clear();
    EXPECT_EQ(TableJson(MakeTable(spec)).find("agg_function"), std::string::npos);
  }
  EXPECT_TRUE(ParseTable(Aggregated("v", "null"))->edition.aggregates.empty());
  EXPECT_TRUE(ParseTable(Aggregated("v", R"({"type":""})"))->edition.aggregates.empty());
}

TEST(TableJsonTest, WhereDeletesCannotBeTheyAreShownAsIgnored) {
  const auto shown = [](const std::string& properties) {
    return PropertiesOf(MakeTable(*ParseTable(WithProperty(kKey, properties))));
  };
  EXPECT_FALSE(shown("").contains("table.delete.behavior"));
  EXPECT_EQ(shown(R"("table.merge-engine":"first_row")")["table.delete.behavior"], "IGNORE");
  EXPECT_EQ(shown(R"("table.merge-engine":"aggregation","table.delete.behavior":"allow")")
                ["table.delete.behavior"],
            "allow");
}

TEST(TableJsonTest, PropertiesBecomeTheEdition) {
  const auto spec = *ParseTable(
      WithProperty(kKey, R"("table.log.arrow.compression.type":"LZ4_FRAME","table.log.ttl":"2 d",)"
                         R"("table.merge-engine":"FIRST_ROW","table.changelog.image":"wal")"));
  EXPECT_EQ(spec.edition.compression, "lz4");
  EXPECT_EQ(spec.edition.log_lifetime.duration_ns, int64_t{2} * 86'400 * 1'000'000'000);
  EXPECT_EQ(spec.edition.merge, catalog::MergeRule::kFirst);
  EXPECT_EQ(spec.edition.image, catalog::LogImage::kAfter);
  EXPECT_TRUE(spec.edition.ignore_deletes);
  // As given, not as understood.
  EXPECT_NE(TableJson(MakeTable(spec)).find(R"("table.merge-engine":"FIRST_ROW")"),
            std::string::npos);
}

TEST(TableJsonTest, AnotherDoorsTableIsDescribed) {
  table::TableSpec spec;
  spec.schema = arrow::schema(
      {arrow::field("k", arrow::uint8(), false), arrow::field("v", arrow::large_utf8())});
  spec.edition.key = {"k"};
  spec.edition.merge = catalog::MergeRule::kGreatest;
  spec.edition.merge_columns = {"v"};
  spec.edition.compression = "none";
  EXPECT_EQ(
      TableJson(MakeTable(spec)),
      R"({"version":1,"schema":{"version":1,"columns":[)"
      R"({"name":"k","data_type":{"type":"SMALLINT","nullable":false},"id":0},)"
      R"({"name":"v","data_type":{"type":"STRING"},"id":1}],"primary_key":["k"],)"
      R"("highest_field_id":1},"partition_key":[],"bucket_key":["k"],"bucket_count":1,)"
      R"("properties":{"table.kv.format-version":"2","table.log.arrow.compression.type":"NONE",)"
      R"("table.merge-engine":"versioned","table.merge-engine.versioned.ver-column":"v",)"
      R"("table.replication.factor":"1"},"custom_properties":{}})");
}

TEST(TableJsonTest, ValidTablesPass) {
  for (const std::string& json :
       {Table("", ""), Table(kKey, ""), Table("", R"(,"partition_key":["v"])"),
        Table(R"(,"primary_key":["k","v"])", R"(,"partition_key":["v"])"),
        Table(R"(,"primary_key":["k","v"])", R"(,"bucket_key":["k"])"),
        Table("", R"(,"bucket_count":4096)"),
        WithProperty(
            kKey,
            R"("table.merge-engine":"versioned","table.merge-engine.versioned.ver-column":"t")"),
        WithProperty("", R"("table.log.arrow.compression.zstd.level":"22")"),
        Table("",
              R"(,"partition_key":["v"],"properties":{"table.auto-partition.enabled":"true"})")}) {
    EXPECT_EQ(CodeOfTable(json), 0) << json << ParseTable(json).status().ToString();
  }
}

TEST(TableJsonTest, WhatNoTableMayBeIsRefused) {
  const std::pair<std::string, int32_t> cases[] = {
      {"", 15},
      {"[]", 15},
      {"{}", 15},
      {R"({"schema":{"columns":[]}})", 15},
      {R"({"schema":{"columns":[{"name":"a","data_type":{"type":"NOPE"}}]}})", 15},
      {R"({"schema":{"columns":[{"name":"a","data_type":{"type":"INTEGER"}},{"name":"a","data_type":{"type":"INTEGER"}}]}})",
       15},
      {R"({"schema":{"columns":[{"name":"__offset","data_type":{"type":"INTEGER"}}]}})", 15},
      {R"({"schema":{"columns":[{"name":"_change_type","data_type":{"type":"INTEGER"}}]}})", 15},
      {Table("", R"(,"bucket_key":["nope"])"), 15},
      {Table("", R"(,"partition_key":["nope"])"), 15},
      {Table("", R"(,"partition_key":["v"],"bucket_key":["v"])"), 15},
      {Table("", R"(,"bucket_key":["l"])"), 15},
      {Table(R"(,"primary_key":["nope"])", ""), 15},
      {Table(R"(,"primary_key":["l"])", ""), 15},
      {Table(R"(,"primary_key":["k","k"])", ""), 15},
      {Table(R"(,"primary_key":["v"])", R"(,"partition_key":["v"])"), 15},
      {Table(kKey, R"(,"partition_key":["v"])"), 15},
      {Table(kKey, R"(,"bucket_key":["v"])"), 15},
      {Table(R"(,"primary_key":["k"],"auto_increment_column":["v"])", ""), 15},
      {Aggregated("k", R"({"type":"sum"})"), 15},
      {Aggregated("v", R"("sum")"), 15},
      {Aggregated("v", R"({})"), 15},
      {Aggregated("v", R"({"type":7})"), 15},
      {Aggregated("v", R"({"type":"sum","parameters":{"delimiter":","}})"), 39},
      {Aggregated("v", R"({"type":"listagg","parameters":{"nope":"x"}})"), 39},
      {Aggregated("v", R"j({"type":"listagg(,)"})j"), 39},
      {Table("", R"(,"bucket_count":0)"), 39},
      {Table("", R"(,"bucket_count":-3)"), 39},
      {Table("", R"(,"bucket_count":4097)"), 49},
      {WithProperty("", R"("table.replication.factor":"2")"), 17},
      {WithProperty("", R"("table.replication.factor":"0")"), 17},
      {WithProperty("", R"("table.replication.factor":"x")"), 39},
      {WithProperty("", R"("table.nope":"1")"), 39},
      {WithProperty("", R"("nope":"1")"), 39},
      {WithProperty("", R"("table.statistics.columns":"k")"), 39},
      {WithProperty("", R"("table.log.format":"columnar")"), 39},
      {WithProperty("", R"("table.log.arrow.compression.type":"gzip")"), 39},
      {WithProperty("", R"("table.log.arrow.compression.zstd.level":"0")"), 39},
      {WithProperty("", R"("table.log.arrow.compression.zstd.level":"23")"), 39},
      {WithProperty("", R"("table.log.ttl":"soon")"), 39},
      {WithProperty("", R"("table.merge-engine":"first_row")"), 39},
      {WithProperty("", R"("table.auto-partition.enabled":"true")"), 39},
      {Table("",
             R"(,"partition_key":["k","v"],"properties":{"table.auto-partition.enabled":"true"})"),
       15},
      {Table(
           "",
           R"(,"partition_key":["k","v"],"properties":{"table.auto-partition.enabled":"true","table.auto-partition.key":"t"})"),
       15},
      {WithProperty(kKey, R"("table.merge-engine":"versioned")"), 39},
      {WithProperty(
           kKey,
           R"("table.merge-engine":"versioned","table.merge-engine.versioned.ver-column":"v")"),
       39},
      {WithProperty(kKey, R"("table.merge-engine":"first_row","table.delete.behavior":"allow")"),
       39},
      {WithProperty(kKey, R"("table.merge-engine":"aggregation","table.changelog.image":"WAL")"),
       39},
      {WithProperty(kKey, R"("table.kv.format":"wide")"), 39},
      {WithProperty(kKey, R"("table.log.format":"indexed")"), 39},
      {WithProperty("", R"("table.datalake.format":"iceberg")"), 40},
      {WithProperty("", R"("table.replication.factor":1)"), 15},
      {Table("", R"(,"bucket_count":"x")"), 15},
      {std::string(100, '['), 15},
      {"{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}", 15},
  };
  for (const auto& [json, code] : cases) {
    EXPECT_EQ(CodeOfTable(json), code) << json << " " << ParseTable(json).status().ToString();
  }
}

TEST(TableJsonTest, Databases) {
  const auto attributes =
      *ParseDatabase(R"({"version":1,"comment":"mine","custom_properties":{"b":"2","a":"1"}})");
  EXPECT_EQ(DatabaseJson(attributes),
            R"({"version":1,"comment":"mine","custom_properties":{"a":"1","b":"2"}})");
  EXPECT_EQ(DatabaseJson(*ParseDatabase("")), R"({"version":1,"custom_properties":{}})");
  EXPECT_EQ(CodeFor(ParseDatabase("{").status(), Asked::kName), 16);
}

TEST(PropertiesTest, Durations) {
  const std::pair<const char*, int64_t> cases[] = {
      {"7 d", 604'800'000'000'000}, {"12h", 43'200'000'000'000}, {"30 min", 1'800'000'000'000},
      {"500ms", 500'000'000},       {"1000", 1'000'000'000},     {"2 hours", 7'200'000'000'000},
      {" 3 s ", 3'000'000'000},     {"5 \xC2\xB5s", 5'000},
  };
  for (const auto& [text, ns] : cases) {
    const auto parsed = ParseDuration(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, ns) << text;
  }
  for (const char* text : {"", "d", "-1 d", "1 fortnight", "1.5 h"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

}  // namespace
}  // namespace firth::doors::fluss
