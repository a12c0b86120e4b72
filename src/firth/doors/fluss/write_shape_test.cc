// Goal: rows that clients write to tables with types that the protocol lacks hold the values that
// were sent, or are refused. Method: batches of served types go through a connection into tables of
// other types, and are read back from the Database.
#include <arrow/compute/cast.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include "firth/doors/fluss/testing_client.h"
#include "firth/doors/fluss/testing_kv.h"
#include "firth/doors/fluss/types.h"
#include "firth/log/batch.h"

namespace firth::doors::fluss {
namespace {

constexpr int16_t kProduceLog = 1014, kPutKv = 1016;

std::shared_ptr<arrow::Schema> Stored() {
  return arrow::schema({arrow::field("k", arrow::uint32(), false),
                        arrow::field("a", arrow::uint8()), arrow::field("b", arrow::uint16()),
                        arrow::field("c", arrow::uint64()), arrow::field("d", arrow::large_utf8()),
                        arrow::field("e", arrow::int32())});
}

std::shared_ptr<arrow::RecordBatch> RowsOf(const std::shared_ptr<arrow::Schema>& schema,
                                           const std::vector<std::string>& columns) {
  arrow::ArrayVector arrays;
  for (size_t c = 0; c < columns.size(); ++c) {
    arrays.push_back(
        *arrow::json::ArrayFromJSONString(schema->field(static_cast<int>(c))->type(), columns[c]));
  }
  const int64_t rows = arrays.front()->length();
  return arrow::RecordBatch::Make(schema, rows, std::move(arrays));
}

/// As a client sends them.
std::shared_ptr<arrow::RecordBatch> Sent(const arrow::RecordBatch& rows) {
  arrow::FieldVector fields = rows.schema()->fields();
  arrow::ArrayVector columns = rows.columns();
  for (size_t c = 0; c < fields.size(); ++c) {
    fields[c] = fields[c]->WithType(ServedType(fields[c]->type()));
    columns[c] = *arrow::compute::Cast(*columns[c], fields[c]->type());
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), rows.num_rows(), columns);
}

class WriteShapeTest : public testing::Test {
 protected:
  WriteShapeTest() {
    world_.anonymous_role = "admin";
    EXPECT_TRUE(world_.Open().ok());
    client_ = std::make_unique<TestClient>(&world_);
  }

  table::TablePtr Create(table::EditionSpec edition,
                         const std::shared_ptr<arrow::Schema>& schema = Stored()) {
    auto made = world_.db->CreateTable(world_.caller, Path{{"db", "t" + std::to_string(++tables_)}},
                                       {.schema = schema, .edition = std::move(edition)});
    EXPECT_TRUE(made.ok()) << made.status();
    return *made;
  }
  pb::PutKvAnswer Put(const table::TablePtr& table, const std::string& batch,
                      const std::vector<int>& targets = {}) {
    pb::PutKvRequest in;
    in.set_acks(-1);
    in.set_table_id(table->id.value);
    in.set_timeout_ms(1000);
    for (const int target : targets) in.add_target_columns(target);
    in.add_buckets()->set_bucket(0);
    in.mutable_buckets(0)->set_records(batch);
    return client_->Call<pb::PutKvAnswer>(kPutKv, in);
  }
  int32_t CodeOf(const pb::PutKvAnswer& answer) { return answer.buckets(0).error_code(); }
  /// What the key view holds, as JSON-like text.
  std::string View(const table::TablePtr& table) {
    const auto codec = *schema::RowCodec::Make(table->current->newest().schema);
    const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
    std::string text;
    for (const auto& row : *world_.db->ScanKeys(
             world_.caller, {.table = table, .where = {.partition = partition.id}})) {
      const auto decoded = *codec->Decode({row.row.row()});
      for (const auto& column : decoded->columns()) {
        text += (*column->GetScalar(0))->ToString() + " ";
      }
      text += "| ";
    }
    return text;
  }

  table::TableWorld world_;
  std::unique_ptr<TestClient> client_;
  int tables_ = 0;
};

TEST_F(WriteShapeTest, UpsertsOfOtherTypes) {
  const auto table = Create({.key = {"k"}});
  const auto rows = RowsOf(table->current->newest().schema,
                           {"[4294967295, 7]", "[255, null]", "[65535, 1]",
                            "[18446744073709551615, 9]", R"(["long text", ""])", "[-5, null]"});
  EXPECT_EQ(CodeOf(Put(table, KvBatchOf(*Sent(*rows), {0}))), 0);
  EXPECT_EQ(View(table),
            "7 null 1 9  null | 4294967295 255 65535 18446744073709551615 long text -5 | ");
  // Only some columns, and a delete.
  const auto part = RowsOf(table->current->newest().schema,
                           {"[7]", "[200]", "[null]", "[null]", "[null]", "[null]"});
  EXPECT_EQ(CodeOf(Put(table, KvBatchOf(*Sent(*part), {0}), {0, 1})), 0);
  EXPECT_EQ(CodeOf(Put(table, KvBatchOf(*Sent(*rows->Slice(0, 1)), {0}, /*remove=*/true))), 0);
  EXPECT_EQ(View(table), "7 200 1 9  null | ");
}

TEST_F(WriteShapeTest, AValueThatDoesNotFitIsRefused) {
  const auto table = Create({.key = {"k"}});
  const auto sent = Sent(*RowsOf(Stored(), {"[1]", "[1]", "[1]", "[1]", R"(["x"])", "[1]"}));
  const auto with = [&](int column, const std::string& value) {
    auto columns = sent->columns();
    columns[static_cast<size_t>(column)] =
        *arrow::json::ArrayFromJSONString(sent->schema()->field(column)->type(), value);
    return KvBatchOf(*arrow::RecordBatch::Make(sent->schema(), 1, columns), {0});
  };
  for (const auto& [column, value] :
       std::vector<std::pair<int, std::string>>{{0, "[-1]"},
                                                {0, "[4294967296]"},
                                                {1, "[256]"},
                                                {1, "[-1]"},
                                                {2, "[65536]"},
                                                {3, R"(["18446744073709551616"])"},
                                                {3, R"(["-1"])"}}) {
    const auto answer = Put(table, with(column, value));
    EXPECT_EQ(CodeOf(answer), -1) << column << " " << value;
    EXPECT_NE(answer.buckets(0).error_message().find("hold"), std::string::npos);
  }
  EXPECT_EQ(View(table), "");
  EXPECT_EQ(CodeOf(Put(table, KvBatchOf(*sent, {0}))), 0);
}

TEST_F(WriteShapeTest, BucketsThatClientsCannotFindAreRefused) {
  const auto spread = Create({.key = {"k"}, .bucket_by = {"k"}, .bucket_count = 2});
  const auto rows = RowsOf(Stored(), {"[1]", "[1]", "[1]", "[1]", R"(["x"])", "[1]"});
  const auto refused = Put(spread, KvBatchOf(*Sent(*rows), {0}));
  EXPECT_EQ(CodeOf(refused), 15);
  EXPECT_NE(refused.buckets(0).error_message().find("'k'"), std::string::npos);
  // Where only other columns differ, they can.
  arrow::FieldVector fields = Stored()->fields();
  fields[0] = fields[0]->WithType(arrow::int32());
  const auto table =
      Create({.key = {"k"}, .bucket_by = {"k"}, .bucket_count = 2}, arrow::schema(fields));
  const auto fine =
      RowsOf(arrow::schema(fields), {"[1]", "[200]", "[1]", "[1]", R"(["x"])", "[1]"});
  EXPECT_EQ(CodeOf(Put(table, KvBatchOf(*Sent(*fine), {0}))), 0);
  EXPECT_EQ(View(table), "1 200 1 1 x 1 | ");
}

TEST_F(WriteShapeTest, HostileBatches) {
  const auto table = Create({.key = {"k"}});
  const auto rows = RowsOf(Stored(), {"[1]", "[1]", "[1]", "[1]", R"(["x"])", "[1]"});
  // Rows of the stored types are none of the served ones.
  const int32_t code = CodeOf(Put(table, KvBatchOf(*rows, {0})));
  EXPECT_TRUE(code == 14 || code == -1) << code;
  std::string good = KvBatchOf(*Sent(*rows), {0});
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x41);
    Put(table, bad);
  }
  EXPECT_EQ(CodeOf(Put(table, good)), 0);
}

TEST_F(WriteShapeTest, AppendsOfOtherTypes) {
  const auto table = Create({});
  const auto rows = RowsOf(table->current->newest().schema,
                           {"[4294967295, 7]", "[255, null]", "[65535, 1]",
                            "[18446744073709551615, 9]", R"(["long text", ""])", "[-5, null]"});
  pb::ProduceLogRequest in;
  in.set_acks(-1);
  in.set_table_id(table->id.value);
  in.set_timeout_ms(1000);
  in.add_buckets()->set_bucket(0);
  for (const auto compression : {arrow::Compression::UNCOMPRESSED, arrow::Compression::ZSTD}) {
    const int32_t sequence = compression == arrow::Compression::ZSTD ? 1 : 0;
    in.mutable_buckets(0)->set_records(std::string(std::string_view(**log::EncodeBatch(
        *Sent(*rows), {},
        {.compression = compression, .writer_id = WriterId(7), .sequence = sequence}))));
    const auto answer = client_->Call<pb::ProduceLogAnswer>(kProduceLog, in);
    EXPECT_EQ(answer.buckets(0).error_code(), 0) << answer.buckets(0).error_message();
    EXPECT_EQ(answer.buckets(0).base_offset(), 2 * sequence);
  }
  // A repeat is one.
  EXPECT_EQ(client_->Call<pb::ProduceLogAnswer>(kProduceLog, in).buckets(0).base_offset(), 2);
  const std::vector<std::string> once = {"4294967295 255 65535 18446744073709551615 long text -5",
                                         "7 null 1 9  null"};
  EXPECT_EQ(world_.Rows(table), (std::vector<std::string>{once[0], once[1], once[0], once[1]}));
}

}  // namespace
}  // namespace firth::doors::fluss
