// Goal: things are found by id and by place whichever list their id has come to, after restarts,
// power cuts and full disks; and new ones cost no more where there are many. Method: facts over a
// file system in memory with lists of a few entries,
// beside plain maps.
#include "firth/catalog/facts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "firth/catalog/database_file.h"
#include "firth/catalog/migrations.h"
#include "firth/catalog/sql_facts.h"
#include "firth/catalog/sql_values.h"
#include "firth/common/bytes.h"
#include "firth/common/random.h"
#include "firth/store/memory_file_system.h"
#include "firth/store/testing_files.h"

namespace firth::catalog {
namespace {

using store::MemoryFileSystem;

constexpr IdIndexLimits kSmall = {
    .recent_max = 16, .list_max = {64, 256}, .slice_max = 24, .rewritten_max = 100, .piece_max = 6};

/// An open catalog's file with facts in it.
class Store {
 public:
  Status Open(MemoryFileSystem* files) {
    Close();
    ARROW_ASSIGN_OR_RAISE(auto opened, OpenDatabase(files, "catalog.db"));
    database_ = std::make_unique<DatabaseFile>(std::move(opened));
    ARROW_RETURN_NOT_OK(Migrate(sql()));
    facts_ = std::make_unique<SqlFacts>(sql(), &mutex_, kSmall);
    return facts_->Open();
  }
  void Close() {
    facts_.reset();
    database_.reset();
  }
  ~Store() { Close(); }
  Connection* sql() { return database_->sql.get(); }
  SqlFacts* operator->() { return facts_.get(); }
  int64_t Int(const char* query) {
    Statement statement = sql()->Query(query).ValueOrDie();
    return statement.Step().ValueOrDie() ? statement.Int(0) : -1;
  }

 private:
  std::unique_ptr<DatabaseFile> database_;
  std::recursive_mutex mutex_;
  std::unique_ptr<SqlFacts> facts_;
};

std::string RandomId(Random* random) {
  std::string id;
  AppendLe(&id, random->Next64());
  AppendLe(&id, random->Next64());
  return id;
}

/// Things by id, and values, as plain maps.
struct Model {
  std::map<std::string, Thing> things;
  std::map<std::string, std::string> places;

  void Keep(const Thing& thing) {
    if (const auto old = things.find(thing.id); old != things.end() && old->second.place) {
      places.erase(*old->second.place);
    }
    if (thing.place) places[*thing.place] = thing.id;
    things[thing.id] = thing;
  }
};

/// One change, made to the store if there is one, and to the model.
Status Change(Random* random, Model* model, Store* store) {
  const auto fresh_place = [&] {
    return "g" + std::to_string(random->Next64() % 7) + '\x01' +
           std::to_string(random->Next64() % 20'000);
  };
  const bool replace = !model->things.empty() && random->Next64() % 3 == 0;
  if (!replace) {
    std::vector<Thing> things;
    Model next = *model;
    for (uint64_t i = random->Next64() % 9; i < 9; ++i) {
      Thing thing{.id = RandomId(random),
                  .place = fresh_place(),
                  .facts = std::string(random->Next64() % 40, 'f')};
      if (random->Next64() % 10 == 0) thing.place.reset();
      if (thing.place && next.places.contains(*thing.place)) continue;
      next.Keep(thing);
      things.push_back(std::move(thing));
    }
    if (store != nullptr) {
      ARROW_RETURN_NOT_OK((*store)->Add(things, {{.name = "last", .value = "added"}}));
    }
    *model = std::move(next);
    return Status::OK();
  }
  auto some = model->things.lower_bound(RandomId(random));
  if (some == model->things.end()) some = model->things.begin();
  Thing thing = some->second;
  thing.facts += "more";
  switch (random->Next64() % 3) {
    case 0:
      thing.place.reset();
      break;
    case 1:
      if (const std::string place = fresh_place(); !model->places.contains(place)) {
        thing.place = place;
      }
      break;
    default:
      break;
  }
  if (store != nullptr) ARROW_RETURN_NOT_OK((*store)->Replace(thing, {}));
  model->Keep(thing);
  return Status::OK();
}

testing::AssertionResult Agrees(Store* store, const Model& model) {
  for (const auto& [id, thing] : model.things) {
    const auto found = (*store)->Find(id);
    if (!found.ok()) return testing::AssertionFailure() << found.status();
    if (!found->has_value()) return testing::AssertionFailure() << "a thing is not found";
    if ((*found)->place != thing.place || (*found)->facts != thing.facts) {
      return testing::AssertionFailure() << "a thing is another";
    }
  }
  std::vector<std::pair<std::string, std::string>> scanned;
  std::string from;
  while (true) {
    const auto some = (*store)->Scan(from, "q", 7, /*with_facts=*/true).ValueOrDie();
    const auto bare = (*store)->Scan(from, "q", 7, /*with_facts=*/false).ValueOrDie();
    if (some.empty() != bare.empty()) return testing::AssertionFailure() << "scans differ";
    if (some.empty()) break;
    for (size_t i = 0; i < some.size(); ++i) {
      if (!model.things.contains(some[i].id)) return testing::AssertionFailure() << "one too many";
      if (some[i].id != bare[i].id || some[i].place != bare[i].place || !bare[i].facts.empty() ||
          some[i].facts != model.things.at(some[i].id).facts) {
        return testing::AssertionFailure() << "a scan gives another thing";
      }
      scanned.emplace_back(*some[i].place, some[i].id);
    }
    from = scanned.back().first + '\0';
  }
  if (!std::equal(scanned.begin(), scanned.end(), model.places.begin(), model.places.end(),
                  [](const auto& a, const auto& b) {
                    return a.first == b.first && a.second == b.second;
                  })) {
    return testing::AssertionFailure() << "the places are others";
  }
  for (const std::string group : {"g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7"}) {
    const std::string begin = group + '\x01';
    const std::string end = group + '\x02';
    const auto there =
        std::distance(model.places.lower_bound(begin), model.places.lower_bound(end));
    if ((*store)->Count(begin, end).ValueOrDie() != there) {
      return testing::AssertionFailure() << "the count of " << group << " is another";
    }
  }
  return testing::AssertionSuccess();
}

TEST(FactsTest, AgreesWithMapsThroughRestarts) {
  MemoryFileSystem files;
  SeededRandom random(1);
  Store store;
  ASSERT_OK(store.Open(&files));
  Model model;
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 60; ++i) ASSERT_OK(Change(&random, &model, &store));
    ASSERT_TRUE(Agrees(&store, model)) << "round " << round;
    ASSERT_OK(store.Open(&files));
    ASSERT_TRUE(Agrees(&store, model)) << "after restart " << round;
    for (int i = 0; i < 200; ++i) {
      ASSERT_FALSE(store->Find(RandomId(&random)).ValueOrDie().has_value());
    }
  }
  ASSERT_GT(model.things.size(), 1000U);
  // They have come as far as the last list, and every one is in one place.
  EXPECT_EQ(store.Int("SELECT count(*) FROM thing_id_lists WHERE entries > 0"), 3);
  const int64_t listed = store.Int("SELECT sum(entries) FROM thing_id_lists");
  EXPECT_EQ(store.Int("SELECT sum(length(entries)) / 16 FROM thing_ids"), listed);
  EXPECT_EQ(store.Int("SELECT value FROM meta WHERE name = 'things_listed'"), listed);
  EXPECT_LE(store.Int("SELECT max(length(entries)) FROM thing_ids"), 6 * 16);
  EXPECT_LE(listed - 64 - 256 - 100,
            store.Int("SELECT entries FROM thing_id_lists WHERE list = 2"));
}

TEST(FactsTest, PlacesAreCounted) {
  MemoryFileSystem files;
  Store store;
  ASSERT_OK(store.Open(&files));
  SeededRandom random(2);
  constexpr int kThings = 50'123;
  for (int i = 0; i < kThings;) {
    std::vector<Thing> things;
    for (int j = 0; j < 5'000 && i < kThings; ++j, ++i) {
      things.push_back(
          {.id = RandomId(&random), .place = "p" + std::to_string(1'000'000 + i), .facts = ""});
    }
    ASSERT_OK(store->Add(things, {}));
  }
  EXPECT_EQ(store->Count("", "q").ValueOrDie(), kThings);
  EXPECT_EQ(store->Count("p1000001", "p1000011").ValueOrDie(), 10);
  EXPECT_EQ(store->Count("p1000000", "p1020000").ValueOrDie(), 20'000);
  EXPECT_EQ(store->Count("p1000000", "p1020001").ValueOrDie(), 20'001);
  EXPECT_EQ(store->Count("q", "r").ValueOrDie(), 0);
}

TEST(FactsTest, WhatFailsLeavesNothing) {
  MemoryFileSystem files;
  Store store;
  ASSERT_OK(store.Open(&files));
  const std::string a(16, 'a'), b(16, 'b'), c(16, 'c');
  ASSERT_OK(store->Add({{.id = a, .place = "here", .facts = "1"}}, {}));
  EXPECT_FALSE(store
                   ->Add({{.id = b, .place = "there", .facts = "2"},
                          {.id = c, .place = "here", .facts = "3"}},
                         {{.name = "v", .value = "x"}})
                   .ok());
  EXPECT_FALSE(store->Find(b).ValueOrDie().has_value());
  EXPECT_FALSE(store->IdAt("there").ValueOrDie().has_value());
  EXPECT_FALSE(FindValue(store.sql(), "v").ValueOrDie().has_value());
  EXPECT_EQ(CodeOf(store->Replace({.id = b, .place = {}, .facts = ""}, {})), Code::kNotFound);
  EXPECT_EQ(CodeOf(store->Replace({.id = a, .place = "else", .facts = ""},
                                  {{.name = "v", .value = "x", .compare = true, .expected = "y"}})),
            Code::kAborted);
  EXPECT_EQ(store->Find(a).ValueOrDie()->place, "here");
  ASSERT_OK(store->Add({{.id = b, .place = "there", .facts = "2"}}, {{.name = "v", .value = "x"}}));
  EXPECT_EQ(store->IdAt("there").ValueOrDie(), b);
  EXPECT_EQ(FindValue(store.sql(), "v").ValueOrDie(), "x");
}

// Two ids of one hash cannot be found in the life of a test, so the index is told of another.
TEST(FactsTest, AnIdOfTheSameHashIsToldApart) {
  MemoryFileSystem files;
  SeededRandom random(3);
  Store store;
  ASSERT_OK(store.Open(&files));
  Model model;
  while (store.Int("SELECT entries FROM thing_id_lists WHERE list = 2") < 20) {
    ASSERT_OK(Change(&random, &model, &store));
  }
  Statement read = store.sql()->Query("SELECT key, entries FROM thing_ids").ValueOrDie();
  std::vector<std::pair<int64_t, std::string>> pieces;
  while (read.Step().ValueOrDie()) {
    const std::string entries = read.Text(1);
    std::string doubled;
    for (size_t i = 0; i < entries.size(); i += 16) {
      doubled += entries.substr(i, 8);
      AppendLe(&doubled, int64_t{1});  // a number that another has
      doubled += entries.substr(i, 16);
    }
    pieces.emplace_back(read.Int(0), doubled);
  }
  for (const auto& [key, entries] : pieces) {
    ASSERT_OK(
        store.sql()->Run("UPDATE thing_ids SET entries = ?2 WHERE key = ?1", key, Blob{entries}));
  }
  EXPECT_TRUE(Agrees(&store, model));
  ASSERT_OK(store.sql()->RunScript("UPDATE thing_ids SET entries = x'00'"));
  EXPECT_EQ(CodeOf(store->Find(std::string(16, 'z')).status()), Code::kDataLoss);
}

TEST(FactsTest, WhatWasAcknowledgedSurvivesPowerCuts) {
  struct Left {
    std::unique_ptr<MemoryFileSystem> files;
    size_t acknowledged;
  };
  MemoryFileSystem files;
  SeededRandom random(4);
  SeededRandom cuts(5);
  Store store;
  ASSERT_OK(store.Open(&files));
  std::vector<Model> after(1);
  std::vector<Left> left;
  size_t done = 0;
  uint64_t operations = 0;
  files.SetFaultHook([&](const char* operation, const std::string&) {
    if (std::string_view(operation) != "read" && ++operations % 23 == 0) {
      left.push_back({files.PowerCut(&cuts), done});
    }
    return Status::OK();
  });
  for (int i = 0; i < 150; ++i) {
    after.push_back(after.back());
    // What it makes is known only afterwards, and allowed from its beginning on.
    ASSERT_OK(Change(&random, &after.back(), &store));
    ++done;
  }
  files.SetFaultHook(nullptr);
  ASSERT_GT(store.Int("SELECT entries FROM thing_id_lists WHERE list = 1"), 0);
  ASSERT_GT(left.size(), 50U);
  for (const Left& one : left) {
    Store again;
    ASSERT_OK(again.Open(one.files.get()));
    ASSERT_TRUE(Agrees(&again, after[one.acknowledged]) ||
                Agrees(&again, after[std::min(one.acknowledged + 1, after.size() - 1)]))
        << "after " << one.acknowledged;
    // It goes on from there.
    Model model = Agrees(&again, after[one.acknowledged])
                      ? after[one.acknowledged]
                      : after[std::min(one.acknowledged + 1, after.size() - 1)];
    for (int i = 0; i < 6; ++i) ASSERT_OK(Change(&random, &model, &again));
    ASSERT_TRUE(Agrees(&again, model));
  }
}

TEST(FactsTest, AFullDiskRefusesAndLosesNothing) {
  MemoryFileSystem files;
  SeededRandom random(6);
  Store store;
  ASSERT_OK(store.Open(&files));
  Model model;
  for (int i = 0; i < 40; ++i) ASSERT_OK(Change(&random, &model, &store));
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    files.SetCapacity(round % 3 == 2 ? UINT64_MAX : 300'000);
    const Status changed = Change(&random, &model, &store);
    if (changed.ok()) continue;
    ASSERT_EQ(ReasonOf(changed), Reason::kDiskFull) << changed;
    ++refused;
    ASSERT_TRUE(Agrees(&store, model));
  }
  EXPECT_GT(refused, 0);
  files.SetCapacity(UINT64_MAX);
  for (int i = 0; i < 20; ++i) ASSERT_OK(Change(&random, &model, &store));
  ASSERT_TRUE(Agrees(&store, model));
  ASSERT_OK(store.Open(&files));
  ASSERT_TRUE(Agrees(&store, model));
}

TEST(FactsTest, IdsInNoOrderAreWrittenAFewPagesAHundred) {
  MemoryFileSystem files;
  SeededRandom random(7);
  Store store;
  ASSERT_OK(store.Open(&files));
  // With lists as they are.
  std::recursive_mutex mutex;
  SqlFacts facts(store.sql(), &mutex);
  ASSERT_OK(facts.Open());
  uint64_t writes = 0;
  files.SetFaultHook([&](const char* operation, const std::string&) {
    if (std::string_view(operation) == "write") ++writes;
    return Status::OK();
  });
  constexpr uint64_t kThings = 80'000;
  for (uint64_t i = 0; i < kThings;) {
    std::vector<Thing> things;
    for (int j = 0; j < 10'000; ++j, ++i) {
      things.push_back({.id = RandomId(&random),
                        .place = "p" + std::to_string(1'000'000 + i),
                        .facts = "facts"});
    }
    ASSERT_OK(facts.Add(things, {}));
  }
  files.SetFaultHook(nullptr);
  // A page is three: a frame's header, the page, and later the page in the database.
  EXPECT_LT(writes / 3, kThings / 15);
}

}  // namespace
}  // namespace firth::catalog
