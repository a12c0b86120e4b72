// The door over a Database in memory, in one thread, with a client that signed in.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firth/doors/fluss/testing_client.h"
#include "firth/log/batch.h"

namespace firth::doors::fluss {

inline constexpr int16_t kApiVersions = 1000, kCreateDatabase = 1001, kDropDatabase = 1002,
                         kListDatabases = 1003, kDatabaseExists = 1004, kCreateTable = 1005,
                         kDropTable = 1006, kGetTableInfo = 1007, kListTables = 1008,
                         kListPartitions = 1009, kTableExists = 1010, kGetSchema = 1011,
                         kMetadata = 1012, kProduceLog = 1014, kFetchLog = 1015, kPutKv = 1016,
                         kLookup = 1017, kListOffsets = 1021, kInitWriter = 1026,
                         kLakeSnapshot = 1032, kLimitScan = 1033, kPrefixLookup = 1034,
                         kCreatePartition = 1036, kDropPartition = 1037, kAuthenticate = 1038,
                         kAlterTable = 1044;

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

  /// With `beside`, to the same server as that one.
  std::unique_ptr<TestClient> SignedIn(const std::string& name = "ada",
                                       const std::string& secret = "engine-no-1",
                                       TestClient* beside = nullptr) {
    auto client = std::make_unique<TestClient>(&world_, /*signs_in=*/true, beside);
    pb::AuthenticateRequest sign_in;
    sign_in.set_protocol("PLAIN");
    sign_in.set_token('\0' + name + '\0' + secret);
    client->Call<pb::AuthenticateAnswer>(kAuthenticate, sign_in);
    return client;
  }
  /// Of one who may write to a table, and not see it.
  std::unique_ptr<TestClient> Blind(const std::string& table) {
    access::Access* access = world_.db->access();
    EXPECT_TRUE(
        access->PutPrincipal({.name = "eve", .role = "none", .secret = "engine-no-2"}).ok());
    EXPECT_TRUE(
        access->Grant("eve", Path{{"db", table}}, EditionId(0), access::kWrite, "blind").ok());
    return SignedIn("eve", "engine-no-2", &client());
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

}  // namespace firth::doors::fluss
