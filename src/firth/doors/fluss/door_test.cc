// Goal: requests as clients send them, and as an enemy would, get the answers that the protocol
// asks for. Method: frames go straight into a connection over a Database in memory, in one thread.
#include <gtest/gtest.h>

#include <random>

#include "firth/common/checksum.h"
#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/testing_client.h"
#include "firth/log/batch.h"

namespace firth::doors::fluss {
namespace {

constexpr int16_t kApiVersions = 1000, kCreateDatabase = 1001, kDropDatabase = 1002,
                  kListDatabases = 1003, kDatabaseExists = 1004, kCreateTable = 1005,
                  kDropTable = 1006, kGetTableInfo = 1007, kListTables = 1008,
                  kListPartitions = 1009, kTableExists = 1010, kGetSchema = 1011, kMetadata = 1012,
                  kProduceLog = 1014, kFetchLog = 1015, kPutKv = 1016, kLookup = 1017,
                  kListOffsets = 1021, kInitWriter = 1026, kLakeSnapshot = 1032, kLimitScan = 1033,
                  kPrefixLookup = 1034, kCreatePartition = 1036, kDropPartition = 1037,
                  kAuthenticate = 1038, kAlterTable = 1044;

class DoorTest : public testing::Test {
 protected:
  DoorTest() {
    EXPECT_TRUE(world_.Open().ok());
    access::Access* access = world_.db->access();
    EXPECT_TRUE(
        access->PutPrincipal({.name = "ada", .role = "admin", .secret = "engine-no-1"}).ok());
    client_ = SignedIn();
    pb::CreateDatabaseRequest create;
    create.set_database("db");
    create.set_ignore_if_exists(false);
    client().Call<pb::Empty>(kCreateDatabase, create);
  }

  std::unique_ptr<TestClient> SignedIn() {
    auto client = std::make_unique<TestClient>(&world_, /*signs_in=*/true);
    pb::AuthenticateRequest sign_in;
    sign_in.set_protocol("PLAIN");
    sign_in.set_token(std::string("\0ada\0engine-no-1", 16));
    client->Call<pb::AuthenticateAnswer>(kAuthenticate, sign_in);
    return client;
  }

  TestClient& client() { return *client_; }

  static pb::TableName Name(const std::string& table) {
    pb::TableName name;
    name.set_database("db");
    name.set_table(table);
    return name;
  }

  /// Make table db.`name` of columns a INT, b STRING; returns its id.
  int64_t Create(const std::string& name, const std::string& members = "",
                 const std::string& schema_members = "") {
    pb::CreateTableRequest create;
    *create.mutable_table() = Name(name);
    create.set_json(R"({"schema":{"columns":[{"name":"a","data_type":{"type":"INTEGER"}},)"
                    R"({"name":"b","data_type":{"type":"STRING"}}])" +
                    schema_members + "}" + members + "}");
    create.set_ignore_if_exists(false);
    client().Call<pb::Empty>(kCreateTable, create);
    pb::TableRequest get;
    *get.mutable_table() = Name(name);
    return client().Call<pb::TableInfoAnswer>(kGetTableInfo, get).table_id();
  }

  static std::string Batch(
      const std::vector<std::pair<int32_t, std::optional<std::string>>>& rows, int64_t writer = -1,
      int32_t sequence = -1,
      arrow::Compression::type compression = arrow::Compression::UNCOMPRESSED) {
    const auto batch = table::Pairs(rows);
    return std::string(std::string_view(**log::EncodeBatch(*batch, {},
                                                           {.schema_id = SchemaId(1),
                                                            .compression = compression,
                                                            .writer_id = WriterId(writer),
                                                            .sequence = sequence})));
  }

  table::TablePtr Table(const std::string& name) {
    return *world_.db->GetTable(world_.caller, Path{{"db", name}});
  }

  pb::ProducedBucket Produce(int64_t table, int32_t bucket, const std::string& batch) {
    pb::ProduceLogRequest produce;
    produce.set_acks(-1);
    produce.set_table_id(table);
    produce.set_timeout_ms(1000);
    produce.add_buckets()->set_bucket(bucket);
    produce.mutable_buckets(0)->set_records(batch);
    return client().Call<pb::ProduceLogAnswer>(kProduceLog, produce).buckets(0);
  }

  static pb::FetchLogRequest FetchOf(int64_t table, int64_t offset, int32_t bucket = 0) {
    pb::FetchLogRequest fetch;
    fetch.set_follower(-1);
    fetch.set_bytes_max(1 << 20);
    fetch.set_wait_ms_max(500);
    fetch.set_bytes_min(1);
    auto* asked = fetch.add_tables();
    asked->set_table_id(table);
    asked->set_projected(false);
    auto* from = asked->add_buckets();
    from->set_bucket(bucket);
    from->set_offset(offset);
    from->set_bytes_max(1 << 20);
    return fetch;
  }
  pb::FetchedBucket Fetch(const pb::FetchLogRequest& fetch) {
    return client().Call<pb::FetchLogAnswer>(kFetchLog, fetch).tables(0).buckets(0);
  }

  table::TableWorld world_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(DoorTest, VersionsNameEveryApi) {
  pb::ApiVersionsRequest ask;
  ask.set_software("test");
  ask.set_version("1");
  const auto answer = client().Call<pb::ApiVersionsAnswer>(kApiVersions, ask);
  EXPECT_EQ(static_cast<size_t>(answer.versions_size()), AllApis().size());
  EXPECT_FALSE(answer.has_server_type());
  for (const Api& api : AllApis()) {
    EXPECT_EQ(FindApi(api.key), &api);
    EXPECT_LE(api.version_min, api.version_max);
  }
}

TEST_F(DoorTest, HostileFrames) {
  client().SendFrame(std::string("\x03\xf4\x00", 3));
  EXPECT_TRUE(client().wire().closed);  // no request id to answer to
  EXPECT_EQ(client().CodeOfBytes(9999, ""), 2);
  EXPECT_EQ(client().CodeOfBytes(1042, ""), 2);  // between servers only
  EXPECT_EQ(client().CodeOfBytes(kProduceLog, "", 1), 2);
  std::mt19937 random(5);
  for (const Api& api : AllApis()) {
    for (int round = 0; round < 60; ++round) {
      std::string body(random() % 40, '\0');
      for (char& c : body) c = static_cast<char>(random() % 3 == 0 ? random() : random() % 30);
      const int32_t code = client().CodeOfBytes(api.key, body);
      EXPECT_NE(code, TestClient::kNoAnswer) << api.name;
      client().wire().sent.clear();
    }
  }
  EXPECT_EQ(client().connection().requests_in_work(), 0u);
}

TEST_F(DoorTest, SignIn) {
  TestClient stranger(&world_, /*signs_in=*/true);
  EXPECT_EQ(stranger.CodeOf(kMetadata, pb::MetadataRequest()), 46);
  pb::ApiVersionsRequest versions;
  versions.set_software("test");
  versions.set_version("1");
  EXPECT_EQ(stranger.CodeOf(kApiVersions, versions), 0);
  const auto sign_in = [&](const char* protocol, std::string token) {
    pb::AuthenticateRequest ask;
    ask.set_protocol(protocol);
    ask.set_token(std::move(token));
    return stranger.CodeOf(kAuthenticate, ask);
  };
  using namespace std::string_literals;
  EXPECT_EQ(sign_in("GSSAPI", "\0ada\0engine-no-1"s), 46);
  for (const std::string& token :
       {""s, "ada"s, "\0ada"s, "\0ada\0wrong"s, "\0\0engine-no-1"s, "\0ada\0"s,
        "\0bob\0engine-no-1"s, "bob\0ada\0engine-no-1"s, "\0ada\0engine-no-1\0x"s}) {
    EXPECT_EQ(sign_in("PLAIN", token), 46) << token.size();
    EXPECT_EQ(stranger.CodeOf(kMetadata, pb::MetadataRequest()), 46);
  }
  EXPECT_EQ(sign_in("plain", "ada\0ada\0engine-no-1"s), 0);
  EXPECT_EQ(sign_in("PLAIN", ""), 0);  // some clients send one more
  EXPECT_EQ(stranger.CodeOf(kMetadata, pb::MetadataRequest()), 0);

  TestClient anonymous(&world_, /*signs_in=*/false);
  pb::AuthenticateRequest ask;
  ask.set_protocol("PLAIN");
  ask.set_token("\0ada\0engine-no-1"s);
  EXPECT_EQ(anonymous.CodeOf(kAuthenticate, ask), 46);
}

TEST_F(DoorTest, RightsAreChecked) {
  const int64_t table = Create("t");
  TestClient anonymous(&world_, /*signs_in=*/false);  // the role `none`
  pb::CreateDatabaseRequest create;
  create.set_database("mine");
  create.set_ignore_if_exists(false);
  EXPECT_EQ(anonymous.CodeOf(kCreateDatabase, create), 48);
  pb::TableRequest get;
  *get.mutable_table() = Name("t");
  EXPECT_EQ(anonymous.CodeOf(kGetTableInfo, get), 48);
  const auto fetched =
      anonymous.Call<pb::FetchLogAnswer>(kFetchLog, FetchOf(table, 0)).tables(0).buckets(0);
  EXPECT_EQ(fetched.error_code(), 48);
}

TEST_F(DoorTest, Databases) {
  pb::CreateDatabaseRequest create;
  create.set_database("db");
  create.set_ignore_if_exists(false);
  EXPECT_EQ(client().CodeOf(kCreateDatabase, create), 6);
  create.set_ignore_if_exists(true);
  EXPECT_EQ(client().CodeOf(kCreateDatabase, create), 0);
  create.set_database("__db");
  EXPECT_EQ(client().CodeOf(kCreateDatabase, create), 16);
  Create("t");
  pb::DropDatabaseRequest drop;
  drop.set_database("db");
  drop.set_ignore_if_absent(false);
  drop.set_cascade(false);
  EXPECT_EQ(client().CodeOf(kDropDatabase, drop), 5);
  drop.set_cascade(true);
  EXPECT_EQ(client().CodeOf(kDropDatabase, drop), 0);
  EXPECT_EQ(client().CodeOf(kDropDatabase, drop), 4);
  drop.set_ignore_if_absent(true);
  EXPECT_EQ(client().CodeOf(kDropDatabase, drop), 0);
  pb::DatabaseRequest exists;
  exists.set_database("db");
  EXPECT_FALSE(client().Call<pb::ExistsAnswer>(kDatabaseExists, exists).exists());
  EXPECT_EQ(client().CodeOf(kListTables, exists), 4);
}

TEST_F(DoorTest, ADatabaseThatHoldsOthersIsNotDroppedWithThem) {
  const Path deep{{"db", "below"}};
  ASSERT_TRUE(world_.db->CreateNamespace(world_.caller, deep, {}).ok());
  const auto all =
      client().Call<pb::ListDatabasesAnswer>(kListDatabases, pb::ListDatabasesRequest());
  EXPECT_EQ(std::vector<std::string>(all.databases().begin(), all.databases().end()),
            (std::vector<std::string>{"db", "db_x2F_below"}));
  pb::DropDatabaseRequest drop;
  drop.set_database("db");
  drop.set_ignore_if_absent(false);
  drop.set_cascade(true);
  EXPECT_EQ(client().CodeOf(kDropDatabase, drop), 5);
}

TEST_F(DoorTest, Tables) {
  Create("t");
  pb::CreateTableRequest create;
  *create.mutable_table() = Name("t");
  create.set_json("not even JSON");
  create.set_ignore_if_exists(false);
  EXPECT_EQ(client().CodeOf(kCreateTable, create), 8);
  create.set_ignore_if_exists(true);
  EXPECT_EQ(client().CodeOf(kCreateTable, create), 0);
  create.mutable_table()->set_database("nope");
  EXPECT_EQ(client().CodeOf(kCreateTable, create), 4);
  *create.mutable_table() = Name("a b");
  EXPECT_EQ(client().CodeOf(kCreateTable, create), 15);
  pb::TableRequest ask;
  *ask.mutable_table() = Name("nope");
  EXPECT_EQ(client().CodeOf(kGetTableInfo, ask), 7);
  EXPECT_FALSE(client().Call<pb::ExistsAnswer>(kTableExists, ask).exists());
  pb::LakeSnapshotRequest lake;
  *lake.mutable_table() = Name("t");
  EXPECT_EQ(client().CodeOf(kLakeSnapshot, lake), 53);
  pb::DropTableRequest drop;
  *drop.mutable_table() = Name("t");
  drop.set_ignore_if_absent(false);
  EXPECT_EQ(client().CodeOf(kDropTable, drop), 0);
  EXPECT_EQ(client().CodeOf(kDropTable, drop), 7);
}

TEST_F(DoorTest, MetadataNamesThisProcessTwiceAndEachBucketsLeader) {
  const int64_t id = Create("t", R"(,"bucket_count":3)");
  pb::MetadataRequest ask;
  *ask.add_tables() = Name("t");
  *ask.add_tables() = Name("t");
  const auto answer = client().Call<pb::MetadataAnswer>(kMetadata, ask);
  EXPECT_EQ(answer.coordinator().host(), "127.0.0.1");
  EXPECT_EQ(answer.coordinator().port(), 9123);
  ASSERT_EQ(answer.tablet_servers_size(), 1);
  ASSERT_EQ(answer.tables_size(), 1);
  EXPECT_EQ(answer.tables(0).table_id(), id);
  EXPECT_EQ(answer.tables(0).buckets_size(), 3);
  EXPECT_EQ(answer.tables(0).buckets(2).leader(), 0);
  *ask.add_tables() = Name("nope");
  EXPECT_EQ(client().CodeOf(kMetadata, ask), 7);
}

TEST_F(DoorTest, ProducedBatchesAreFetchedAsTheyCame) {
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

TEST_F(DoorTest, FaultyBatchesAreRefusedBucketByBucket) {
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
TEST_F(DoorTest, AppendsKeepTheirOrderWhicheverThreadServesThem) {
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
TEST_F(DoorTest, AppendsAskForRightsEachTime) {
  const int64_t id = Create("t");
  EXPECT_EQ(Produce(id, 0, Batch({{0, "first"}})).base_offset(), 0);
  ASSERT_TRUE(world_.db->access()
                  ->PutPrincipal({.name = "eve", .role = "none", .secret = "engine-no-2"})
                  .ok());
  ASSERT_TRUE(world_.db->access()
                  ->Grant("eve", Path{{"db", "t"}}, EditionId(0), access::kWrite, "blind")
                  .ok());
  TestClient eve(&world_, /*signs_in=*/true, &client());
  pb::AuthenticateRequest sign_in;
  sign_in.set_protocol("PLAIN");
  sign_in.set_token(std::string("\0eve\0engine-no-2", 16));
  eve.Call<pb::AuthenticateAnswer>(kAuthenticate, sign_in);
  pb::ProduceLogRequest produce;
  produce.set_acks(-1);
  produce.set_table_id(id);
  produce.set_timeout_ms(1000);
  produce.add_buckets()->set_bucket(0);
  produce.mutable_buckets(0)->set_records(Batch({{1, "x"}}));
  EXPECT_EQ(eve.Call<pb::ProduceLogAnswer>(kProduceLog, produce).buckets(0).error_code(), 48);
  EXPECT_EQ(Produce(id, 0, Batch({{2, "x"}})).base_offset(), 1);
}

TEST_F(DoorTest, BatchesThatNobodyCouldReadAreRefused) {
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

TEST_F(DoorTest, WritersAreIdempotent) {
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

TEST_F(DoorTest, AFetchAtTheEndWaitsForAnAppend) {
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

TEST_F(DoorTest, AFetchAtTheEndIsAnsweredAfterItsTime) {
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

TEST_F(DoorTest, AFetchWaitsForItsLeastBytes) {
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

TEST_F(DoorTest, AClosedConnectionForgetsItsFetches) {
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

TEST_F(DoorTest, AStoppingServerAnswersWhoWaits) {
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

TEST_F(DoorTest, ProjectionKeepsTheColumnsAskedFor) {
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

TEST_F(DoorTest, WhatCannotBeAlteredIsRefused) {
  Create("t", R"(,"bucket_key":["a"])", R"(,"primary_key":["a"])");
  const auto code_of = [&](const auto& change) {
    pb::AlterTableRequest alter;
    *alter.mutable_table() = Name("t");
    alter.set_ignore_if_absent(false);
    change(&alter);
    return client().CodeOf(kAlterTable, alter);
  };
  EXPECT_EQ(code_of([](auto* alter) { alter->add_dropped()->set_name("a"); }), 56);  // a key
  EXPECT_EQ(code_of([](auto* alter) { alter->add_dropped()->set_name("nope"); }), 56);
  EXPECT_EQ(code_of([](auto* alter) {
              auto* change = alter->add_configs();
              change->set_key("table.replication.factor");
              change->set_operation(0);
              change->set_value("1");
            }),
            56);
}

TEST_F(DoorTest, AnAlteredPropertyChangesNothingElse) {
  // Of a table whose rules and limits this door's properties cannot say.
  Create("t");
  table::TableSpec spec{.schema = table::PairSchema()};
  spec.edition.key = {"k"};
  spec.edition.merge = catalog::MergeRule::kGreatest;
  spec.edition.image = catalog::LogImage::kInput;
  spec.edition.compression = "lz4";
  spec.edition.log_lifetime.bytes = 1 << 30;
  const auto made = world_.db->CreateTable(world_.caller, Path{{"db", "others"}}, spec);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  const auto set = [&](const std::string& key, const std::string& value) {
    pb::AlterTableRequest alter;
    *alter.mutable_table() = Name("others");
    alter.set_ignore_if_absent(false);
    auto* change = alter.add_configs();
    change->set_key(key);
    change->set_operation(0);
    change->set_value(value);
    EXPECT_EQ(client().CodeOf(kAlterTable, alter), 0);
    return Table("others")->current->spec;
  };
  catalog::EditionSpec expected = Table("others")->current->spec;
  EXPECT_EQ(set("owner", "ada"), expected);
  expected.log_lifetime.duration_ns = int64_t{3} * 86'400 * 1'000'000'000;
  EXPECT_EQ(set("table.log.ttl", "3 d"), expected);
  expected.compression = "none";
  EXPECT_EQ(set("table.log.arrow.compression.type", "NONE"), expected);
}

TEST_F(DoorTest, WhatSomebodyAskedWhoHasGoneIsNotDone) {
  pb::CreateDatabaseRequest create;
  create.set_ignore_if_exists(false);
  for (const bool stays : {false, true}) {
    const auto asker = SignedIn();
    create.set_database(stays ? "made" : "never");
    asker->Send(kCreateDatabase, create.SerializeAsString());
    if (stays) world_.executor.RunUntilIdle();
  }
  EXPECT_FALSE(world_.db->GetNamespace(access::Internal(), Path{{"never"}}).ok());
  EXPECT_TRUE(world_.db->GetNamespace(access::Internal(), Path{{"made"}}).ok());
}

TEST_F(DoorTest, ALookupOfTooManyKeysIsRefused) {
  const int64_t id = Create("t", R"(,"bucket_key":["a"])", R"(,"primary_key":["a"])");
  pb::LookupRequest lookup;
  lookup.set_table_id(id);
  auto* bucket = lookup.add_buckets();
  bucket->set_bucket(0);
  for (int i = 0; i < 131'072; ++i) bucket->add_keys(std::string(1, '\1'));
  EXPECT_EQ(client().CodeOf(kLookup, lookup), 0);
  bucket->add_keys(std::string(1, '\1'));
  EXPECT_EQ(client().CodeOf(kLookup, lookup), 13);
}

TEST_F(DoorTest, OlderBatchesAreWidenedForClientsThatKnowNoSchemas) {
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

TEST_F(DoorTest, Offsets) {
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

TEST_F(DoorTest, Partitions) {
  const int64_t id = Create("t", R"(,"partition_key":["b"])");
  pb::PartitionRequest create;
  *create.mutable_table() = Name("t");
  auto* pair = create.mutable_spec()->add_values();
  pair->set_key("b");
  pair->set_value("eu");
  create.set_ignore(false);
  client().Call<pb::Empty>(kCreatePartition, create);
  EXPECT_EQ(client().CodeOf(kCreatePartition, create), 42);
  create.set_ignore(true);
  EXPECT_EQ(client().CodeOf(kCreatePartition, create), 0);
  pair->set_value("e u");
  EXPECT_EQ(client().CodeOf(kCreatePartition, create), 43);
  pair->set_key("a");
  EXPECT_EQ(client().CodeOf(kCreatePartition, create), 43);

  pb::ListPartitionsRequest list;
  *list.mutable_table() = Name("t");
  const auto partitions = client().Call<pb::ListPartitionsAnswer>(kListPartitions, list);
  ASSERT_EQ(partitions.partitions_size(), 1);
  const int64_t partition = partitions.partitions(0).id();
  pb::MetadataRequest metadata;
  metadata.add_partition_ids(partition);
  const auto by_id = client().Call<pb::MetadataAnswer>(kMetadata, metadata);
  ASSERT_EQ(by_id.partitions_size(), 1);
  EXPECT_EQ(by_id.partitions(0).name(), "eu");
  EXPECT_EQ(by_id.partitions(0).table_id(), id);
  auto* name = metadata.add_partitions();
  name->set_database("db");
  name->set_table("t");
  name->set_partition("eu");
  EXPECT_EQ(client().Call<pb::MetadataAnswer>(kMetadata, metadata).partitions_size(), 1);
  name->set_partition("us");
  EXPECT_EQ(client().CodeOf(kMetadata, metadata), 36);

  pb::ProduceLogRequest produce;
  produce.set_acks(1);
  produce.set_table_id(id);
  produce.set_timeout_ms(1000);
  auto* bucket = produce.add_buckets();
  bucket->set_bucket(0);
  bucket->set_records(Batch({{1, "eu"}}));
  EXPECT_EQ(client().Call<pb::ProduceLogAnswer>(kProduceLog, produce).buckets(0).error_code(), 21);
  bucket->set_partition_id(partition);
  EXPECT_EQ(client().Call<pb::ProduceLogAnswer>(kProduceLog, produce).buckets(0).base_offset(), 0);

  pb::PartitionRequest drop = create;
  drop.mutable_spec()->mutable_values(0)->set_key("b");
  drop.mutable_spec()->mutable_values(0)->set_value("eu");
  drop.set_ignore(false);
  client().Call<pb::Empty>(kDropPartition, drop);
  EXPECT_EQ(client().CodeOf(kDropPartition, drop), 36);
  EXPECT_EQ(client().Call<pb::ProduceLogAnswer>(kProduceLog, produce).buckets(0).error_code(), 21);
  Create("plain");
  *create.mutable_table() = Name("plain");
  EXPECT_EQ(client().CodeOf(kCreatePartition, create), 37);
}

TEST_F(DoorTest, KeysOfTypesThatTheProtocolLacksAreFoundByTheNearest) {
  const auto schema =
      arrow::schema({arrow::field("a", arrow::uint8()), arrow::field("b", arrow::uint64()),
                     arrow::field("c", arrow::uint32()), arrow::field("v", arrow::utf8())});
  const auto made = world_.db->CreateTable(
      world_.caller, Path{{"db", "unsigned"}},
      {.schema = schema, .edition = {.key = {"a", "b", "c"}, .bucket_count = 4}});
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  arrow::UInt8Builder a;
  arrow::UInt64Builder b;
  arrow::UInt32Builder c;
  arrow::StringBuilder v;
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(a.Append(static_cast<uint8_t>(248 + i)).ok());
    ASSERT_TRUE(b.Append(UINT64_MAX).ok());
    ASSERT_TRUE(c.Append(UINT32_MAX).ok());
    ASSERT_TRUE(v.Append("row " + std::to_string(i)).ok());
  }
  const auto rows =
      arrow::RecordBatch::Make(schema, 8, {*a.Finish(), *b.Finish(), *c.Finish(), *v.Finish()});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, *made, {rows}).ok());

  // SMALLINT, DECIMAL(20, 0) and BIGINT.
  const auto key = [](int16_t first, size_t columns) {
    std::string bytes;
    AppendLe(&bytes, first);
    if (columns > 1) bytes += std::string("\x09\x00", 2) + std::string(8, '\xff');
    if (columns > 2) AppendVarint(&bytes, UINT32_MAX);
    return bytes;
  };
  const auto ask = [&](const std::string& one, int32_t bucket) {
    pb::LookupRequest lookup;
    lookup.set_table_id((*made)->id.value);
    auto* asked = lookup.add_buckets();
    asked->set_bucket(bucket);
    asked->add_keys(one);
    return lookup;
  };
  for (int round = 0; round < 2; ++round) {
    for (int16_t i = 0; i < 8; ++i) {
      const auto found = client().Call<pb::LookupAnswer>(
          kLookup, ask(key(static_cast<int16_t>(248 + i), 3), i % 4));
      ASSERT_EQ(found.buckets(0).values_size(), 1) << found.buckets(0).error_message();
      EXPECT_TRUE(found.buckets(0).values(0).value().ends_with("row " + std::to_string(i)));
    }
  }
  // A value that the column cannot have has no row; bytes that are no key are refused.
  const auto none = client().Call<pb::LookupAnswer>(kLookup, ask(key(300, 3), 1));
  ASSERT_EQ(none.buckets(0).values_size(), 1);
  EXPECT_FALSE(none.buckets(0).values(0).has_value());
  EXPECT_EQ(client().Call<pb::LookupAnswer>(kLookup, ask(key(1, 2), 1)).buckets(0).error_code(), 3);
  // Prefixes are found wherever they are.
  for (size_t columns = 1; columns <= 3; ++columns) {
    const auto found =
        client().Call<pb::PrefixLookupAnswer>(kPrefixLookup, ask(key(250, columns), 3));
    ASSERT_EQ(found.buckets(0).lists_size(), 1) << found.buckets(0).error_message();
    ASSERT_EQ(found.buckets(0).lists(0).values_size(), 1);
    EXPECT_TRUE(found.buckets(0).lists(0).values(0).ends_with("row 2"));
  }
}

TEST_F(DoorTest, LookupsFollowTheDefinitionOfTheirTable) {
  const int64_t id = Create("looked", "", R"(,"primary_key":["a"])");
  const auto table = Table("looked");
  ASSERT_TRUE(
      world_.db
          ->UpsertRows(world_.caller, table, {*table::Pairs({{1, "x"}})->RenameColumns({"a", "b"})})
          .ok());
  pb::LookupRequest lookup;
  lookup.set_table_id(id);
  lookup.add_buckets()->set_bucket(0);
  lookup.mutable_buckets(0)->add_keys("\x01");
  lookup.mutable_buckets(0)->add_keys("\x02");
  for (int round = 0; round < 3; ++round) {
    const auto found = client().Call<pb::LookupAnswer>(kLookup, lookup).buckets(0);
    ASSERT_EQ(found.values_size(), 2) << found.error_message();
    EXPECT_EQ(found.values(0).value(), std::string("\x01\0\0\x01\x01x", 6));
    EXPECT_FALSE(found.values(1).has_value());
  }
  lookup.mutable_buckets(0)->set_bucket(7);
  EXPECT_EQ(client().Call<pb::LookupAnswer>(kLookup, lookup).buckets(0).error_code(), 21);
  lookup.mutable_buckets(0)->set_bucket(0);
  ASSERT_TRUE(world_.db->DropTable(world_.caller, table->path).ok());
  EXPECT_EQ(client().Call<pb::LookupAnswer>(kLookup, lookup).buckets(0).error_code(), 21);
}

TEST_F(DoorTest, LimitScanGivesTheLastBatches) {
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
