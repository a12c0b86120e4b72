// Queries before, while and after they run. Goal: what a prepared statement says of itself is what
// its run then gives; its limits hold; it ends when it is told to. Method: tables in memory, sizes
// counted by hand.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "firth/query/testing_tables.h"

namespace firth::query {
namespace {

class PreparedQueryTest : public QueryEngineTest {
 protected:
  std::unique_ptr<PreparedQuery> Prepare(const std::string& sql, QueryOptions options = {}) {
    auto prepared = engine_.Prepare(sql, &tables_, options);
    EXPECT_TRUE(prepared.ok()) << sql << ": " << prepared.status().ToString();
    return prepared.ok() ? *std::move(prepared) : nullptr;
  }
  /// The columns that are read of each table, and how many bytes that is.
  std::string Reads(const std::string& sql) {
    const auto prepared = Prepare(sql);
    if (prepared == nullptr) return "";
    const auto tables = prepared->Tables();
    if (!tables.ok()) return tables.status().ToString();
    std::string text;
    for (const TableUse& use : *tables) {
      text += use.table.name.back() + "(";
      for (const auto& column : use.columns) text += (text.back() == '(' ? "" : ",") + column;
      text += ") ";
    }
    const auto bytes = prepared->ScanBytes();
    return text + (bytes.ok() ? std::to_string(*bytes) : bytes.status().ToString());
  }
};

TEST_F(PreparedQueryTest, TellsItsColumnsAndRunsNothing) {
  const auto prepared = Prepare("SELECT id, upper(name) AS n, room / 2 AS h FROM staff");
  ASSERT_NE(prepared, nullptr);
  EXPECT_TRUE(prepared->schema()->Equals(
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("n", arrow::utf8()),
                     arrow::field("h", arrow::float64())})))
      << prepared->schema()->ToString();
  EXPECT_TRUE(tables_.opened.empty());
  auto run = prepared->Run();
  ASSERT_TRUE(run.ok());
  EXPECT_TRUE((*run)->schema()->Equals(*prepared->schema()));
  EXPECT_EQ((*run)->ToTable().ValueOrDie()->num_rows(), 3);
  EXPECT_EQ(CodeOf(prepared->Run().status()), Code::kFailedPrecondition);
}

TEST_F(PreparedQueryTest, AResultOutlivesWhatPreparedIt) {
  auto prepared = Prepare("SELECT id FROM staff");
  auto run = prepared->Run();
  prepared.reset();
  ASSERT_TRUE(run.ok());
  EXPECT_EQ((*run)->ToTable().ValueOrDie()->num_rows(), 3);
  EXPECT_EQ((*run)->progress().rows, 3);
}

TEST_F(PreparedQueryTest, ErrorsOfAnalysisComeBeforeThoseOfTheRun) {
  EXPECT_EQ(ReasonOf(engine_.Prepare("SELECT nope FROM staff", &tables_, {}).status()),
            Reason::kQueryRefused);
  const auto prepared = Prepare("SELECT CAST(name AS INTEGER) FROM staff");
  auto run = prepared->Run();
  const Status failed = run.ok() ? (*run)->ToTable().status() : run.status();
  EXPECT_EQ(ReasonOf(failed), Reason::kQueryRefused);
  EXPECT_NE(MessageOf(failed).find("ada"), std::string::npos) << failed.ToString();
}

// staff: id 8 each; names ada and bob, one null; rooms 7, null, 7.
TEST_F(PreparedQueryTest, TellsWhatItReads) {
  EXPECT_EQ(Reads("SELECT id FROM staff"), "staff(id) 24");
  EXPECT_EQ(Reads("SELECT name FROM staff"), "staff(name) 10");
  EXPECT_EQ(Reads("SELECT * FROM staff"), "staff(id,name,room) 50");
  EXPECT_EQ(Reads("SELECT count(*) FROM staff"), "staff() 0");
  EXPECT_EQ(Reads("SELECT count(*) FROM staff WHERE room > 1"), "staff(room) 16");
  EXPECT_EQ(Reads("SELECT 1"), "0");
  EXPECT_EQ(Reads("SELECT floor FROM staff JOIN d.rooms USING (room) ORDER BY name"),
            "staff(name,room) rooms(room,floor) 58");
  EXPECT_EQ(Reads("SELECT id FROM (SELECT * FROM staff)"), "staff(id) 24");
  EXPECT_EQ(Reads("SELECT a.id FROM staff a WHERE EXISTS (SELECT 1 FROM staff b WHERE b.room = 1)"),
            "staff(id,room) 40");
  EXPECT_EQ(Reads("SELECT s FROM staff s"), "staff(id,name,room) 50");
  EXPECT_EQ(Reads("WITH w AS (SELECT name FROM staff) SELECT count(name) FROM w"),
            "staff(name) 10");
}

TEST_F(PreparedQueryTest, CountsNestedAndOddColumnsExactly) {
  tables_.Add("odd",
              arrow::schema({arrow::field("a.b", arrow::boolean()),
                             arrow::field("a", arrow::struct_({arrow::field("x", arrow::utf8()),
                                                               arrow::field("y", arrow::int8())})),
                             arrow::field("l\nm", arrow::list(arrow::list(arrow::utf8()))),
                             arrow::field("c", arrow::decimal128(10, 2)),
                             arrow::field("t", arrow::timestamp(arrow::TimeUnit::NANO)),
                             arrow::field("y", arrow::binary())}),
              R"([{"a.b": true, "a": {"x": "five!", "y": 1}, "l\nm": [["a", null], null, ["bc"]],
                   "c": "1.00", "t": 5, "y": "xyz"},
                  {"a.b": false, "a": null, "l\nm": null, "c": null, "t": null, "y": null},
                  {"a.b": null, "a": {"x": null, "y": null}, "l\nm": [], "c": "2.50", "t": 6,
                   "y": ""}])");
  EXPECT_EQ(Reads("SELECT \"a.b\" FROM odd"), "odd(a.b) 2");
  EXPECT_EQ(Reads("SELECT a FROM odd"), "odd(a) 15");
  EXPECT_EQ(Reads("SELECT a.y FROM odd"), "odd(a) 15");
  EXPECT_EQ(Reads("SELECT \"l\nm\" FROM odd"),
            "odd(a.b,a,l\nm,c,t,y) " + std::to_string(2 + 15 + 7 + 32 + 16 + 7))
      << "a name that a plan cannot tell counts as all";
  EXPECT_EQ(Reads("SELECT c, t, y FROM odd"), "odd(c,t,y) " + std::to_string(32 + 16 + 7));
}

TEST_F(PreparedQueryTest, RefusesToReadMoreThanItMay) {
  EXPECT_TRUE(Run("SELECT id FROM staff", {.scan_bytes_max = 24}).ok());
  const auto prepared = Prepare("SELECT id FROM staff", {.scan_bytes_max = 23});
  const Status status = prepared->Run().status();
  EXPECT_EQ(ReasonOf(status), Reason::kOverBudget);
  EXPECT_NE(MessageOf(status).find("24"), std::string::npos);
  EXPECT_NE(MessageOf(status).find("23"), std::string::npos);
}

TEST_F(PreparedQueryTest, ACancelledQueryEndsSoon) {
  const auto prepared = Prepare(
      "SELECT count(*) FROM range(10000000000) a, range(10000000000) b "
      "WHERE a.range = -b.range - 1 OR sqrt(a.range * 3 + b.range) < 0");
  auto run = prepared->Run();
  ASSERT_TRUE(run.ok()) << run.status().ToString();
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    (*run)->Cancel();
  });
  EXPECT_EQ(CodeOf((*run)->Next().status()), Code::kCancelled);
  EXPECT_EQ(CodeOf((*run)->Next().status()), Code::kCancelled);
}

TEST_F(PreparedQueryTest, TellsItsProgress) {
  const auto prepared = Prepare("SELECT range FROM range(1000000)");
  auto run = prepared->Run();
  ASSERT_TRUE(run.ok());
  while (*(*run)->Next() != nullptr) {
    const QueryProgress now = (*run)->progress();
    EXPECT_GT(now.rows, 0);
    EXPECT_LE(now.part, 1.0);
  }
  EXPECT_EQ((*run)->progress().rows, 1000000);
}

TEST_F(PreparedQueryTest, SpillsIntoItsFolderAndLeavesNothingThere) {
  const std::string folder = testing::TempDir() + "query_spill";
  std::filesystem::create_directories(folder + "/left");
  engine_.SetSpillFolder(folder);
  EXPECT_FALSE(std::filesystem::exists(folder));
  const std::string sorted =
      "SELECT h FROM (SELECT md5(i::VARCHAR) AS h FROM range(1000000) r(i)) ORDER BY h DESC";
  const QueryOptions small{.memory_bytes = uint64_t{32} << 20};
  {
    const auto prepared = Prepare(sorted, small);
    auto run = prepared->Run();
    ASSERT_TRUE(run.ok()) << run.status().ToString();
    ASSERT_TRUE((*run)->Next().ok());
    EXPECT_FALSE(std::filesystem::is_empty(folder)) << "32 MiB cannot hold 1 M digests";
    int64_t rows = (*run)->progress().rows;
    for (;;) {
      const auto batch = (*run)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status().ToString();
      if (*batch == nullptr) break;
      rows += (*batch)->num_rows();
    }
    EXPECT_EQ(rows, 1000000);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  const Status none = Run(sorted, {.memory_bytes = uint64_t{32} << 20, .spill_bytes = 0}).status();
  EXPECT_EQ(ReasonOf(none), Reason::kOverBudget) << none.ToString();
  const Status little =
      Run(sorted, {.memory_bytes = uint64_t{32} << 20, .spill_bytes = uint64_t{4} << 20}).status();
  EXPECT_EQ(ReasonOf(little), Reason::kOverBudget) << little.ToString();
  // Nothing of it can be read by a statement.
  EXPECT_FALSE(Run("SELECT * FROM read_blob('" + folder + "/*')", small).ok());
  EXPECT_FALSE(Run("SELECT * FROM '" + folder + "/0/x.parquet'", small).ok());
}

TEST_F(PreparedQueryTest, ThePastIsAskedForByConstants) {
  EXPECT_EQ(Rows("SELECT s.id, t.id FROM staff AT (VERSION => 7) JOIN staff s "
                 "AT (TIMESTAMP => TIMESTAMP '1970-01-01 00:00:01') ON s.id = staff.id, "
                 "staff t AT (VERSION => 'snapshot 3') WHERE staff.id = 1 AND t.id = 2"),
            "1 2");
  ASSERT_EQ(tables_.past.size(), 3U);
  EXPECT_EQ(tables_.past[0]->version, 7);
  EXPECT_EQ(tables_.past[1]->time_ns, 1'000'000'000);
  EXPECT_EQ(tables_.past[2]->snapshot, 3);
  tables_.past.clear();
  EXPECT_EQ(Rows("WITH w AS (SELECT id FROM d.rooms, staff AT (VERSION => 1)) "
                 "SELECT count(*) FROM w, staff"),
            "18");
  ASSERT_EQ(tables_.past.size(), 3U);
  EXPECT_FALSE(tables_.past[0].has_value());
  EXPECT_EQ(tables_.past[1]->version, 1);
  EXPECT_FALSE(tables_.past[2].has_value());
  EXPECT_EQ(Rows("SELECT rooms.floor FROM d.rooms AT (TIMESTAMP => '2026-01-01 00:00:00+02') "
                 "WHERE room = 8"),
            "2");
  EXPECT_EQ(tables_.past.back()->time_ns, 1767218400'000'000'000);
  EXPECT_EQ(Reads("SELECT a.id FROM staff a AT (VERSION => 1), staff b"), "staff(id) staff() 24");
  for (const char* sql :
       {"SELECT * FROM staff AT (VERSION => id)", "SELECT * FROM staff AT (VERSION => now())",
        "SELECT * FROM staff AT (TIMESTAMP => 'noon')", "SELECT * FROM staff AT (VERSION => 'x')",
        "SELECT * FROM staff AT (VERSION => 'snapshot x')",
        "SELECT * FROM staff AT (VERSION => NULL)", "SELECT * FROM staff AT (VERSION => 1.5)",
        "SELECT * FROM firth_past.\"0\", staff AT (VERSION => 1)",
        "WITH w AS (SELECT 1) SELECT * FROM w AT (VERSION => 1)",
        "SELECT * FROM range(3) AT (VERSION => 1)",
        "SELECT * FROM staff AT (VERSION => 99999999999999999999999)"}) {
    const Status status = Run(sql).status();
    EXPECT_EQ(CodeOf(status), Code::kInvalidArgument) << sql << ": " << status.ToString();
  }
}

TEST_F(PreparedQueryTest, ShowsItsPlan) {
  const auto plan = Prepare("SELECT room, count(*) FROM staff GROUP BY room")->Plan();
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  EXPECT_NE(plan->find("GROUP_BY"), std::string::npos) << *plan;
  EXPECT_TRUE(tables_.opened.empty());
}

/// A function that works on one row for some seconds, and is not interrupted.
std::string LongFunction(const std::string& list) {
  return "len(list_filter(" + list + ", lambda x: list_contains(" + list + ", -x - 1)))";
}

class GivenUpTest : public PreparedQueryTest {
 protected:
  void SetUp() override {
    PreparedQueryTest::SetUp();
    engine_.SetLimits({.timeout_ns = 50'000'000, .queries = 1});
  }
  /// What was given up still counts, until it ends. Where the machine is busy it may be given up
  /// before it has begun: then it is tried again.
  void ExpectThatItCounts(const std::function<void()>& give_up) {
    bool counted = false;
    for (int i = 0; i < 20 && !counted; ++i) {
      give_up();
      counted = ReasonOf(Run("SELECT 1").status()) == Reason::kOverBudget;
      ExpectThatItEnds();
    }
    EXPECT_TRUE(counted);
  }

 private:
  void ExpectThatItEnds() {
    bool ended = false;
    for (int i = 0; i < 12'000 && !ended; ++i) {
      ended = engine_.Prepare("SELECT 1", &tables_, {.timeout_ns = int64_t{60} << 30}).ok();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(ended);
  }
};

TEST_F(GivenUpTest, AFunctionThatIsNotInterruptedKeepsNobodyWaiting) {
  ExpectThatItCounts([this] {
    auto prepared = engine_.Prepare(
        "SELECT " + LongFunction("l") + " FROM (SELECT list(range) AS l FROM range(40000))",
        &tables_, {});
    ASSERT_TRUE(prepared.ok()) << prepared.status().ToString();
    auto result = (*prepared)->Run();
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(CodeOf((*result)->Next().status()), Code::kDeadlineExceeded);
    EXPECT_EQ(CodeOf((*result)->Next().status()), Code::kDeadlineExceeded);
  });
}

TEST_F(GivenUpTest, NeitherDoesOneThatIsCancelled) {
  auto prepared = engine_.Prepare(
      "SELECT " + LongFunction("l") + " FROM (SELECT list(range) AS l FROM range(40000))", &tables_,
      {.timeout_ns = int64_t{1'000'000'000}});
  ASSERT_TRUE(prepared.ok()) << prepared.status().ToString();
  auto result = (*prepared)->Run();
  ASSERT_TRUE(result.ok());
  (*result)->Cancel();
  EXPECT_EQ(CodeOf((*result)->Next().status()), Code::kCancelled);
}

TEST_F(GivenUpTest, ConstantsAreEvaluatedWithinTheTimeToo) {
  ExpectThatItCounts([this] {
    const auto prepared = engine_.Prepare("SELECT " + LongFunction("range(40000)"), &tables_, {});
    EXPECT_EQ(CodeOf(prepared.status()), Code::kDeadlineExceeded) << prepared.status().ToString();
  });
}

}  // namespace
}  // namespace firth::query
