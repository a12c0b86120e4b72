// Goal: a scan of a bucket gives its rows as they stood when it began, piece by piece, and every
// misuse gets its own code. Method: frames go straight into a connection over a Database in memory.
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "firth/doors/fluss/testing_client.h"
#include "firth/schema/row.h"

namespace firth::doors::fluss {
namespace {

constexpr int16_t kSnapshots = 1023, kSnapshot = 1024, kScanKv = 1061;
constexpr int64_t kNsPerS = 1'000'000'000;

class ScanKvTest : public testing::Test {
 protected:
  ScanKvTest() {
    world_.anonymous_role = "admin";
    EXPECT_TRUE(world_.Open().ok());
    client_ = std::make_unique<TestClient>(&world_);
  }

  table::TablePtr Create(const std::string& name, table::EditionSpec edition) {
    auto made =
        world_.db->CreateTable(world_.caller, Path{{"db", name}},
                               {.schema = table::PairSchema(), .edition = std::move(edition)});
    EXPECT_TRUE(made.ok()) << made.status();
    return *made;
  }
  table::TablePtr CreateKeyed() { return Create("t", {.key = {"k"}}); }
  void Upsert(const table::TablePtr& table,
              const std::vector<std::pair<int32_t, std::optional<std::string>>>& rows) {
    EXPECT_TRUE(world_.db->UpsertRows(world_.caller, table, {table::Pairs(rows)}).ok());
  }

  static pb::ScanKvRequest Begin(const table::TablePtr& table, int32_t bytes_max = 1 << 20) {
    pb::ScanKvRequest in;
    in.mutable_bucket()->set_table_id(table->id.value);
    in.mutable_bucket()->set_bucket(0);
    in.set_call(0);
    in.set_bytes_max(bytes_max);
    return in;
  }
  static pb::ScanKvRequest Next(const pb::ScanKvAnswer& last, int32_t call,
                                int32_t bytes_max = 1 << 20) {
    pb::ScanKvRequest in;
    in.set_scan_id(last.scan_id());
    in.set_call(call);
    in.set_bytes_max(bytes_max);
    return in;
  }
  pb::ScanKvAnswer Ask(const pb::ScanKvRequest& in) {
    return client_->Call<pb::ScanKvAnswer>(kScanKv, in);
  }
  int32_t CodeOf(const pb::ScanKvRequest& in) {
    const auto answer = Ask(in);
    EXPECT_FALSE(answer.has_records());
    return answer.error_code();
  }
  /// The values of an answer, each a schema id and a compact row of PairSchema.
  static void Read(const pb::ScanKvAnswer& answer, const table::TablePtr& table,
                   std::map<int32_t, std::string>* rows) {
    if (!answer.has_records()) return;
    const std::string& bytes = answer.records();
    ASSERT_EQ(LoadLe<int32_t>(bytes.data()), static_cast<int32_t>(bytes.size()) - 4);
    ASSERT_EQ(bytes[4], 0);
    const auto count = LoadLe<int32_t>(bytes.data() + 5);
    const auto codec = *schema::RowCodec::Make(table->current->newest().schema);
    size_t at = 9;
    for (int32_t i = 0; i < count; ++i) {
      const auto length = static_cast<size_t>(LoadLe<int32_t>(bytes.data() + at));
      at += 4;
      ASSERT_EQ(LoadLe<int16_t>(bytes.data() + at), 1);
      const auto row = codec->Decode({std::string_view(bytes).substr(at + 2, length - 2)});
      ASSERT_TRUE(row.ok()) << row.status();
      const auto& k = static_cast<const arrow::Int32Array&>(*(*row)->column(0));
      const auto& v = static_cast<const arrow::StringArray&>(*(*row)->column(1));
      ASSERT_TRUE(rows->emplace(k.Value(0), v.GetString(0)).second) << "a row came twice";
      at += length;
    }
    ASSERT_EQ(at, bytes.size());
  }

  table::TableWorld world_;
  std::unique_ptr<TestClient> client_;
};

TEST_F(ScanKvTest, GivesTheRowsAsTheyStood) {
  const auto table = CreateKeyed();
  std::map<int32_t, std::string> expected;
  for (int32_t k = 0; k < 100; ++k) {
    expected[k] = "value " + std::to_string(k);
    Upsert(table, {{k, expected[k]}});
  }
  auto answer = Ask(Begin(table, 200));
  EXPECT_EQ(answer.log_end(), 100);
  std::map<int32_t, std::string> rows;
  int32_t calls = 0;
  while (answer.more()) {
    EXPECT_LT(answer.records().size(), 300u);
    Read(answer, table, &rows);
    // What is written meanwhile, by whomever, is not seen.
    Upsert(table, {{calls * 3, "later"}, {1000 + calls, "later"}});
    answer = Ask(Next(answer, ++calls, 200));
    EXPECT_FALSE(answer.has_log_end());
  }
  Read(answer, table, &rows);
  EXPECT_GT(calls, 5);
  EXPECT_EQ(rows, expected);
  EXPECT_EQ(CodeOf(Next(answer, calls + 1)), 67);  // it has ended
}

TEST_F(ScanKvTest, AnEmptyBucketAndALimit) {
  const auto table = CreateKeyed();
  auto answer = Ask(Begin(table));
  EXPECT_FALSE(answer.more());
  EXPECT_FALSE(answer.has_records());
  EXPECT_EQ(answer.log_end(), 0);
  Upsert(table, {{1, "a"}, {2, "b"}, {3, "c"}});
  auto in = Begin(table);
  in.mutable_bucket()->set_limit(2);
  answer = Ask(in);
  std::map<int32_t, std::string> rows;
  Read(answer, table, &rows);
  EXPECT_FALSE(answer.more());
  EXPECT_EQ(rows.size(), 2u);
}

TEST_F(ScanKvTest, MisuseIsNamed) {
  const auto table = CreateKeyed();
  Upsert(table, {{1, "a"}, {2, "b"}, {3, "c"}});
  pb::ScanKvRequest neither;
  EXPECT_EQ(CodeOf(neither), 68);
  auto both = Begin(table);
  both.set_scan_id("x");
  EXPECT_EQ(CodeOf(both), 68);
  EXPECT_EQ(CodeOf(Begin(table, 0)), 68);
  pb::ScanKvRequest unknown;
  unknown.set_scan_id("x");
  EXPECT_EQ(CodeOf(unknown), 67);
  auto in = Begin(table);
  in.mutable_bucket()->set_bucket(4);
  EXPECT_EQ(CodeOf(in), 21);
  in.mutable_bucket()->set_table_id(999);
  EXPECT_EQ(CodeOf(in), 21);
  EXPECT_EQ(CodeOf(Begin(Create("log", {}))), 20);

  const auto first = Ask(Begin(table, 1));
  ASSERT_TRUE(first.more());
  EXPECT_EQ(CodeOf(Next(first, 2)), 68);  // one was left out
  const auto second = Ask(Next(first, 1, 1));
  EXPECT_TRUE(second.has_records());
  EXPECT_EQ(CodeOf(Next(first, 1)), 68);  // it was answered
  auto close = Next(first, 2);
  close.set_close(true);
  EXPECT_FALSE(Ask(close).more());
  EXPECT_EQ(CodeOf(Next(first, 2)), 67);
}

TEST_F(ScanKvTest, ScansAreFewAndEnd) {
  const auto table = CreateKeyed();
  Upsert(table, {{1, "a"}, {2, "b"}});
  std::vector<pb::ScanKvAnswer> open;
  for (size_t i = 0; i < KvScans::kPerBucketMax; ++i) open.push_back(Ask(Begin(table, 1)));
  EXPECT_EQ(CodeOf(Begin(table, 1)), 69);
  EXPECT_FALSE(Ask(Next(open[0], 1)).more());
  EXPECT_TRUE(Ask(Begin(table, 1)).more());
}

TEST_F(ScanKvTest, OneThatIsLeftAloneIsClosed) {
  const auto table = CreateKeyed();
  Upsert(table, {{1, "a"}, {2, "b"}, {3, "c"}});
  const auto left = Ask(Begin(table, 1));
  const auto used = Ask(Begin(table, 1));
  world_.clock.Advance(KvScans::kIdleNs - kNsPerS);
  EXPECT_TRUE(Ask(Next(used, 1, 1)).more());
  world_.clock.Advance(2 * kNsPerS);
  client_->scans().Expire();
  EXPECT_EQ(client_->scans().size(), 1u);
  EXPECT_EQ(CodeOf(Next(left, 1)), 66);
  EXPECT_FALSE(Ask(Next(used, 2)).more());
  EXPECT_EQ(client_->scans().size(), 0u);
}

TEST_F(ScanKvTest, ADroppedTableEndsItsScans) {
  const auto table = CreateKeyed();
  Upsert(table, {{1, "a"}, {2, "b"}});
  const auto first = Ask(Begin(table, 1));
  ASSERT_TRUE(world_.db->DropTable(world_.caller, Path{{"db", "t"}}).ok());
  EXPECT_EQ(CodeOf(Next(first, 1)), 21);
}

TEST_F(ScanKvTest, ThereAreNoSnapshotFiles) {
  const auto table = Create("t", {.key = {"k"}, .bucket_by = {"k"}, .bucket_count = 3});
  pb::KvSnapshotsRequest in;
  in.mutable_table()->set_database("db");
  in.mutable_table()->set_table("t");
  const auto answer = client_->Call<pb::KvSnapshotsAnswer>(kSnapshots, in);
  EXPECT_EQ(answer.table_id(), table->id.value);
  EXPECT_FALSE(answer.has_partition_id());
  ASSERT_EQ(answer.buckets_size(), 3);
  for (int32_t b = 0; b < 3; ++b) {
    EXPECT_EQ(answer.buckets(b).bucket(), b);
    EXPECT_FALSE(answer.buckets(b).has_snapshot_id());
    EXPECT_FALSE(answer.buckets(b).has_log_end());
  }
  in.set_partition("x");
  EXPECT_EQ(client_->CodeOf(kSnapshots, in), 37);
  in.clear_partition();
  in.mutable_table()->set_table("none");
  EXPECT_EQ(client_->CodeOf(kSnapshots, in), 7);
  Create("log", {});
  in.mutable_table()->set_table("log");
  EXPECT_EQ(client_->CodeOf(kSnapshots, in), 20);

  pb::KvSnapshotRequest one;
  one.set_table_id(table->id.value);
  one.set_bucket(0);
  one.set_snapshot_id(0);
  EXPECT_EQ(client_->CodeOf(kSnapshot, one), 41);
  one.set_table_id(999);
  EXPECT_EQ(client_->CodeOf(kSnapshot, one), 7);
}

TEST_F(ScanKvTest, SnapshotsOfAPartition) {
  const auto table = Create("p", {.key = {"k", "v"}, .partition_by = {"v"}});
  const auto part = world_.db->CreatePartition(world_.caller, *table, {"a"});
  ASSERT_TRUE(part.ok()) << part.status();
  pb::KvSnapshotsRequest in;
  in.mutable_table()->set_database("db");
  in.mutable_table()->set_table("p");
  EXPECT_EQ(client_->CodeOf(kSnapshots, in), 36);
  in.set_partition("b");
  EXPECT_EQ(client_->CodeOf(kSnapshots, in), 36);
  in.set_partition("a");
  const auto answer = client_->Call<pb::KvSnapshotsAnswer>(kSnapshots, in);
  EXPECT_EQ(answer.partition_id(), part->id.value);
  EXPECT_EQ(answer.buckets_size(), 1);
  auto scan = Begin(table);
  scan.mutable_bucket()->set_partition_id(part->id.value);
  EXPECT_EQ(Ask(scan).log_end(), 0);
}

}  // namespace
}  // namespace firth::doors::fluss
