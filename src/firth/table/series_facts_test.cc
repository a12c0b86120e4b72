// Goal: the facts of series are found by id and by place, in order and piece by piece, and those
// that an older version kept are found too. Method: SeriesFacts over a catalog in memory, against
// plain maps; many series, so that most are not in memory.
#include "firth/table/series_facts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "firth/common/text.h"
#include "firth/store/memory_file_system.h"

namespace firth::table {
namespace {

SeriesId IdOf(uint64_t number) {
  SeriesId id;
  for (size_t i = 0; i < 8; ++i) id.bytes[i] = static_cast<char>(number * 2654435761U >> (8 * i));
  return id;
}

class SeriesFactsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    catalog_ = catalog::Catalog::Open({.files = &files_, .clock = &clock_}).ValueOrDie();
    facts_ = std::make_unique<SeriesFacts>(catalog_.get());
    ASSERT_TRUE(facts_->Open().ok());
  }
  static SeriesPtr Make(uint64_t number, const Path& collection,
                        std::map<std::string, std::string> tags) {
    auto info = std::make_shared<SeriesInfo>();
    info->id = IdOf(number);
    info->collection = collection;
    info->tags = std::move(tags);
    return info;
  }
  std::vector<SeriesId> Visited(const Path& collection) {
    std::vector<SeriesId> ids;
    const Status visited =
        facts_->VisitCollection(collection, [&](const SeriesPtr& series) -> Result<bool> {
          ids.push_back(series->id);
          return true;
        });
    EXPECT_TRUE(visited.ok()) << visited;
    return ids;
  }

  store::MemoryFileSystem files_;
  ManualClock clock_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<SeriesFacts> facts_;
};

TEST_F(SeriesFactsTest, WhatIsKeptIsFoundInOrder) {
  std::mt19937_64 random(3);
  const std::vector<Path> paths = {Path{{"a"}}, Path{{"a", "b"}}, Path{{"a b"}}, Path{{"ab"}}};
  const std::vector<std::string> texts = {"", "x", "x\x01y", "x\x01", "xy", "\xc3\xa9"};
  std::map<SeriesId, SeriesPtr> living;
  std::set<SeriesId> burnt;
  for (uint64_t i = 0; i < 600; ++i) {
    const auto text = [&] { return texts[random() % texts.size()]; };
    const SeriesPtr made = Make(i, paths[random() % paths.size()],
                                {{"name", text()}, {"unit", text()}, {"ingress", text()}});
    const auto twin = facts_->Twin(*made).ValueOrDie();
    const auto same = std::find_if(living.begin(), living.end(), [&](const auto& one) {
      return one.second->collection == made->collection && one.second->tags == made->tags;
    });
    ASSERT_EQ(twin.has_value(), same != living.end());
    if (twin.has_value()) {
      ASSERT_EQ(*twin, same->first);
      continue;
    }
    ASSERT_TRUE(facts_->Put(made, nullptr).ok());
    living[made->id] = made;
    if (random() % 4 == 0) {
      // Move one, or burn it.
      const auto some = std::next(living.begin(), static_cast<ptrdiff_t>(random() % living.size()));
      if (random() % 2 == 0) {
        ASSERT_TRUE(facts_->Burn(some->second, CommitId(static_cast<int64_t>(i))).ok());
        burnt.insert(some->first);
        living.erase(some);
      } else {
        auto moved = std::make_shared<SeriesInfo>(*some->second);
        moved->collection = paths[random() % paths.size()];
        if (facts_->Twin(*moved).ValueOrDie().has_value()) continue;
        ASSERT_TRUE(facts_->Put(moved, some->second).ok());
        some->second = moved;
      }
    }
  }
  ASSERT_GT(living.size(), 200U);
  for (int round = 0; round < 2; ++round) {
    std::set<Path> collections;
    for (const Path& path : paths) {
      std::vector<std::tuple<std::string, std::string, std::string_view>> expected;
      for (const auto& [id, series] : living) {
        if (series->collection != path) continue;
        expected.emplace_back(series->tags.at("name"), series->tags.at("unit"), id.view());
        collections.insert(path);
      }
      std::sort(expected.begin(), expected.end());
      std::vector<SeriesId> ids;
      for (const auto& one : expected) ids.push_back(SeriesId::From(std::get<2>(one)));
      EXPECT_EQ(Visited(path), ids) << path.ToString();
    }
    const auto found = facts_->Collections("").ValueOrDie();
    EXPECT_EQ(std::set<Path>(found.begin(), found.end()), collections);
    EXPECT_EQ(found.size(), collections.size());
    EXPECT_EQ(facts_->Collections("a/").ValueOrDie(), (std::vector<Path>{Path{{"a", "b"}}}));
    for (const SeriesId& id : burnt) {
      EXPECT_TRUE(facts_->Burnt(id).ValueOrDie());
      EXPECT_EQ(facts_->Find(id).ValueOrDie(), nullptr);
    }
    for (const auto& [id, series] : living) {
      EXPECT_FALSE(facts_->Burnt(id).ValueOrDie());
      EXPECT_EQ(facts_->Find(id).ValueOrDie()->tags, series->tags);
    }
    EXPECT_EQ(facts_->BurntAfter(CommitId(0)).ValueOrDie().size(), burnt.size());
    EXPECT_LT(facts_->BurntAfter(CommitId(300)).ValueOrDie().size(), burnt.size());
    EXPECT_EQ(facts_->BurntAfter(CommitId(700)).ValueOrDie().size(), 0U);
    // Nothing is in memory, then.
    facts_ = std::make_unique<SeriesFacts>(catalog_.get());
    ASSERT_TRUE(facts_->Open().ok());
  }
}

TEST_F(SeriesFactsTest, WhatAnOlderVersionKeptIsFound) {
  const std::string living = ToHex(IdOf(1).view());
  const std::string burnt = ToHex(IdOf(2).view());
  ASSERT_TRUE(catalog_->RemoveValue("seriesplaces").ok());
  ASSERT_TRUE(catalog_
                  ->PutValue("series/" + living,
                             R"({"version":1,"collection":"a/b","tags":{"name":"n","unit":""},)"
                             R"("annotations":{"k":null},"property_version":3})")
                  .ok());
  ASSERT_TRUE(
      catalog_->PutValue("series/" + burnt, R"({"version":1,"burnt":true,"last_commit":9})").ok());
  facts_ = std::make_unique<SeriesFacts>(catalog_.get());
  ASSERT_TRUE(facts_->Open().ok());
  EXPECT_EQ(Visited(Path{{"a", "b"}}), (std::vector<SeriesId>{IdOf(1)}));
  EXPECT_EQ(facts_->Find(IdOf(1)).ValueOrDie()->property_version, 3U);
  EXPECT_EQ(facts_->BurntAfter(CommitId(9)).ValueOrDie(), (std::vector<SeriesId>{IdOf(2)}));
  EXPECT_TRUE(facts_->Twin(*Make(7, Path{{"a", "b"}}, {{"name", "n"}, {"unit", ""}}))
                  .ValueOrDie()
                  .has_value());
}

TEST_F(SeriesFactsTest, DamagedValuesAreNamed) {
  ASSERT_TRUE(catalog_->PutValue("series/" + ToHex(IdOf(1).view()), "{").ok());
  EXPECT_EQ(CodeOf(facts_->Find(IdOf(1)).status()), Code::kDataLoss);
  ASSERT_TRUE(catalog_->PutValue("seriesplace/a\x01", "no id").ok());
  const auto never = [](const SeriesPtr&) -> Result<bool> { return true; };
  EXPECT_EQ(CodeOf(facts_->VisitCollection(Path{{"a"}}, never)), Code::kDataLoss);
}

}  // namespace
}  // namespace firth::table
