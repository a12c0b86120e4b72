// Goal: a start replays only what is behind the last base; a power cut at any step of writing and
// of making bases loses nothing that was acknowledged and shows nothing else; the time view's files
// can be lost or damaged without changing an answer as long as the log is there, and are named when
// it is not. Method: a Database in a simulated world with random writes, checked against plain
// vectors at every revision; its disk fails at each operation in turn, or has its files damaged.
#include <algorithm>
#include <map>

#include "firth/table/database_impl.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

constexpr int64_t kBase = 1'500'000'000'000'000'000;
constexpr char kSeries = 3;

SeriesId Id(char last) {
  SeriesId id;
  id.bytes[15] = last;
  return id;
}

using Points = std::vector<std::pair<int64_t, double>>;
/// All revisions of each series, from 10 on.
using Model = std::map<char, std::vector<Points>>;

DatabaseImpl* Impl(TableWorld* world) {
  return static_cast<DatabaseImpl*>(world->db.get());
}

Status Create(TableWorld* world, char id, Model* model) {
  ARROW_RETURN_NOT_OK(world->db->series()->Create(
      world->caller, {.id = Id(id),
                      .collection = Path{{"c", std::string(1, static_cast<char>('a' + id % 2))}},
                      .tags = {{"name", std::string(1, static_cast<char>('a' + id))}}}));
  (*model)[id].emplace_back();
  return Status::OK();
}

/// One random write. What it makes of its series is in `next` before it is tried.
Status Write(TableWorld* world, Random* random, const Model& model, char id, Points* next) {
  *next = model.at(id).back();
  if (random->Next64() % 5 == 0) {
    const auto start = kBase + static_cast<int64_t>(random->Next64() % 40);
    const auto end = start + 1 + static_cast<int64_t>(random->Next64() % 8);
    std::erase_if(*next, [&](const auto& p) { return p.first >= start && p.first < end; });
    return world->db->series()->Delete(world->caller, Id(id), start, end).status();
  }
  std::vector<int64_t> times;
  std::vector<double> values;
  for (uint64_t i = 0; i < 1 + random->Next64() % 10; ++i) {
    times.push_back(kBase + static_cast<int64_t>(random->Next64() % 40));
    values.push_back(static_cast<double>(random->Next64() % 100));
    next->emplace_back(times.back(), values.back());
  }
  std::stable_sort(next->begin(), next->end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return world->db->series()
      ->Insert(world->caller, Id(id), times, values, MergePolicy::kNever)
      .status();
}

Result<Points> Read(TableWorld* world, char id, int64_t revision) {
  Points points;
  ARROW_ASSIGN_OR_RAISE(const auto snapshot,
                        world->db->series()->Pin(world->caller, Id(id), revision));
  ARROW_ASSIGN_OR_RAISE(const auto cursor, snapshot.Points(timeview::kTimeMin, timeview::kTimeTop));
  timeview::PointBatch batch;
  do {
    ARROW_RETURN_NOT_OK(cursor->Next(100, &batch));
    for (size_t i = 0; i < batch.size(); ++i) points.emplace_back(batch.times[i], batch.values[i]);
  } while (batch.size() > 0);
  return points;
}

/// Every revision is as the model has it. `last` may be there or not, for one series.
void ExpectAll(TableWorld* world, const Model& model, const std::string& where, char maybe_id = 0,
               const Points* maybe = nullptr) {
  for (const auto& [id, revisions] : model) {
    const auto latest = world->db->series()->LatestRevision(world->caller, Id(id));
    ASSERT_TRUE(latest.ok()) << where << latest.status();
    const auto count = static_cast<size_t>(*latest - 9);
    const bool one_more = id == maybe_id && count == revisions.size() + 1;
    ASSERT_TRUE(one_more || count == revisions.size())
        << where << " series " << int{id} << " has " << count << " revisions of "
        << revisions.size();
    for (size_t r = 0; r < count; ++r) {
      const auto points = Read(world, id, static_cast<int64_t>(r) + 10);
      ASSERT_TRUE(points.ok()) << where << points.status();
      ASSERT_EQ(*points, r < revisions.size() ? revisions[r] : *maybe)
          << where << " revision " << r;
    }
  }
}

/// Writes and bases, until one fails. `model` has what was acknowledged.
struct Story {
  Status Live(TableWorld* world, uint64_t seed, int steps) {
    SeededRandom random(seed);
    for (char id = 1; id <= kSeries; ++id) ARROW_RETURN_NOT_OK(Create(world, id, &model));
    for (int step = 0; step < steps; ++step) {
      trying = static_cast<char>(1 + random.Next64() % kSeries);
      ARROW_RETURN_NOT_OK(Write(world, &random, model, trying, &next));
      model[trying].push_back(next);
      trying = 0;
      if (step % 9 == 8) ARROW_RETURN_NOT_OK(Impl(world)->CutBases());
    }
    return Status::OK();
  }
  Model model;
  char trying = 0;
  Points next;
};

TEST(SeriesBasesTest, AStartReplaysOnlyWhatIsBehindTheBase) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  Story story;
  ASSERT_TRUE(story.Live(&world, 1, 30).ok());
  const TablePtr table = *world.db->GetTable(world.caller, Path{{"c", "a"}});
  const CommitId base = Impl(&world)->BaseOf(*table->current);
  EXPECT_GT(base, CommitId(0));
  EXPECT_LT(base, world.db->LastCommit());
  ASSERT_TRUE(world.Restart().ok());
  EXPECT_EQ(Impl(&world)->BaseOf(*table->current), base);
  ExpectAll(&world, story.model, "after a restart");
  // A clean end leaves nothing to replay.
  ASSERT_TRUE(Impl(&world)->CutBases().ok());
  EXPECT_EQ(Impl(&world)->BaseOf(*table->current), world.db->LastCommit());
  ASSERT_TRUE(world.Restart().ok());
  ExpectAll(&world, story.model, "after a base at the end");
}

TEST(SeriesBasesTest, APowerCutAtAnyStepLosesNothing) {
  uint64_t operations = 0;
  {
    TableWorld world;
    ASSERT_TRUE(world.Open().ok());
    const uint64_t before = world.files->operations();
    ASSERT_TRUE(Story().Live(&world, 2, 20).ok());
    operations = world.files->operations() - before;
  }
  SeededRandom power(2);
  for (uint64_t at = 0; at < operations && !testing::Test::HasFailure(); at += 3) {
    TableWorld world;
    ASSERT_TRUE(world.Open().ok());
    std::unique_ptr<store::MemoryFileSystem> left;
    uint64_t seen = 0;
    auto* files = world.files.get();
    files->SetFaultHook([&](const char*, const std::string&) -> Status {
      if (seen++ < at) return Status::OK();
      if (left == nullptr) left = files->PowerCut(&power);
      return Error(Code::kUnavailable, Reason::kIo, "the power is out");
    });
    Story story;
    const Status lived = story.Live(&world, 2, 20);
    files->SetFaultHook(nullptr);
    if (left == nullptr) break;
    EXPECT_FALSE(lived.ok());
    world.db.reset();
    world.executor.RunUntilIdle();
    world.executor.Clear();
    world.files = std::move(left);
    const Status opened = world.Open();
    ASSERT_TRUE(opened.ok()) << "cut at " << at << ": " << opened;
    // A series whose creation was not answered may be there or not.
    if (static_cast<char>(story.model.size()) < kSeries) continue;
    ExpectAll(&world, story.model, "cut at " + std::to_string(at) + ": ", story.trying,
              &story.next);
    // And it goes on.
    SeededRandom random(at);
    for (char id = 1; id <= kSeries; ++id) {
      story.model[id].resize(1);
      story.model[id].back() = *Read(&world, id, 0);
      const int64_t latest = *world.db->series()->LatestRevision(world.caller, Id(id));
      ASSERT_TRUE(Write(&world, &random, story.model, id, &story.next).ok());
      ASSERT_EQ(*Read(&world, id, 0), story.next);
      ASSERT_EQ(*world.db->series()->LatestRevision(world.caller, Id(id)), latest + 1);
    }
  }
}

std::vector<std::string> FilesOfView(store::FileSystem* files) {
  std::vector<std::string> paths;
  for (const auto& file : *files->List("timeview")) paths.push_back("timeview/" + file.name);
  return paths;
}

TEST(SeriesBasesTest, FilesOfTheViewCanBeLost) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  Story story;
  ASSERT_TRUE(story.Live(&world, 3, 40).ok());
  const size_t count = FilesOfView(world.files.get()).size();
  ASSERT_GE(count, 3u);
  for (size_t lost = 0; lost <= count; ++lost) {
    ASSERT_TRUE(Impl(&world)->CutBases().ok());
    const auto paths = FilesOfView(world.files.get());
    for (size_t i = 0; i < paths.size(); ++i) {
      if (i != lost && lost != count) continue;
      ASSERT_TRUE(world.files->Remove(paths[i]).ok());
    }
    ASSERT_TRUE(world.Restart().ok());
    ExpectAll(&world, story.model, "without file " + std::to_string(lost) + ": ");
    SeededRandom random(lost);
    ASSERT_TRUE(Write(&world, &random, story.model, 1, &story.next).ok());
    story.model[1].push_back(story.next);
  }
}

TEST(SeriesBasesTest, DamageIsNamedOrMended) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  Story story;
  ASSERT_TRUE(story.Live(&world, 4, 40).ok());
  ASSERT_TRUE(Impl(&world)->CutBases().ok());
  const auto whole = world.files->Copy();
  int named = 0;
  for (const std::string& path : FilesOfView(whole.get())) {
    const uint64_t size = *(*whole->Open(path))->Size();
    for (uint64_t at = 0; at < size; at += std::max<uint64_t>(size / 12, 1)) {
      TableWorld other;
      other.files = whole->Copy();
      const auto file = *other.files->Open(path);
      std::byte byte{};
      ASSERT_TRUE(file->Read(at, std::span(&byte, 1)).ok());
      byte ^= std::byte{0x40};
      ASSERT_TRUE(file->Write(at, {std::span<const std::byte>(&byte, 1)}).ok());
      ASSERT_TRUE(file->Sync().ok());
      ASSERT_TRUE(other.Open().ok());
      for (const auto& [id, revisions] : story.model) {
        for (size_t r = 0; r < revisions.size(); ++r) {
          const auto points = Read(&other, id, static_cast<int64_t>(r) + 10);
          if (points.ok()) {
            ASSERT_EQ(*points, revisions[r]) << path << " at " << at;
            continue;
          }
          ASSERT_EQ(CodeOf(points.status()), Code::kDataLoss) << points.status();
          ASSERT_NE(MessageOf(points.status()).find("timeview/"), std::string::npos);
          ++named;
        }
      }
    }
  }
  EXPECT_GT(named, 0);
}

TEST(SeriesBasesTest, WhatWasObliteratedBehindTheBaseStaysGone) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  Story story;
  ASSERT_TRUE(story.Live(&world, 5, 30).ok());
  ASSERT_TRUE(Impl(&world)->CutBases().ok());
  ASSERT_TRUE(world.db->series()->Obliterate(world.caller, Id(1)).ok());
  story.model.erase(1);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(world.Restart().ok());
    EXPECT_EQ(ReasonOf(world.db->series()->Pin(world.caller, Id(1), 0).status()),
              Reason::kSeriesNotFound);
    ExpectAll(&world, story.model, "round " + std::to_string(round) + ": ");
    ASSERT_TRUE(Impl(&world)->CutBases().ok());
  }
}

TEST(SeriesBasesTest, AFailedSyncOfTheViewEndsTheProcess) {
  TableWorld world;
  ASSERT_TRUE(world.Open().ok());
  Story story;
  ASSERT_TRUE(story.Live(&world, 6, 5).ok());
  world.files->SetFaultHook([](const char* operation, const std::string& path) -> Status {
    if (std::string(operation) != "sync" || !path.starts_with("timeview/")) return Status::OK();
    return Error(Code::kUnavailable, Reason::kIo, "no sync");
  });
  EXPECT_FALSE(Impl(&world)->CutBases().ok());
  world.files->SetFaultHook(nullptr);
  EXPECT_FALSE(world.fatal.ok());
  SeededRandom random(1);
  // Nothing is written that could not be seen.
  EXPECT_FALSE(Write(&world, &random, story.model, 1, &story.next).ok());
  ASSERT_TRUE(world.Restart().ok());
  ExpectAll(&world, story.model, "after the failed sync: ");
}

}  // namespace
}  // namespace firth::table
