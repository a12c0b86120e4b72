// Goal: a range scan gives the rows of its ranges and no others, whatever pages of a lake file it
// reads. Method: one sorted file of several row groups, whose columns have their pages cut at
// different rows (lists, long cells, dictionaries that were given up, nulls, equal keys); random
// ranges, compared with all rows.
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/scalar.h>

#include <algorithm>
#include <random>

#include "firth/table/lake.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

constexpr int kRows = 150'000;  // more than a row group

std::shared_ptr<arrow::Schema> WideSchema(const std::shared_ptr<arrow::DataType>& key) {
  return arrow::schema({arrow::field("list", arrow::list(arrow::int64())), arrow::field("k", key),
                        arrow::field("few", arrow::utf8()), arrow::field("long", arrow::utf8()),
                        arrow::field("n", arrow::int64())});
}

class LakePagesTest : public ::testing::TestWithParam<std::shared_ptr<arrow::DataType>> {
 protected:
  /// A key of the tested type for a number that keeps the order of numbers.
  std::shared_ptr<arrow::Scalar> Key(int64_t number) const {
    if (number < 0) return arrow::MakeNullScalar(GetParam());
    if (GetParam()->id() == arrow::Type::STRING) {
      std::string text = std::to_string(number);
      return arrow::MakeScalar(std::string(8 - text.size(), '0') + text);
    }
    return *arrow::MakeScalar(number)->CastTo(GetParam());
  }

  std::shared_ptr<arrow::RecordBatch> Make() {
    std::mt19937_64 dice(11);
    arrow::ListBuilder list(arrow::default_memory_pool(), std::make_shared<arrow::Int64Builder>());
    auto& items = static_cast<arrow::Int64Builder&>(*list.value_builder());
    auto key = *arrow::MakeBuilder(GetParam());
    arrow::StringBuilder few;
    arrow::StringBuilder text;
    arrow::Int64Builder n;
    for (int i = 0; i < kRows; ++i) {
      EXPECT_TRUE(list.Append().ok());
      for (uint64_t item = dice() % 4; item > 0; --item) EXPECT_TRUE(items.Append(i).ok());
      const bool null = dice() % 1000 == 0;
      numbers_.push_back(null ? -1 : static_cast<int64_t>(dice() % 60'000));
      EXPECT_TRUE(key->AppendScalar(*Key(numbers_.back())).ok());
      EXPECT_TRUE(few.Append("word " + std::to_string(dice() % 9)).ok());
      // Long ones end a page before it is full; many short ones make up a great dictionary.
      EXPECT_TRUE(
          text.Append(std::string(dice() % 50 == 0 ? 3000 : 3, 'x') + std::to_string(i)).ok());
      EXPECT_TRUE(n.Append(i).ok());
    }
    return arrow::RecordBatch::Make(
        WideSchema(GetParam()), kRows,
        {*list.Finish(), *key->Finish(), *few.Finish(), *text.Finish(), *n.Finish()});
  }

  std::string SortKeyOf(int64_t number) {
    const auto key = SortKey(*table_, {Key(number)});
    EXPECT_TRUE(key.ok()) << key.status().ToString();
    return key.ValueOr("");
  }

  TableWorld world_;
  TablePtr table_;
  std::vector<int64_t> numbers_;  // by n
};

TEST_P(LakePagesTest, ARangeIsItsRowsAndNoOthers) {
  world_.lake_rows_max = 1 << 20;
  ASSERT_TRUE(world_.Open().ok());
  const auto table =
      world_.db->CreateTable(world_.caller, Path{{"d", "t"}},
                             {.schema = WideSchema(GetParam()), .edition = {.order = {"k"}}});
  ASSERT_TRUE(table.ok()) << table.status().ToString();
  table_ = *table;
  const auto rows = Make();
  ASSERT_TRUE(world_.db->AppendRows(world_.caller, table_, {rows}, {}).ok());
  const auto cut = world_.db->lake()->Cut(world_.caller, table_);
  ASSERT_TRUE(cut.ok()) << cut.status().ToString();
  std::mt19937_64 dice(5);
  for (int round = 0; round < 25; ++round) {
    RangeScanRequest request{.table = table_};
    if (round % 2 == 0) request.columns = {"n", "long", "list"};
    std::vector<std::pair<int64_t, int64_t>> ranges;
    for (uint64_t i = 0; i <= dice() % 3; ++i) {
      const auto from = static_cast<int64_t>(dice() % 61'000);
      const auto width = static_cast<int64_t>(round % 5 == 0 ? dice() % 20'000 : dice() % 3);
      ranges.emplace_back(from, from + width);
    }
    if (round == 24) ranges = {{-1, 0}};  // those without a key, which sort first
    for (const auto& [from, to] : ranges) {
      request.ranges.push_back({SortKeyOf(from), SortKeyOf(to)});
    }
    std::vector<int64_t> wanted;
    for (int64_t i = 0; i < kRows; ++i) {
      const int64_t number = numbers_[static_cast<size_t>(i)];
      if (std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
            return range.first <= number && number < range.second;
          })) {
        wanted.push_back(i);
      }
    }
    std::stable_sort(wanted.begin(), wanted.end(), [&](int64_t a, int64_t b) {
      return numbers_[static_cast<size_t>(a)] < numbers_[static_cast<size_t>(b)];
    });
    auto scanner = world_.db->lake()->ScanRange(world_.caller, request);
    ASSERT_TRUE(scanner.ok()) << scanner.status().ToString();
    size_t at = 0;
    while (true) {
      const auto batch = (*scanner)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status().ToString();
      if (*batch == nullptr) break;
      ASSERT_TRUE((*batch)->ValidateFull().ok());
      ASSERT_LE(at + static_cast<size_t>((*batch)->num_rows()), wanted.size());
      arrow::Int64Builder places;
      ASSERT_TRUE(places.AppendValues(wanted.data() + at, (*batch)->num_rows()).ok());
      const auto expected = arrow::compute::Take(rows, *places.Finish())->record_batch();
      for (const auto& field : (*batch)->schema()->fields()) {
        ASSERT_TRUE((*batch)
                        ->GetColumnByName(field->name())
                        ->Equals(expected->GetColumnByName(field->name())))
            << field->name() << " in round " << round;
      }
      at += static_cast<size_t>((*batch)->num_rows());
    }
    EXPECT_EQ(at, wanted.size()) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Keys, LakePagesTest,
                         ::testing::Values(arrow::utf8(), arrow::int64(),
                                           arrow::timestamp(arrow::TimeUnit::MICRO),
                                           arrow::uint64()),
                         [](const auto& type) { return std::to_string(type.index); });

}  // namespace
}  // namespace firth::table
