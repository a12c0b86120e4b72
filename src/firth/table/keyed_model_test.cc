// Goal: a keyed table is a map, and its log the list of what happened to the map, for each merge
// rule and log image. Method: random batches of upserts, partial updates and deletes, several in
// flight at once, retries, restarts that lose the view (with and without a base), against a model
// of plain values; every answer and every log entry is compared.
#include <gtest/gtest.h>

#include <deque>

#include "firth/schema/key.h"
#include "firth/schema/row.h"
#include "firth/table/database_impl.h"
#include "firth/table/table_testing.h"
#include "firth/table/testing_keyed_model.h"

namespace firth::table {
namespace {

using catalog::LogImage;
using catalog::MergeRule;
using log::Change;

constexpr int kRecordsOfCase = 6'400;  // 16 cases: above 10^5 records together
constexpr int32_t kBuckets = 2;
constexpr size_t kRepeatable = 5;
const Path kPath{{"d", "model"}};

struct Case {
  const char* name;
  MergeRule merge;
  LogImage image;
  bool ignore_deletes = false;
  bool refuse_deletes = false;
  bool partial = false;
  bool by_record_time = false;
};

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name;
}

/// A batch as it was sent, and what it was answered.
struct Sent {
  int32_t bucket = 0;
  int32_t sequence = 0;
  std::vector<model::Record> records;
  std::vector<int> targets;
  std::optional<std::vector<model::Effect>> effects;  // none: refused
  std::optional<Result<AppendResult>> answer;
};

class KeyedModelTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.Open().ok());
    const Case& one = GetParam();
    spec_.key = {"a", "b"};
    spec_.bucket_count = kBuckets;
    spec_.merge = one.merge;
    spec_.image = one.image;
    spec_.ignore_deletes = one.ignore_deletes;
    spec_.refuse_deletes = one.refuse_deletes;
    spec_.compression = "none";
    if (one.merge == MergeRule::kGreatest && !one.by_record_time) spec_.merge_columns = {"v"};
    if (one.by_record_time) spec_.time_column = "v";
    if (one.merge == MergeRule::kAggregate) spec_.aggregates = model::Aggregates();
    table_ =
        world_.db->CreateTable(world_.caller, kPath, {.schema = model::Schema(), .edition = spec_})
            .ValueOrDie();
    codec_ = schema::RowCodec::Make(table_->current->newest().schema).ValueOrDie();
    for (int32_t b = 0; b < kBuckets; ++b) buckets_.emplace_back(spec_);
  }

  PartitionId Partition() {
    return world_.db->ListPartitions(world_.caller, *table_).ValueOrDie().front().id;
  }
  uint64_t Draw(uint64_t below) { return random_.Next64() % below; }
  model::Key RandomKey() {
    return {static_cast<int64_t>(Draw(12)) - 6, std::string(Draw(3), static_cast<char>(Draw(3)))};
  }

  static std::string CompactKey(const model::Key& key) {
    std::vector<std::string> keys(1);
    model::Row row(model::kColumns);
    row[model::kA] = key.first;
    row[model::kB] = key.second;
    FIRTH_CHECK(schema::AppendCompactKey(*model::ToArrow({row}), {0, 1}, &keys).ok());
    return keys.front();
  }

  std::vector<int> RandomTargets() {
    if (!GetParam().partial || Draw(3) == 0) return {};
    std::vector<int> targets = {0, 1};
    for (int c = 2; c < static_cast<int>(model::kColumns); ++c) {
      if (Draw(3) == 0) targets.push_back(c);
    }
    return targets;
  }

  /// Send a batch, first or again; its answer comes while the world runs.
  void Send(Sent* sent) {
    std::vector<model::Row> rows;
    for (const model::Record& record : sent->records) {
      if (record.row.has_value()) rows.push_back(*record.row);
    }
    const auto bytes = std::make_shared<std::vector<std::string>>();
    FIRTH_CHECK(codec_->Encode(*model::ToArrow(rows), bytes.get()).ok());
    const auto keys = std::make_shared<std::deque<std::string>>();
    table::UpsertBatch batch;
    batch.schema_id = SchemaId(1);
    batch.writer_id = WriterId(sent->bucket + 1);
    batch.sequence = sent->sequence;
    batch.target_columns = sent->targets;
    size_t next = 0;
    for (const model::Record& record : sent->records) {
      keys->push_back(CompactKey(record.key));
      std::string_view row;
      if (record.row.has_value()) row = (*bytes)[next++];
      batch.records.push_back({.key = keys->back(), .row = row});
    }
    sent->answer.reset();
    world_.db->UpsertBatch(
        world_.caller, table_, {.partition = Partition(), .bucket = sent->bucket}, std::move(batch),
        [sent, bytes, keys](const Result<AppendResult>& made) { sent->answer.emplace(made); });
  }

  /// One new batch, told to the model at once: batches of a bucket are decided in their order.
  void SendNew() {
    auto sent = std::make_unique<Sent>();
    sent->bucket = static_cast<int32_t>(Draw(kBuckets));
    sent->targets = RandomTargets();
    for (uint64_t i = 0, count = 1 + Draw(12); i < count; ++i) {
      model::Record record{.key = RandomKey()};
      if (Draw(GetParam().refuse_deletes ? 100 : 4) != 0) {
        record.row = model::RandomRow(&random_, record.key);
      }
      sent->records.push_back(std::move(record));
    }
    records_ += static_cast<int>(sent->records.size());
    const auto bucket = static_cast<size_t>(sent->bucket);
    sent->effects = buckets_[bucket].Apply(sent->records, sent->targets);
    sent->sequence = next_sequence_[bucket];
    if (sent->effects.has_value()) ++next_sequence_[bucket];
    Send(sent.get());
    in_flight_.push_back(std::move(sent));
  }

  /// All answers are there: compare them, and note what the log must hold.
  void Settle() {
    world_.executor.RunUntilIdle();
    for (auto& sent : in_flight_) {
      ASSERT_TRUE(sent->answer.has_value());
      const Result<AppendResult>& answer = *sent->answer;
      const auto bucket = static_cast<size_t>(sent->bucket);
      if (!sent->effects.has_value()) {
        ASSERT_EQ(ReasonOf(answer.status()), spec_.refuse_deletes && sent->targets.empty()
                                                 ? Reason::kDeletionDisabled
                                                 : Reason::kPartialUpdate);
        continue;
      }
      ASSERT_TRUE(answer.ok()) << answer.status();
      ASSERT_EQ(answer->base_offset.value, ends_[bucket]);
      ends_[bucket] += std::max<int64_t>(1, static_cast<int64_t>(sent->effects->size()));
      ASSERT_EQ(answer->end_offset.value, ends_[bucket]);
      ASSERT_FALSE(answer->duplicate);
      for (const model::Effect& effect : *sent->effects) {
        expected_[bucket].push_back(effect);
      }
      auto& repeatable = repeatable_[bucket];
      repeatable.push_back(std::move(sent));
      if (repeatable.size() > kRepeatable) repeatable.pop_front();
    }
    in_flight_.clear();
  }

  /// A batch that was answered comes again, and one that skips a number.
  void Repeat() {
    const size_t bucket = Draw(kBuckets);
    if (repeatable_[bucket].empty()) return;
    Sent* const sent = repeatable_[bucket][Draw(repeatable_[bucket].size())].get();
    const Offset first = (*sent->answer)->base_offset;
    Send(sent);
    world_.executor.RunUntilIdle();
    ASSERT_TRUE(sent->answer.has_value() && sent->answer->ok()) << sent->answer->status();
    EXPECT_TRUE((*sent->answer)->duplicate);
    EXPECT_EQ((*sent->answer)->base_offset, first);
    Sent gap = {.bucket = sent->bucket,
                .sequence = next_sequence_[bucket] + 1,
                .records = sent->records,
                .targets = sent->targets};
    Send(&gap);
    world_.executor.RunUntilIdle();
    ASSERT_TRUE(gap.answer.has_value());
    EXPECT_EQ(ReasonOf(gap.answer->status()), Reason::kOutOfOrderSequence);
  }

  void Restart() {
    const uint64_t how = Draw(3);
    if (how == 0) {
      ASSERT_TRUE(static_cast<DatabaseImpl*>(world_.db.get())->CutBases().ok());
    }
    ASSERT_TRUE(world_.Restart().ok());
  }

  /// The log of each bucket, from what was compared before (or from its start).
  void CompareLogs(bool whole) {
    for (size_t b = 0; b < kBuckets; ++b) {
      if (whole) compared_[b] = {};
      auto scanner = world_.db
                         ->Scan(world_.caller, {.table = table_,
                                                .partition = Partition(),
                                                .bucket = static_cast<int32_t>(b),
                                                .from = Offset(compared_[b].offset)})
                         .ValueOrDie();
      while (true) {
        const auto batch = scanner->Next().ValueOrDie();
        if (!batch.has_value()) break;
        CompareBatch(*batch, b);
        if (HasFatalFailure()) return;
      }
      ASSERT_EQ(compared_[b].effects, expected_[b].size());
      compared_[b].offset = ends_[b];
    }
  }
  void CompareBatch(const ScannedBatch& batch, size_t bucket) {
    std::vector<model::Row> rows;
    for (int64_t i = 0; i < batch.rows->num_rows(); ++i) {
      ASSERT_LT(compared_[bucket].effects, expected_[bucket].size());
      const model::Effect& effect = expected_[bucket][compared_[bucket].effects++];
      const Change change =
          batch.changes.empty() ? Change::kAppend : batch.changes[static_cast<size_t>(i)];
      ASSERT_EQ(static_cast<int>(change), static_cast<int>(effect.change))
          << "bucket " << bucket << " effect " << compared_[bucket].effects - 1;
      rows.push_back(effect.row);
    }
    CompareRows(*batch.rows, rows);
  }
  static void CompareRows(const arrow::RecordBatch& got, const std::vector<model::Row>& wanted) {
    const auto want = model::ToArrow(wanted);
    ASSERT_EQ(got.num_rows(), want->num_rows());
    for (int c = 0; c < want->num_columns(); ++c) {
      ASSERT_TRUE(got.column(c)->Equals(want->column(c)))
          << want->schema()->field(c)->name() << ": " << got.column(c)->ToString() << "\nwanted "
          << want->column(c)->ToString();
    }
  }
  void CompareStored(const std::vector<StoredRow>& got, const std::vector<model::Row>& wanted) {
    std::vector<std::string_view> rows;
    for (const StoredRow& row : got) rows.push_back(row.row());
    CompareRows(**codec_->Decode(rows), wanted);
  }

  void CompareLookups() {
    const auto bucket = static_cast<int32_t>(Draw(kBuckets));
    const auto& held = buckets_[static_cast<size_t>(bucket)].rows();
    std::vector<std::string> keys;
    std::vector<model::Key> plain;
    for (int i = 0; i < 8; ++i) {
      plain.push_back(RandomKey());
      keys.push_back(CompactKey(plain.back()));
    }
    std::optional<Result<std::vector<std::optional<StoredRow>>>> answer;
    world_.db->Lookup(world_.caller, table_, {.partition = Partition(), .bucket = bucket}, keys,
                      [&](auto rows) { answer.emplace(std::move(rows)); });
    world_.executor.RunUntilIdle();
    ASSERT_TRUE(answer.has_value() && answer->ok());
    for (size_t i = 0; i < plain.size(); ++i) {
      const auto found = held.find(plain[i]);
      ASSERT_EQ((**answer)[i].has_value(), found != held.end());
      if (found != held.end()) CompareStored({*(**answer)[i]}, {found->second});
    }
    ComparePrefix(bucket, plain.front().first);
    CompareRange(bucket);
  }
  void ComparePrefix(int32_t bucket, int64_t a) {
    model::Row row(model::kColumns);
    row[model::kA] = a;
    row[model::kB] = std::string();
    std::vector<std::string> prefix(1);
    ASSERT_TRUE(schema::AppendCompactKey(*model::ToArrow({row}), {0}, &prefix).ok());
    std::vector<model::Row> wanted;
    for (const auto& [key, held] : buckets_[static_cast<size_t>(bucket)].rows()) {
      if (key.first == a) wanted.push_back(held);
    }
    std::optional<Result<std::vector<std::vector<StoredRow>>>> answer;
    world_.db->PrefixLookup(world_.caller, table_, {.partition = Partition(), .bucket = bucket},
                            prefix, [&](auto rows) { answer.emplace(std::move(rows)); });
    world_.executor.RunUntilIdle();
    ASSERT_TRUE(answer.has_value() && answer->ok());
    CompareStored((**answer)[0], wanted);
  }
  /// A range in key order, forwards or backwards, of some length.
  void CompareRange(int32_t bucket) {
    model::Key from = RandomKey();
    model::Key to = RandomKey();
    const bool backwards = Draw(2) == 0;
    const auto limit = static_cast<int64_t>(1 + Draw(30));
    std::vector<model::Row> wanted;
    for (const auto& [key, held] : buckets_[static_cast<size_t>(bucket)].rows()) {
      if (key >= from && key < to) wanted.push_back(held);
    }
    if (backwards) std::reverse(wanted.begin(), wanted.end());
    if (static_cast<int64_t>(wanted.size()) > limit) wanted.resize(static_cast<size_t>(limit));
    const auto rows =
        world_.db->ScanKeys(world_.caller, {.table = table_,
                                            .where = {.partition = Partition(), .bucket = bucket},
                                            .from = Canonical(from),
                                            .to = Canonical(to),
                                            .backwards = backwards,
                                            .limit = limit});
    ASSERT_TRUE(rows.ok()) << rows.status();
    std::vector<StoredRow> stored;
    for (const KeyedRow& row : *rows) stored.push_back(row.row);
    CompareStored(stored, wanted);
  }
  static std::string Canonical(const model::Key& key) {
    static const auto encoder =
        schema::KeyEncoder::Make({arrow::int32(), arrow::utf8()}).ValueOrDie();
    std::string bytes;
    FIRTH_CHECK(
        encoder
            .EncodeScalars({std::make_shared<arrow::Int32Scalar>(static_cast<int32_t>(key.first)),
                            std::make_shared<arrow::StringScalar>(key.second)},
                           &bytes)
            .ok());
    return bytes;
  }
  void CompareAllRows() {
    for (size_t b = 0; b < kBuckets; ++b) {
      const auto rows = world_.db->ScanKeys(
          world_.caller, {.table = table_,
                          .where = {.partition = Partition(), .bucket = static_cast<int32_t>(b)}});
      ASSERT_TRUE(rows.ok()) << rows.status();
      std::vector<StoredRow> stored;
      for (const KeyedRow& row : *rows) stored.push_back(row.row);
      std::vector<model::Row> wanted;
      for (const auto& [key, held] : buckets_[b].rows()) wanted.push_back(held);
      CompareStored(stored, wanted);
    }
  }

  struct Compared {
    int64_t offset = 0;
    size_t effects = 0;
  };

  TableWorld world_;
  SeededRandom random_{20261121};
  EditionSpec spec_;
  TablePtr table_;
  std::shared_ptr<const schema::RowCodec> codec_;
  std::vector<model::Table> buckets_;
  std::vector<std::unique_ptr<Sent>> in_flight_;
  std::deque<std::unique_ptr<Sent>> repeatable_[kBuckets];
  std::vector<model::Effect> expected_[kBuckets];
  Compared compared_[kBuckets];
  int64_t ends_[kBuckets] = {};
  int32_t next_sequence_[kBuckets] = {};
  int records_ = 0;
};

TEST_P(KeyedModelTest, IsAMapAndAList) {
  for (int step = 0; records_ < kRecordsOfCase; ++step) {
    for (uint64_t i = 0, count = 1 + Draw(4); i < count; ++i) SendNew();
    Settle();
    if (HasFatalFailure()) FAIL() << "step " << step;
    if (Draw(4) == 0) Repeat();
    if (Draw(4) == 0) CompareLookups();
    if (Draw(80) == 0) Restart();
    if (Draw(20) == 0) {
      CompareLogs(/*whole=*/false);
      CompareAllRows();
    }
    if (HasFatalFailure()) FAIL() << "step " << step;
  }
  Restart();
  CompareLogs(/*whole=*/true);
  CompareAllRows();
}

INSTANTIATE_TEST_SUITE_P(
    Rules, KeyedModelTest,
    ::testing::Values(
        Case{.name = "LastFull",
             .merge = MergeRule::kLastWrite,
             .image = LogImage::kFull,
             .partial = true},
        Case{.name = "LastAfter",
             .merge = MergeRule::kLastWrite,
             .image = LogImage::kAfter,
             .partial = true},
        Case{.name = "LastInput",
             .merge = MergeRule::kLastWrite,
             .image = LogImage::kInput,
             .partial = true},
        Case{.name = "LastIgnoringDeletes",
             .merge = MergeRule::kLastWrite,
             .image = LogImage::kFull,
             .ignore_deletes = true},
        Case{.name = "LastRefusingDeletes",
             .merge = MergeRule::kLastWrite,
             .image = LogImage::kFull,
             .refuse_deletes = true},
        Case{.name = "FirstFull",
             .merge = MergeRule::kFirst,
             .image = LogImage::kFull,
             .ignore_deletes = true},
        Case{.name = "FirstAfter", .merge = MergeRule::kFirst, .image = LogImage::kAfter},
        Case{.name = "FirstInput",
             .merge = MergeRule::kFirst,
             .image = LogImage::kInput,
             .partial = true},
        Case{.name = "GreatestFull",
             .merge = MergeRule::kGreatest,
             .image = LogImage::kFull,
             .partial = true},
        Case{.name = "GreatestAfter",
             .merge = MergeRule::kGreatest,
             .image = LogImage::kAfter,
             .ignore_deletes = true},
        Case{.name = "GreatestInput", .merge = MergeRule::kGreatest, .image = LogImage::kInput},
        Case{.name = "GreatestTimeFull",
             .merge = MergeRule::kGreatest,
             .image = LogImage::kFull,
             .by_record_time = true},
        Case{.name = "GreatestTimeInput",
             .merge = MergeRule::kGreatest,
             .image = LogImage::kInput,
             .by_record_time = true},
        Case{.name = "AggregateFull",
             .merge = MergeRule::kAggregate,
             .image = LogImage::kFull,
             .partial = true},
        Case{.name = "AggregateAfter",
             .merge = MergeRule::kAggregate,
             .image = LogImage::kAfter,
             .partial = true},
        Case{.name = "AggregateInput",
             .merge = MergeRule::kAggregate,
             .image = LogImage::kInput,
             .partial = true}),
    [](const auto& named) { return named.param.name; });

}  // namespace
}  // namespace firth::table
