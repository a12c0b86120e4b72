// Goal: partition names are read back as the values that they were written from, and keys of
// clients become the engine's whole keys.
#include "firth/doors/fluss/partition_keys.h"

#include <gtest/gtest.h>

#include "firth/common/text.h"
#include "firth/doors/fluss/partition_value.h"
#include "firth/schema/schema.h"

namespace firth::doors::fluss {
namespace {

TEST(PartitionValueTest, EveryTypeIsRead) {
  using arrow::TimeUnit;
  const std::tuple<std::shared_ptr<arrow::DataType>, const char*, const char*> cases[] = {
      {arrow::utf8(), "eu", "eu"},
      {arrow::int32(), "-7", "-7"},
      {arrow::int64(), "9007199254740993", "9007199254740993"},
      {arrow::boolean(), "true", "true"},
      {arrow::date32(), "2024-02-29", "2024-02-29"},
      {arrow::float64(), "1_5", "1.5"},
      {arrow::decimal128(10, 2), "1.50", "1.50"},
      {arrow::time32(TimeUnit::SECOND), "01-02-03_000", "01:02:03"},
      {arrow::time32(TimeUnit::MILLI), "01-02-03_004", "01:02:03.004"},
      {arrow::timestamp(TimeUnit::SECOND), "2024-02-29-01-02-03_", "2024-02-29 01:02:03"},
      {arrow::timestamp(TimeUnit::MILLI), "2024-02-29-01-02-03_5", "2024-02-29 01:02:03.500"},
      {arrow::timestamp(TimeUnit::MICRO), "2024-02-29-01-02-03_000005",
       "2024-02-29 01:02:03.000005"},
      {arrow::timestamp(TimeUnit::NANO, "UTC"), "2024-02-29-01-02-03_123456789",
       "2024-02-29 01:02:03.123456789Z"},
  };
  for (const auto& [type, text, shown] : cases) {
    const auto value = ParsePartitionValue(type, text);
    ASSERT_TRUE(value.ok()) << text << value.status().ToString();
    EXPECT_TRUE((*value)->type->Equals(*type)) << text;
    EXPECT_EQ((*value)->ToString(), shown) << text;
  }
  const auto bytes = ParsePartitionValue(arrow::binary(), "00ff");
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(static_cast<const arrow::BinaryScalar&>(**bytes).view(), std::string_view("\0\xff", 2));
}

TEST(PartitionValueTest, OtherTextIsRefused) {
  const std::pair<std::shared_ptr<arrow::DataType>, const char*> cases[] = {
      {arrow::int32(), "x"},
      {arrow::int8(), "300"},
      {arrow::date32(), "2024-02-30"},
      {arrow::binary(), "0"},
      {arrow::fixed_size_binary(2), "00"},
      {arrow::time32(arrow::TimeUnit::SECOND), "01-02"},
      {arrow::timestamp(arrow::TimeUnit::SECOND), "2024"},
      {arrow::timestamp(arrow::TimeUnit::NANO), "2024-02-29-01-02-03_1234567890"},
      {arrow::decimal128(4, 2), "1.234"},
  };
  for (const auto& [type, text] : cases) {
    EXPECT_EQ(ReasonOf(ParsePartitionValue(type, text).status()), Reason::kInvalidPartition)
        << text;
  }
}

class PartitionKeysTest : public testing::Test {
 protected:
  PartitionKeysTest() {
    edition_.schemas.push_back(
        {.id = SchemaId(1),
         .schema = arrow::schema(
             {arrow::field("a", arrow::int32(), false), arrow::field("p", arrow::utf8(), false),
              arrow::field("b", arrow::utf8(), false),
              arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO), false),
              arrow::field("d", arrow::decimal128(30, 2), false)})});
    edition_.spec.partition_by = {"p"};
    partition_.values = {"eu"};
  }

  std::string Full(std::vector<std::string> key, const std::string& hex, bool prefix = false) {
    edition_.spec.key = std::move(key);
    const auto keys = PartitionKeys::Make(edition_, partition_);
    EXPECT_TRUE(keys.ok()) << keys.status().ToString();
    const auto full = keys->Full(*FromHex(hex), prefix);
    return full.ok() ? ToHex(*full) : "refused";
  }

  catalog::EditionInfo edition_;
  catalog::PartitionInfo partition_;
};

TEST_F(PartitionKeysTest, ThePartitionStandsWhereItsColumnDoes) {
  EXPECT_EQ(Full({"p", "a"}, "ac02"), "026575ac02");
  EXPECT_EQ(Full({"a", "p"}, "ac02"), "ac02026575");
  EXPECT_EQ(Full({"a", "p", "b"},
                 "ac02"
                 "0178"),
            "ac02"
            "026575"
            "0178");
  EXPECT_EQ(Full({"t", "p", "d"},
                 "8001"
                 "05"
                 "020100"),
            "8001"
            "05"
            "026575"
            "020100");
}

TEST_F(PartitionKeysTest, APrefixEndsBeforeTheFirstMissingColumn) {
  EXPECT_EQ(Full({"a", "b", "p"}, "01", /*prefix=*/true), "01");
  EXPECT_EQ(Full({"a", "p", "b"}, "01", /*prefix=*/true), "01026575");
  EXPECT_EQ(Full({"p", "a", "b"}, "01", /*prefix=*/true), "02657501");
  EXPECT_EQ(Full({"a", "b", "p"},
                 "01"
                 "05",
                 /*prefix=*/true),
            "refused");
}

TEST_F(PartitionKeysTest, HostileKeysAreRefused) {
  EXPECT_EQ(Full({"a", "p"}, ""), "refused");
  EXPECT_EQ(Full({"a", "p"}, "80"), "refused");
  EXPECT_EQ(Full({"a", "p"}, "0101"), "refused");
  EXPECT_EQ(Full({"p", "b"}, "ffffffff0f"), "refused");
}

TEST_F(PartitionKeysTest, ARewrittenBatchKeepsItsKeysAndRows) {
  edition_.spec.key = {"a", "p"};
  const auto keys = *PartitionKeys::Make(edition_, partition_);
  table::UpsertBatch batch;
  batch.owner = arrow::Buffer::FromString(std::string("\x01row", 4));
  const std::string_view bytes(*batch.owner);
  batch.records.push_back({.key = bytes.substr(0, 1), .row = bytes.substr(1)});
  ASSERT_TRUE(keys.Rewrite(&batch).ok());
  table::UpsertBatch moved = std::move(batch);
  EXPECT_EQ(ToHex(moved.records[0].key), "01026575");
  EXPECT_EQ(moved.records[0].row, "row");
}

}  // namespace
}  // namespace firth::doors::fluss
