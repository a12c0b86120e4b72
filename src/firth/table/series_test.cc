// Goal: series are made, written, read at every revision, moved and obliterated, and a restart
// gives all of it back. Method: a Database in a simulated world; random writes against plain
// vectors.
#include "firth/table/series.h"

#include <arrow/array.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "firth/log/batch.h"
#include "firth/log/ipc_message.h"
#include "firth/table/series_rows.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

constexpr int64_t kBase = 1'500'000'000'000'000'000;

SeriesId Id(char last) {
  SeriesId id;
  id.bytes[15] = last;
  return id;
}

SeriesInfo Info(char last, const std::string& name, Path collection = Path{{"a", "b"}}) {
  return {.id = Id(last), .collection = std::move(collection), .tags = {{"name", name}}};
}

class SeriesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.Open().ok()); }
  SeriesStore* store() { return world_.db->series(); }

  Result<int64_t> Insert(char id, const std::vector<int64_t>& times,
                         const std::vector<double>& values,
                         MergePolicy policy = MergePolicy::kNever) {
    return store()->Insert(world_.caller, Id(id), times, values, policy);
  }
  std::vector<std::pair<int64_t, double>> Points(char id, int64_t revision = 0) {
    std::vector<std::pair<int64_t, double>> points;
    const auto snapshot = store()->Pin(world_.caller, Id(id), revision);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status().ToString();
    if (!snapshot.ok()) return points;
    auto cursor = *snapshot->Points(timeview::kTimeMin, timeview::kTimeTop);
    timeview::PointBatch batch;
    do {
      EXPECT_TRUE(cursor->Next(100, &batch).ok());
      for (size_t i = 0; i < batch.size(); ++i)
        points.emplace_back(batch.times[i], batch.values[i]);
    } while (batch.size() > 0);
    return points;
  }

  TableWorld world_;
};

using Expected = std::vector<std::pair<int64_t, double>>;

TEST_F(SeriesTest, EachInsertIsARevisionThatStays) {
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  EXPECT_EQ(*store()->LatestRevision(world_.caller, Id(1)), 10);
  EXPECT_EQ(*Insert(1, {kBase + 2, kBase}, {2, 0}), 11);
  EXPECT_EQ(*Insert(1, {kBase + 1}, {1}), 12);
  EXPECT_EQ(*store()->Delete(world_.caller, Id(1), kBase, kBase + 1), 13);
  EXPECT_EQ(*Insert(1, {}, {}), 13);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(Points(1, 10), Expected());
    EXPECT_EQ(Points(1, 11), (Expected{{kBase, 0}, {kBase + 2, 2}}));
    EXPECT_EQ(Points(1, 12), (Expected{{kBase, 0}, {kBase + 1, 1}, {kBase + 2, 2}}));
    EXPECT_EQ(Points(1), (Expected{{kBase + 1, 1}, {kBase + 2, 2}}));
    EXPECT_EQ(ReasonOf(store()->Pin(world_.caller, Id(1), 14).status()), Reason::kVersionNotFound);
    ASSERT_TRUE(world_.Restart().ok());
  }
  EXPECT_EQ(*Insert(1, {kBase + 9}, {9}), 14);
}

TEST_F(SeriesTest, PointsOfAMessageAreTakenFromIt) {
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  // Times and values as a message, with what may be written over before it.
  const auto message_of = [](const std::vector<int64_t>& times, const std::vector<double>& values) {
    const auto rows = arrow::RecordBatch::Make(
        CollectionStoredSchema(), static_cast<int64_t>(times.size()),
        {arrow::MakeArray(arrow::ArrayData::Make(CollectionStoredSchema()->field(0)->type(),
                                                 static_cast<int64_t>(times.size()),
                                                 {nullptr, arrow::Buffer::Wrap(times)}, 0)),
         arrow::MakeArray(arrow::ArrayData::Make(arrow::float64(),
                                                 static_cast<int64_t>(values.size()),
                                                 {nullptr, arrow::Buffer::Wrap(values)}, 0))});
    const auto batch =
        log::EncodeBatch(*rows, {}, {.compression = arrow::Compression::UNCOMPRESSED}).ValueOrDie();
    std::shared_ptr<arrow::Buffer> memory = arrow::AllocateBuffer(batch->size()).ValueOrDie();
    std::memcpy(memory->mutable_data(), batch->data(), static_cast<size_t>(batch->size()));
    return PointMessage{.memory = memory, .begin = PointMessage::kRoomBefore, .end = batch->size()};
  };
  const auto insert = [&](const PointMessage& message, PointMessage given) {
    const auto found = log::FindIpcNumbers(
        log::MessagePlace{message.memory, message.begin, message.end}.bytes(), 2);
    const auto rows = static_cast<size_t>(found.value().rows);
    return store()->Insert(world_.caller, Id(1),
                           {reinterpret_cast<const int64_t*>(found->columns[0]), rows},
                           {reinterpret_cast<const double*>(found->columns[1]), rows},
                           MergePolicy::kNever, std::move(given));
  };
  const auto first = message_of({kBase + 2, kBase}, {2, 0});
  EXPECT_EQ(*insert(first, first), 11);
  // Of another message than the one that the points lie in nothing is taken.
  const auto second = message_of({kBase + 4, kBase + 1}, {4, 1});
  const auto other = message_of({kBase + 7, kBase + 8}, {7, 8});
  EXPECT_EQ(*insert(second, other), 12);
  auto shorter = message_of({kBase + 6}, {6});
  auto short_of_it = shorter;
  short_of_it.end -= 8;
  EXPECT_EQ(*insert(shorter, short_of_it), 13);
  const auto bad = message_of({kBase + 9, timeview::kTimeTop}, {9, 9});
  EXPECT_EQ(ReasonOf(insert(bad, bad).status()), Reason::kTimeOutOfRange);
  const Expected all{{kBase, 0}, {kBase + 1, 1}, {kBase + 2, 2}, {kBase + 4, 4}, {kBase + 6, 6}};
  EXPECT_EQ(Points(1), all);
  EXPECT_EQ(Points(1, 11), (Expected{{kBase, 0}, {kBase + 2, 2}}));
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(Points(1), all);
  EXPECT_EQ(Points(1, 11), (Expected{{kBase, 0}, {kBase + 2, 2}}));
}

TEST_F(SeriesTest, PoliciesAreDecidedBeforeTheLog) {
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  ASSERT_TRUE(Insert(1, {kBase}, {1}).ok());
  ASSERT_TRUE(Insert(1, {kBase, kBase + 1}, {5, 6}, MergePolicy::kRetain).ok());
  EXPECT_EQ(Points(1), (Expected{{kBase, 1}, {kBase + 1, 6}}));
  ASSERT_TRUE(Insert(1, {kBase}, {7}, MergePolicy::kReplace).ok());
  ASSERT_TRUE(Insert(1, {kBase, kBase}, {7, 8}, MergePolicy::kEqual).ok());
  const Expected expected = {{kBase, 7}, {kBase, 8}, {kBase + 1, 6}};
  EXPECT_EQ(Points(1), expected);
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(Points(1), expected);
}

TEST_F(SeriesTest, BadPointsRefuseTheWholeInsert) {
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  EXPECT_EQ(ReasonOf(Insert(1, {kBase, timeview::kTimeTop}, {1, 2}).status()),
            Reason::kTimeOutOfRange);
  EXPECT_EQ(ReasonOf(Insert(1, {kBase}, {std::nan("")}).status()), Reason::kBadValue);
  EXPECT_EQ(ReasonOf(Insert(9, {kBase}, {1}).status()), Reason::kSeriesNotFound);
  EXPECT_EQ(*store()->LatestRevision(world_.caller, Id(1)), 10);
}

TEST_F(SeriesTest, FactsAreUniqueAndVersioned) {
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  EXPECT_EQ(ReasonOf(store()->Create(world_.caller, Info(1, "y"))), Reason::kSeriesExists);
  EXPECT_EQ(ReasonOf(store()->Create(world_.caller, Info(2, "x"))), Reason::kTagsTaken);
  ASSERT_TRUE(store()->Create(world_.caller, Info(2, "y")).ok());
  EXPECT_EQ(ReasonOf(store()->Alter(world_.caller, Id(2), {.tags = {{"name", "x"}}})),
            Reason::kTagsTaken);
  EXPECT_EQ(ReasonOf(store()->Alter(world_.caller, Id(2), {.expected_version = 7})),
            Reason::kVersionMismatch);
  ASSERT_TRUE(store()
                  ->Alter(world_.caller, Id(2),
                          {.expected_version = 1,
                           .collection = Path{{"c"}},
                           .annotations = {{"k", "v"}, {"n", std::nullopt}}})
                  .ok());
  for (int round = 0; round < 2; ++round) {
    const auto moved = *store()->Get(world_.caller, Id(2));
    EXPECT_EQ(moved->collection, (Path{{"c"}}));
    EXPECT_EQ(moved->property_version, 2u);
    EXPECT_EQ(moved->annotations.at("k"), "v");
    EXPECT_EQ(moved->annotations.at("n"), std::nullopt);
    EXPECT_EQ(store()->Find(world_.caller, {.collection = Path{{"a", "b"}}})->size(), 1u);
    EXPECT_EQ(store()->Find(world_.caller, {.collection_prefix = "a"})->size(), 1u);
    EXPECT_EQ(store()->Find(world_.caller, {})->size(), 2u);
    ASSERT_TRUE(world_.Restart().ok());
  }
}

TEST_F(SeriesTest, AMovedSeriesKeepsItsPoints) {
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  ASSERT_TRUE(Insert(1, {kBase}, {1}).ok());
  ASSERT_TRUE(store()->Alter(world_.caller, Id(1), {.collection = Path{{"z"}}}).ok());
  ASSERT_TRUE(Insert(1, {kBase + 1}, {2}).ok());
  const Expected expected = {{kBase, 1}, {kBase + 1, 2}};
  EXPECT_EQ(Points(1), expected);
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(Points(1), expected);
}

TEST_F(SeriesTest, ObliteratedIsGoneForGood) {
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  ASSERT_TRUE(Insert(1, {kBase}, {1}).ok());
  ASSERT_TRUE(store()->Obliterate(world_.caller, Id(1)).ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ReasonOf(store()->Pin(world_.caller, Id(1), 0).status()), Reason::kSeriesNotFound);
    EXPECT_EQ(ReasonOf(store()->Create(world_.caller, Info(1, "x"))), Reason::kSeriesBurnt);
    ASSERT_TRUE(world_.Restart().ok());
  }
  EXPECT_TRUE(store()->Create(world_.caller, Info(2, "x")).ok());
}

// The series vanishes when the view reads its files for a reader that was let in.
TEST_F(SeriesTest, WhatVanishesWhileItIsReadIsNotEmpty) {
  const std::vector<std::function<Status()>> reads = {
      [&] { return store()->Pin(world_.caller, Id(1), 0).status(); },
      [&] { return store()->Pin(world_.caller, Id(1), 11).status(); },
      [&] { return store()->LatestRevision(world_.caller, Id(1)).status(); },
      [&] { return store()->Changes(world_.caller, Id(1), 10, 0, 0).status(); },
  };
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  ASSERT_TRUE(store()->Create(world_.caller, Info(2, "y")).ok());
  ASSERT_TRUE(Insert(1, {kBase}, {1}).ok());
  ASSERT_TRUE(Insert(2, {kBase}, {2}).ok());
  world_.db.reset();  // publishes a base
  const auto sound = world_.files->Copy();
  int reads_before = 0;
  bool gone = false;
  const auto vanish_at = [&](int read) {
    reads_before = read;
    gone = false;
    world_.db.reset();
    world_.executor.RunUntilIdle();
    world_.executor.Clear();
    world_.files = sound->Copy();
    ASSERT_TRUE(world_.Open().ok());
    world_.files->SetFaultHook([&](const char* operation, const std::string& path) -> Status {
      if (gone || std::string(operation) != "read" || !path.starts_with("timeview/") ||
          reads_before-- > 0) {
        return Status::OK();
      }
      gone = true;
      return store()->Obliterate(world_.caller, Id(1));
    });
  };
  for (const auto& read : reads) {
    vanish_at(0);
    const Status status = read();
    world_.files->SetFaultHook(nullptr);
    EXPECT_TRUE(gone);
    EXPECT_EQ(ReasonOf(status), Reason::kSeriesNotFound) << status;
  }
  // Rows of a collection are those of the others.
  int times = 0;
  for (gone = true; gone; ++times) {
    vanish_at(times);
    const auto table = world_.db->GetTable(world_.caller, Path{{"a", "b"}});
    const auto rows = store()->OpenRows(world_.caller, (*table)->path, {"value"});
    EXPECT_TRUE(rows.ok()) << rows.status();
    if (!rows.ok()) break;
    const auto all = rows->rows->ToTable();
    world_.files->SetFaultHook(nullptr);
    ASSERT_TRUE(all.ok()) << all.status();
    const auto values = (*all)->column(0)->GetScalar((*all)->num_rows() - 1);
    EXPECT_EQ((*values)->ToString(), "2");
    if (!gone) {
      EXPECT_EQ((*all)->num_rows(), 2);
    }
  }
  EXPECT_GT(times, 2);
}

TEST_F(SeriesTest, ACollectionIsATableThatCanBeScanned) {
  ASSERT_TRUE(store()->Create(world_.caller, Info(1, "x")).ok());
  ASSERT_TRUE(Insert(1, {kBase, kBase + 1}, {1.5, 2.5}).ok());
  const auto table = world_.db->GetTable(world_.caller, Path{{"a", "b"}});
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(world_.Rows(*table, {.columns = {"value"}}), (std::vector<std::string>{"1.5", "2.5"}));
  EXPECT_EQ(
      ReasonOf(
          world_.db->CreateTable(world_.caller, Path{{"t"}}, {.schema = PairSchema()}).status()),
      Reason::kNone);
  EXPECT_EQ(ReasonOf(store()->Create(world_.caller, Info(3, "x", Path{{"t"}}))),
            Reason::kTableExists);
}

TEST_F(SeriesTest, AgreesWithVectorsThroughRestarts) {
  SeededRandom random(3);
  std::map<char, std::vector<Expected>> model;  // by series, by revision from 10 on
  for (char id = 1; id <= 3; ++id) {
    ASSERT_TRUE(
        store()->Create(world_.caller, Info(id, std::string(1, static_cast<char>('a' + id)))).ok());
    model[id].emplace_back();
  }
  for (int step = 0; step < 120; ++step) {
    const auto id = static_cast<char>(1 + random.Next64() % 3);
    Expected points = model[id].back();
    if (random.Next64() % 6 == 0) {
      const auto start = kBase + static_cast<int64_t>(random.Next64() % 50);
      const auto end = start + 1 + static_cast<int64_t>(random.Next64() % 10);
      ASSERT_TRUE(store()->Delete(world_.caller, Id(id), start, end).ok());
      std::erase_if(points, [&](const auto& p) { return p.first >= start && p.first < end; });
    } else {
      std::vector<int64_t> times;
      std::vector<double> values;
      for (uint64_t i = 0; i < 1 + random.Next64() % 10; ++i) {
        times.push_back(kBase + static_cast<int64_t>(random.Next64() % 50));
        values.push_back(static_cast<double>(random.Next64() % 100));
        points.emplace_back(times.back(), values.back());
      }
      ASSERT_TRUE(Insert(id, times, values).ok());
      std::stable_sort(points.begin(), points.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    model[id].push_back(points);
    if (step % 40 == 39) {
      ASSERT_TRUE(world_.Restart().ok());
    }
  }
  for (const auto& [id, revisions] : model) {
    for (size_t r = 0; r < revisions.size(); ++r) {
      EXPECT_EQ(Points(id, static_cast<int64_t>(r) + 10), revisions[r]) << "revision " << r + 10;
    }
  }
}

}  // namespace
}  // namespace firth::table
