// Statements over tables. Goal: joins, aggregates and every type come out right; whatever a
// statement tries beyond reading the tables it names is refused; errors are told in one line.
// Method: tables in memory behind a resolver, and the real library.
#include <arrow/builder.h>

#include "firth/common/sanitizer.h"
#include "firth/query/testing_tables.h"

namespace firth::query {
namespace {

TEST_F(QueryEngineTest, ReadsOnlyTheColumnsThatAreWanted) {
  EXPECT_EQ(Rows("SELECT name FROM staff WHERE id < 3 ORDER BY id"), "ada; bob");
  ASSERT_EQ(tables_.opened.size(), 1U);
  EXPECT_EQ(tables_.opened[0].size(), 2U);
  EXPECT_EQ(Rows("SELECT count(*) FROM staff"), "3");
  ASSERT_EQ(tables_.opened.size(), 2U);
  EXPECT_EQ(tables_.opened[1], std::vector<std::string>{"id"});
}

TEST_F(QueryEngineTest, JoinsAndAggregates) {
  EXPECT_EQ(Rows("SELECT s.name, r.floor FROM staff s JOIN d.rooms r USING (room) ORDER BY id"),
            "ada 1; null 1");
  EXPECT_EQ(Rows("SELECT r.room, count(s.id) FROM staff s RIGHT JOIN \"d/rooms\" r "
                 "ON r.room = s.room GROUP BY r.room ORDER BY r.room"),
            "7 2; 8 0");
  EXPECT_EQ(Rows("SELECT sum(id), avg(id), min(name) FROM staff"), "6 2 ada");
  EXPECT_EQ(Rows("SELECT a.id, b.id FROM staff a JOIN staff b ON a.room = b.room "
                 "WHERE a.id <> b.id ORDER BY ALL"),
            "1 3; 3 1");
  EXPECT_EQ(Rows("SELECT d.rooms.floor FROM d.rooms WHERE d.rooms.room = 8"), "2");
}

TEST_F(QueryEngineTest, KnowsNamesOfWithClausesFromTables) {
  EXPECT_EQ(Rows("WITH w AS (SELECT * FROM staff), v AS (SELECT id FROM w) SELECT sum(id) FROM v"),
            "6");
  EXPECT_EQ(Rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) "
                 "SELECT count(*) FROM n"),
            "5");
  EXPECT_EQ(Rows("SELECT (WITH staff AS (SELECT 9 AS x) SELECT x FROM staff), count(*) FROM staff"),
            "9 3");
  EXPECT_EQ(Rows("SELECT sum(i) FROM range(4) r(i)"), "6");
  EXPECT_EQ(Rows("SELECT x FROM (VALUES (1), (2)) v(x) ORDER BY x DESC"), "2; 1");
}

TEST_F(QueryEngineTest, NamesOfColumnsAreUnique) {
  const auto table = Run("SELECT a.id, b.id, 1 AS id_1 FROM staff a, staff b LIMIT 1");
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  EXPECT_EQ((*table)->schema()->field_names(), (std::vector<std::string>{"id", "id_2", "id_1"}));
}

TEST_F(QueryEngineTest, EveryTypeGoesInAndOut) {
  const auto schema = arrow::schema(
      {arrow::field("b", arrow::boolean()), arrow::field("u", arrow::uint64()),
       arrow::field("f", arrow::float64()), arrow::field("d", arrow::date32()),
       arrow::field("t", arrow::timestamp(arrow::TimeUnit::NANO)),
       arrow::field("z", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC")),
       arrow::field("c", arrow::decimal128(10, 2)), arrow::field("y", arrow::binary()),
       arrow::field("l", arrow::list(arrow::int32())),
       arrow::field("s", arrow::struct_({arrow::field("a", arrow::utf8())}))});
  tables_.Add("all", schema,
              R"([{"b": true, "u": 18446744073709551615, "f": 0.5, "d": 1, "t": 1700000000000000001,
                   "z": 1700000000000000, "c": "1.25", "y": "xy", "l": [1, null], "s": {"a": "p"}},
                  {"b": null, "u": null, "f": null, "d": null, "t": null, "z": null, "c": null,
                   "y": null, "l": null, "s": null}])");
  const auto table = Run("SELECT * FROM \"all\"");
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  const auto expected = *arrow::Table::FromRecordBatches(tables_.tables["all"]);
  ASSERT_EQ((*table)->num_columns(), expected->num_columns());
  for (int i = 0; i < expected->num_columns(); ++i) {
    EXPECT_TRUE((*table)->column(i)->Equals(*expected->column(i)))
        << schema->field(i)->name() << ": " << (*table)->column(i)->ToString();
  }
}

TEST_F(QueryEngineTest, ManyRowsKeepTheirNullsAndText) {
  arrow::Int64Builder number;
  arrow::StringBuilder text;
  arrow::BooleanBuilder flag;
  constexpr int64_t kRows = 10'007;
  for (int64_t i = 0; i < kRows; ++i) {
    ASSERT_TRUE((i % 3 == 0 ? number.AppendNull() : number.Append(i)).ok());
    ASSERT_TRUE((i % 5 == 0
                     ? text.AppendNull()
                     : text.Append("a text that is long enough to lie apart " + std::to_string(i)))
                    .ok());
    ASSERT_TRUE((i % 7 == 0 ? flag.AppendNull() : flag.Append(i % 2 == 0)).ok());
  }
  const auto rows = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("n", arrow::int64()), arrow::field("t", arrow::utf8()),
                     arrow::field("f", arrow::boolean())}),
      kRows, {*number.Finish(), *text.Finish(), *flag.Finish()});
  tables_.tables["many"] = {rows->Slice(5)};  // arrays that do not begin at a byte
  const auto table = Run("SELECT n, t, f FROM many");
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  EXPECT_TRUE((*table)->Equals(**arrow::Table::FromRecordBatches({rows->Slice(5)})));
  EXPECT_EQ(Rows("SELECT count(*), count(n), count(DISTINCT t), count(f) FROM many"),
            "10002 6668 8001 8573");
}

TEST_F(QueryEngineTest, RefusesWhatIsNoPlainRead) {
  const char* const kHostile[] = {
      "",
      ";",
      "SELECT 1; SELECT 2",
      "SELECT 1; DROP TABLE staff",
      "SELEC 1",
      "SELECT * FROM '/etc/passwd'",
      "SELECT * FROM '/etc/hostname.csv'",
      "SELECT * FROM \"/etc/passwd.parquet\"",
      "SELECT * FROM read_csv('/etc/passwd')",
      "SELECT * FROM Read_CSV_Auto('/etc/passwd')",
      "SELECT * FROM read_text('/etc/passwd')",
      "SELECT * FROM read_blob('/etc/passwd')",
      "SELECT * FROM read_parquet('https://example.com/x.parquet')",
      "SELECT * FROM read_json('/etc/passwd')",
      "SELECT * FROM parquet_metadata('/x')",
      "SELECT * FROM glob('/*')",
      "SELECT (SELECT max(content) FROM read_text('/etc/passwd'))",
      "SELECT 1 WHERE EXISTS (SELECT * FROM glob('/*'))",
      "WITH w AS (SELECT * FROM glob('/*')) SELECT * FROM w",
      "SELECT 1 ORDER BY (SELECT count(*) FROM glob('/*'))",
      "SELECT * FROM query('SELECT 1')",
      "SELECT * FROM query_table('staff')",
      "SELECT * FROM sql_auto_complete('SEL')",
      "SELECT * FROM json_execute_serialized_sql('{}')",
      "SELECT * FROM duckdb_settings()",
      "SELECT * FROM duckdb_secrets()",
      "SELECT * FROM duckdb_views()",
      "SELECT * FROM pragma_database_list()",
      "SELECT * FROM firth_rows_0()",
      "SELECT * FROM staff, firth_rows_0()",
      "SELECT * FROM information_schema.tables",
      "SELECT * FROM pg_catalog.pg_class",
      "SELECT * FROM memory.main.staff",
      "SELECT * FROM main.staff",
      "SELECT * FROM duckdb_tables",
      "SELECT * FROM sqlite_master",
      "COPY staff TO '/tmp/x.csv'",
      "COPY (SELECT 1) TO '/tmp/x.csv'",
      "COPY staff FROM '/etc/passwd'",
      "EXPORT DATABASE '/tmp/x'",
      "IMPORT DATABASE '/tmp/x'",
      "ATTACH '/tmp/x.db'",
      "DETACH memory",
      "USE memory",
      "INSTALL httpfs",
      "LOAD httpfs",
      "LOAD '/tmp/x.so'",
      "PRAGMA database_list",
      "PRAGMA version",
      "SET memory_limit = '100GB'",
      "SET enable_external_access = true",
      "RESET memory_limit",
      "CREATE TABLE x (a INT)",
      "CREATE VIEW x AS SELECT 1",
      "CREATE MACRO f(x) AS x",
      "CREATE SECRET s (TYPE s3)",
      "INSERT INTO staff VALUES (1, 'x', 1)",
      "UPDATE staff SET id = 1",
      "DELETE FROM staff",
      "DROP VIEW staff",
      "ALTER VIEW staff RENAME TO x",
      "BEGIN",
      "CHECKPOINT",
      "VACUUM",
      "CALL pragma_version()",
      "PREPARE p AS SELECT 1",
      "EXECUTE p",
      "SELECT ?",
      "SELECT $1",
      "EXPLAIN SELECT 1",
      "EXPLAIN ANALYZE SELECT 1",
      "SHOW TABLES",
      "SHOW ALL TABLES",
      "SELECT * FROM (SHOW TABLES)",
      "SELECT * FROM staff AT (VERSION => id)",
      "SELECT getenv('HOME')",
  };
  for (const char* sql : kHostile) {
    const auto table = Run(sql);
    EXPECT_FALSE(table.ok()) << sql;
    const Status status = table.status();
    EXPECT_TRUE(ReasonOf(status) == Reason::kQueryRefused ||
                ReasonOf(status) == Reason::kTableNotFound)
        << sql << ": " << status.ToString();
    EXPECT_EQ(MessageOf(status).find('\n'), std::string::npos) << sql;
  }
  EXPECT_FALSE(Run(std::string("SELECT 1\0", 9)).ok());
  EXPECT_FALSE(Run("SELECT '\xff'").ok());
  EXPECT_FALSE(Run("SELECT '" + std::string(QueryEngine::kStatementBytesMax, 'x') + "'").ok());
  EXPECT_EQ(Rows("SELECT count(*) FROM staff"), "3") << "the engine still works";
}

/// `part` so many times.
std::string Times(int count, const std::string& part) {
  std::string text;
  for (int i = 0; i < count; ++i) text += part;
  return text;
}

/// SELECT with `inner` within so many of `open` and `close`.
std::string Nested(int depth, const std::string& open, const std::string& inner,
                   const std::string& close) {
  return "SELECT " + Times(depth, open) + inner + Times(depth, close);
}

/// WITH clauses, each made of the one before by `body`, in which # stands for its name.
std::string Chained(int count, const std::string& first, const std::string& body,
                    const std::string& last) {
  std::string text = "WITH w0 AS (" + first + ")";
  for (int i = 1; i <= count; ++i) {
    std::string next = body;
    for (size_t at = next.find('#'); at != std::string::npos; at = next.find('#')) {
      next.replace(at, 1, "w" + std::to_string(i - 1));
    }
    text += ", w" + std::to_string(i) + " AS NOT MATERIALIZED (" + next + ")";
  }
  return text + " SELECT " + last + " FROM w" + std::to_string(count);
}

TEST_F(QueryEngineTest, DeepStatementsEndWithAnAnswer) {
  const int deepest = UnlessSanitized(10'000, 1000);
  for (int depth = 10; depth <= deepest; depth *= 10) {
    SCOPED_TRACE(depth);
    std::string wide = "1";
    for (int i = 0; i < depth; ++i) wide += ", " + std::to_string(i) + " AS c" + std::to_string(i);
    for (const std::string& sql :
         {Nested(depth, "(", "1", ")"),
          Nested(depth, "- ", "1", ""),
          Nested(depth, "NOT ", "true", ""),
          Nested(depth, "[", "1", "]"),
          Nested(depth, "(SELECT ", "1", ")"),
          Nested(depth, "abs(", "1", ")"),
          Nested(depth, "1 + ", "1", ""),
          Nested(depth, "true AND ", "true", ""),
          Nested(depth, "'a' || ", "'a'", ""),
          Nested(depth, "1, ", "1", ""),
          Nested(depth, "1 UNION ALL SELECT ", "1", ""),
          Nested(depth, "1 EXCEPT SELECT ", "1", ""),
          Nested(depth, "CASE WHEN true THEN ", "1", " END"),
          Nested(depth, "{'a': ", "1", "}"),
          Nested(depth, "* FROM (SELECT ", "1", ")"),
          Nested(depth, "*, * FROM (SELECT ", "1", ")"),
          Nested(depth, "1 WHERE EXISTS (SELECT ", "1", ")"),
          Nested(depth, "1 WHERE 1 IN (SELECT ", "1", ")"),
          Nested(depth, "list_transform([1], lambda x: ", "1", ")"),
          "SELECT 1 IN (1" + Times(depth, ",1") + ")",
          "SELECT CAST(NULL AS INT" + Times(depth, "[]") + ")",
          "WITH " + Times(depth, "w AS (WITH ") + "w AS (SELECT 1) SELECT 1" +
              Times(depth, ") SELECT 1"),
          "SELECT 1 FROM staff" + Times(depth, " NATURAL JOIN staff"),
          "SELECT '" + Times(depth, "[") + "'::JSON",
          "SELECT 1" + Times(depth, "::INT"),
          "SELECT COLUMNS(*) + COLUMNS(*) FROM (SELECT " + wide + ")",
          Chained(depth, "SELECT 1 AS x", "SELECT a.x FROM # a, # b", "count(*)"),
          Chained(depth, "SELECT 1 AS x", "SELECT *, * FROM #", "count(*)"),
          Chained(depth, "SELECT 1 AS x", "SELECT {'a': x, 'b': x} AS x FROM #", "x"),
          Chained(depth, "SELECT 1 AS x", "SELECT #, # AS y FROM #", "count(*)"),
          Chained(depth, "SELECT 'xxxxxxxx' AS x", "SELECT x || x AS x FROM #", "length(x)")}) {
      const auto began = std::chrono::steady_clock::now();
      const auto table =
          Run(sql, {.memory_bytes = uint64_t{64} << 20, .timeout_ns = 2'000'000'000});
      const auto took = std::chrono::steady_clock::now() - began;
      EXPECT_LT(took, std::chrono::seconds(20)) << sql.substr(0, 100);
      if (table.ok()) continue;
      const Status status = table.status();
      EXPECT_TRUE(ReasonOf(status) == Reason::kQueryRefused ||
                  ReasonOf(status) == Reason::kOverBudget ||
                  CodeOf(status) == Code::kDeadlineExceeded)
          << sql.substr(0, 100) << ": " << status.ToString();
      EXPECT_EQ(MessageOf(status).find('\n'), std::string::npos) << sql.substr(0, 100);
    }
  }
  EXPECT_EQ(Rows("SELECT count(*) FROM staff"), "3") << "the engine still works";
}

TEST_F(QueryEngineTest, SaysWhatAStatementHasTooMuchOf) {
  const auto refused = [&](const std::string& sql, const std::string& text) {
    const Status status = Run(sql).status();
    EXPECT_EQ(ReasonOf(status), Reason::kQueryRefused) << sql;
    EXPECT_NE(MessageOf(status).find(text), std::string::npos) << status.ToString();
  };
  refused(Nested(12, "(SELECT ", "1", ")"), "1000 tables and subqueries");
  refused(Chained(20, "SELECT 1 AS x", "SELECT a.x FROM # a, # b", "1"), "1000 tables");
  refused(Nested(20, "*, * FROM (SELECT ", "1", ")"), "20000 columns");
  refused(Chained(20, "SELECT 1 AS x", "SELECT {'a': x, 'b': x} AS x FROM #", "x"), "10000 fields");
  refused("SELECT " + Times(10'001, "abs(id), ") + "1 FROM staff", "10000 expressions");
  refused(Nested(3, "list_transform([1], lambda x: ", "1", ")"), "2 lambdas");
  refused("SELECT repeat('x', 1000001)", "repeat");
  refused("SELECT repeat(name, id) FROM staff", "repeat");
  refused("SELECT lpad(name, 1000 * 1000 * 1000, 'x') FROM staff", "lpad");
  refused("SELECT unnest(range(100000000))", "FROM range");
  refused("SELECT (SELECT 1 WHERE len(list_resize([1], 10000000)) > 1)", "list_resize");
  refused("SELECT format('{:1000000000}', 1)", "999");
  refused("SELECT printf('%100000d', 1)", "999");
  refused("SELECT levenshtein(name, name) FROM staff", "levenshtein");
  EXPECT_EQ(Rows("SELECT repeat('ab', 2), lpad('7', 3, '0'), len(range(3)), printf('%03d', 7)"),
            "abab 007 3 007");
  EXPECT_EQ(Rows("SELECT list_transform([[1, 2], [3]], lambda x: list_transform(x, lambda y: y * "
                 "2))::VARCHAR"),
            "[[2, 4], [6]]");
}

TEST_F(QueryEngineTest, WhatHasNoEndIsEnded) {
  for (const char* sql :
       {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
        "SELECT count(*) FROM range(1000000000000)",
        "SELECT sum(a.range * b.range) FROM "
        "range(1000000000) a, range(1000000000) b",
        "SELECT max(md5(range::VARCHAR)) FROM range(1000000000000)"}) {
    const Status status = Run(sql, {.timeout_ns = 200'000'000}).status();
    EXPECT_EQ(CodeOf(status), Code::kDeadlineExceeded) << sql << ": " << status.ToString();
  }
}

TEST_F(QueryEngineTest, TellsErrorsInOneLine) {
  const auto check = [&](const std::string& sql, Code code, const std::string& text) {
    const Status status = Run(sql).status();
    EXPECT_EQ(CodeOf(status), code) << sql << ": " << status.ToString();
    EXPECT_NE(MessageOf(status).find(text), std::string::npos) << status.ToString();
    EXPECT_EQ(MessageOf(status).find('\n'), std::string::npos) << status.ToString();
  };
  check("SELECT nope FROM staff", Code::kInvalidArgument, "nope");
  check("SELECT * FROM nope", Code::kNotFound, "there is no table nope");
  check("SELECT FROM WHERE", Code::kInvalidArgument, "syntax error");
  check("SELECT CAST(name AS INTEGER) FROM staff", Code::kInvalidArgument, "ada");
  check("SELECT * FROM a.b.c", Code::kInvalidArgument, "\"a/b/c\"");
  check("SELECT INTERVAL 1 DAY AS i", Code::kInvalidArgument, "cast it");
  tables_.tables["Staff"] = tables_.tables["staff"];
  check("SELECT * FROM staff, \"Staff\"", Code::kInvalidArgument, "case");
}

TEST_F(QueryEngineTest, GivesTheErrorOfATable) {
  tables_.read_error = Error(Code::kDataLoss, Reason::kChecksumMismatch, "a page is damaged");
  const Status status = Run("SELECT * FROM staff").status();
  EXPECT_EQ(CodeOf(status), Code::kDataLoss) << status.ToString();
  EXPECT_EQ(MessageOf(status), "a page is damaged");
}

TEST_F(QueryEngineTest, EndsWhenItsTimeIsOver) {
  const Status status = Run("SELECT count(*) FROM range(10000000000) a, range(10000000000) b "
                            "WHERE a.range = -b.range - 1 OR sqrt(a.range * 3 + b.range) < 0",
                            {.timeout_ns = 100'000'000})
                            .status();
  EXPECT_EQ(CodeOf(status), Code::kDeadlineExceeded) << status.ToString();
}

TEST_F(QueryEngineTest, StaysWithinItsMemory) {
  const Status status =
      Run("SELECT list(range) FROM range(100000000)", {.memory_bytes = uint64_t{32} << 20})
          .status();
  EXPECT_EQ(ReasonOf(status), Reason::kOverBudget) << status.ToString();
}

TEST_F(QueryEngineTest, LimitsHowManyRunAtOnceAndMayBeGivenUp) {
  std::vector<std::unique_ptr<QueryResult>> held;
  for (int i = 0; i < QueryLimits().queries; ++i) {
    auto result = engine_.Run("SELECT * FROM range(10000000)", &tables_, {});
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    ASSERT_TRUE((*result)->Next().ok());
    held.push_back(*std::move(result));
  }
  EXPECT_EQ(ReasonOf(Run("SELECT 1").status()), Reason::kOverBudget);
  held.pop_back();  // in the midst of its rows
  EXPECT_EQ(Rows("SELECT 1"), "1");
}

}  // namespace
}  // namespace firth::query
