// Goal: captured batches are read as they were meant; bytes that are none are refused.
#include "firth/doors/fluss/kv_batch.h"

#include <gtest/gtest.h>

#include "firth/common/bytes.h"
#include "firth/common/checksum.h"
#include "firth/common/text.h"

namespace firth::doors::fluss {
namespace {

std::shared_ptr<arrow::Buffer> Hex(const std::string& hex) {
  return arrow::Buffer::FromString(*FromHex(hex));
}

/// A batch of `records` with a good header.
std::string Batch(const std::string& records, int32_t count) {
  std::string tail;
  AppendLe(&tail, int16_t{1});
  AppendLe(&tail, int8_t{0});
  AppendLe(&tail, int64_t{80});
  AppendLe(&tail, int32_t{3});
  AppendLe(&tail, count);
  tail += records;
  std::string batch;
  AppendLe(&batch, static_cast<int32_t>(tail.size() + 5));
  AppendLe(&batch, int8_t{0});
  AppendLe(&batch, Crc32c(AsBytes(tail)));
  return batch + tail;
}

TEST(KvBatchTest, ReadsTheCapturedBatch) {
  // Written by the original's client: upsert (1, "hi", -1, 1.50, a timestamp).
  const auto batch =
      ReadKvBatch(Hex("3700000000"
                      "3fead4e7"
                      "010000500000000000000000000000010000001b0000000101000102686"
                      "9ffffffffffffffffff01960180d0eab6b7338827"));
  ASSERT_TRUE(batch.ok()) << batch.status().ToString();
  EXPECT_EQ(batch->schema_id.value, 1);
  EXPECT_EQ(batch->writer_id.value, 0x50);
  EXPECT_EQ(batch->sequence, 0);
  ASSERT_EQ(batch->records.size(), 1u);
  EXPECT_EQ(ToHex(batch->records[0].key), "01");
  EXPECT_EQ(ToHex(batch->records[0].row), "0001026869ffffffffffffffffff01960180d0eab6b7338827");
}

TEST(KvBatchTest, NoRowIsADelete) {
  const std::string records = *FromHex("0600000002ac021eac02") + *FromHex("020000000101");
  const auto batch = ReadKvBatch(arrow::Buffer::FromString(Batch(records, 2)));
  ASSERT_TRUE(batch.ok()) << batch.status().ToString();
  EXPECT_EQ(ToHex(batch->records[0].key), "ac02");
  EXPECT_EQ(ToHex(batch->records[0].row), "1eac02");
  EXPECT_EQ(ToHex(batch->records[1].key), "01");
  EXPECT_TRUE(batch->records[1].row.empty());
}

TEST(KvBatchTest, AnEmptyBatchIsRead) {
  const auto batch = ReadKvBatch(arrow::Buffer::FromString(Batch("", 0)));
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(batch->records.empty());
}

TEST(KvBatchTest, DamageIsRefused) {
  const std::string good = Batch(*FromHex("020000000101"), 1);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x40);
    EXPECT_EQ(ReasonOf(ReadKvBatch(arrow::Buffer::FromString(bad)).status()), Reason::kCorruptBatch)
        << i;
    EXPECT_FALSE(ReadKvBatch(arrow::Buffer::FromString(good.substr(0, i))).ok()) << i;
  }
  EXPECT_FALSE(ReadKvBatch(arrow::Buffer::FromString(good + good)).ok());
}

TEST(KvBatchTest, LiesUnderAGoodChecksumAreRefused) {
  const std::pair<std::string, int32_t> cases[] = {
      {"", 1},              // a record that is not there
      {"", 2'000'000'000},  // more than fit
      {"", -1},
      {"020000000101", 0},          // bytes after the last record
      {"030000000101", 1},          // a record that is cut off
      {"ffffffff0101", 1},          // a negative length
      {"0100000000", 1},            // no key
      {"0200000005010", 1},         // a key longer than its record
      {"06000000ffffffffff01", 1},  // a key length that overflows
  };
  for (const auto& [hex, count] : cases) {
    const std::string padded = hex.size() % 2 == 0 ? hex : hex + "0";
    EXPECT_FALSE(ReadKvBatch(arrow::Buffer::FromString(Batch(*FromHex(padded), count))).ok())
        << hex << " " << count;
  }
}

}  // namespace
}  // namespace firth::doors::fluss
