// Goal: the hand-written wire format agrees with protobuf's own, and hostile bytes only end in
// false.
#include "firth/doors/fluss/wire.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "firth/doors/fluss/errors.h"
#include "firth/doors/fluss/fetch_messages.h"
#include "firth/doors/fluss/frame.h"
#include "firth/doors/fluss/messages.h"

namespace firth::doors::fluss {
namespace {

std::string Join(const std::vector<std::shared_ptr<arrow::Buffer>>& parts) {
  std::string whole;
  for (const auto& part : parts) whole += std::string_view(*part);
  return whole;
}

pb::FetchLogRequest SampleFetch() {
  pb::FetchLogRequest request;
  request.set_follower(-1);
  request.set_bytes_max(1 << 20);
  request.set_wait_ms_max(250);
  request.set_bytes_min(7);
  auto* table = request.add_tables();
  table->set_table_id(std::numeric_limits<int64_t>::max());
  table->set_projected(true);
  table->add_columns(0);
  table->add_columns(300);
  auto* bucket = table->add_buckets();
  bucket->set_partition_id(5);
  bucket->set_bucket(3);
  bucket->set_offset(-2);
  bucket->set_bytes_max(1024);
  bucket = table->add_buckets();
  bucket->set_bucket(4);
  bucket->set_offset(1'000'000'000'000);
  bucket->set_bytes_max(0);
  return request;
}

TEST(WireTest, ReadsWhatProtobufWrites) {
  FetchLogRequest read;
  const std::string bytes = SampleFetch().SerializeAsString();
  ASSERT_TRUE(ReadFetchLog(AsBytes(bytes), &read));
  EXPECT_EQ(read.bytes_max, 1 << 20);
  EXPECT_EQ(read.bytes_min, 7);
  EXPECT_EQ(read.wait_ms_max, 250);
  ASSERT_EQ(read.tables.size(), 1u);
  EXPECT_EQ(read.tables[0].table_id, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(read.tables[0].columns, (std::vector<int>{0, 300}));
  ASSERT_EQ(read.tables[0].buckets.size(), 2u);
  EXPECT_EQ(read.tables[0].buckets[0].partition_id, 5);
  EXPECT_EQ(read.tables[0].buckets[0].offset, -2);
  EXPECT_EQ(read.tables[0].buckets[1].partition_id, std::nullopt);
  EXPECT_EQ(read.tables[0].buckets[1].offset, 1'000'000'000'000);
}

TEST(WireTest, RequiredFieldsAreRequired) {
  pb::FetchLogRequest request = SampleFetch();
  request.mutable_tables(0)->mutable_buckets(0)->clear_offset();
  FetchLogRequest read;
  std::string bytes;
  ASSERT_TRUE(request.SerializePartialToString(&bytes));
  EXPECT_FALSE(ReadFetchLog(AsBytes(bytes), &read));
}

TEST(WireTest, EveryCutIsRefusedOrComplete) {
  const std::string bytes = SampleFetch().SerializeAsString();
  for (size_t length = 0; length < bytes.size(); ++length) {
    FetchLogRequest read;
    ReadFetchLog(AsBytes(bytes).first(length), &read);  // no crash, no overrun
    pb::FetchLogRequest reference;
    if (!reference.ParseFromArray(bytes.data(), static_cast<int>(length))) {
      FetchLogRequest again;
      EXPECT_FALSE(ReadFetchLog(AsBytes(bytes).first(length), &again)) << length;
    }
  }
}

TEST(WireTest, RandomBytesDoNoHarm) {
  std::mt19937 random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 48, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 40);
    FetchLogRequest read;
    ReadFetchLog(AsBytes(bytes), &read);
    WireReader reader(AsBytes(bytes));
    while (reader.Next()) reader.Numbers([](int64_t) {});
  }
}

TEST(WireTest, AnswersReadAsProtobufWouldWriteThem) {
  FetchLogRequest request;
  request.tables.resize(2);
  request.tables[0].table_id = 7;
  request.tables[0].buckets.resize(2);
  request.tables[0].buckets[0].bucket = 1;
  request.tables[0].buckets[1].bucket = 2;
  request.tables[0].buckets[1].partition_id = 9;
  request.tables[1].table_id = 8;
  request.tables[1].buckets.resize(1);
  std::vector<FetchedLogBucket> fetched(3);
  const std::string large(5000, 'a');
  fetched[0].end_offset = 12;
  fetched[0].start_offset = 3;
  fetched[0].batches = {ToBuffer(large), ToBuffer("small"), ToBuffer(large)};
  fetched[1].status = Error(Code::kOutOfRange, Reason::kOffsetOutOfRange, "gone");
  const std::string bytes = Join(WriteFetchLog(request, std::move(fetched)));

  pb::FetchLogAnswer answer;
  ASSERT_TRUE(answer.ParseFromString(bytes));
  EXPECT_EQ(answer.SerializeAsString(), bytes);
  ASSERT_EQ(answer.tables_size(), 2);
  const auto& first = answer.tables(0).buckets(0);
  EXPECT_EQ(first.records(), large + "small" + large);
  EXPECT_EQ(first.end_offset(), 12);
  EXPECT_EQ(first.start_offset(), 3);
  EXPECT_FALSE(first.has_error_code());
  const auto& second = answer.tables(0).buckets(1);
  EXPECT_EQ(second.partition_id(), 9);
  EXPECT_EQ(second.error_code(), 19);
  EXPECT_EQ(second.error_message(), "gone");
  EXPECT_FALSE(second.has_records());
  EXPECT_TRUE(answer.tables(1).buckets(0).records().empty());
}

TEST(FrameTest, HeaderAndErrorAnswerAreTheCapturedBytes) {
  // A Metadata request and an error answer of the original, without the length in front.
  const std::string request("\x03\xf4\x00\x00\x00\x00\x00\x00", 8);
  RequestHeader header;
  ASSERT_TRUE(ReadHeader(AsBytes(request), &header));
  EXPECT_EQ(header.api_key, 1012);
  EXPECT_EQ(header.api_version, 0);
  EXPECT_EQ(header.request_id, 0);
  const std::string error =
      std::string("\x01\x00\x00\x00\x0c\x08\x07\x12\x21", 9) + "Table 'gold.nope' does not exist.";
  EXPECT_EQ(ErrorAnswer(12, 7, "Table 'gold.nope' does not exist."), error);
  EXPECT_FALSE(ReadHeader(AsBytes(request).first(7), &header));
}

TEST(FrameTest, MetadataAnswerIsTheCapturedBytes) {
  pb::MetadataAnswer answer;
  answer.mutable_coordinator()->set_id(0);
  answer.mutable_coordinator()->set_host("127.0.0.1");
  answer.mutable_coordinator()->set_port(9423);
  auto* tablet = answer.add_tablet_servers();
  tablet->set_id(0);
  tablet->set_host("127.0.0.1");
  tablet->set_port(9424);
  const std::string expected =
      std::string("\x00\x00\x00\x00\x00\x0a\x10\x08\x00\x12\x09", 11) + "127.0.0.1" +
      std::string("\x18\xcf\x49\x12\x10\x08\x00\x12\x09", 9) + "127.0.0.1" + "\x18\xd0\x49";
  EXPECT_EQ(AnswerHeader(0) + answer.SerializeAsString(), expected);
}

}  // namespace
}  // namespace firth::doors::fluss
