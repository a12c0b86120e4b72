// The warehouse's dialect: what statements mean, what is said of wrong ones, and that none of them
// does harm.
#include "firth/doors/beneath/dialect.h"

#include <gtest/gtest.h>

namespace firth::doors::beneath {
namespace {

const char kTable[] = "ada/shop/orders";

Json Table() {
  return Json::parse(R"({
    "columns": [["id", "INT64", "id"], ["name", "STRING", "name"], ["price", "FLOAT64", "price"],
                ["total", "NUMERIC", "total"], ["raw", "BYTES", "raw"], ["paid", "BOOL", "paid"],
                ["made", "TIMESTAMP", "made"], ["tags", {"array": "STRING"}, "tags"],
                ["address", {"struct": [["city", "STRING"], ["at", {"struct": [["lat", "FLOAT64"]]}]]},
                 "address"]],
    "key": ["id"], "time": "__timestamp", "since_us": null, "changes": null})");
}

Result<Translation> Analyze(const std::string& sql) {
  return Translate(sql, 0, {{kTable, Table()}});
}
/// With the table in the place of `$`.
std::string With(std::string sql) {
  for (size_t at = sql.find('$'); at != std::string::npos; at = sql.find('$')) {
    sql.replace(at, 1, "`ada/shop/orders`");
  }
  return sql;
}

std::string Named(const Type& type) {
  switch (type.kind) {
    case Kind::kInt64:
      return "int";
    case Kind::kFloat64:
      return "float";
    case Kind::kNumeric:
      return "numeric";
    case Kind::kBoolean:
      return "bool";
    case Kind::kBytes:
      return "bytes";
    case Kind::kTimestamp:
      return "time";
    case Kind::kArray:
      return "[" + Named(*type.item) + "]";
    case Kind::kRecord: {
      std::string out;
      for (const auto& field : type.fields) {
        out += (out.empty() ? "" : " ") + field.name + ":" + Named(*field.type);
      }
      return "{" + out + "}";
    }
    default:
      return "string";
  }
}

TEST(DialectTest, NamesAndTypesOfColumns) {
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT 1", "{f0_:int}"},
      {"SELECT 1 AS a, 2, 3 b, 4, FROM $", "{a:int f0_:int b:int f1_:int}"},
      {"SELECT * FROM $",
       "{id:int name:string price:float total:numeric raw:bytes paid:bool made:time tags:[string] "
       "address:{city:string at:{lat:float}}}"},
      {"select o.address.at.lat, ADDRESS.city from $ as O", "{lat:float city:string}"},
      {"SELECT o.address.* FROM $ o", "{city:string at:{lat:float}}"},
      {"SELECT id/2, id*2, id*2.0, id+total, total/2, -price FROM $",
       "{f0_:float f1_:int f2_:float f3_:numeric f4_:float f5_:float}"},
      {"SELECT SUM(id), SUM(price), SUM(total), AVG(id), COUNT(*), COUNTIF(paid), MAX(name), "
       "MIN(made) FROM $",
       "{f0_:int f1_:float f2_:numeric f3_:float f4_:int f5_:int f6_:string f7_:time}"},
      {"SELECT ARRAY_AGG(id) a, STRING_AGG(name) b, ANY_VALUE(tags) c FROM $",
       "{a:[int] b:string c:[string]}"},
      {"SELECT IF(paid, 1, 2.5) a, COALESCE(NULL, name) b, CASE WHEN paid THEN id END c FROM $",
       "{a:float b:string c:int}"},
      {"SELECT id FROM $ UNION ALL SELECT price FROM $", "{id:float}"},
      {"SELECT t FROM (SELECT id, name FROM $) t", "{t:{id:int name:string}}"},
      {"SELECT r.* FROM (SELECT ARRAY_AGG(t ORDER BY t.__timestamp DESC LIMIT 1)[OFFSET(0)] r "
       "FROM (SELECT id, __key, __timestamp FROM $) t GROUP BY t.__key)",
       "{id:int}"},
      {"SELECT * EXCEPT (raw, tags, address, made) FROM $ WHERE made > '2021-03-04'",
       "{id:int name:string price:float total:numeric paid:bool}"},
      {"SELECT * REPLACE (1 AS name) FROM (SELECT id, name FROM $)", "{id:int name:int}"},
      {"SELECT id, ROW_NUMBER() OVER (PARTITION BY name ORDER BY id) n FROM $ QUALIFY n = 1",
       "{id:int n:int}"},
      {"WITH a AS (SELECT id FROM $), b AS (SELECT id AS x FROM a) SELECT * FROM a JOIN b ON a.id "
       "= "
       "b.x",
       "{id:int x:int}"},
      {"SELECT x FROM $, UNNEST(tags) AS x", "{x:string}"},
      {"SELECT SUM(price) OVER w s, id FROM $ WINDOW w AS (PARTITION BY name)", "{s:float id:int}"},
      {"SELECT name, COUNT(*) n FROM $ GROUP BY CUBE(name, paid)", "{name:string n:int}"},
      {"WITH RECURSIVE t AS (SELECT id AS x FROM $ UNION ALL SELECT x + 0.5 FROM t) SELECT x FROM "
       "t",
       "{x:float}"},
  };
  for (const auto& [sql, expected] : cases) {
    const auto found = Analyze(With(sql));
    ASSERT_TRUE(found.ok()) << sql << ": " << found.status().ToString();
    EXPECT_EQ(Named(*found->record), expected) << sql;
    EXPECT_EQ(found->record->name, "schema");
  }
}

TEST(DialectTest, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "empty"},
      {"SELECT", "syntax error"},
      {"SELECT id FROM", "syntax error"},
      {"SELECT 1; SELECT 2", "one statement"},
      {"DELETE FROM $ WHERE true", "only SELECT"},
      {"INSERT INTO $ (id) VALUES (1)", "only SELECT"},
      {"DROP TABLE $", "only SELECT"},
      {"SELECT nope FROM $", "unrecognized name: nope"},
      {"SELECT o.nope FROM $ o", "nope not found inside o"},
      {"SELECT address.nope FROM $", "nope does not exist"},
      {"SELECT id FROM other", "not found"},
      {"SELECT nope(1)", "function not found"},
      {"SELECT read_csv('/etc/passwd')", "function not found"},
      {"SELECT * FROM read_csv('/etc/passwd')", "not supported"},
      {"SELECT getenv('HOME')", "function not found"},
      {"SELECT id + name FROM $", "no matching signature for operator +"},
      {"SELECT id FROM $ WHERE id = 'a'", "no matching signature for operator ="},
      {"SELECT id FROM $ WHERE name", "should return type BOOL"},
      {"SELECT LOWER(id) FROM $", "takes STRING"},
      {"SELECT SUM(name) FROM $", "no matching signature"},
      {"SELECT CAST(paid AS TIMESTAMP) FROM $", "invalid cast"},
      {"SELECT CAST(1 AS GEOGRAPHY)", "type not found"},
      {"SELECT TIMESTAMP 'yesterday'", "could not cast literal"},
      {"SELECT made FROM $ WHERE made > 'yesterday'", "could not cast literal"},
      {"SELECT DATE(made) FROM $", "DATE"},
      {"SELECT id, id FROM $", "duplicate column name"},
      {"SELECT id AS Total FROM $", "invalid column name"},
      {"SELECT __key FROM $", "no columns"},
      {"SELECT id FROM $ a JOIN $ b", "must have an ON"},
      {"SELECT a.id FROM $ a, $ a", "duplicate table alias"},
      {"SELECT id FROM $ a JOIN $ b ON a.id = b.id", "ambiguous"},
      {"SELECT id FROM $ UNION ALL SELECT id, name FROM $", "mismatched column count"},
      {"SELECT id FROM $ UNION ALL SELECT name FROM $", "incompatible types"},
      {"SELECT id FROM $ ORDER BY 2", "out of SELECT column number range"},
      {"SELECT id FROM $ LIMIT -1", "LIMIT"},
      {"SELECT id FROM $ LIMIT id", "LIMIT"},
      {"SELECT 9223372036854775808", "invalid integer literal"},
      {"SELECT 'a\\q'", "escape"},
      {"SELECT 'a", "syntax error"},
      {"SELECT @x", "unrecognized name"},
      {"SELECT ?", "parameters"},
      {"SELECT ROW_NUMBER() FROM $", "OVER"},
      {"SELECT IF(1, 2, 3)", "BOOL"},
      {"SELECT [1, 'a']", "no matching signature"},
      {"SELECT tags[0] FROM $", "OFFSET"},
  };
  for (const auto& [sql, expected] : cases) {
    const auto found = Analyze(With(sql));
    ASSERT_FALSE(found.ok()) << sql;
    EXPECT_EQ(CodeOf(found.status()), Code::kInvalidArgument);
    EXPECT_NE(MessageOf(found.status()).find(expected), std::string::npos)
        << sql << ": " << MessageOf(found.status());
  }
}

TEST(DialectTest, TablesByTheirPaths) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(*TablesOfStatement("SELECT 1"), Names{});
  EXPECT_EQ(*TablesOfStatement("SELECT * FROM `ADA/my-shop/table:Orders/` a, `/ada/my_shop/orders`,"
                               " `b/c/d` -- `x/y/z`"),
            (Names{"ada/my_shop/orders", "b/c/d"}));
  EXPECT_FALSE(TablesOfStatement("SELECT * FROM `a/b`").ok());
  EXPECT_FALSE(TablesOfStatement("SELECT * FROM `a//b`").ok());
  EXPECT_FALSE(TablesOfStatement("SELECT * FROM `a/b/c/d`").ok());
  // Other names in backticks are plain ones.
  EXPECT_EQ(*TablesOfStatement("SELECT `x` FROM (SELECT 1 AS `x`) AS `q`"), Names{});
}

TEST(DialectTest, MentionedColumns) {
  using Names = std::vector<std::string>;
  const auto uses = [](const std::string& sql) {
    return Analyze(With(sql)).ValueOrDie().uses.at(kTable).columns;
  };
  EXPECT_EQ(uses("SELECT COUNT(*) FROM $"), Names{});
  EXPECT_EQ(uses("SELECT COUNT(*) FROM $ WHERE name = 'x' GROUP BY paid ORDER BY MAX(id)"),
            (Names{"id", "name", "paid"}));
  EXPECT_EQ(uses("SELECT * FROM $").size(), 9u);
  EXPECT_EQ(uses("SELECT id FROM (SELECT * FROM $)").size(), 9u);
  EXPECT_EQ(uses("SELECT __timestamp, id FROM $"), (Names{"__timestamp", "id"}));
  EXPECT_EQ(uses("SELECT o.address.city FROM $ o"), Names{"address"});
  EXPECT_EQ(uses("SELECT 1 FROM $ a JOIN $ b USING (id)"), Names{"id"});
}

TEST(DialectTest, HostileStatementsAreRefused) {
  const auto repeat = [](const std::string& text, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += text;
    return out;
  };
  const std::string statements[] = {
      "SELECT " + repeat("(", 20'000) + "1" + repeat(")", 20'000),
      "SELECT " + repeat("-", 20'001) + " 1",
      "SELECT " + repeat("NOT ", 20'000) + "TRUE",
      "SELECT 1" + repeat("+1", 20'000),
      "SELECT " + repeat("1/(", 100) + "id" + repeat(")", 100) + With(" FROM $"),
      "SELECT " + repeat("CASE WHEN true THEN ", 5'000) + "1" + repeat(" END", 5'000),
      repeat("SELECT * FROM (", 5'000) + "SELECT 1" + repeat(")", 5'000),
      "SELECT 1" + repeat(" UNION ALL SELECT 1", 20'000),
      "SELECT '" + std::string(300'000, 'x') + "'",
      "SELECT " + repeat("[", 20'000),
      "SELECT " + repeat("IF(true,", 10'000),
      repeat("WITH RECURSIVE t AS (", 100) + "SELECT 1 AS n UNION ALL SELECT n FROM t" +
          repeat(") SELECT n FROM t", 100),
      "SELECT 1 FROM UNNEST([1]) GROUP BY CUBE(" + repeat("1, ", 60) + "1)",
      "SELECT 1 FROM UNNEST([1]) GROUP BY ROLLUP(" + repeat("1, ", 10'000) + "1)",
      "SELECT SUM(1) OVER w" + repeat(", SUM(1) OVER w", 5'000) +
          " FROM UNNEST([1]) WINDOW w AS (ORDER BY 1" + repeat("+1", 100) + repeat(", 1+1", 1000) +
          ")",
      "SELECT 1 FROM UNNEST([1]) WINDOW w0 AS ()" + repeat(", w0 AS ()", 5'000),
      "SELECT 'a\\xzz'",
      "SELECT '\\ud800'",
      std::string("SELECT '\\0'"),
      std::string("SELECT 1 \0 2", 12),
      "SELECT `" + std::string(1000, '/') + "`",
      "\xff\xfe",
      "SELECT 1 -- \x96",
  };
  for (const auto& sql : statements) {
    EXPECT_FALSE(Analyze(sql).ok()) << sql.substr(0, 60);
    static_cast<void>(TablesOfStatement(sql).ok());
  }
}

}  // namespace
}  // namespace firth::doors::beneath
