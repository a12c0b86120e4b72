// Goal: a keyed table is what a map would be, its log folds to the same, and both survive restarts
// and the loss of the view. Method: chosen cases, then random operations against a map.
#include <map>

#include "firth/common/random.h"
#include "firth/schema/row.h"
#include "firth/store/testing_files.h"
#include "firth/table/database_impl.h"
#include "firth/table/file_entry.h"
#include "firth/table/files_testing.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

const Path kPath{{"d", "keyed"}};
using Model = std::map<int32_t, std::optional<std::string>>;

class KeyedTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }

  TablePtr Create(EditionSpec edition) {
    edition.key = {"k"};
    auto table = world_.db->CreateTable(world_.caller, kPath,
                                        {.schema = PairSchema(), .edition = std::move(edition)});
    EXPECT_TRUE(table.ok()) << table.status().ToString();
    return table.ok() ? *table : nullptr;
  }
  Status Upsert(const TablePtr& table,
                const std::vector<std::pair<int32_t, std::optional<std::string>>>& rows) {
    return world_.db->UpsertRows(world_.caller, table, {Pairs(rows)}).status();
  }
  Status Delete(const TablePtr& table, const std::vector<int32_t>& keys) {
    std::vector<std::pair<int32_t, std::optional<std::string>>> rows;
    for (const int32_t key : keys) rows.emplace_back(key, std::nullopt);
    return world_.db->DeleteRows(world_.caller, table, {Pairs(rows)}).status();
  }
  /// Upsert one row into the first bucket as a writer that numbers its batches.
  Result<AppendResult> Put(const TablePtr& table, int32_t key, const std::string& value,
                           int32_t sequence) {
    const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
    const auto codec = *schema::RowCodec::Make(table->current->newest().schema);
    const auto rows = Pairs({{key, value}});
    std::vector<std::string> encoded;
    std::vector<std::string> keys(1);
    EXPECT_TRUE(codec->Encode(*rows, &encoded).ok());
    EXPECT_TRUE(schema::AppendCompactKey(*rows, {0}, &keys).ok());
    table::UpsertBatch batch;
    batch.schema_id = SchemaId(1);
    batch.writer_id = WriterId(5);
    batch.sequence = sequence;
    batch.records = {{.key = keys[0], .row = encoded[0]}};
    Result<AppendResult> answer = Status::UnknownError("no answer");
    world_.db->UpsertBatch(world_.caller, table, {.partition = partition.id}, std::move(batch),
                           [&](const Result<AppendResult>& made) { answer = made; });
    world_.executor.RunUntilIdle();
    return answer;
  }
  /// All rows of all buckets, decoded.
  Model View(const TablePtr& table) {
    Model view;
    const auto codec = *schema::RowCodec::Make(table->current->newest().schema);
    for (const PartitionInfo& partition : *world_.db->ListPartitions(world_.caller, *table)) {
      for (int32_t b = 0; b < partition.bucket_count; ++b) {
        const auto rows = world_.db->ScanKeys(
            world_.caller, {.table = table, .where = {.partition = partition.id, .bucket = b}});
        EXPECT_TRUE(rows.ok()) << rows.status().ToString();
        for (const KeyedRow& row : *rows) {
          const auto decoded = codec->Decode({row.row.row()});
          EXPECT_TRUE(decoded.ok()) << decoded.status().ToString();
          const auto& k = static_cast<const arrow::Int32Array&>(*(*decoded)->column(0));
          const auto& v = static_cast<const arrow::StringArray&>(*(*decoded)->column(1));
          view[k.Value(0)] = v.IsNull(0) ? std::nullopt : std::optional(v.GetString(0));
        }
      }
    }
    return view;
  }
  /// The fold of the table's log.
  Model Fold(const TablePtr& table) {
    Model fold;
    auto scanner = *world_.db->Scan(world_.caller, {.table = table});
    while (true) {
      const auto batch = *scanner->Next();
      if (!batch.has_value()) return fold;
      const auto& k = static_cast<const arrow::Int32Array&>(*batch->rows->column(0));
      const auto& v = static_cast<const arrow::StringArray&>(*batch->rows->column(1));
      for (int64_t i = 0; i < k.length(); ++i) {
        switch (batch->changes[static_cast<size_t>(i)]) {
          case log::Change::kInsert:
          case log::Change::kUpdateAfter:
            fold[k.Value(i)] = v.IsNull(i) ? std::nullopt : std::optional(v.GetString(i));
            break;
          case log::Change::kDelete:
            fold.erase(k.Value(i));
            break;
          default:
            break;
        }
      }
    }
  }

  TableWorld world_;
};

TEST_F(KeyedTest, TheLogHoldsEffects) {
  const TablePtr table = Create({});
  ASSERT_TRUE(Upsert(table, {{1, "a"}, {1, "b"}}).ok());
  ASSERT_TRUE(Delete(table, {1}).ok());
  ASSERT_TRUE(Upsert(table, {{2, std::nullopt}}).ok());
  EXPECT_EQ(world_.Rows(table),
            (std::vector<std::string>{"+I 1 a", "-U 1 a", "+U 1 b", "-D 1 b", "+I 2 null"}));
  EXPECT_EQ(View(table), (Model{{2, std::nullopt}}));
}

TEST_F(KeyedTest, AWriteWithoutEffectsTakesOneOffset) {
  const TablePtr table = Create({});
  ASSERT_TRUE(Delete(table, {5}).ok());
  const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
  EXPECT_EQ(world_.db->GetRange(world_.caller, *table, {.partition = partition.id})->end,
            Offset(1));
  ASSERT_TRUE(Upsert(table, {{5, "x"}}).ok());
  EXPECT_EQ(world_.Rows(table), (std::vector<std::string>{"+I 5 x"}));
}

TEST_F(KeyedTest, AppendsAreRefused) {
  const TablePtr table = Create({});
  EXPECT_EQ(ReasonOf(world_.db->AppendRows(world_.caller, table, {Pairs({{1, "a"}})}, {}).status()),
            Reason::kKeyed);
}

TEST_F(KeyedTest, PartialUpdatesKeepTheOtherColumns) {
  const TablePtr table = Create({});
  ASSERT_TRUE(Upsert(table, {{1, "a"}}).ok());
  const auto key_only = *Pairs({{1, "ignored"}, {2, "ignored"}})->SelectColumns({0});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, table, {key_only}).ok());
  EXPECT_EQ(View(table), (Model{{1, "a"}, {2, std::nullopt}}));
}

TEST_F(KeyedTest, RepeatedBatchChangesNothing) {
  const TablePtr table = Create({});
  const auto put = [&](int32_t key, const std::string& value, int32_t sequence) {
    return Put(table, key, value, sequence);
  };
  ASSERT_TRUE(put(1, "a", 0).ok());
  ASSERT_TRUE(put(1, "b", 1).ok());
  const auto again = put(1, "a", 0);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(View(table), (Model{{1, "b"}}));
  EXPECT_EQ(ReasonOf(put(1, "c", 3).status()), Reason::kOutOfOrderSequence);
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_TRUE(put(1, "b", 1)->duplicate);
  ASSERT_TRUE(put(1, "d", 2).ok());
  EXPECT_EQ(View(table), (Model{{1, "d"}}));
  EXPECT_EQ(Fold(table), View(table));
}

TEST_F(KeyedTest, RowsOfAnOlderSchemaAreReadAndMerged) {
  TablePtr table = Create({});
  ASSERT_TRUE(Upsert(table, {{1, "a"}, {2, "b"}}).ok());
  auto fields = table->current->newest().schema->fields();
  fields.push_back(arrow::field("added", arrow::int64()));
  table = *world_.db->AlterTable(world_.caller, kPath, {.schema = arrow::schema(fields)});
  ASSERT_TRUE(Upsert(table, {{1, "c"}}).ok());
  ASSERT_TRUE(Delete(table, {2}).ok());
  EXPECT_EQ(world_.Rows(table),
            (std::vector<std::string>{"+I 1 a null", "+I 2 b null", "-U 1 a null", "+U 1 c null",
                                      "-D 2 b null"}));
}

TEST_F(KeyedTest, FailedWriteLeavesNoTrace) {
  const TablePtr table = Create({.compression = "none"});
  ASSERT_TRUE(Upsert(table, {{1, "a"}}).ok());
  world_.files->SetCapacity(1);
  // More than the room that the journal has reserved ahead.
  const Status full = Upsert(table, {{1, std::string(20 << 20, 'x')}});
  EXPECT_EQ(ReasonOf(full), Reason::kDiskFull);
  world_.files->SetCapacity(UINT64_MAX);
  ASSERT_TRUE(Upsert(table, {{1, "b"}}).ok());
  EXPECT_TRUE(View(table) == (Model{{1, "b"}}));
  EXPECT_TRUE(world_.Rows(table) == (std::vector<std::string>{"+I 1 a", "-U 1 a", "+U 1 b"}));
}

TEST_F(KeyedTest, AFullDiskDoesNotRefuseRepeats) {
  const store::TemporaryFolder folder;
  world_.key_view_folder = folder.path() + "/view";
  ASSERT_TRUE(world_.Restart().ok());
  const TablePtr table = Create({});
  ASSERT_TRUE(Put(table, 1, "a", 0).ok());
  world_.files->SetCapacity(1 << 20);
  EXPECT_EQ(ReasonOf(Put(table, 1, "b", 1).status()), Reason::kDiskFull);
  const auto again = Put(table, 1, "a", 0);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_TRUE(again->duplicate);
  world_.files->SetCapacity(UINT64_MAX);
  ASSERT_TRUE(Put(table, 1, "b", 1).ok());
  EXPECT_EQ(View(table), (Model{{1, "b"}}));
  world_.db.reset();
}

TEST_F(KeyedTest, RowsInFilesAreReplayed) {
  const TablePtr table = Create({});
  ASSERT_TRUE(Upsert(table, {{1, "a"}, {2, "b"}}).ok());
  const FileSource source = Upload(
      &world_, "u", FileBytesOf(format::FileFormat::kParquet, {Pairs({{2, "c"}, {3, "d"}})}));
  const auto taken = world_.db->file_store()->Take(source, PairSchema(), "");
  ASSERT_TRUE(taken.ok()) << taken.status().ToString();
  const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
  auto* const impl = static_cast<DatabaseImpl*>(world_.db.get());
  log::EntryDraft entry;
  entry.log = *impl->LogOf(*table, {.partition = partition.id});
  entry.kind = log::EntryKind::kFile;
  entry.schema_id = SchemaId(1);
  entry.rows = entry.offsets = 2;
  entry.body = arrow::Buffer::FromString(
      EncodeFileEntry({.file = taken->info.id, .batches = taken->batches}));
  log::CommitDraft draft;
  draft.entries.push_back(std::move(entry));
  draft.catalog = CatalogPartOf({.values = {FileStore::Enter(taken->info)}});
  const auto made = impl->CommitAndWait(std::move(draft));
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(View(table), (Model{{1, "a"}, {2, "c"}, {3, "d"}}));
}

TEST_F(KeyedTest, BasesBoundWhatIsReadAgain) {
  const TablePtr table = Create({});
  auto* const database = static_cast<DatabaseImpl*>(world_.db.get());
  EXPECT_EQ(database->BaseOf(*table->current), CommitId(0));
  ASSERT_TRUE(Upsert(table, {{1, "a"}, {2, "b"}}).ok());
  ASSERT_TRUE(database->CutBases().ok());
  EXPECT_EQ(database->BaseOf(*table->current), world_.db->LastCommit());
  ASSERT_TRUE(Upsert(table, {{1, "c"}}).ok());
  const PartitionInfo partition = world_.db->ListPartitions(world_.caller, *table)->front();
  const ViewStats stats = database->KeyViewStats({partition.first_log});
  EXPECT_EQ(stats.rows, 2);
  EXPECT_EQ(stats.watermark, world_.db->LastCommit());
  EXPECT_EQ(stats.base.value, world_.db->LastCommit().value - 1);
  // In this world working files are in memory: every restart loses them.
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(View(table), (Model{{1, "c"}, {2, "b"}}));
  EXPECT_EQ(static_cast<DatabaseImpl*>(world_.db.get())->BaseOf(*table->current).value,
            world_.db->LastCommit().value - 1);
}

TEST(BaseRoundsTest, BasesAreMadeInTimeAndWhenMuchWasApplied) {
  ManualClock clock;
  ManualExecutor executor(&clock);
  int cuts = 0;
  Status answer;
  BaseRounds rounds(
      {.executor = &executor, .clock = &clock, .interval_ns = 1000, .bytes_max = 100, .cut = [&] {
         ++cuts;
         return answer;
       }});
  rounds.Start();
  const auto pass = [&](int64_t ns) {
    executor.RunUntilIdle(/*advance=*/true, clock.MonotonicNs() + ns);
  };
  pass(2500);
  EXPECT_EQ(cuts, 0);  // nothing was applied
  rounds.Applied(10);
  executor.RunUntilIdle();
  EXPECT_EQ(cuts, 0);
  pass(1500);
  EXPECT_EQ(cuts, 1);
  rounds.Applied(60);
  rounds.Applied(60);
  rounds.Applied(60);
  executor.RunUntilIdle();
  EXPECT_EQ(cuts, 2);  // at once, and once
  answer = Error(Code::kResourceExhausted, Reason::kDiskFull, "full");
  rounds.Applied(1);
  pass(1500);
  EXPECT_EQ(cuts, 3);
  answer = Status::OK();
  pass(1500);
  EXPECT_EQ(cuts, 4);  // what failed is tried again
  rounds.Applied(1);
  rounds.Stop();
  pass(5000);
  EXPECT_EQ(cuts, 4);
}

TEST_F(KeyedTest, DroppedTablesLeaveTheView) {
  const TablePtr table = Create({});
  ASSERT_TRUE(Upsert(table, {{1, "a"}}).ok());
  ASSERT_TRUE(world_.db->DropTable(world_.caller, kPath).ok());
  world_.executor.RunUntilIdle();
  const TablePtr again = Create({});
  EXPECT_EQ(View(again), Model());
  EXPECT_EQ(static_cast<DatabaseImpl*>(world_.db.get())
                ->KeyViewStats({LogId(1), LogId(2), LogId(3)})
                .rows,
            0);
}

// Random operations, retries, restarts; the view, the fold of the log, and a map agree throughout.
TEST_F(KeyedTest, AgreesWithAMap) {
  const TablePtr table = Create({.bucket_count = 3});
  SeededRandom random(11);
  Model model;
  for (int step = 0; step < 300; ++step) {
    const uint64_t what = random.Next64() % 20;
    if (what < 13) {
      std::vector<std::pair<int32_t, std::optional<std::string>>> rows;
      for (uint64_t i = 0; i < 1 + random.Next64() % 8; ++i) {
        const auto key = static_cast<int32_t>(random.Next64() % 40) - 20;
        std::optional<std::string> value;
        if (random.Next64() % 5 != 0) value = std::to_string(random.Next64() % 1000);
        rows.emplace_back(key, value);
        model[key] = value;
      }
      ASSERT_TRUE(Upsert(table, rows).ok());
    } else if (what < 19) {
      const auto key = static_cast<int32_t>(random.Next64() % 40) - 20;
      model.erase(key);
      ASSERT_TRUE(Delete(table, {key}).ok());
    } else {
      ASSERT_TRUE(world_.Restart().ok());
    }
    if (step % 20 == 0) {
      ASSERT_EQ(View(table), model) << "step " << step;
      ASSERT_EQ(Fold(table), model) << "step " << step;
    }
  }
  EXPECT_EQ(View(table), model);
  EXPECT_EQ(Fold(table), model);
}

}  // namespace
}  // namespace firth::table
