// Queries over tables as they were and are. Goal: all tables of a statement stand at one commit,
// also those with a key; the past of a table is what it was, whatever was cut, merged and restarted
// since; nothing is read without a right. Method: random writes with what each commit left
// remembered.
#include <algorithm>
#include <map>

#include "firth/common/text.h"
#include "firth/table/deltas.h"
#include "firth/table/lake.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

using Row = std::pair<int32_t, std::optional<std::string>>;

class QueryTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }

  TablePtr Create(const std::string& name, EditionSpec edition) {
    auto table = world_.db->CreateTable(world_.caller, Path{{"d", name}},
                                        {.schema = PairSchema(), .edition = std::move(edition)});
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    return table.ok() ? *table : nullptr;
  }
  CommitId Append(const TablePtr& table, const std::vector<Row>& rows) {
    auto made = world_.db->AppendRows(world_.caller, table, {Pairs(rows)}, {});
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made.ValueOr(CommitId(0));
  }
  CommitId Upsert(const TablePtr& table, const std::vector<Row>& rows) {
    auto made = world_.db->UpsertRows(world_.caller, table, {Pairs(rows)});
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made.ValueOr(CommitId(0));
  }
  CommitId Delete(const TablePtr& table, int32_t key) {
    auto made = world_.db->DeleteRows(
        world_.caller, table, {Pairs({{key, std::nullopt}})->SelectColumns({0}).ValueOrDie()});
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made.ValueOr(CommitId(0));
  }

  static std::string Read(QueryResult* result) {
    std::vector<std::string> rows;
    for (;;) {
      const auto batch = result->Next();
      if (!batch.ok()) return batch.status().ToString();
      if (*batch == nullptr) break;
      for (int64_t i = 0; i < (*batch)->num_rows(); ++i) {
        std::string row;
        for (const auto& column : (*batch)->columns()) {
          row += (row.empty() ? "" : " ") + (*column->GetScalar(i))->ToString();
        }
        rows.push_back(row);
      }
    }
    std::sort(rows.begin(), rows.end());
    std::string text;
    for (const auto& row : rows) text += (text.empty() ? "" : "; ") + row;
    return text;
  }
  std::string Sql(const std::string& sql) {
    auto result = world_.db->Query(world_.caller, sql, {});
    return result.ok() ? Read(result->get()) : result.status().ToString();
  }
  Reason Fails(const std::string& sql) {
    return ReasonOf(world_.db->Query(world_.caller, sql, {}).status());
  }

  TableWorld world_;
};

TEST_F(QueryTest, APreparedQueryKeepsItsCommit) {
  const TablePtr log = Create("log", {});
  const TablePtr keyed = Create("keyed", {.key = {"k"}, .bucket_count = 3});
  Append(log, {{1, "a"}});
  Upsert(keyed, {{1, "a"}, {2, "b"}});
  auto prepared = world_.db->PrepareQuery(
      world_.caller, {.sql = "SELECT l.v, k.k, k.v FROM d.log l, d.keyed k, d.keyed k2 "
                             "WHERE k.k = k2.k"});
  ASSERT_TRUE(prepared.ok()) << prepared.status().ToString();
  EXPECT_EQ((*prepared)->ScanBytes().ValueOr(0), 3U + 2 * (8 + 3));
  Append(log, {{2, "later"}});
  Upsert(keyed, {{1, "later"}, {3, "c"}});
  Delete(keyed, 2);
  auto result = (*prepared)->Run();
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(Read(result->get()), "a 1 a; a 2 b");
  EXPECT_EQ(Sql("SELECT k, v FROM d.keyed"), "1 later; 3 c");
}

TEST_F(QueryTest, ThePastIsWhatItWas) {
  const TablePtr log = Create("log", {});
  const TablePtr keyed = Create("keyed", {.key = {"k"}, .bucket_count = 2});
  SeededRandom random(11);
  std::vector<Row> rows;
  std::map<int32_t, std::string> map;
  std::map<CommitId, std::pair<std::string, std::string>> states;  // what each commit left
  std::map<int64_t, std::string> snapshots;
  std::vector<std::pair<int64_t, CommitId>> times;
  const auto text = [](const auto& pairs) {
    std::vector<std::string> lines;
    for (const auto& [k, v] : pairs) {
      std::string line = std::to_string(k) + " ";
      if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>) {
        line += v;
      } else {
        line += v.value_or("null");
      }
      lines.push_back(line);
    }
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (const auto& line : lines) all += (all.empty() ? "" : "; ") + line;
    return all;
  };
  for (int step = 0; step < 60; ++step) {
    world_.clock.Advance(1'000'000'000);
    CommitId made{0};
    const std::string value = "v" + std::to_string(step);
    const auto key = static_cast<int32_t>(random.Next64() % 7);
    switch (random.Next64() % 6) {
      case 0:
      case 1:
        made = Append(log, {{key, value}});
        rows.emplace_back(key, value);
        break;
      case 2:
      case 3:
        made = Upsert(keyed, {{key, value}, {key + 1, value}});
        map[key] = map[key + 1] = value;
        break;
      case 4:
        made = Delete(keyed, key);
        map.erase(key);
        break;
      default: {
        const auto cut =
            world_.db->lake()->Cut(world_.caller, random.Next64() % 2 == 0 ? log : keyed);
        ASSERT_TRUE(cut.ok()) << cut.status().ToString();
        const auto snapshot = world_.db->lake()->Cut(world_.caller, log);
        ASSERT_TRUE(snapshot.ok());
        snapshots[snapshot->id] = text(rows);
        if (step % 5 == 0) {
          ASSERT_TRUE(world_.Restart().ok());
        }
      }
    }
    if (made.value == 0) continue;
    states[made] = {text(rows), text(map)};
    times.emplace_back(world_.clock.NowNs(), made);
  }
  const auto check = [&] {
    for (const auto& [commit, state] : states) {
      const std::string at = " AT (VERSION => " + std::to_string(commit.value) + ")";
      EXPECT_EQ(Sql("SELECT k, v FROM d.log" + at), state.first) << commit.value;
      EXPECT_EQ(Sql("SELECT k, v FROM d.keyed" + at), state.second) << commit.value;
    }
    for (const auto& [id, state] : snapshots) {
      EXPECT_EQ(Sql("SELECT k, v FROM d.log AT (VERSION => 'snapshot " + std::to_string(id) + "')"),
                state);
    }
    for (size_t i = 0; i < times.size(); i += 9) {
      const std::string time = FormatTimeNs(times[i].first + 500'000'000);
      EXPECT_EQ(Sql("SELECT k, v FROM d.keyed AT (TIMESTAMP => '" + time + "')"),
                states[times[i].second].second)
          << time;
    }
  };
  check();
  ASSERT_TRUE(world_.db->lake()->Cut(world_.caller, log).ok());
  ASSERT_TRUE(world_.db->lake()->Cut(world_.caller, keyed).ok());
  check();
  ASSERT_TRUE(world_.Restart().ok());
  check();
  // The past beside the present, and beside another past.
  const auto& [first, state] = *states.begin();
  EXPECT_EQ(Sql("SELECT a.n, b.n FROM (SELECT count(*) n FROM d.log) a, (SELECT count(*) n FROM "
                "d.log AT (VERSION => " +
                std::to_string(first.value) + ")) b"),
            std::to_string(rows.size()) + " " + (state.first.empty() ? "0" : "1"));
}

/// A series of the collection s/c, or of one beside it.
struct SeriesModel {
  SeriesId id;
  std::multimap<int64_t, double> points;
};

TEST_F(QueryTest, CollectionsOfSeriesStandAtTheCommit) {
  const TablePtr log = Create("log", {});
  SeriesStore* series = world_.db->series();
  const Path here{{"s", "c"}};
  const Path there{{"s", "beside"}};
  std::vector<SeriesModel> models(4);
  for (size_t i = 0; i < models.size(); ++i) {
    models[i].id.bytes[0] = static_cast<char>(i * 80);  // beyond 127, too
    ASSERT_TRUE(series
                    ->Create(world_.caller, {.id = models[i].id,
                                             .collection = i == 3 ? there : here,
                                             .tags = {{"name", "s" + std::to_string(i)}}})
                    .ok());
  }
  SeededRandom random(5);
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(random.Next64() % n); };
  const auto text = [&] {
    std::vector<std::string> lines;
    for (size_t i = 0; i < models.size(); ++i) {
      for (const auto& [time, value] : models[i].points) {
        lines.push_back("s" + std::to_string(i) + " " + std::to_string(time) + " " +
                        std::to_string(static_cast<int64_t>(value)));
      }
    }
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (const auto& line : lines) all += (all.empty() ? "" : "; ") + line;
    return all;
  };
  const std::string columns = "SELECT name, epoch_us(time), value::BIGINT FROM s.c";
  std::map<CommitId, std::string> states;
  int64_t rows = 0;
  std::vector<std::pair<std::unique_ptr<PreparedQuery>, std::string>> held;
  for (int step = 0; step < 100; ++step) {
    SCOPED_TRACE(step);
    series = world_.db->series();
    const auto i = static_cast<size_t>(below(step < 50 ? 3 : 4));
    SeriesModel& model = models[i];
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const int64_t time = below(30);
        const auto value = static_cast<double>(step);
        const bool replace = below(2) == 0;
        ASSERT_TRUE(series
                        ->Insert(world_.caller, model.id,
                                 std::vector<int64_t>{time * 1000, (time + 1) * 1000},
                                 std::vector<double>{value, value},
                                 replace ? MergePolicy::kReplace : MergePolicy::kNever)
                        .ok());
        for (const int64_t at : {time, time + 1}) {
          if (replace) model.points.erase(at);
          model.points.emplace(at, value);
        }
        break;
      }
      case 4: {
        const int64_t start = below(30);
        ASSERT_TRUE(series->Delete(world_.caller, model.id, start * 1000, (start + 4) * 1000).ok());
        model.points.erase(model.points.lower_bound(start), model.points.lower_bound(start + 4));
        break;
      }
      case 5:
        Append(log, {{step, "x"}});
        ++rows;
        break;
      case 6: {
        auto prepared = world_.db->PrepareQuery(
            world_.caller, {.sql = "SELECT (SELECT count(*) FROM d.log), count(*) FROM s.c"});
        ASSERT_TRUE(prepared.ok()) << prepared.status().ToString();
        size_t points = 0;
        for (size_t at = 0; at < (step < 50 ? 3 : 4); ++at) points += models[at].points.size();
        held.emplace_back(*std::move(prepared),
                          std::to_string(rows) + " " + std::to_string(points));
        if (held.size() < 4) break;
        for (auto& [query, expected] : held) {
          auto result = query->Run();
          ASSERT_TRUE(result.ok()) << result.status().ToString();
          EXPECT_EQ(Read(result->get()), expected);
        }
        held.clear();
        break;
      }
      default:
        if (step % 3 == 0 && held.empty()) {
          ASSERT_TRUE(world_.Restart().ok());
        }
    }
    series = world_.db->series();
    if (step == 50) {  // one comes from another collection, with its past
      ASSERT_TRUE(series->Alter(world_.caller, models[3].id, {.collection = here}).ok());
    }
    states[world_.db->LastCommit()] = text();
    if (step % 4 == 0) {
      EXPECT_EQ(Sql(columns), text());
    }
  }
  held.clear();
  // The same as files, for those who read tables as such.
  const auto delta = [&](CommitId as_of) -> int64_t {
    const TablePtr table = *world_.db->GetTable(world_.caller, here);
    const auto deltas = world_.db->ListDeltas(world_.caller, table, {.as_of = as_of});
    EXPECT_TRUE(deltas.ok()) << deltas.status().ToString();
    return deltas->empty() ? 0 : deltas->front().files.front().file.rows;
  };
  const auto check = [&] {
    for (const auto& [commit, state] : states) {
      EXPECT_EQ(Sql(columns + " AT (VERSION => " + std::to_string(commit.value) + ")"), state)
          << commit.value;
      EXPECT_EQ(delta(commit), state.empty() ? 0 : std::count(state.begin(), state.end(), ';') + 1);
    }
  };
  check();
  ASSERT_TRUE(world_.Restart().ok());
  states.erase(std::next(states.begin(), 5), states.end());
  check();
}

TEST_F(QueryTest, APastThatIsNotIsRefused) {
  const TablePtr log = Create("log", {});
  const CommitId before = Append(log, {{1, "a"}});
  Create("young", {});
  const std::string at = " AT (VERSION => " + std::to_string(before.value) + ")";
  EXPECT_EQ(Fails("SELECT * FROM d.young" + at), Reason::kVersionNotFound);
  EXPECT_EQ(Fails("SELECT * FROM d.log AT (VERSION => 99999)"), Reason::kVersionNotFound);
  EXPECT_EQ(Fails("SELECT * FROM d.log AT (VERSION => 0)"), Reason::kVersionNotFound);
  EXPECT_EQ(Fails("SELECT * FROM d.log AT (VERSION => -3)"), Reason::kVersionNotFound);
  EXPECT_EQ(Fails("SELECT * FROM d.log AT (VERSION => 'snapshot 9')"), Reason::kVersionNotFound);
  EXPECT_EQ(Fails("SELECT * FROM d.log AT (TIMESTAMP => '1960-01-01')"), Reason::kVersionNotFound);
  EXPECT_EQ(Sql("SELECT k FROM d.log" + at), "1");
}

TEST_F(QueryTest, HistoryHasEveryRowWithWhereItStands) {
  const TablePtr keyed = Create("keyed", {.key = {"k"}});
  const CommitId first = Upsert(keyed, {{1, "a"}, {2, "b"}});
  ASSERT_TRUE(world_.db->lake()->Cut(world_.caller, keyed).ok());
  const CommitId second = Upsert(keyed, {{1, "c"}});
  Delete(keyed, 2);
  const auto find = [&](const query::NamedTable& name) -> Result<QueryTable> {
    EXPECT_EQ(name.name, std::vector<std::string>{"anything at all"});
    return QueryTable{.table = keyed, .history = true};
  };
  const auto run = [&](const std::string& sql) {
    auto prepared = world_.db->PrepareQuery(world_.caller, {.sql = sql, .find = find});
    if (!prepared.ok()) return prepared.status().ToString();
    auto result = (*prepared)->Run();
    return result.ok() ? Read(result->get()) : result.status().ToString();
  };
  EXPECT_EQ(run("SELECT __offset, __change, k, v FROM \"anything at all\""),
            "0 1 1 a; 1 1 2 b; 2 2 1 a; 3 3 1 c; 4 4 2 b");
  EXPECT_EQ(run("SELECT __offset FROM \"anything at all\" WHERE __commit = " +
                std::to_string(second.value)),
            "2; 3");
  EXPECT_EQ(run("SELECT count(*) FROM \"anything at all\" AT (VERSION => " +
                std::to_string(first.value) + ")"),
            "2");
  EXPECT_EQ(run("SELECT count(DISTINCT __time) FROM \"anything at all\""), "1");
}

TEST_F(QueryTest, EachTableNeedsTheRightToRead) {
  Create("log", {});
  const CommitId commit = Append(Create("other", {}), {{1, "secret"}});
  access::Caller nobody{.principal = PrincipalId(77), .name = "nobody"};
  for (const std::string& sql :
       {std::string("SELECT * FROM d.log"), std::string("SELECT 1 FROM d.log, d.other"),
        std::string("SELECT (SELECT count(*) FROM d.other)"),
        "SELECT * FROM d.other AT (VERSION => " + std::to_string(commit.value) + ")",
        std::string("WITH w AS (SELECT * FROM d.other) SELECT 1")}) {
    const Status status = world_.db->PrepareQuery(nobody, {.sql = sql}).status();
    EXPECT_TRUE(CodeOf(status) == Code::kPermissionDenied ||
                ReasonOf(status) == Reason::kTableNotFound)
        << sql << ": " << status.ToString();
  }
  const auto found = world_.db->PrepareQuery(
      nobody, {.sql = "SELECT * FROM x", .find = [&](const query::NamedTable&) {
                 return Result<QueryTable>(
                     QueryTable{.table = *world_.db->GetTable(world_.caller, Path{{"d", "log"}})});
               }});
  EXPECT_FALSE(found.ok()) << "who finds a table does not give the right to it";
}

}  // namespace
}  // namespace firth::table
