// Goal: the numeric columns of a table are series with every revision, whatever was written, cut,
// trimmed or lost between. Method: random appends, upserts and deletes to tables in a simulated
// world, against plain maps; restarts, bases, and files that are taken away.
#include "firth/table/column_feed.h"

#include <arrow/compute/cast.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <set>

#include "firth/table/database_impl.h"
#include "firth/table/retention.h"
#include "firth/table/series_store.h"
#include "firth/table/series_subscription.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

constexpr int64_t kBase = 1'500'000'000'000'000'000;

using Point = std::pair<int64_t, double>;
using Points = std::vector<Point>;  // sorted
/// Every revision of every series, by its name.
using Model = std::map<std::string, std::vector<Points>>;

/// A row of the tables here: key, which series, time, and two numbers; 0 times are null.
struct Row {
  int64_t k = 0;
  std::string where;
  int64_t at = 0;
  std::optional<double> x;
  std::optional<int64_t> n;
};

std::shared_ptr<arrow::Schema> RowSchema() {
  return arrow::schema({arrow::field("k", arrow::int64(), false),
                        arrow::field("where", arrow::utf8()),
                        arrow::field("at", arrow::timestamp(arrow::TimeUnit::NANO)),
                        arrow::field("x", arrow::float64()), arrow::field("n", arrow::int64())});
}

std::shared_ptr<arrow::RecordBatch> Batch(const std::vector<Row>& rows) {
  arrow::Int64Builder k, n;
  arrow::StringBuilder where;
  arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::NANO), arrow::default_memory_pool());
  arrow::DoubleBuilder x;
  for (const Row& row : rows) {
    EXPECT_TRUE(k.Append(row.k).ok() && where.Append(row.where).ok() && at.Append(row.at).ok());
    EXPECT_TRUE((row.x.has_value() ? x.Append(*row.x) : x.AppendNull()).ok());
    EXPECT_TRUE((row.n.has_value() ? n.Append(*row.n) : n.AppendNull()).ok());
  }
  return arrow::RecordBatch::Make(
      RowSchema(), static_cast<int64_t>(rows.size()),
      {*k.Finish(), *where.Finish(), *at.Finish(), *x.Finish(), *n.Finish()});
}

class ColumnFeedTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }

  void Make(const std::function<void(TableSpec*)>& change) {
    TableSpec spec{.schema = RowSchema()};
    spec.edition.time_column = "at";
    spec.edition.series_by = {"where"};
    spec.edition.values = {"x", "n"};
    spec.edition.views = catalog::kTimeView;
    change(&spec);
    const auto made = world_.db->CreateTable(world_.caller, path_, spec);
    ASSERT_TRUE(made.ok()) << made.status();
  }
  DatabaseImpl* Impl() { return static_cast<DatabaseImpl*>(world_.db.get()); }
  TablePtr Table() { return *world_.db->GetTable(world_.caller, path_); }
  SeriesPtr SeriesOf(const std::string& name) {
    const auto found = world_.db->series()->Find(world_.caller, {.collection = path_});
    EXPECT_TRUE(found.ok()) << found.status();
    for (const SeriesPtr& series : found.ValueOr({})) {
      if (series->tags.at("name") == name) return series;
    }
    return nullptr;
  }
  Points PointsOf(const SeriesId& id, int64_t revision = 0) {
    Points points;
    const auto snapshot = world_.db->series()->Pin(world_.caller, id, revision);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    if (!snapshot.ok()) return points;
    auto cursor = *snapshot->Points(timeview::kTimeMin, timeview::kTimeTop);
    timeview::PointBatch batch;
    do {
      EXPECT_TRUE(cursor->Next(100, &batch).ok());
      for (size_t i = 0; i < batch.size(); ++i) {
        points.emplace_back(batch.times[i], batch.values[i]);
      }
    } while (batch.size() > 0);
    EXPECT_TRUE(std::is_sorted(points.begin(), points.end(),
                               [](const Point& a, const Point& b) { return a.first < b.first; }));
    std::sort(points.begin(), points.end());
    return points;
  }
  /// Note what the series hold now, as a revision of those that changed.
  static void Note(const std::map<std::string, Points>& now, Model* model) {
    for (const auto& [name, points] : now) {
      auto& revisions = (*model)[name];
      if (revisions.empty()) revisions.emplace_back();
      Points sorted = points;
      std::sort(sorted.begin(), sorted.end());
      if (sorted != revisions.back()) revisions.push_back(std::move(sorted));
    }
  }
  void Compare(const Model& model) {
    for (const auto& [name, revisions] : model) {
      const SeriesPtr series = SeriesOf(name);
      ASSERT_NE(series, nullptr) << name;
      const auto latest = world_.db->series()->LatestRevision(world_.caller, series->id);
      ASSERT_TRUE(latest.ok()) << latest.status();
      std::vector<Points> found;
      for (int64_t revision = timeview::kEmptyRevision; revision <= *latest; ++revision) {
        Points points = PointsOf(series->id, revision);
        // Pieces of a commit that comes in some may take away what others bring: then it is a
        // revision that changes nothing.
        if (small_steps_ && !found.empty() && found.back() == points) continue;
        found.push_back(std::move(points));
      }
      ASSERT_EQ(found, revisions) << name;
      ASSERT_EQ(PointsOf(series->id), revisions.back()) << name;
    }
  }
  Row SomeRow() {
    Row row;
    row.k = static_cast<int64_t>(random_() % 12);
    row.where = std::string(1, static_cast<char>('a' + random_() % 3));
    row.at = kBase + static_cast<int64_t>(random_() % 8);
    if (random_() % 5 != 0) row.x = static_cast<double>(random_() % 4);
    if (random_() % 3 != 0) row.n = static_cast<int64_t>(random_() % 4);
    return row;
  }
  /// Something that must not change an answer.
  void Disturb() {
    DisturbFiles();
    if (!small_steps_) return;
    static constexpr uint64_t kValues[] = {1, 3, 8, 20, 1000};
    static_cast<SeriesStoreImpl*>(world_.db->series())
        ->column_feed()
        ->set_step_values_max(kValues[random_() % std::size(kValues)]);
  }
  void Restart() {
    const Status restarted = world_.Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
  }
  void DisturbFiles() {
    switch (random_() % 6) {
      case 0:
        Restart();
        break;
      case 1:
        ASSERT_TRUE(Impl()->CutBases().ok());
        break;
      case 2:
        ASSERT_TRUE(Impl()->CutBases().ok());
        Restart();
        break;
      case 3: {
        // The view's files are lost.
        auto files = world_.files->Copy();
        const auto present = files->List("columnview");
        for (const auto& file : present.ValueOr({})) {
          ASSERT_TRUE(files->Remove("columnview/" + file.name).ok());
        }
        world_.db.reset();
        world_.executor.RunUntilIdle();
        world_.executor.Clear();
        world_.files = std::move(files);
        ASSERT_TRUE(world_.Open().ok());
        break;
      }
      default:
        break;
    }
  }

  void TestAppends(size_t rows_max);
  void TestUpserts(size_t rows_max);

  const Path path_{{"d", "t"}};
  std::mt19937_64 random_{11};
  bool small_steps_ = false;  // commits are more than the feed has in memory
  TableWorld world_;
};

void ColumnFeedTest::TestAppends(size_t rows_max) {
  Make([](TableSpec* spec) {
    spec->edition.bucket_by = {"k"};
    spec->edition.bucket_count = 3;
  });
  std::map<std::string, Points> now;
  Model model;
  for (int round = 0; round < 60 && !HasFailure(); ++round) {
    std::vector<Row> rows;
    for (size_t i = 1 + random_() % rows_max; i > 0; --i) {
      const Row& row = rows.emplace_back(SomeRow());
      if (row.x.has_value()) now["x[" + row.where + "]"].emplace_back(row.at, *row.x);
      if (row.n.has_value()) {
        now["n[" + row.where + "]"].emplace_back(row.at, static_cast<double>(*row.n));
      }
    }
    const auto written = world_.db->AppendRows(world_.caller, Table(), {Batch(rows)}, {});
    ASSERT_TRUE(written.ok()) << written.status();
    Note(now, &model);
    Disturb();
    if (round % 10 == 9) Compare(model);
  }
}

TEST_F(ColumnFeedTest, AppendsAreRevisions) {
  TestAppends(5);
}

TEST_F(ColumnFeedTest, LargeAppendsAreRevisions) {
  small_steps_ = true;
  TestAppends(60);
}

void ColumnFeedTest::TestUpserts(size_t rows_max) {
  Make([](TableSpec* spec) {
    spec->edition.key = {"k"};
    spec->edition.bucket_count = 2;
    spec->edition.views = catalog::kKeyView | catalog::kTimeView;
  });
  std::map<int64_t, Row> current;
  Model model;
  for (int round = 0; round < 120 && !HasFailure(); ++round) {
    std::vector<Row> rows;
    for (size_t i = 1 + random_() % rows_max; i > 0; --i) rows.push_back(SomeRow());
    const bool removes = random_() % 4 == 0;
    for (const Row& row : rows) {
      if (removes) {
        current.erase(row.k);
      } else {
        current[row.k] = row;
      }
    }
    const auto written = removes ? world_.db->DeleteRows(world_.caller, Table(), {Batch(rows)})
                                 : world_.db->UpsertRows(world_.caller, Table(), {Batch(rows)});
    ASSERT_TRUE(written.ok()) << written.status();
    std::map<std::string, Points> now;
    for (const auto& [name, revisions] : model) now[name];
    for (const auto& [k, row] : current) {
      if (row.x.has_value()) now["x[" + row.where + "]"].emplace_back(row.at, *row.x);
      if (row.n.has_value()) {
        now["n[" + row.where + "]"].emplace_back(row.at, static_cast<double>(*row.n));
      }
    }
    Note(now, &model);
    Disturb();
    if (round % 10 == 9) Compare(model);
  }
}

TEST_F(ColumnFeedTest, UpsertsAndDeletesMovePoints) {
  TestUpserts(4);
}

TEST_F(ColumnFeedTest, LargeUpsertsMovePoints) {
  small_steps_ = true;
  TestUpserts(30);
}

TEST_F(ColumnFeedTest, WhatALargeCommitChangedIsOneStep) {
  Make([](TableSpec* spec) { spec->edition.series_by = {}; });
  const auto feed = static_cast<SeriesStoreImpl*>(world_.db->series())->column_feed();
  feed->set_step_values_max(10);
  const auto append = [&](int64_t at, size_t count) {
    std::vector<Row> rows;
    for (size_t i = 0; i < count; ++i) {
      rows.push_back({.where = "a", .at = kBase + at + static_cast<int64_t>(i), .x = 1});
    }
    ASSERT_TRUE(world_.db->AppendRows(world_.caller, Table(), {Batch(rows)}, {}).ok());
  };
  append(0, 1);
  const SeriesPtr series = SeriesOf("x");
  ASSERT_NE(series, nullptr);
  auto subscription = SubscribeToSeries(world_.db->series(), 1000, [] {});
  ASSERT_TRUE(subscription->Add(world_.caller, std::span(&series->id, 1)).ok());
  append(1000, 100);
  append(2000, 2);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(*world_.db->series()->LatestRevision(world_.caller, series->id), 13);
    size_t points[] = {0, 1, 101, 103};
    for (int64_t revision = 10; revision <= 13; ++revision) {
      EXPECT_EQ(PointsOf(series->id, revision).size(), points[revision - 10]) << revision;
      EXPECT_EQ(world_.db->series()->Pin(world_.caller, series->id, revision)->revision(),
                revision);
    }
    EXPECT_EQ(ReasonOf(world_.db->series()->Pin(world_.caller, series->id, 14).status()),
              Reason::kVersionNotFound);
    const auto changed = [&](int64_t from, int64_t to) {
      auto cursor = *world_.db->series()->Changes(world_.caller, series->id, from, to, 0);
      std::vector<timeview::TimeRange> ranges, batch;
      do {
        EXPECT_TRUE(cursor->Next(100, &batch).ok());
        ranges.insert(ranges.end(), batch.begin(), batch.end());
      } while (!batch.empty());
      return ranges;
    };
    const timeview::TimeRange first{kBase, kBase + 1};
    const timeview::TimeRange large{kBase + 1000, kBase + 1100};
    const timeview::TimeRange last{kBase + 2000, kBase + 2002};
    EXPECT_EQ(changed(10, 11), (std::vector{first}));
    EXPECT_EQ(changed(11, 12), (std::vector{large}));
    EXPECT_EQ(changed(12, 13), (std::vector{last}));
    EXPECT_EQ(changed(0, 12), (std::vector{first, large}));
    EXPECT_EQ(changed(11, 0), (std::vector{large, last}));
    if (round == 0) {
      size_t told = 0;
      std::set<int64_t> revisions;
      for (const InsertedPoints& inserted : *subscription->Take(1000)) {
        told += inserted.points.size();
        revisions.insert(inserted.revision);
      }
      EXPECT_EQ(told, 102U);
      EXPECT_EQ(revisions, (std::set<int64_t>{12, 13}));
      subscription.reset();
    }
    if (round == 1) {
      ASSERT_TRUE(Impl()->CutBases().ok());
    }
    ASSERT_TRUE(world_.Restart().ok());
  }
}

TEST_F(ColumnFeedTest, TrimmedLogsAreNotNeededBehindTheBase) {
  Make([](TableSpec* spec) { spec->edition.log_lifetime.duration_ns = 1'000'000'000; });
  const auto append = [&](int64_t at, double x) {
    ASSERT_TRUE(world_.db
                    ->AppendRows(world_.caller, Table(),
                                 {Batch({{.where = "a", .at = kBase + at, .x = x}})}, {})
                    .ok());
  };
  append(0, 1);
  append(1, 2);
  const SeriesPtr series = SeriesOf("x[a]");
  ASSERT_NE(series, nullptr);
  const Points expected = {{kBase, 1}, {kBase + 1, 2}};
  EXPECT_EQ(PointsOf(series->id), expected);
  world_.clock.Advance(10'000'000'000);
  // No base holds the rows yet.
  ASSERT_TRUE(world_.db->retention()->Trim().ok());
  EXPECT_EQ(world_.Rows(Table(), {.columns = {"x"}}).size(), 0U);
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(PointsOf(series->id), expected);
  ASSERT_TRUE(Impl()->CutBases().ok());
  ASSERT_TRUE(world_.db->retention()->Trim().ok());
  const auto partitions = world_.db->ListPartitions(world_.caller, *Table());
  EXPECT_EQ(Impl()->log()->Range(partitions->front().first_log)->start, Offset(2));
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(PointsOf(series->id), expected);
  append(2, 3);
  EXPECT_EQ(PointsOf(series->id).size(), 3U);
  EXPECT_EQ(PointsOf(series->id, 11), (Points{{kBase, 1}}));
  // What is lost now cannot be made again: that is said, and nothing else is answered.
  ASSERT_TRUE(Impl()->CutBases().ok());
  auto files = world_.files->Copy();
  const auto present = *files->List("columnview");
  for (const auto& file : present) ASSERT_TRUE(files->Remove("columnview/" + file.name).ok());
  world_.db.reset();
  world_.executor.RunUntilIdle();
  world_.executor.Clear();
  world_.files = std::move(files);
  ASSERT_TRUE(world_.Open().ok());
  const auto lost = world_.db->series()->Pin(world_.caller, series->id, 0);
  EXPECT_EQ(CodeOf(lost.status()), Code::kDataLoss) << lost.status();
  EXPECT_NE(MessageOf(lost.status()).find("columnview"), std::string::npos);
}

TEST_F(ColumnFeedTest, PartitionsThatAreDroppedTakeTheirPointsAlong) {
  Make([](TableSpec* spec) {
    spec->edition.partition_by = {"where"};
    spec->edition.series_by = {};
  });
  ASSERT_TRUE(world_.db
                  ->AppendRows(world_.caller, Table(),
                               {Batch({{.where = "a", .at = kBase, .x = 1},
                                       {.where = "b", .at = kBase + 1, .x = 2}})},
                               {})
                  .ok());
  const SeriesPtr series = SeriesOf("x");
  ASSERT_NE(series, nullptr);
  EXPECT_EQ(PointsOf(series->id).size(), 2U);
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(Impl()->CutBases().ok());
    if (round == 0) {
      ASSERT_TRUE(world_.db->DropPartition(world_.caller, *Table(), {"a"}).ok());
    }
    EXPECT_EQ(PointsOf(series->id), (Points{{kBase + 1, 2}}));
    ASSERT_TRUE(world_.Restart().ok());
  }
  EXPECT_EQ(PointsOf(series->id), (Points{{kBase + 1, 2}}));
}

TEST_F(ColumnFeedTest, SubscribersAreToldOfWhatComes) {
  Make([](TableSpec* spec) {
    spec->edition.key = {"k"};
    spec->edition.views = catalog::kKeyView | catalog::kTimeView;
  });
  const auto upsert = [&](int64_t k, int64_t at, double x) {
    ASSERT_TRUE(world_.db
                    ->UpsertRows(world_.caller, Table(),
                                 {Batch({{.k = k, .where = "a", .at = kBase + at, .x = x}})})
                    .ok());
  };
  upsert(1, 0, 1);
  const SeriesPtr series = SeriesOf("x[a]");
  ASSERT_NE(series, nullptr);
  auto subscription = SubscribeToSeries(world_.db->series(), 1000, [] {});
  ASSERT_TRUE(subscription->Add(world_.caller, std::span(&series->id, 1)).ok());
  upsert(2, 0, 5);
  upsert(1, 3, 7);  // the point of time 0 goes
  ASSERT_TRUE(world_.db->DeleteRows(world_.caller, Table(), {Batch({{.k = 2}})}).ok());
  EXPECT_EQ(PointsOf(series->id), (Points{{kBase + 3, 7}}));
  Points told;
  const auto taken = subscription->Take(1000);
  ASSERT_TRUE(taken.ok());
  for (const InsertedPoints& inserted : *taken) {
    EXPECT_EQ(inserted.series, series->id);
    for (size_t i = 0; i < inserted.points.size(); ++i) {
      told.emplace_back(inserted.points.times[i], inserted.points.values[i]);
    }
  }
  EXPECT_EQ(told, (Points{{kBase, 5}, {kBase + 3, 7}}));
}

TEST_F(ColumnFeedTest, AColumnThatComesLaterHasItsOwnPoints) {
  Make([](TableSpec* spec) {
    spec->edition.series_by = {};
    spec->edition.values = {};
  });
  ASSERT_TRUE(world_.db
                  ->AppendRows(world_.caller, Table(),
                               {Batch({{.where = "a", .at = kBase, .x = 1, .n = 4}})}, {})
                  .ok());
  EXPECT_EQ(PointsOf(SeriesOf("x")->id).size(), 1U);
  auto fields = Table()->current->newest().schema->fields();
  fields.push_back(arrow::field("later", arrow::int32()));
  ASSERT_TRUE(world_.db->AlterTable(world_.caller, path_, {.schema = arrow::schema(fields)}).ok());
  const SeriesPtr later = SeriesOf("later");
  ASSERT_NE(later, nullptr);
  EXPECT_EQ(PointsOf(later->id).size(), 0U);
  const auto rows = arrow::RecordBatch::Make(
      arrow::schema({RowSchema()->field(0), RowSchema()->field(2), fields.back()}), 1,
      {Batch({{}})->column(0), Batch({{.at = kBase + 1}})->column(2),
       *arrow::compute::Cast(*Batch({{.k = 9}})->column(0), arrow::int32())});
  ASSERT_TRUE(world_.db->AppendRows(world_.caller, Table(), {rows}, {}).ok());
  EXPECT_EQ(PointsOf(later->id), (Points{{kBase + 1, 9}}));
  EXPECT_EQ(*world_.db->series()->LatestRevision(world_.caller, later->id), 11);
  EXPECT_EQ(*world_.db->series()->LatestRevision(world_.caller, SeriesOf("x")->id), 11);
}

}  // namespace
}  // namespace firth::table
