// Goal: whatever was cut, merged or restarted at whatever moment, SQL sees each row that was
// acknowledged, once. Method: random writes to three tables, and plain maps of what they must hold.
#include "firth/table/lake.h"

#include <arrow/array.h>
#include <arrow/json/from_string.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <map>
#include <set>

#include "firth/table/lake_store.h"
#include "firth/table/retention.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

using Row = std::pair<int32_t, std::optional<std::string>>;

/// The rows of a statement, a text each, sorted.
std::vector<std::string> Sql(TableWorld* world, const std::string& sql,
                             const QueryOptions& options = {}) {
  std::vector<std::string> rows;
  auto result = world->db->Query(world->caller, sql, options);
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  while (result.ok()) {
    const auto batch = (*result)->Next();
    EXPECT_TRUE(batch.ok()) << batch.status().ToString();
    if (!batch.ok() || *batch == nullptr) break;
    for (int64_t i = 0; i < (*batch)->num_rows(); ++i) {
      std::string row;
      for (const auto& column : (*batch)->columns()) {
        row += (row.empty() ? "" : " ") + (*column->GetScalar(i))->ToString();
      }
      rows.push_back(row);
    }
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::string Text(const Row& row) {
  return std::to_string(row.first) + " " + row.second.value_or("null");
}

class LakeTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }

  TablePtr Create(const std::string& name, EditionSpec edition) {
    auto table = world_.db->CreateTable(world_.caller, Path{{"d", name}},
                                        {.schema = PairSchema(), .edition = std::move(edition)});
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    return table.ok() ? *table : nullptr;
  }
  Status Append(const TablePtr& table, const std::vector<Row>& rows) {
    return world_.db->AppendRows(world_.caller, table, {Pairs(rows)}, {}).status();
  }
  Result<LakeSnapshot> Cut(const TablePtr& table) {
    return world_.db->lake()->Cut(world_.caller, table);
  }
  size_t FileCount(const TablePtr& table) {
    return world_.db->lake()->Files(world_.caller, table)->paths.size();
  }

  TableWorld world_;
};

TEST_F(LakeTest, RowsOfFilesAndOfTheLogBehindThemAreSeenOnce) {
  const TablePtr table = Create("t", {.order = {"v"}});
  ASSERT_TRUE(Append(table, {{1, "b"}, {2, "a"}}).ok());
  const auto snapshot = Cut(table);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  EXPECT_EQ(snapshot->rows, 2);
  EXPECT_EQ(snapshot->commit, world_.db->LastCommit());
  ASSERT_TRUE(Append(table, {{3, std::nullopt}}).ok());
  EXPECT_EQ(Sql(&world_, "SELECT k, v FROM d.t"),
            (std::vector<std::string>{"1 b", "2 a", "3 null"}));
  EXPECT_EQ(Sql(&world_, "SELECT v FROM d.t WHERE k < 3"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(Sql(&world_, "SELECT count(*) FROM d.t"), std::vector<std::string>{"3"});
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(Sql(&world_, "SELECT count(*), sum(k) FROM d.t"), std::vector<std::string>{"3 6"});
}

TEST_F(LakeTest, ACutWithoutNewRowsMakesNoSnapshot) {
  const TablePtr table = Create("t", {});
  EXPECT_EQ(Cut(table)->id, 1);
  ASSERT_TRUE(Append(table, {{1, "a"}}).ok());
  EXPECT_EQ(Cut(table)->id, 2);
  EXPECT_EQ(Cut(table)->id, 2);
  EXPECT_EQ(FileCount(table), 1U);
  const auto snapshots = world_.db->lake()->Snapshots(world_.caller, table);
  ASSERT_TRUE(snapshots.ok());
  ASSERT_EQ(snapshots->size(), 2U);
  EXPECT_EQ(snapshots->back().rows, 1);
}

TEST_F(LakeTest, SmallFilesDoNotPileUp) {
  const TablePtr table = Create("t", {.order = {"k"}});
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Append(table, {{100 - i, "x"}}).ok());
    ASSERT_TRUE(Cut(table).ok());
    expected.push_back(std::to_string(100 - i));
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_LE(FileCount(table), 3 * 7U);
  EXPECT_EQ(Sql(&world_, "SELECT k FROM d.t"), expected);
  // What is not named is gone.
  const auto folder = *world_.files->List("lake/0000000000000001");
  EXPECT_LE(folder.size(), FileCount(table) + 2);
}

// Cutting a table while it is hammered takes its writers' time, so it waits until nobody hammers
// it, or somebody reads it by its files.
TEST(LakeBackgroundTest, AHotTableIsCutWhenItIsQuietOrAsked) {
  constexpr int64_t kSecond = 1'000'000'000;
  TableWorld world;
  DatabaseOptions options;
  options.files = world.files.get();
  options.clock = &world.clock;
  options.random = &world.random;
  options.writer = &world.executor;
  options.readers = &world.executor;
  options.wait = [&](const std::function<bool()>& done) {
    while (!done() && world.executor.RunOne()) {
    }
  };
  options.lake_interval_ns = 5 * kSecond;
  world.db = Database::Open(std::move(options)).ValueOrDie();
  std::map<std::string, TablePtr> tables;
  for (const std::string name : {"asked", "hot", "quiet"}) {
    auto made = world.db->CreateTable(world.caller, Path{{"d", name}}, {.schema = PairSchema()});
    ASSERT_TRUE(made.ok()) << made.status();
    tables[name] = *made;
  }
  std::vector<Row> rows;
  for (int i = 0; i < 23; ++i) {  // of noise: what counts is how much of the log it takes
    std::string noise(1 << 20, ' ');
    for (char& c : noise) c = static_cast<char>('0' + world.random.Next64() % 64);
    rows.emplace_back(i, std::move(noise));
  }
  const auto append = [&](const std::string& name) {
    ASSERT_TRUE(
        world.db->AppendRows(world.caller, tables.at(name), {Pairs(rows)}, {}).status().ok());
  };
  const auto look = [&] {
    world.executor.RunUntilIdle(/*advance=*/true, world.clock.MonotonicNs() + 6 * kSecond);
  };
  const auto snapshots = [&](const std::string& name) {
    return world.db->lake()->Snapshots(world.caller, tables.at(name))->size();
  };
  for (const auto& [name, table] : tables) append(name);
  look();
  for (const auto& [name, table] : tables) EXPECT_EQ(snapshots(name), 0U) << name;
  append("hot");
  append("asked");
  EXPECT_EQ(Sql(&world, "SELECT count(*) FROM d.asked"), std::vector<std::string>{"46"});
  look();
  EXPECT_EQ(snapshots("quiet"), 1U);
  EXPECT_EQ(snapshots("asked"), 1U);
  EXPECT_EQ(snapshots("hot"), 0U);
  append("asked");
  look();
  EXPECT_EQ(snapshots("hot"), 1U) << "nobody wrote to it any more";
  EXPECT_EQ(snapshots("asked"), 1U) << "nobody asked again";
  EXPECT_EQ(Sql(&world, "SELECT count(*) FROM d.hot"), std::vector<std::string>{"46"});
  // However it goes on, it is cut in the end.
  append("asked");
  world.clock.Advance(600 * kSecond);
  look();
  EXPECT_EQ(snapshots("asked"), 2U);
}

TEST_F(LakeTest, ColumnsAddedAndRenamedAfterACut) {
  TablePtr table = Create("t", {});
  ASSERT_TRUE(Append(table, {{1, "a"}}).ok());
  ASSERT_TRUE(Cut(table).ok());
  auto fields = table->current->newest().schema->fields();
  fields[1] = fields[1]->WithName("renamed");
  fields.insert(fields.begin(), arrow::field("added", arrow::int64()));
  table =
      *world_.db->AlterTable(world_.caller, Path{{"d", "t"}}, {.schema = arrow::schema(fields)});
  EXPECT_EQ(Sql(&world_, "SELECT added, k, renamed FROM d.t"),
            std::vector<std::string>{"null 1 a"});
  const auto rows = *Pairs({{2, "b"}})->RenameColumns({"k", "renamed"});
  ASSERT_TRUE(world_.db->AppendRows(world_.caller, table, {rows}, {}).ok());
  const std::vector<std::string> expected = {"null 1 a", "null 2 b"};
  EXPECT_EQ(Sql(&world_, "SELECT added, k, renamed FROM d.t"), expected);
  for (int i = 0; i < 8; ++i) {  // so that files of both schemas are merged
    ASSERT_TRUE(Cut(table).ok());
    ASSERT_TRUE(world_.db->AppendRows(world_.caller, table, {rows}, {}).ok());
  }
  ASSERT_TRUE(Cut(table).ok());
  EXPECT_LT(FileCount(table), 8U);
  EXPECT_EQ(Sql(&world_, "SELECT added, renamed, count(*) FROM d.t GROUP BY ALL"),
            (std::vector<std::string>{"null a 1", "null b 9"}));
}

TEST_F(LakeTest, FarTimesNeitherStopACutNorChange) {
  const auto seconds = arrow::timestamp(arrow::TimeUnit::SECOND);
  const auto millis = arrow::timestamp(arrow::TimeUnit::MILLI);
  const auto nested =
      arrow::struct_({arrow::field("t", seconds), arrow::field("n", arrow::int8())});
  const auto schema = arrow::schema(
      {arrow::field("k", arrow::int32()), arrow::field("s", seconds), arrow::field("m", millis),
       arrow::field("l", arrow::list(seconds)), arrow::field("p", nested)});
  const auto row = [&](int k, int64_t s, int64_t m) {
    const std::string text = "[{\"k\":" + std::to_string(k) + ",\"s\":" + std::to_string(s) +
                             ",\"m\":" + std::to_string(m) + ",\"l\":[" + std::to_string(s) +
                             ",null],\"p\":{\"t\":" + std::to_string(s) + ",\"n\":1}}]";
    return *arrow::RecordBatch::FromStructArray(
        *arrow::json::ArrayFromJSONString(arrow::struct_(schema->fields()), text));
  };
  for (const bool keyed : {false, true}) {
    SCOPED_TRACE(keyed);
    const std::string name = keyed ? "keyed" : "sorted";
    EditionSpec edition{.order = {"s"}};
    if (keyed) edition = {.key = {"k"}};
    auto made = world_.db->CreateTable(world_.caller, Path{{"d", name}},
                                       {.schema = schema, .edition = edition});
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    const auto write = [&](const std::shared_ptr<arrow::RecordBatch>& rows) {
      return keyed ? world_.db->UpsertRows(world_.caller, *made, {rows}).status()
                   : world_.db->AppendRows(world_.caller, *made, {rows}, {}).status();
    };
    std::vector<std::pair<int64_t, int64_t>> times = {
        {1, 1}, {-9'300'000'000'000, -9'300'000'000'000'000}, {9'200'000'000'000, INT64_MAX}};
    if (!keyed) {  // rows with a key hold milliseconds, and refuse what those do not hold
      times.insert(times.end(), {{INT64_MAX, 2}, {3, INT64_MIN + 1}});
    }
    std::vector<std::string> expected;
    for (int k = 0; k < 11; ++k) {  // more than are merged
      const auto [s, m] = times[static_cast<size_t>(k) % times.size()];
      ASSERT_TRUE(write(row(k, s, m)).ok());
      const auto cut = Cut(*made);
      ASSERT_TRUE(cut.ok()) << cut.status().ToString();
      EXPECT_EQ(cut->rows, k + 1);
      const auto number = std::to_string(s);
      expected.push_back(std::to_string(k) + " " + number + " " + std::to_string(m) + " " + number +
                         " " + number);
    }
    std::sort(expected.begin(), expected.end());
    // All rows, from files, as every reader of ranges gets them.
    const auto read = [&] {
      std::vector<std::string> rows;
      auto scanner = world_.db->lake()->ScanRange(world_.caller, {.table = *made});
      EXPECT_TRUE(scanner.ok()) << scanner.status().ToString();
      while (scanner.ok()) {
        const auto batch = (*scanner)->Next();
        EXPECT_TRUE(batch.ok()) << batch.status().ToString();
        if (!batch.ok() || *batch == nullptr) break;
        const auto ticks = [](const arrow::Array& column, int64_t i) {
          return std::to_string(column.data()->GetValues<int64_t>(1)[i]);
        };
        for (int64_t i = 0; i < (*batch)->num_rows(); ++i) {
          const auto& list = static_cast<const arrow::ListArray&>(*(*batch)->column(3));
          const auto& pair = static_cast<const arrow::StructArray&>(*(*batch)->column(4));
          rows.push_back((*(*batch)->column(0)->GetScalar(i))->ToString() + " " +
                         ticks(*(*batch)->column(1), i) + " " + ticks(*(*batch)->column(2), i) +
                         " " + ticks(*list.values(), list.value_offset(i)) + " " +
                         ticks(*pair.field(0), i));
        }
      }
      std::sort(rows.begin(), rows.end());
      return rows;
    };
    EXPECT_EQ(read(), expected);
    EXPECT_EQ(Sql(&world_, "SELECT count(s), count(m), count(l) FROM d." + name),
              std::vector<std::string>{"11 11 11"});
    ASSERT_TRUE(world_.Restart().ok());
    made = world_.db->GetTable(world_.caller, Path{{"d", name}});
    EXPECT_EQ(read(), expected);
    EXPECT_LT(FileCount(*made), 11U);
  }
}

TEST_F(LakeTest, PositionsOfStrangersAreErrorsOrPlaces) {
  const TablePtr table = Create("t", {.order = {"k"}});
  ASSERT_TRUE(Append(table, {{1, "a"}, {2, "b"}, {3, "c"}}).ok());
  ASSERT_TRUE(Cut(table).ok());
  ASSERT_TRUE(Append(table, {{2, "tail"}}).ok());
  auto first = world_.db->lake()->ScanRange(world_.caller, {.table = table});
  ASSERT_TRUE(first.ok() && (*first)->Next().ok());
  const std::string good = *(*first)->PositionOf(0);
  SeededRandom random(3);
  int taken = 0;
  for (int i = 0; i < 500; ++i) {
    std::string position = good;
    if (i % 2 == 0) position.resize(random.Next64() % 60);
    for (uint64_t n = random.Next64() % 4; n > 0 && !position.empty(); --n) {
      position[random.Next64() % position.size()] = static_cast<char>(random.Next64());
    }
    auto scanner = world_.db->lake()->ScanRange(world_.caller, {.table = table, .after = position});
    if (!scanner.ok()) {
      EXPECT_EQ(CodeOf(scanner.status()), Code::kInvalidArgument) << scanner.status().ToString();
      continue;
    }
    int64_t rows = 0;
    for (;;) {
      const auto batch = (*scanner)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status().ToString();
      if (*batch == nullptr) break;
      rows += (*batch)->num_rows();
    }
    EXPECT_LE(rows, 4);
    ++taken;
  }
  EXPECT_GT(taken, 100);
}

TEST_F(LakeTest, ADamagedFileWhoseLogIsGoneIsNamed) {
  const TablePtr table =
      Create("t", {.log_lifetime = catalog::Lifetime{.duration_ns = 1'000'000'000}});
  ASSERT_TRUE(Append(table, {{1, "a"}}).ok());
  ASSERT_TRUE(Cut(table).ok());
  world_.clock.Advance(2'000'000'000);
  ASSERT_TRUE(world_.db->retention()->RunOnce().ok());
  ASSERT_TRUE(Append(table, {{2, "b"}}).ok());
  const std::string damaged = world_.db->lake()->Files(world_.caller, table)->paths.front();
  ASSERT_TRUE(world_.files->FlipBits(damaged, 10, 4).ok());
  ASSERT_TRUE(world_.Restart().ok());
  for (int i = 0; i < 2; ++i) {
    const Status status = world_.db->Query(world_.caller, "SELECT k FROM d.t", {}).status();
    EXPECT_EQ(CodeOf(status), Code::kDataLoss) << status.ToString();
    EXPECT_NE(MessageOf(status).find(damaged), std::string::npos) << status.ToString();
  }
}

TEST_F(LakeTest, SnapshotsReadTheSameAfterFilesAreCollected) {
  const TablePtr table = Create("t", {.order = {"k"}});
  std::map<int64_t, std::vector<std::string>> states;
  std::vector<std::string> rows;
  std::set<std::string> files;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Append(table, {{i, "x"}}).ok());
    rows.push_back(std::to_string(i));
    std::sort(rows.begin(), rows.end());
    const auto cut = Cut(table);
    ASSERT_TRUE(cut.ok());
    states[cut->id] = rows;
    const auto named = world_.db->lake()->Files(world_.caller, table);
    ASSERT_TRUE(named.ok());
    files.insert(named->paths.begin(), named->paths.end());
  }
  size_t collected = 0;
  for (const auto& path : files) collected += *world_.files->Exists(path) ? 0 : 1;
  EXPECT_GE(collected, 14U) << "two merges, each of seven and one that was never seen alone";
  for (int round = 0; round < 2; ++round) {
    for (const auto& [id, state] : states) {
      EXPECT_EQ(
          Sql(&world_, "SELECT k FROM d.t AT (VERSION => 'snapshot " + std::to_string(id) + "')"),
          state);
    }
    ASSERT_TRUE(world_.Restart().ok());
  }
}

TEST_F(LakeTest, ADamagedFileIsCutAnew) {
  const TablePtr table = Create("t", {});
  ASSERT_TRUE(Append(table, {{1, "a"}, {2, "b"}}).ok());
  ASSERT_TRUE(Cut(table).ok());
  const std::string damaged = world_.db->lake()->Files(world_.caller, table)->paths.front();
  ASSERT_TRUE(world_.files->FlipBits(damaged, 10, 4).ok());
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(Sql(&world_, "SELECT k FROM d.t"), (std::vector<std::string>{"1", "2"}));
  const TablePtr again = *world_.db->GetTable(world_.caller, Path{{"d", "t"}});
  EXPECT_NE(world_.db->lake()->Files(world_.caller, again)->paths.front(), damaged);
  EXPECT_FALSE(*world_.files->Exists(damaged));
}

TEST_F(LakeTest, DroppedTablesLeaveNoFiles) {
  const TablePtr table = Create("t", {});
  ASSERT_TRUE(Append(table, {{1, "a"}}).ok());
  ASSERT_TRUE(Cut(table).ok());
  ASSERT_TRUE(world_.db->DropTable(world_.caller, Path{{"d", "t"}}).ok());
  EXPECT_TRUE(world_.files->List("lake/0000000000000001")->empty());
}

TEST_F(LakeTest, WhatIsHeldStaysWhileFilesAreMergedAndTablesDropped) {
  const std::string folder = "lake/0000000000000001";
  const TablePtr table = Create("t", {});
  std::set<std::string> files;
  const auto see = [&] {
    for (const auto& file : *world_.files->List(folder)) files.insert(folder + "/" + file.name);
  };
  ASSERT_TRUE(Append(table, {{0, "a"}}).ok());
  ASSERT_TRUE(Cut(table).ok());
  auto first = static_cast<LakeStoreImpl*>(world_.db->lake())->Hold();
  auto second = static_cast<LakeStoreImpl*>(world_.db->lake())->Hold();
  for (int i = 1; i < 20; ++i) {
    see();
    ASSERT_TRUE(Append(table, {{i, "a"}}).ok());
    ASSERT_TRUE(Cut(table).ok());
  }
  see();
  ASSERT_TRUE(world_.db->DropTable(world_.caller, Path{{"d", "t"}}).ok());
  first.reset();
  EXPECT_GE(files.size(), 40U) << "a file and a manifest of each cut";
  for (const auto& file : files) EXPECT_TRUE(*world_.files->Exists(file)) << file;
  second.reset();
  EXPECT_TRUE(world_.files->List(folder)->empty());
}

TEST_F(LakeTest, ATableThatWasDroppedIsCutNoMore) {
  const TablePtr table = Create("t", {});
  ASSERT_TRUE(Append(table, {{1, "a"}}).ok());
  ASSERT_TRUE(world_.db->DropTable(world_.caller, Path{{"d", "t"}}).ok());
  EXPECT_EQ(CodeOf(Cut(table).status()), Code::kNotFound);
  EXPECT_FALSE(*world_.files->Exists("lake/0000000000000001"));
}

/// One world with a plain table, a sorted one and a keyed one, and what they hold.
class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed) {
    world_.lake_rows_max = 1 + static_cast<int64_t>(Below(6));
    EXPECT_TRUE(world_.Open().ok());
    Create("plain", {.bucket_count = 1 + static_cast<int32_t>(Below(2))});
    Create("sorted", {.order = {"v", "k"}});
    Create("keyed", {.key = {"k"}, .bucket_count = 1 + static_cast<int32_t>(Below(2))});
  }

  void Step() {
    switch (Below(10)) {
      case 0:
      case 1:
        return Append("plain", &plain_);
      case 2:
      case 3:
        return Append("sorted", &sorted_);
      case 4:
      case 5:
        return Upsert();
      case 6:
        return Delete();
      case 7:
      case 8: {
        static constexpr const char* kNames[] = {"plain", "sorted", "keyed"};
        const auto cut = world_.db->lake()->Cut(world_.caller, Table(kNames[Below(3)]));
        EXPECT_TRUE(cut.ok()) << cut.status().ToString();
        return;
      }
      default:
        EXPECT_TRUE(world_.Restart().ok());
        return;
    }
  }

  void Check() {
    std::vector<std::string> expected = Texts("plain", plain_);
    for (auto& text : Texts("sorted", sorted_)) expected.push_back(std::move(text));
    for (auto& text : Texts("keyed", {keyed_.begin(), keyed_.end()})) {
      expected.push_back(std::move(text));
    }
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(Sql(&world_,
                  "SELECT 'plain', k, v FROM d.plain UNION ALL "
                  "SELECT 'sorted', k, v FROM d.sorted UNION ALL "
                  "SELECT 'keyed', k, v FROM d.keyed"),
              expected);
    auto sorted = sorted_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Row& a, const Row& b) {
      return std::pair(a.second, a.first) < std::pair(b.second, b.first);
    });
    CheckRanges("sorted", sorted);
    CheckRanges("keyed", {keyed_.begin(), keyed_.end()});
  }

 private:
  uint64_t Below(uint64_t end) { return random_.Next64() % end; }

  void Create(const std::string& name, EditionSpec edition) {
    EXPECT_TRUE(world_.db
                    ->CreateTable(world_.caller, Path{{"d", name}},
                                  {.schema = PairSchema(), .edition = std::move(edition)})
                    .ok());
  }
  TablePtr Table(const std::string& name) {
    return *world_.db->GetTable(world_.caller, Path{{"d", name}});
  }
  std::vector<Row> Rows(size_t most) {
    std::vector<Row> rows(1 + Below(most));
    for (auto& [k, v] : rows) {
      k = static_cast<int32_t>(Below(8)) - 3;
      if (Below(5) > 0) v = std::string(Below(3), static_cast<char>('a' + Below(4)));
    }
    return rows;
  }
  void Append(const std::string& name, std::vector<Row>* all) {
    const auto rows = Rows(9);
    const AppendRowsOptions options{.bucket_otherwise = 0};
    EXPECT_TRUE(world_.db->AppendRows(world_.caller, Table(name), {Pairs(rows)}, options).ok());
    all->insert(all->end(), rows.begin(), rows.end());
  }
  void Upsert() {
    const auto rows = Rows(5);
    EXPECT_TRUE(world_.db->UpsertRows(world_.caller, Table("keyed"), {Pairs(rows)}).ok());
    for (const auto& [k, v] : rows) keyed_[k] = v;
  }
  void Delete() {
    const auto rows = Rows(2);
    EXPECT_TRUE(world_.db->DeleteRows(world_.caller, Table("keyed"), {Pairs(rows)}).ok());
    for (const auto& [k, v] : rows) keyed_.erase(k);
  }
  /// The key of a value of a table's first sort column.
  std::string KeyOf(const TablePtr& table, const Row& row) {
    std::shared_ptr<arrow::Scalar> value = arrow::MakeScalar(row.first);
    if (SortColumns(*table).front() == "v") {
      value = row.second.has_value() ? arrow::MakeScalar(*row.second)
                                     : arrow::MakeNullScalar(arrow::utf8());
    }
    auto key = SortKey(*table, {value});
    EXPECT_TRUE(key.ok()) << key.status().ToString();
    return *key;
  }

  /// Read some ranges of a table, in pieces, and compare with its rows, which are in order.
  void CheckRanges(const std::string& name, const std::vector<Row>& rows) {
    const TablePtr table = Table(name);
    RangeScanRequest request{.table = table, .columns = {"k", "v"}};
    for (size_t i = Below(4); i > 0; --i) {
      const auto bounds = Rows(2);
      request.ranges.push_back({KeyOf(table, bounds.front()), KeyOf(table, bounds.back())});
      if (Below(4) == 0) request.ranges.back().to.clear();
    }
    std::vector<std::string> expected;
    for (const Row& row : rows) {
      const std::string key = KeyOf(table, row);
      if (request.ranges.empty() ||
          std::any_of(request.ranges.begin(), request.ranges.end(), [&](const KeyRange& range) {
            return key >= range.from && (range.to.empty() || key < range.to);
          })) {
        expected.push_back(Text(row));
      }
    }
    std::vector<std::string> read;
    for (;;) {
      auto scanner = world_.db->lake()->ScanRange(world_.caller, request);
      ASSERT_TRUE(scanner.ok()) << scanner.status().ToString();
      const auto batch = (*scanner)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status().ToString();
      if (*batch == nullptr) break;
      const auto last = static_cast<int64_t>(Below(static_cast<uint64_t>((*batch)->num_rows())));
      for (int64_t i = 0; i <= last; ++i) {
        read.push_back((*(*batch)->column(0)->GetScalar(i))->ToString() + " " +
                       (*(*batch)->column(1)->GetScalar(i))->ToString());
      }
      request.after = *(*scanner)->PositionOf(last);
      if (Below(3) > 0) continue;
      // A cut or a merge meanwhile changes nothing.
      EXPECT_TRUE(world_.db->lake()->Cut(world_.caller, table).ok());
    }
    EXPECT_EQ(read, expected) << name;
  }

  static std::vector<std::string> Texts(const std::string& table, const std::vector<Row>& rows) {
    std::vector<std::string> texts;
    for (const Row& row : rows) texts.push_back(table + " " + Text(row));
    return texts;
  }
  using AppendRowsOptions = Database::AppendRowsOptions;

  SeededRandom random_;
  TableWorld world_;
  std::vector<Row> plain_;
  std::vector<Row> sorted_;
  std::map<int32_t, std::optional<std::string>> keyed_;
};

TEST(LakeModelTest, SqlAgreesWithPlainMaps) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    for (int i = 1; i <= 36; ++i) {
      model.Step();
      if (i % 4 == 0) model.Check();
    }
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace firth::table
