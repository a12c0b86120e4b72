// Goal: requests as clients send them, and as an enemy would, get the answers that the protocol
// asks for. Method: frames go straight into a connection over a Database in memory, in one thread.
#include <random>

#include "firth/doors/fluss/apis.h"
#include "firth/doors/fluss/testing_door.h"

namespace firth::doors::fluss {
namespace {

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

TEST_F(DoorTest, LookupsAreAnsweredSoonAndWritesAreNot) {
  for (int round = 0; round < 2; ++round) {
    client().CodeOfBytes(kLookup, "");
    EXPECT_TRUE(client().answered_soon());
    for (const int16_t waits : {kProduceLog, kPutKv, kFetchLog, kMetadata}) {
      client().CodeOfBytes(waits, "");
      EXPECT_FALSE(client().answered_soon()) << waits;
    }
  }
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

}  // namespace
}  // namespace firth::doors::fluss
