// Goal: a collection of series is a table for every reader, whose rows say which series they are
// of; and the numeric columns of every other table are series. Method: a Database in a simulated
// world.
#include "firth/table/series_rows.h"

#include <algorithm>
#include <limits>

#include "firth/log/batch.h"
#include "firth/table/column_series.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

constexpr int64_t kBase = 1'500'000'000'000'000'000;
const Path kPath{{"a", "b"}};

SeriesId Id(char last) {
  SeriesId id;
  id.bytes[15] = last;
  return id;
}

class SeriesRowsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }

  void Make(char id, const std::string& name) {
    ASSERT_TRUE(
        world_.db->series()
            ->Create(world_.caller,
                     {.id = Id(id), .collection = kPath, .tags = {{"name", name}, {"unit", "V"}}})
            .ok());
  }
  void Insert(char id, const std::vector<int64_t>& times, const std::vector<double>& values) {
    ASSERT_TRUE(world_.db->series()
                    ->Insert(world_.caller, Id(id), times, values, MergePolicy::kNever)
                    .ok());
  }
  TablePtr Table(const Path& path = kPath) { return *world_.db->GetTable(world_.caller, path); }

  /// Time and value of all points of a series, by time.
  std::vector<std::pair<int64_t, double>> Points(const SeriesId& id, int64_t revision = 0) {
    std::vector<std::pair<int64_t, double>> points;
    const auto snapshot = world_.db->series()->Pin(world_.caller, id, revision);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status().ToString();
    if (!snapshot.ok()) return points;
    auto cursor = *snapshot->Points(timeview::kTimeMin, timeview::kTimeTop);
    timeview::PointBatch batch;
    do {
      EXPECT_TRUE(cursor->Next(100, &batch).ok());
      for (size_t i = 0; i < batch.size(); ++i)
        points.emplace_back(batch.times[i], batch.values[i]);
    } while (batch.size() > 0);
    return points;
  }
  SeriesPtr SeriesOf(const Path& path, const std::string& column) {
    const auto found = world_.db->series()->Find(world_.caller, {.collection = path});
    EXPECT_TRUE(found.ok());
    for (const SeriesPtr& series : *found) {
      if (series->tags.at("name") == column) return series;
    }
    return nullptr;
  }

  TableWorld world_;
};

TEST_F(SeriesRowsTest, EveryReaderSeesWhichSeriesARowIsOf) {
  Make(1, "x");
  Make(2, "y");
  Insert(1, {kBase + 1, kBase}, {1, 0.5});
  Insert(2, {kBase}, {7});
  const TablePtr table = Table();
  EXPECT_EQ(
      table->current->newest().schema->field_names(),
      (std::vector<std::string>{"uuid", "name", "unit", "ingress", "distiller", "time", "value"}));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world_.Rows(Table(), {.columns = {"uuid", "name", "unit", "ingress", "value"}}),
              (std::vector<std::string>{"00000000-0000-0000-0000-000000000001 x V  1",
                                        "00000000-0000-0000-0000-000000000001 x V  0.5",
                                        "00000000-0000-0000-0000-000000000002 y V  7"}));
    ASSERT_TRUE(world_.Restart().ok());
  }
  // As batches, each with its rows' facts, under the newest schema.
  const auto partitions = world_.db->ListPartitions(world_.caller, *Table());
  const auto fetched = world_.db->Fetch(
      world_.caller, {{.table = Table(), .where = {.partition = partitions->front().id}}}, 1 << 20);
  ASSERT_TRUE(fetched.front().status.ok());
  ASSERT_EQ(fetched.front().entries.size(), 2U);
  const auto& entry = fetched.front().entries[1];
  EXPECT_EQ(entry.schema_id, Table()->current->newest().id);
  const auto rows = log::DecodeBatch(entry.body, Table()->current->newest().schema);
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  EXPECT_EQ((*rows)->GetColumnByName("name")->GetScalar(0).ValueOrDie()->ToString(), "y");
  EXPECT_EQ(entry.base_offset, Offset(2));
}

TEST_F(SeriesRowsTest, PointsAsTheyAreComeBySeriesAndTime) {
  Make(2, "y");
  Make(1, "x");
  Insert(2, {kBase}, {7});
  Insert(1, {kBase + 1, kBase}, {1, 0.5});
  const auto state = [&] {
    auto opened = world_.db->series()->OpenRows(world_.caller, kPath, {"name", "value"});
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    std::string all;
    std::shared_ptr<arrow::RecordBatch> batch;
    while (opened->rows->ReadNext(&batch).ok() && batch != nullptr) {
      for (int64_t i = 0; i < batch->num_rows(); ++i) {
        for (const auto& column : batch->columns())
          all += (*column->GetScalar(i))->ToString() + " ";
      }
    }
    return std::pair(all, opened->state);
  };
  const auto first = state();
  EXPECT_EQ(first.first, "x 0.5 x 1 y 7 ");
  EXPECT_EQ(state(), first);
  ASSERT_TRUE(world_.db->series()->Delete(world_.caller, Id(1), kBase, kBase + 1).ok());
  const auto second = state();
  EXPECT_EQ(second.first, "x 1 y 7 ");
  EXPECT_NE(second.second, first.second);
  ASSERT_TRUE(
      world_.db->series()->Alter(world_.caller, Id(1), {.tags = {{"name", "renamed"}}}).ok());
  EXPECT_EQ(state().first, "renamed 1 y 7 ");
  EXPECT_NE(state().second, second.second);
}

TEST_F(SeriesRowsTest, RowsAreNotTaken) {
  Make(1, "x");
  const auto written = world_.db->AppendRows(
      world_.caller, Table(),
      {arrow::RecordBatch::Make(
          CollectionStoredSchema(), 0,
          {*arrow::MakeArrayOfNull(CollectionStoredSchema()->field(0)->type(), 0),
           *arrow::MakeArrayOfNull(arrow::float64(), 0)})},
      {});
  EXPECT_EQ(CodeOf(written.status()), Code::kUnimplemented);
}

TEST_F(SeriesRowsTest, ColumnsOfATableAreSeries) {
  const Path path{{"d", "t"}};
  ASSERT_TRUE(world_.db->CreateTable(world_.caller, path, {.schema = PairSchema()}).ok());
  const SeriesPtr series = SeriesOf(path, "k");
  ASSERT_NE(series, nullptr);
  EXPECT_EQ(SeriesOf(path, "v"), nullptr);
  EXPECT_EQ(*world_.db->series()->LatestRevision(world_.caller, series->id), 10);
  ASSERT_TRUE(
      world_.db->AppendRows(world_.caller, Table(path), {Pairs({{1, "a"}, {2, {}}})}, {}).ok());
  ASSERT_TRUE(world_.db->AppendRows(world_.caller, Table(path), {Pairs({{-3, "c"}})}, {}).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(*world_.db->series()->LatestRevision(world_.caller, series->id), 12);
    const auto values = [&](int64_t revision) {
      std::vector<double> all;
      for (const auto& [time, value] : Points(series->id, revision)) all.push_back(value);
      std::sort(all.begin(), all.end());
      return all;
    };
    EXPECT_EQ(values(0), (std::vector<double>{-3, 1, 2}));
    EXPECT_EQ(values(11), (std::vector<double>{1, 2}));
    EXPECT_EQ(values(10), (std::vector<double>()));
    EXPECT_EQ(ReasonOf(world_.db->series()->Pin(world_.caller, series->id, 13).status()),
              Reason::kVersionNotFound);
    ASSERT_TRUE(world_.Restart().ok());
  }
  // What would change the table as if it were a series is refused.
  EXPECT_EQ(CodeOf(world_.db->series()->Delete(world_.caller, series->id, 0, 1).status()),
            Code::kUnimplemented);
  EXPECT_EQ(CodeOf(world_.db->series()->Obliterate(world_.caller, series->id)),
            Code::kUnimplemented);
  EXPECT_EQ(CodeOf(world_.db->series()->Alter(world_.caller, series->id, {})),
            Code::kUnimplemented);
}

TEST_F(SeriesRowsTest, RowsOfAnObliteratedSeriesTellNothing) {
  Make(1, "x");
  Make(2, "y");
  Insert(1, {kBase + 1, kBase}, {1, 0.5});
  Insert(2, {kBase}, {7});
  ASSERT_TRUE(world_.db->series()->Obliterate(world_.caller, Id(1)).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world_.Rows(Table(), {.columns = {"name", "value"}}),
              (std::vector<std::string>{"null nan", "null nan", "y 7"}));
    const auto times = world_.Rows(Table(), {.columns = {"time"}});
    ASSERT_EQ(times.size(), 3u);
    for (size_t i = 0; i < 2; ++i) EXPECT_EQ(times[i].find("2017"), std::string::npos) << times[i];
    EXPECT_NE(times[2].find("2017"), std::string::npos) << times[2];
    ASSERT_TRUE(world_.Restart().ok());
  }
}

TEST_F(SeriesRowsTest, ColumnsToldApartByOtherColumns) {
  const Path path{{"d", "weather"}};
  TableSpec spec{.schema = arrow::schema(
                     {arrow::field("at", arrow::timestamp(arrow::TimeUnit::NANO)),
                      arrow::field("where", arrow::utf8()), arrow::field("station", arrow::int64()),
                      arrow::field("x", arrow::float64())})};
  spec.edition.time_column = "at";
  spec.edition.series_by = {"where", "station"};
  const auto table = world_.db->CreateTable(world_.caller, path, spec);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(SeriesOf(path, "x[a,1]"), nullptr);
  const auto rows = [&](const std::string& where, int64_t station, int64_t at, double x) {
    arrow::Int64Builder times, stations;
    arrow::StringBuilder names;
    arrow::DoubleBuilder values;
    EXPECT_TRUE(times.Append(at).ok() && stations.Append(station).ok() &&
                names.Append(where).ok() && values.Append(x).ok());
    const auto stamps = *(*times.Finish())->View(arrow::timestamp(arrow::TimeUnit::NANO));
    EXPECT_TRUE(world_.db
                    ->AppendRows(world_.caller, *table,
                                 {arrow::RecordBatch::Make(spec.schema, 1,
                                                           {stamps, *names.Finish(),
                                                            *stations.Finish(), *values.Finish()})},
                                 {})
                    .ok());
  };
  rows("a", 1, kBase, 1);
  rows("b", 1, kBase, 2);
  rows("a", 1, kBase + 1, 3);
  const SeriesPtr a = SeriesOf(path, "x[a,1]");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->annotations.at("where"), "a");
  EXPECT_EQ(a->annotations.at("station"), "1");
  EXPECT_EQ(SeriesOf(path, "x"), nullptr);
  EXPECT_EQ(Points(a->id), (std::vector<std::pair<int64_t, double>>{{kBase, 1}, {kBase + 1, 3}}));
  EXPECT_EQ(Points(SeriesOf(path, "x[b,1]")->id),
            (std::vector<std::pair<int64_t, double>>{{kBase, 2}}));
  // Points go into rows that say whose they are.
  const std::vector<int64_t> times = {kBase + 2};
  const std::vector<double> values = {9};
  ASSERT_TRUE(
      world_.db->series()->Insert(world_.caller, a->id, times, values, MergePolicy::kNever).ok());
  EXPECT_EQ(Points(a->id).size(), 3u);
  EXPECT_EQ(world_.Rows(*table, {.columns = {"where", "station", "x"}}).back(), "a 1 9");
  // It is found by its id alone after a start, and one that is not there is not looked for again.
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ((*world_.db->series()->Get(world_.caller, a->id))->tags.at("name"), "x[a,1]");
  EXPECT_EQ(ReasonOf(world_.db->series()->Get(world_.caller, Id(77)).status()),
            Reason::kSeriesNotFound);
}

TEST_F(SeriesRowsTest, ATimeColumnGivesPointsTheirTimes) {
  const Path path{{"d", "timed"}};
  TableSpec spec{.schema = arrow::schema(
                     {arrow::field("at", arrow::timestamp(arrow::TimeUnit::MILLI)),
                      arrow::field("x", arrow::float64()), arrow::field("n", arrow::int64())})};
  spec.edition.time_column = "at";
  ASSERT_TRUE(world_.db->CreateTable(world_.caller, path, spec).ok());
  const SeriesPtr x = SeriesOf(path, "x");
  ASSERT_NE(x, nullptr);
  EXPECT_EQ(SeriesOf(path, "at"), nullptr);
  const std::vector<int64_t> times = {kBase, kBase + 1'000'000};
  const std::vector<double> values = {1.5, -2};
  ASSERT_TRUE(
      world_.db->series()->Insert(world_.caller, x->id, times, values, MergePolicy::kNever).ok());
  EXPECT_EQ(Points(x->id),
            (std::vector<std::pair<int64_t, double>>{{kBase, 1.5}, {kBase + 1'000'000, -2}}));
  EXPECT_EQ(Points(SeriesOf(path, "n")->id).size(), 0U);  // nulls are no points
  auto changed = *world_.db->series()->Changes(world_.caller, x->id, 10, 0, 0);
  std::vector<timeview::TimeRange> ranges;
  ASSERT_TRUE(changed->Next(10, &ranges).ok());
  EXPECT_EQ(ranges, (std::vector<timeview::TimeRange>{{kBase, kBase + 1},
                                                      {kBase + 1'000'000, kBase + 1'000'001}}));
}

TEST_F(SeriesRowsTest, AKeyedTableShowsItsCurrentRows) {
  const Path path{{"d", "keyed"}};
  TableSpec spec{.schema = arrow::schema(
                     {arrow::field("k", arrow::int32(), false), arrow::field("v", arrow::utf8())})};
  spec.edition.key = {"k"};
  spec.edition.views = catalog::kKeyView;
  ASSERT_TRUE(world_.db->CreateTable(world_.caller, path, spec).ok());
  ASSERT_TRUE(
      world_.db->UpsertRows(world_.caller, Table(path), {Pairs({{1, "a"}, {2, "b"}})}).ok());
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, Table(path), {Pairs({{1, "c"}})}).ok());
  ASSERT_TRUE(world_.db->DeleteRows(world_.caller, Table(path), {Pairs({{2, "b"}})}).ok());
  const SeriesPtr series = SeriesOf(path, "k");
  ASSERT_NE(series, nullptr);
  EXPECT_EQ(*world_.db->series()->LatestRevision(world_.caller, series->id), 13);
  const auto points = Points(series->id);
  ASSERT_EQ(points.size(), 1U);
  EXPECT_EQ(points.front().second, 1);
}

}  // namespace
}  // namespace firth::table
