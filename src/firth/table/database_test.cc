// Goal: what a stranger can see of tables without keys: names, rows, offsets, errors, and that all
// of it is there after a restart. Method: a Database in a simulated world.
#include "firth/table/database.h"

#include "firth/common/checksum.h"
#include "firth/log/batch_check.h"
#include "firth/schema/schema.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

const Path kPath{{"d", "t"}};

class DatabaseTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }

  TablePtr Create(const Path& path, EditionSpec edition = {}) {
    auto table = world_.db->CreateTable(world_.caller, path,
                                        {.schema = PairSchema(), .edition = std::move(edition)});
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    return table.ok() ? *table : nullptr;
  }
  Status Append(const TablePtr& table,
                const std::vector<std::pair<int32_t, std::optional<std::string>>>& rows) {
    return world_.db->AppendRows(world_.caller, table, {Pairs(rows)}, {}).status();
  }

  TableWorld world_;
};

TEST_F(DatabaseTest, RowsComeBackInOrderAlsoAfterARestart) {
  const TablePtr table = Create(kPath);
  ASSERT_TRUE(Append(table, {{1, "a"}, {2, std::nullopt}}).ok());
  ASSERT_TRUE(Append(table, {{3, "c"}}).ok());
  const std::vector<std::string> expected = {"1 a", "2 null", "3 c"};
  EXPECT_EQ(world_.Rows(table), expected);
  ASSERT_TRUE(world_.Restart().ok());
  const auto found = world_.db->GetTable(world_.caller, kPath);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ((*found)->id, table->id);
  EXPECT_EQ(world_.Rows(*found), expected);
}

TEST_F(DatabaseTest, ScanTakesColumnsAndOffsets) {
  const TablePtr table = Create(kPath);
  ASSERT_TRUE(Append(table, {{1, "a"}, {2, "b"}, {3, "c"}, {4, "d"}}).ok());
  EXPECT_EQ(world_.Rows(table, {.columns = {"v"}, .bucket = 0, .from = Offset(1), .to = Offset(3)}),
            (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(world_.Rows(table, {.columns = {"v", "k"}}).front(), "a 1");
  const auto wrong = world_.db->Scan(world_.caller, {.table = table, .columns = {"nope"}});
  EXPECT_EQ(ReasonOf(wrong.status()), Reason::kColumnNotFound);
}

TEST_F(DatabaseTest, NamesAreCheckedAndDropped) {
  ASSERT_TRUE(world_.db->CreateNamespace(world_.caller, Path{{"d"}}, {}).ok());
  const TablePtr table = Create(kPath);
  EXPECT_EQ(
      ReasonOf(world_.db->CreateTable(world_.caller, kPath, {.schema = PairSchema()}).status()),
      Reason::kTableExists);
  EXPECT_EQ(ReasonOf(world_.db->GetTable(world_.caller, Path{{"d", "u"}}).status()),
            Reason::kTableNotFound);
  EXPECT_EQ(ReasonOf(world_.db->DropNamespace(world_.caller, Path{{"d"}}, false)),
            Reason::kNamespaceNotEmpty);
  ASSERT_TRUE(world_.db->DropNamespace(world_.caller, Path{{"d"}}, true).ok());
  EXPECT_EQ(ReasonOf(world_.db->GetTable(world_.caller, kPath).status()), Reason::kTableNotFound);
  EXPECT_EQ(CodeOf(Append(table, {{1, "a"}})), Code::kNotFound);
  const TablePtr again = Create(kPath);
  EXPECT_NE(again->id, table->id);
  EXPECT_TRUE(world_.Rows(again).empty());
}

TEST_F(DatabaseTest, OlderRowsAreReadUnderTheNewestSchema) {
  TablePtr table = Create(kPath);
  ASSERT_TRUE(Append(table, {{1, "a"}}).ok());
  auto fields = table->current->newest().schema->fields();
  fields[1] = fields[1]->WithName("renamed");
  fields.push_back(arrow::field("added", arrow::int64()));
  const auto altered =
      world_.db->AlterTable(world_.caller, kPath, {.schema = arrow::schema(fields)});
  ASSERT_TRUE(altered.ok()) << altered.status().ToString();
  EXPECT_EQ((*altered)->current->newest().id, SchemaId(2));
  EXPECT_EQ(world_.Rows(*altered), (std::vector<std::string>{"1 a null"}));
  fields.push_back(arrow::field("forced", arrow::int64(), /*nullable=*/false));
  EXPECT_EQ(
      ReasonOf(
          world_.db->AlterTable(world_.caller, kPath, {.schema = arrow::schema(fields)}).status()),
      Reason::kSchemaMismatch);
}

TEST_F(DatabaseTest, PartitionsAndBucketsKeepTheirRows) {
  const TablePtr table =
      Create(kPath, {.partition_by = {"v"}, .bucket_by = {"k"}, .bucket_count = 3});
  ASSERT_TRUE(Append(table, {{1, "x"}, {2, "y"}, {3, "x"}, {300, "x"}}).ok());
  const auto partitions = world_.db->ListPartitions(world_.caller, *table);
  ASSERT_TRUE(partitions.ok());
  EXPECT_EQ(partitions->size(), 2u);
  EXPECT_EQ(world_.Rows(table).size(), 4u);
  EXPECT_EQ(ReasonOf(world_.db->CreatePartition(world_.caller, *table, {"x"}).status()),
            Reason::kPartitionExists);
  ASSERT_TRUE(world_.db->DropPartition(world_.caller, *table, {"x"}).ok());
  EXPECT_EQ(world_.Rows(table), (std::vector<std::string>{"2 y"}));
  const auto stats = world_.db->GetStats(world_.caller, *table);
  EXPECT_EQ(stats->rows, 1);
  EXPECT_EQ(stats->buckets, 3);
}

TEST_F(DatabaseTest, AMergeRuleThatCanMergeNoRowIsRefused) {
  const auto refused = [&](catalog::MergeRule merge, std::vector<std::string> columns,
                           std::map<std::string, std::string> aggregates) {
    EditionSpec edition{.key = {"k"}, .merge = merge};
    edition.merge_columns = std::move(columns);
    edition.aggregates = std::move(aggregates);
    return ReasonOf(
        world_.db->CreateTable(world_.caller, kPath, {.schema = PairSchema(), .edition = edition})
            .status());
  };
  using catalog::MergeRule;
  EXPECT_EQ(refused(MergeRule::kAggregate, {}, {{"v", "median"}}), Reason::kInvalidProperty);
  EXPECT_EQ(refused(MergeRule::kAggregate, {}, {{"v", "sum"}}), Reason::kInvalidProperty);
  EXPECT_EQ(refused(MergeRule::kAggregate, {}, {{"z", "max"}}), Reason::kColumnNotFound);
  EXPECT_EQ(refused(MergeRule::kGreatest, {"z"}, {}), Reason::kColumnNotFound);

  EditionSpec edition{.key = {"k"}, .merge = MergeRule::kAggregate};
  edition.aggregates = {{"v", "listagg"}};
  const TablePtr table = Create(kPath, edition);
  ASSERT_NE(table, nullptr);
  // Nor can one be made of a living table.
  edition.aggregates = {{"v", "sum"}};
  EXPECT_EQ(ReasonOf(world_.db->AlterTable(world_.caller, kPath, {.edition = edition}).status()),
            Reason::kInvalidProperty);
}

TEST_F(DatabaseTest, RowsThatDoNotFitAreRefused) {
  const TablePtr table = Create(kPath);
  const auto wrong = arrow::RecordBatch::Make(arrow::schema({arrow::field("k", arrow::utf8())}), 1,
                                              {Pairs({{1, "no number"}})->column(1)});
  EXPECT_EQ(ReasonOf(world_.db->AppendRows(world_.caller, table, {wrong}, {}).status()),
            Reason::kSchemaMismatch);
  const auto extra = arrow::RecordBatch::Make(arrow::schema({arrow::field("z", arrow::int32())}), 1,
                                              {Pairs({{1, "a"}})->column(0)});
  EXPECT_EQ(ReasonOf(world_.db->AppendRows(world_.caller, table, {extra}, {}).status()),
            Reason::kColumnNotFound);
  EXPECT_TRUE(world_.Rows(table).empty());
}

TEST_F(DatabaseTest, BatchesAreCheckedBeforeTheyAreStored) {
  const TablePtr table = Create(kPath);
  const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
  const auto batch = *log::EncodeBatch(*Pairs({{1, "a"}}), {}, {});
  const auto append = [&](const std::shared_ptr<arrow::Buffer>& body, int32_t bucket) {
    Result<AppendResult> answer = Status::UnknownError("no answer");
    world_.db->AppendBatch(world_.caller, table, {.partition = partition.id, .bucket = bucket},
                           body, [&](const Result<AppendResult>& made) { answer = made; });
    world_.executor.RunUntilIdle();
    return answer;
  };
  EXPECT_TRUE(append(batch, 0).ok());
  EXPECT_EQ(ReasonOf(append(batch, 1).status()), Reason::kBucketNotFound);
  std::string bytes = batch->ToString();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  EXPECT_EQ(ReasonOf(append(arrow::Buffer::FromString(bytes), 0).status()), Reason::kCorruptBatch);
  const auto newer = *log::EncodeBatch(*Pairs({{1, "a"}}), {}, {.schema_id = SchemaId(2)});
  EXPECT_EQ(ReasonOf(append(newer, 0).status()), Reason::kSchemaNotFound);
}

/// What a broken client could send: a compressed batch that is whole but for what is in its blocks.
std::string DamagedInside(const arrow::RecordBatch& rows) {
  std::string bytes =
      (*log::EncodeBatch(rows, {}, {.compression = arrow::Compression::ZSTD}))->ToString();
  for (size_t at = bytes.size(); at-- > log::kBatchHeaderBytes;) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    const Bytes all = AsBytes(damaged);
    StoreLe<uint32_t>(damaged.data() + 21, Crc32c(all.subspan(log::kBatchPatchedBytes)));
    const auto batch = arrow::Buffer::FromString(damaged);
    if (log::CheckRows(batch, *log::ParseBatch(AsBytes(damaged)), PairSchema()).ok() &&
        !log::DecodeBatch(batch, PairSchema()).ok()) {
      return damaged;
    }
  }
  return "";
}

TEST_F(DatabaseTest, WhoUnpacksDamagedRowsIsToldWhichTheyAre) {
  const TablePtr table = Create(kPath);
  const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
  const std::string damaged =
      DamagedInside(*Pairs({{3, "a text that "}, {4, "may well be "}, {5, std::string(900, 'c')}}));
  ASSERT_FALSE(damaged.empty());
  ASSERT_TRUE(Append(table, {{1, "a"}, {2, "b"}}).ok());
  Result<AppendResult> answer = Status::UnknownError("no answer");
  world_.db->AppendBatch(world_.caller, table, {.partition = partition.id, .bucket = 0},
                         arrow::Buffer::FromString(damaged),
                         [&](const Result<AppendResult>& made) { answer = made; });
  world_.executor.RunUntilIdle();
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  ASSERT_TRUE(Append(table, {{6, "f"}}).ok());
  auto scanner = *world_.db->Scan(world_.caller, {.table = table});
  auto batch = scanner->Next();
  for (; batch.ok() && batch->has_value(); batch = scanner->Next()) {
    EXPECT_EQ((*batch)->base_offset, Offset(0));
  }
  EXPECT_EQ(CodeOf(batch.status()), Code::kDataLoss);
  EXPECT_EQ(ReasonOf(batch.status()), Reason::kCorruptBatch);
  EXPECT_NE(MessageOf(batch.status()).find("from offset 2 to 4 of bucket 0"), std::string::npos)
      << batch.status().ToString();
  EXPECT_EQ(world_.Rows(table, {.bucket = 0, .to = Offset(2)}).size(), 2u);
  EXPECT_EQ(world_.Rows(table, {.bucket = 0, .from = Offset(5)}),
            (std::vector<std::string>{"6 f"}));
}

TEST_F(DatabaseTest, RightsAreChecked) {
  const TablePtr table = Create(kPath);
  const access::Caller nobody = world_.db->access()->Anonymous();
  EXPECT_EQ(CodeOf(world_.db->GetTable(nobody, kPath).status()), Code::kPermissionDenied);
  EXPECT_EQ(CodeOf(world_.db->CreateTable(nobody, Path{{"x"}}, {.schema = PairSchema()}).status()),
            Code::kPermissionDenied);
  EXPECT_EQ(CodeOf(world_.db->AppendRows(nobody, table, {Pairs({{1, "a"}})}, {}).status()),
            Code::kPermissionDenied);
  EXPECT_TRUE(world_.db->ListTables(nobody, {})->empty());
}

TEST_F(DatabaseTest, WriterIdsNeverRepeat) {
  const WriterId first = *world_.db->NewWriter(world_.caller);
  const WriterId second = *world_.db->NewWriter(world_.caller);
  EXPECT_LT(first, second);
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_LT(second, *world_.db->NewWriter(world_.caller));
}

}  // namespace
}  // namespace firth::table
