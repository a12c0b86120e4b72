// Goal: of a commit of any number of rows each series gets all of its points at once, in the order
// of the rows, unless it alone has more than is held; and not much more than that is held.
// Method: random batches with few and many series, against plain maps.
#include "firth/table/column_passes.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace firth::table {
namespace {

using Points = std::vector<std::pair<int64_t, double>>;

std::shared_ptr<arrow::RecordBatch> RandomRows(std::mt19937_64* random, int series) {
  arrow::TimestampBuilder at(arrow::timestamp(arrow::TimeUnit::NANO), arrow::default_memory_pool());
  arrow::StringBuilder where;
  arrow::DoubleBuilder x, y;
  const int64_t count = static_cast<int64_t>((*random)() % 40);
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_TRUE(at.Append(static_cast<int64_t>((*random)() % 1000)).ok());
    // Some series have most of the rows.
    const uint64_t any = (*random)() % static_cast<uint64_t>(series);
    EXPECT_TRUE(where.Append(std::to_string((*random)() % 2 == 0 ? any : any % 3)).ok());
    EXPECT_TRUE(x.Append(static_cast<double>((*random)() % 100)).ok());
    EXPECT_TRUE((i % 3 == 0 ? y.AppendNull() : y.Append(static_cast<double>(i))).ok());
  }
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("at", arrow::timestamp(arrow::TimeUnit::NANO)),
                     arrow::field("where", arrow::utf8()), arrow::field("x", arrow::float64()),
                     arrow::field("y", arrow::float64())}),
      count, {*at.Finish(), *where.Finish(), *x.Finish(), *y.Finish()});
}

TEST(ColumnPassesTest, EachSeriesComesAtOnceUnlessItIsTooLarge) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random(seed);
    const int series = seed % 3 == 0 ? 2 : 200;
    const uint64_t values_max = 1 + random() % 200;
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
    for (size_t i = random() % 40; i > 0; --i) batches.push_back(RandomRows(&random, series));
    EditionInfo edition;
    edition.spec.time_column = "at";
    edition.spec.series_by = {"where"};
    const ColumnPoints points(edition, {"x", "y"});
    const auto open = [&](const std::vector<std::string>& names) -> Result<ColumnPasses::Rows> {
      EXPECT_FALSE(names.empty());
      return [&, names, next = size_t{0}]() mutable -> Result<std::optional<ScannedBatch>> {
        if (next == batches.size()) return std::nullopt;
        const auto& whole = batches[next++];
        arrow::FieldVector fields;
        arrow::ArrayVector columns;
        for (const std::string& name : names) {
          fields.push_back(whole->schema()->GetFieldByName(name));
          columns.push_back(whole->GetColumnByName(name));
        }
        return ScannedBatch{
            .rows = arrow::RecordBatch::Make(arrow::schema(fields), whole->num_rows(), columns),
            .commit = CommitId(7)};
      };
    };
    // All at once, as plain code has it.
    SeriesKeys expected_keys;
    GatheredPoints expected;
    for (const auto& batch : batches) {
      ASSERT_TRUE(
          points.Add({.rows = batch, .commit = CommitId(7)}, &expected_keys, &expected).ok());
    }
    SeriesKeys keys;
    std::map<SeriesPlace, PointChanges> got;
    std::set<SeriesPlace> open_parts;  // of which more is to come
    ColumnPasses passes(&points, &keys, values_max, open);
    const Status run = passes.Run([&](PassedPoints passed) -> Status {
      uint64_t count = 0;
      for (const auto& [commit, changed] : passed.points.commits) {
        EXPECT_EQ(commit, CommitId(7));
        for (const auto& [place, changes] : changed) {
          if (changes.times.empty()) continue;
          EXPECT_TRUE(!got.contains(place) || open_parts.contains(place)) << seed;
          auto& all = got[place];
          all.times.insert(all.times.end(), changes.times.begin(), changes.times.end());
          all.values.insert(all.values.end(), changes.values.begin(), changes.values.end());
          count += changes.times.size();
          if (passed.is_part) open_parts.insert(place);
        }
        if (passed.is_part) {
          EXPECT_EQ(changed.size(), 1U);
          EXPECT_GE(count, values_max);
        }
      }
      EXPECT_EQ(count, passed.points.count);
      EXPECT_LT(count, values_max + 80);  // a batch of 40 rows more
      if (!passed.is_part) open_parts.clear();
      return Status::OK();
    });
    ASSERT_TRUE(run.ok()) << run;
    EXPECT_TRUE(open_parts.empty());
    std::map<SeriesPlace, PointChanges>& wanted = expected.commits[CommitId(7)];
    ASSERT_EQ(got.size(), wanted.size()) << seed;
    for (const auto& [place, changes] : wanted) {
      EXPECT_EQ(got[place].times, changes.times) << seed;
      EXPECT_EQ(got[place].values, changes.values) << seed;
    }
    EXPECT_EQ(passes.passes() == 1, expected.count < values_max) << seed;
  }
}

TEST(ColumnPassesTest, OneSeriesIsReadOnce) {
  EditionInfo edition;
  edition.spec.time_column = "at";
  const ColumnPoints points(edition, {"x"});
  std::mt19937_64 random(3);
  const auto rows = RandomRows(&random, 2);
  ASSERT_GT(rows->num_rows(), 2);
  const auto open = [&](const std::vector<std::string>&) -> Result<ColumnPasses::Rows> {
    return [rows, next = 0]() mutable -> Result<std::optional<ScannedBatch>> {
      if (next++ == 5) return std::nullopt;
      return ScannedBatch{.rows = rows, .commit = CommitId(7)};
    };
  };
  SeriesKeys keys;
  uint64_t count = 0;
  ColumnPasses passes(&points, &keys, 1, open);
  ASSERT_TRUE(passes
                  .Run([&](const PassedPoints& passed) {
                    count += passed.points.count;
                    return Status::OK();
                  })
                  .ok());
  EXPECT_EQ(count, static_cast<uint64_t>(rows->num_rows()) * 5);
  EXPECT_EQ(passes.passes(), 1);
}

}  // namespace
}  // namespace firth::table
