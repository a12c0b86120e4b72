// Goal: a keyed table is what a map would be, its log folds to the same, and both survive restarts
// and the loss of the view. Method: chosen cases, then random operations against a map.
#include <future>
#include <map>

#include "firth/common/later.h"
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
  struct PutParts {
    std::string key;
    std::string row;
  };
  /// The key and the row of one row, as producers send them.
  static PutParts PartsOf(const TablePtr& table, const std::shared_ptr<arrow::RecordBatch>& rows) {
    const auto codec = *schema::RowCodec::Make(table->current->newest().schema);
    std::vector<std::string> encoded;
    std::vector<std::string> keys(1);
    EXPECT_TRUE(codec->Encode(*rows, &encoded).ok());
    EXPECT_TRUE(schema::AppendCompactKey(*rows, {0}, &keys).ok());
    return {.key = keys[0], .row = encoded[0]};
  }
  /// Upsert one row into the first bucket as a writer that numbers its batches.
  Result<AppendResult> Put(const TablePtr& table, int32_t key, const std::string& value,
                           int32_t sequence) {
    const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
    const PutParts parts = PartsOf(table, Pairs({{key, value}}));
    table::UpsertBatch batch;
    batch.schema_id = SchemaId(1);
    batch.writer_id = WriterId(5);
    batch.sequence = sequence;
    batch.records = {{.key = parts.key, .row = parts.row}};
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

TEST_F(KeyedTest, AScanIsOfOneCommitAndTheLogGoesOnFromThere) {
  const TablePtr table = Create({});
  for (int32_t k = 0; k < 50; ++k) ASSERT_TRUE(Upsert(table, {{k, "first"}}).ok());
  const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
  const auto opened = world_.db->OpenKeyScan(
      world_.caller, {.table = table, .where = {.partition = partition.id}, .backwards = true});
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ((*opened)->log_end(), Offset(50));
  EXPECT_EQ((*opened)->as_of(), world_.db->LastCommit());
  ASSERT_TRUE(Upsert(table, {{3, "second"}, {70, "second"}}).ok());
  ASSERT_TRUE(Delete(table, {5, 6}).ok());
  const auto codec = *schema::RowCodec::Make(table->current->newest().schema);
  Model rows;
  int32_t last = 50;
  while (true) {
    const auto row = (*opened)->Next();
    ASSERT_TRUE(row.ok()) << row.status();
    if (!row->has_value()) break;
    const auto decoded = *codec->Decode({(*row)->row.row()});
    const int32_t k = static_cast<const arrow::Int32Array&>(*decoded->column(0)).Value(0);
    EXPECT_EQ(k, --last);
    rows[k] = static_cast<const arrow::StringArray&>(*decoded->column(1)).GetString(0);
    EXPECT_EQ(rows[k], "first");
  }
  EXPECT_EQ(last, 0);
  // The rows and what the log holds from that end on are what the table is.
  auto scanner =
      *world_.db->Scan(world_.caller, {.table = table, .bucket = 0, .from = (*opened)->log_end()});
  while (const auto batch = *scanner->Next()) {
    const auto& k = static_cast<const arrow::Int32Array&>(*batch->rows->column(0));
    const auto& v = static_cast<const arrow::StringArray&>(*batch->rows->column(1));
    for (int64_t i = 0; i < k.length(); ++i) {
      const log::Change change = batch->changes[static_cast<size_t>(i)];
      if (change == log::Change::kDelete) rows.erase(k.Value(i));
      if (change == log::Change::kInsert || change == log::Change::kUpdateAfter) {
        rows[k.Value(i)] = v.GetString(i);
      }
    }
  }
  EXPECT_EQ(rows, View(table));
  EXPECT_EQ(
      ReasonOf(world_.db
                   ->OpenKeyScan(world_.caller, {.table = table,
                                                 .where = {.partition = partition.id, .bucket = 7}})
                   .status()),
      Reason::kBucketNotFound);
}

TEST_F(KeyedTest, BucketsThatAreWrittenTogetherAreCommittedTogether) {
  constexpr int32_t kBuckets = 4;
  const TablePtr table = Create({.bucket_by = {"k"}, .bucket_count = kBuckets});
  const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
  int answers = 0;
  const auto put = [&](int32_t b, const PutParts& parts) {
    table::UpsertBatch batch;
    batch.schema_id = SchemaId(1);
    batch.records = {{.key = parts.key, .row = parts.row}};
    world_.db->UpsertBatch(world_.caller, table, {.partition = partition.id, .bucket = b},
                           std::move(batch), [&](const Result<AppendResult>& made) {
                             EXPECT_TRUE(made.ok()) << made.status();
                             ++answers;
                           });
  };
  for (const std::string value : {"first", "second"}) {
    std::vector<PutParts> parts;
    for (int32_t b = 0; b < kBuckets; ++b) parts.push_back(PartsOf(table, Pairs({{b, value}})));
    world_.executor.RunUntilIdle();
    const log::Metrics before = world_.db->LogMetrics();
    answers = 0;
    {
      const Later later;
      for (int32_t b = 0; b < kBuckets; ++b) put(b, parts[static_cast<size_t>(b)]);
    }
    // One task decides all of them, one commits them, and one applies and answers them.
    ASSERT_TRUE(world_.executor.RunOne());
    ASSERT_TRUE(world_.executor.RunOne());
    EXPECT_EQ(world_.db->LogMetrics().commits - before.commits, uint64_t{kBuckets});
    EXPECT_EQ(world_.db->LogMetrics().groups - before.groups, 1u);
    EXPECT_EQ(answers, 0);
    ASSERT_TRUE(world_.executor.RunOne());
    EXPECT_EQ(answers, kBuckets);
    EXPECT_EQ(View(table), (Model{{0, value}, {1, value}, {2, value}, {3, value}}));
  }
}

TEST_F(KeyedTest, LookupsThatComeTogetherAreEachAnswered) {
  const TablePtr table = Create({.bucket_by = {"k"}, .bucket_count = 2});
  Model expected;
  for (int32_t k = 0; k < 40; ++k) {
    expected[k] = "v" + std::to_string(k);
    ASSERT_TRUE(Upsert(table, {{k, expected[k]}}).ok());
  }
  ASSERT_TRUE(static_cast<DatabaseImpl*>(world_.db.get())->CutBases().ok());
  ASSERT_TRUE(world_.Restart().ok());  // nothing is in memory
  const TablePtr again = *world_.db->GetTable(world_.caller, kPath);
  const auto partition = world_.db->ListPartitions(world_.caller, *again)->front();
  std::vector<LookupBucket> buckets;
  for (int32_t b = 0; b < 2; ++b) {
    buckets.push_back(*world_.db->FindBucket(again, {.partition = partition.id, .bucket = b}));
  }
  // Each key in each bucket, several in one ask, and again before the first are answered.
  std::vector<std::vector<bool>> found(2, std::vector<bool>(50));
  size_t answers = 0;
  for (int round = 0; round < 2; ++round) {
    for (int32_t k = 0; k < 50; k += 2) {
      for (size_t b = 0; b < 2; ++b) {
        const std::string one(1, static_cast<char>(k));
        const std::string other(1, static_cast<char>(k + 1));
        world_.db->FindRows(
            world_.caller, buckets[b], {one, other, one}, [&, b, k](const Result<FoundRows>& rows) {
              ++answers;
              EXPECT_TRUE(Later::IsOpen());  // their answers leave together, too
              ASSERT_TRUE(rows.ok() && rows->size() == 3) << rows.status();
              ASSERT_EQ((*rows)[0] == nullptr, (*rows)[2] == nullptr);
              for (size_t i = 0; i < 2; ++i) {
                const auto& row = (*rows)[i];
                if (row == nullptr) continue;
                found[b][static_cast<size_t>(k) + i] = true;
                const auto codec = *schema::RowCodec::Make(again->current->newest().schema);
                const auto decoded = *codec->Decode({row->row()});
                EXPECT_EQ(static_cast<const arrow::Int32Array&>(*decoded->column(0)).Value(0),
                          k + static_cast<int32_t>(i));
              }
            });
      }
    }
  }
  world_.executor.RunUntilIdle();
  EXPECT_EQ(answers, 100u);
  for (int32_t k = 0; k < 50; ++k) {
    const auto at = static_cast<size_t>(k);
    EXPECT_EQ(found[0][at] + found[1][at], expected.contains(k) ? 1 : 0) << k;
  }
}

TEST_F(KeyedTest, LookupsAreAnsweredWhileAWriterWaitsForTheDisk) {
  ManualExecutor lookups(&world_.clock);
  world_.lookups = &lookups;
  ASSERT_TRUE(world_.Restart().ok());
  const TablePtr table = Create({.bucket_by = {"k"}, .bucket_count = 2});
  std::vector<std::pair<int32_t, std::optional<std::string>>> rows;
  for (int32_t k = 0; k < 40; ++k) rows.emplace_back(k, "before");
  ASSERT_TRUE(Upsert(table, rows).ok());
  const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
  std::vector<LookupBucket> buckets;
  for (int32_t b = 0; b < 2; ++b) {
    buckets.push_back(*world_.db->FindBucket(table, {.partition = partition.id, .bucket = b}));
  }
  // Which bucket has which key.
  std::vector<std::pair<size_t, std::string>> keys;
  for (size_t b = 0; b < 2; ++b) {
    for (int32_t k = 0; k < 40; ++k) {
      const std::string key(1, static_cast<char>(k));
      world_.db->FindRows(world_.caller, buckets[b], {key}, [&, b, key](const auto& answer) {
        ASSERT_TRUE(answer.ok()) << answer.status();
        if (answer->front() != nullptr) keys.emplace_back(b, key);
      });
      lookups.RunUntilIdle();
    }
  }
  ASSERT_EQ(keys.size(), 40u);
  // What a thread of the network and one of the lookups do while a writer waits for the disk.
  const auto look = [&] {
    size_t found = 0;
    for (const auto& [b, key] : keys) {
      world_.db->FindRows(world_.caller, buckets[b], {key}, [&](const Result<FoundRows>& answer) {
        ASSERT_TRUE(answer.ok() && answer->front() != nullptr) << answer.status();
        EXPECT_NE(answer->front()->row().find("before"), std::string_view::npos);
        ++found;
      });
    }
    EXPECT_EQ(found, 0U);  // nothing is looked up by the thread that asks
    lookups.RunUntilIdle();
    return found;
  };
  std::map<std::string, int> stalls;
  world_.files->SetFaultHook([&](const char* operation, const std::string&) {
    ++stalls[operation];
    auto others = std::async(std::launch::async, look);
    EXPECT_EQ(others.wait_for(std::chrono::seconds(20)), std::future_status::ready) << operation;
    EXPECT_EQ(others.get(), keys.size()) << operation;
    return Status::OK();
  });
  for (auto& [key, value] : rows) value = "after";
  ASSERT_TRUE(Upsert(table, rows).ok());
  world_.files->SetFaultHook(nullptr);
  EXPECT_GT(stalls["write"], 0);
  EXPECT_GT(stalls["sync"], 0);
  EXPECT_EQ(View(table).at(7), "after");
}

TEST_F(KeyedTest, RowsEndWithTheirLifetime) {
  constexpr int64_t kHourNs = int64_t{3600} * 1'000'000'000;
  constexpr int64_t kLifetimeNs = 3 * kHourNs + kHourNs / 2;
  struct Kind {
    std::shared_ptr<arrow::DataType> type;
    int64_t units;  // of an hour
  };
  for (const Kind& kind : std::vector<Kind>{{nullptr, 0},
                                            {arrow::timestamp(arrow::TimeUnit::MILLI), 3'600'000},
                                            {arrow::timestamp(arrow::TimeUnit::NANO), kHourNs},
                                            {arrow::int64(), kHourNs}}) {
    // By the time of the commit; or by a column, which is null for the last key.
    const bool by_column = kind.type != nullptr;
    const auto type = by_column ? kind.type : arrow::int64();
    const auto schema =
        arrow::schema({arrow::field("k", arrow::int32(), false), arrow::field("t", type)});
    EditionSpec spec{.key = {"k"}};
    if (by_column) spec.time_column = "t";
    spec.key_lifetime = {
        .duration_ns = kLifetimeNs,
        .by = by_column ? catalog::LifetimeBy::kRecordTime : catalog::LifetimeBy::kCommitTime};
    const auto table =
        *world_.db->CreateTable(world_.caller, kPath, {.schema = schema, .edition = spec});
    const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
    const int64_t began_ns = world_.clock.NowNs();
    for (int32_t k = 0; k < 4; ++k) {
      // Key k is of hour k.
      if (!by_column && k > 0) world_.clock.Advance(kHourNs);
      arrow::Int32Builder keys;
      arrow::Int64Builder times;
      ASSERT_TRUE(keys.Append(k).ok());
      const int64_t unit_ns = by_column ? kHourNs / kind.units : 1;
      ASSERT_TRUE(
          (k == 3 ? times.AppendNull() : times.Append((began_ns + k * kHourNs) / unit_ns)).ok());
      const auto time = *(*times.Finish())->View(type);
      ASSERT_TRUE(world_.db
                      ->UpsertRows(world_.caller, table,
                                   {arrow::RecordBatch::Make(schema, 1, {*keys.Finish(), time})})
                      .ok());
    }
    const auto ends = [&](int32_t k) {
      return began_ns + kLifetimeNs + (by_column && k == 3 ? 0 : k * kHourNs);
    };
    for (const int64_t off_ns : {3 * kHourNs, 4 * kHourNs, 6 * kHourNs, 7 * kHourNs}) {
      const int64_t to_ns = began_ns + off_ns;
      if (to_ns > world_.clock.NowNs()) world_.clock.Advance(to_ns - world_.clock.NowNs());
      const int64_t now_ns = world_.clock.NowNs();
      std::vector<std::string> keys;
      std::vector<bool> there;
      size_t count = 0;
      for (int32_t k = 0; k < 4; ++k) {
        keys.emplace_back(1, static_cast<char>(k));
        there.push_back(ends(k) > now_ns);
        count += there.back();
      }
      const table::BucketRef where{.partition = partition.id};
      std::optional<Result<std::vector<std::optional<StoredRow>>>> found;
      world_.db->Lookup(world_.caller, table, where, keys,
                        [&](auto rows) { found.emplace(std::move(rows)); });
      world_.executor.RunUntilIdle();
      ASSERT_TRUE(found.has_value() && found->ok());
      for (size_t k = 0; k < 4; ++k) {
        EXPECT_EQ((**found)[k].has_value(), there[k]) << type->ToString() << k << " " << off_ns;
      }
      EXPECT_EQ(world_.db->ScanKeys(world_.caller, {.table = table, .where = where})->size(),
                count);
      const auto scan = *world_.db->OpenKeyScan(world_.caller, {.table = table, .where = where});
      size_t scanned = 0;
      while (scan->Next()->has_value()) ++scanned;
      EXPECT_EQ(scanned, count);
      size_t by_prefix = 0;
      world_.db->PrefixLookup(world_.caller, table, where, keys, [&](const auto& lists) {
        for (const auto& list : *lists) by_prefix += list.size();
      });
      world_.executor.RunUntilIdle();
      EXPECT_EQ(by_prefix, count);
    }
    ASSERT_TRUE(world_.db->DropTable(world_.caller, kPath).ok());
  }
}

TEST_F(KeyedTest, AViewThatIsBehindSlowsItsWriters) {
  constexpr int32_t kWrites = 40;
  // How many commits the log holds at most that the view has not absorbed.
  const auto most_behind = [&](uint64_t bound) {
    world_.key_lag_bytes_max = bound;
    EXPECT_TRUE(world_.Restart().ok());
    if (world_.db->GetTable(world_.caller, kPath).ok()) {
      EXPECT_TRUE(world_.db->DropTable(world_.caller, kPath).ok());
    }
    const TablePtr table = Create({.bucket_by = {"k"}, .bucket_count = kWrites});
    const auto partition = world_.db->ListPartitions(world_.caller, *table)->front();
    const PutParts parts = PartsOf(table, Pairs({{1, std::string(1000, 'v')}}));
    int64_t answered = 0;
    for (int32_t i = 0; i < kWrites; ++i) {
      table::UpsertBatch batch{.schema_id = SchemaId(1)};
      batch.records = {{.key = parts.key, .row = parts.row}};
      world_.db->UpsertBatch(world_.caller, table, {.partition = partition.id, .bucket = i},
                             std::move(batch), [&](const Result<AppendResult>& made) {
                               EXPECT_TRUE(made.ok()) << made.status();
                               ++answered;
                             });
    }
    // All of them count as lag, until the view has absorbed them.
    EXPECT_GT(world_.db->GetKeyStats(world_.caller, *table)->lag_bytes, uint64_t{kWrites} * 1000);
    const int64_t before = world_.db->LastCommit().value;
    int64_t most = 0;
    while (world_.executor.RunOne()) {
      most = std::max(most, world_.db->LastCommit().value - before - answered);
    }
    EXPECT_EQ(answered, kWrites);
    EXPECT_EQ(world_.db->GetKeyStats(world_.caller, *table)->lag_bytes, 0u);
    return most;
  };
  EXPECT_EQ(most_behind(uint64_t{64} << 20), kWrites);
  EXPECT_LE(most_behind(1), 1);
  EXPECT_LE(most_behind(5'000), 5);
}

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
