// Goal: batches are appended and fetched as the protocol asks: as they came, in their order, once,
// or refused, and those who wait are answered. Method: as door_test.cc.

#include "firth/common/checksum.h"
#include "firth/doors/fluss/testing_door.h"

namespace firth::doors::fluss {
namespace {

class DoorLogTest : public DoorTest {};

TEST_F(DoorLogTest, ProducedBatchesAreFetchedAsTheyCame) {
  const int64_t id = Create("t");
  const std::string batch = Batch({{1, "x"}, {2, std::nullopt}});
  EXPECT_EQ(Produce(id, 0, batch).base_offset(), 0);
  EXPECT_EQ(Produce(id, 0, batch).base_offset(), 2);
  const auto fetched = Fetch(FetchOf(id, 0));
  EXPECT_FALSE(fetched.has_error_code());
  EXPECT_EQ(fetched.end_offset(), 4);
  ASSERT_EQ(fetched.records().size(), 2 * batch.size());
  // All but what the log assigns: offset and time.
  EXPECT_EQ(fetched.records().substr(21, batch.size() - 21), batch.substr(21));
  EXPECT_EQ(LoadLe<int64_t>(fetched.records().data() + batch.size()), 2);
  // The batch that holds the offset comes whole.
  EXPECT_EQ(Fetch(FetchOf(id, 3)).records().size(), batch.size());
  EXPECT_EQ(Fetch(FetchOf(id, -2)).records().size(), 2 * batch.size());
  EXPECT_EQ(Fetch(FetchOf(id, 5)).error_code(), 19);
  EXPECT_EQ(Fetch(FetchOf(id, 0, 1)).error_code(), 21);
  EXPECT_EQ(Fetch(FetchOf(id + 100, 0)).error_code(), 21);
}

TEST_F(DoorLogTest, FaultyBatchesAreRefusedBucketByBucket) {
  const int64_t id = Create("t");
  std::string damaged = Batch({{1, "x"}});
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  damaged[60] = static_cast<char>(damaged[60] ^ 1);
  EXPECT_EQ(Produce(id, 0, damaged).error_code(), 14);
  EXPECT_EQ(Produce(id, 0, Batch({{1, "x"}}) + Batch({{2, "y"}})).error_code(), 14);
  EXPECT_EQ(Produce(id, 0, "").error_code(), 14);
  EXPECT_EQ(Produce(id, 1, Batch({{1, "x"}})).error_code(), 21);
  EXPECT_EQ(Produce(id + 100, 0, Batch({{1, "x"}})).error_code(), 21);
  EXPECT_EQ(
      Produce(Create("keyed", "", R"(,"primary_key":["a"])"), 0, Batch({{1, "x"}})).error_code(),
      15);
  pb::ProduceLogRequest produce;
  produce.set_acks(2);
  produce.set_table_id(id);
  produce.set_timeout_ms(1);
  EXPECT_EQ(client().CodeOf(kProduceLog, produce), 18);
}

// What is small is appended by the thread that read it, unless something before it is not yet.
TEST_F(DoorLogTest, AppendsKeepTheirOrderWhicheverThreadServesThem) {
  const int64_t id = Create("t");
  EXPECT_EQ(Produce(id, 0, Batch({{0, "first"}})).base_offset(), 0);
  const auto send = [&](int32_t row, arrow::Compression::type compression) {
    pb::ProduceLogRequest produce;
    produce.set_acks(-1);
    produce.set_table_id(id);
    produce.set_timeout_ms(1000);
    produce.add_buckets()->set_bucket(0);
    produce.mutable_buckets(0)->set_records(Batch({{row, "x"}}, -1, -1, compression));
    return client().Send(kProduceLog, produce.SerializeAsString());
  };
  std::vector<int32_t> requests;
  for (int32_t i = 1; i <= 12; ++i) {
    requests.push_back(
        send(i, i % 4 == 2 ? arrow::Compression::ZSTD : arrow::Compression::UNCOMPRESSED));
    if (i % 5 == 0) world_.executor.RunUntilIdle();
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    std::string body;
    ErrorText error;
    ASSERT_TRUE(client().Receive(requests[i], &body, &error)) << error.message;
    pb::ProduceLogAnswer answer;
    ASSERT_TRUE(answer.ParseFromString(body));
    EXPECT_EQ(answer.buckets(0).base_offset(), static_cast<int64_t>(i) + 1);
  }
  // A table that is gone is not known any more.
  pb::DropTableRequest drop;
  *drop.mutable_table() = Name("t");
  drop.set_ignore_if_absent(false);
  client().Call<pb::Empty>(kDropTable, drop);
  EXPECT_EQ(Produce(id, 0, Batch({{1, "x"}})).error_code(), 21);
}

// What one caller's request found is not shown to another, who may not see it.
TEST_F(DoorLogTest, AppendsAskForRightsEachTime) {
  const int64_t id = Create("t");
  EXPECT_EQ(Produce(id, 0, Batch({{0, "first"}})).base_offset(), 0);
  const auto eve = Blind("t");
  pb::ProduceLogRequest produce;
  produce.set_acks(-1);
  produce.set_table_id(id);
  produce.set_timeout_ms(1000);
  produce.add_buckets()->set_bucket(0);
  produce.mutable_buckets(0)->set_records(Batch({{1, "x"}}));
  EXPECT_EQ(eve->Call<pb::ProduceLogAnswer>(kProduceLog, produce).buckets(0).error_code(), 48);
  EXPECT_EQ(Produce(id, 0, Batch({{2, "x"}})).base_offset(), 1);
}

TEST_F(DoorLogTest, BatchesThatNobodyCouldReadAreRefused) {
  const int64_t read = Create("t");
  const int64_t packed = Create("packed");
  const std::string row(3000, 'r');
  // Whatever byte of the message is wrong, under a checksum that is right: what is taken can be
  // read, unless it is in what is compressed.
  int refused = 0;
  for (const auto compression : {arrow::Compression::UNCOMPRESSED, arrow::Compression::LZ4_FRAME,
                                 arrow::Compression::ZSTD}) {
    const std::string good = Batch({{1, "x"}, {2, row}, {3, "yz"}}, -1, -1, compression);
    const int64_t id = compression == arrow::Compression::UNCOMPRESSED ? read : packed;
    ASSERT_FALSE(Produce(id, 0, good).has_error_code());
    for (size_t at = log::kBatchHeaderBytes; at < good.size(); ++at) {
      if (at > 700 && at + 64 < good.size()) continue;
      for (const int flip : {0x01, 0x80, 0xff}) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ flip);
        StoreLe(bad.data() + 21, Crc32c(AsBytes(bad).subspan(log::kBatchPatchedBytes)));
        const auto produced = Produce(id, 0, bad);
        if (produced.has_error_code()) {
          // Not one that clients send again for ever.
          EXPECT_EQ(produced.error_code(), 15) << produced.error_message();
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, 500);
  EXPECT_GE(world_.Rows(Table("t")).size(), 9U);
  EXPECT_GE(Fetch(FetchOf(packed, 0)).end_offset(), 6);
}

TEST_F(DoorLogTest, WritersAreIdempotent) {
  const int64_t id = Create("t");
  const auto init = client().Call<pb::InitWriterAnswer>(kInitWriter, pb::InitWriterRequest());
  const int64_t writer = init.writer_id();
  EXPECT_NE(client().Call<pb::InitWriterAnswer>(kInitWriter, pb::InitWriterRequest()).writer_id(),
            writer);
  EXPECT_EQ(Produce(id, 0, Batch({{1, "x"}}, writer, 0)).base_offset(), 0);
  EXPECT_EQ(Produce(id, 0, Batch({{2, "y"}}, writer, 1)).base_offset(), 1);
  EXPECT_EQ(Produce(id, 0, Batch({{1, "x"}}, writer, 0)).base_offset(), 0);
  EXPECT_EQ(Produce(id, 0, Batch({{4, "z"}}, writer, 3)).error_code(), 31);
  EXPECT_EQ(Fetch(FetchOf(id, 0)).end_offset(), 2);
}

TEST_F(DoorLogTest, AFetchAtTheEndWaitsForAnAppend) {
  const int64_t id = Create("t");
  const int32_t fetch = client().Send(kFetchLog, FetchOf(id, 0).SerializeAsString());
  std::string body;
  ErrorText error;
  EXPECT_FALSE(client().Receive(fetch, &body, &error));
  EXPECT_EQ(error.code, TestClient::kNoAnswer);
  Produce(id, 0, Batch({{1, "x"}}));
  ASSERT_TRUE(client().Receive(fetch, &body, &error)) << error.message;
  pb::FetchLogAnswer answer;
  ASSERT_TRUE(answer.ParseFromString(body));
  EXPECT_EQ(answer.tables(0).buckets(0).end_offset(), 1);
}

TEST_F(DoorLogTest, AFetchAtTheEndIsAnsweredAfterItsTime) {
  const int64_t id = Create("t");
  const int32_t fetch = client().Send(kFetchLog, FetchOf(id, 0).SerializeAsString());
  std::string body;
  ErrorText error;
  EXPECT_FALSE(client().Receive(fetch, &body, &error));
  world_.clock.Advance(499'000'000);
  EXPECT_FALSE(client().Receive(fetch, &body, &error));
  world_.clock.Advance(2'000'000);
  ASSERT_TRUE(client().Receive(fetch, &body, &error));
  pb::FetchLogAnswer answer;
  ASSERT_TRUE(answer.ParseFromString(body));
  EXPECT_TRUE(answer.tables(0).buckets(0).records().empty());
  EXPECT_EQ(world_.db->LogMetrics().followers, 0u);
}

TEST_F(DoorLogTest, AFetchWaitsForItsLeastBytes) {
  const int64_t id = Create("t");
  const std::string batch = Batch({{1, "x"}});
  auto ask = FetchOf(id, 0);
  ask.set_bytes_min(static_cast<int32_t>(2 * batch.size()));
  const int32_t fetch = client().Send(kFetchLog, ask.SerializeAsString());
  std::string body;
  ErrorText error;
  Produce(id, 0, batch);
  EXPECT_FALSE(client().Receive(fetch, &body, &error));
  Produce(id, 0, batch);
  EXPECT_TRUE(client().Receive(fetch, &body, &error));
}

TEST_F(DoorLogTest, AClosedConnectionForgetsItsFetches) {
  const int64_t id = Create("t");
  {
    TestClient other(&world_, /*signs_in=*/true);
    pb::AuthenticateRequest sign_in;
    sign_in.set_protocol("PLAIN");
    sign_in.set_token(std::string("\0ada\0engine-no-1", 16));
    other.Call<pb::AuthenticateAnswer>(kAuthenticate, sign_in);
    other.Send(kFetchLog, FetchOf(id, 0).SerializeAsString());
    world_.executor.RunUntilIdle();
    EXPECT_EQ(world_.db->LogMetrics().followers, 1u);
  }
  EXPECT_EQ(world_.db->LogMetrics().followers, 0u);
}

TEST_F(DoorLogTest, AStoppingServerAnswersWhoWaits) {
  const int64_t id = Create("t");
  const int32_t fetch = client().Send(kFetchLog, FetchOf(id, 0).SerializeAsString());
  world_.executor.RunUntilIdle();
  client().connection().BeginStop();
  std::string body;
  ErrorText error;
  EXPECT_TRUE(client().Receive(fetch, &body, &error));
  EXPECT_EQ(client().connection().requests_in_work(), 0u);
  EXPECT_EQ(client().CodeOf(kMetadata, pb::MetadataRequest()), TestClient::kNoAnswer);
}

TEST_F(DoorLogTest, ProjectionKeepsTheColumnsAskedFor) {
  const int64_t id = Create("t");
  Produce(id, 0, Batch({{1, "x"}, {2, "yy"}}));
  auto ask = FetchOf(id, 0);
  ask.mutable_tables(0)->set_projected(true);
  ask.mutable_tables(0)->add_columns(1);
  const std::string records = Fetch(ask).records();
  const auto rows = log::DecodeBatch(arrow::Buffer::FromString(records),
                                     arrow::schema({table::PairSchema()->field(1)}));
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  EXPECT_EQ((*rows)->column(0)->ToString(),
            table::Pairs({{1, "x"}, {2, "yy"}})->column(1)->ToString());
  ask.mutable_tables(0)->set_columns(0, 2);
  EXPECT_EQ(Fetch(ask).error_code(), 34);
  ask.mutable_tables(0)->set_columns(0, 1);
  ask.mutable_tables(0)->add_columns(0);
  EXPECT_EQ(Fetch(ask).error_code(), 34);
}

TEST_F(DoorLogTest, OlderBatchesAreWidenedForClientsThatKnowNoSchemas) {
  const int64_t id = Create("t");
  Produce(id, 0, Batch({{1, "x"}}));
  pb::AlterTableRequest alter;
  *alter.mutable_table() = Name("t");
  alter.set_ignore_if_absent(false);
  auto* added = alter.add_added();
  added->set_name("c");
  added->set_type_json(R"({"type":"BIGINT"})");
  added->set_position(0);
  client().Call<pb::Empty>(kAlterTable, alter);

  const auto widened = log::DecodeBatch(
      arrow::Buffer::FromString(Fetch(FetchOf(id, 0)).records()),
      arrow::schema({arrow::field("a", arrow::int32()), arrow::field("b", arrow::utf8()),
                     arrow::field("c", arrow::int64())}));
  ASSERT_TRUE(widened.ok()) << widened.status().ToString();
  EXPECT_EQ((*widened)->column(2)->null_count(), 1);

  pb::ApiVersionsRequest versions;
  versions.set_software("test");
  versions.set_version("1");
  client().Call<pb::ApiVersionsAnswer>(kApiVersions, versions);
  EXPECT_TRUE(log::DecodeBatch(arrow::Buffer::FromString(Fetch(FetchOf(id, 0)).records()),
                               table::PairSchema())
                  .ok());
  // A projection has one schema for all batches.
  auto ask = FetchOf(id, 0);
  ask.mutable_tables(0)->set_projected(true);
  ask.mutable_tables(0)->add_columns(2);
  const auto projected = log::DecodeBatch(arrow::Buffer::FromString(Fetch(ask).records()),
                                          arrow::schema({arrow::field("c", arrow::int64())}));
  ASSERT_TRUE(projected.ok()) << projected.status().ToString();
  EXPECT_EQ((*projected)->column(0)->null_count(), 1);

  pb::TableSchemaRequest schema;
  *schema.mutable_table() = Name("t");
  EXPECT_EQ(client().Call<pb::TableSchemaAnswer>(kGetSchema, schema).schema_id(), 2);
  schema.set_schema_id(1);
  const auto first = client().Call<pb::TableSchemaAnswer>(kGetSchema, schema);
  EXPECT_EQ(first.json().find("\"c\""), std::string::npos);
  schema.set_schema_id(3);
  EXPECT_EQ(client().CodeOf(kGetSchema, schema), 9);
}

TEST_F(DoorLogTest, Offsets) {
  const int64_t id = Create("t");
  Produce(id, 0, Batch({{1, "x"}}));
  const int64_t first_ms = world_.clock.NowNs() / 1'000'000;
  world_.clock.Advance(5'000'000'000);
  Produce(id, 0, Batch({{2, "y"}, {3, "z"}}));
  const auto ask = [&](int32_t kind, std::optional<int64_t> time_ms) {
    pb::ListOffsetsRequest list;
    list.set_follower(-1);
    list.set_kind(kind);
    list.set_table_id(id);
    list.add_buckets(0);
    if (time_ms) list.set_timestamp_ms(*time_ms);
    const auto bucket = client().Call<pb::ListOffsetsAnswer>(kListOffsets, list).buckets(0);
    return bucket.has_error_code() ? -bucket.error_code() : bucket.offset();
  };
  EXPECT_EQ(ask(0, std::nullopt), 0);
  EXPECT_EQ(ask(1, std::nullopt), 3);
  EXPECT_EQ(ask(2, 0), 0);
  EXPECT_EQ(ask(2, first_ms + 2'000), 1);
  EXPECT_EQ(ask(2, first_ms + 5'000 + 1), -38);
  EXPECT_EQ(ask(2, INT64_MAX), -38);
  EXPECT_EQ(ask(2, INT64_MIN), 0);
}

TEST_F(DoorLogTest, LimitScanGivesTheLastBatches) {
  const int64_t id = Create("t");
  const std::string batch = Batch({{1, "x"}, {2, "y"}});
  pb::LimitScanRequest scan;
  scan.set_table_id(id);
  scan.set_bucket(0);
  scan.set_limit(3);
  auto answer = client().Call<pb::LimitScanAnswer>(kLimitScan, scan);
  EXPECT_TRUE(answer.is_log_table());
  EXPECT_TRUE(answer.records().empty());
  for (int i = 0; i < 4; ++i) Produce(id, 0, batch);
  EXPECT_EQ(client().Call<pb::LimitScanAnswer>(kLimitScan, scan).records().size(),
            2 * batch.size());
  scan.set_limit(INT32_MAX);
  EXPECT_EQ(client().Call<pb::LimitScanAnswer>(kLimitScan, scan).records().size(),
            4 * batch.size());
  scan.set_bucket(9);
  EXPECT_EQ(client().Call<pb::LimitScanAnswer>(kLimitScan, scan).error_code(), 21);
}

}  // namespace
}  // namespace firth::doors::fluss
