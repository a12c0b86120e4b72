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
  const auto put = [&](const std::string& name, const std::string& value) {
    ASSERT_TRUE(catalog_->PutValue(name, value).ok());
  };
  put("series/" + living, R"({"version":1,"collection":"a/b","tags":{"name":"n","unit":""},)"
                          R"("annotations":{"k":null,"l":"m"},"property_version":3})");
  put("series/" + burnt, R"({"version":1,"burnt":true,"last_commit":9})");
  put("seriesplace/a/b\x01n\x01\x01\x01\x01", living);
  put("seriesplaces", "1");
  facts_ = std::make_unique<SeriesFacts>(catalog_.get());
  ASSERT_TRUE(facts_->Open().ok());
  EXPECT_EQ(Visited(Path{{"a", "b"}}), (std::vector<SeriesId>{IdOf(1)}));
  const SeriesPtr found = facts_->Find(IdOf(1)).ValueOrDie();
  EXPECT_EQ(found->property_version, 3U);
  EXPECT_EQ(found->annotations,
            (std::map<std::string, std::optional<std::string>>{{"k", std::nullopt}, {"l", "m"}}));
  EXPECT_TRUE(facts_->Burnt(IdOf(2)).ValueOrDie());
  EXPECT_EQ(facts_->BurntAfter(CommitId(9)).ValueOrDie(), (std::vector<SeriesId>{IdOf(2)}));
  EXPECT_TRUE(facts_->Twin(*Make(7, Path{{"a", "b"}}, {{"name", "n"}, {"unit", ""}}))
                  .ValueOrDie()
                  .has_value());
  // Of their old form nothing is left but who was obliterated when.
  const auto left = catalog_->ListValues("series").ValueOrDie();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_TRUE(left[0].first.starts_with("seriesburnt/"));
}

TEST_F(SeriesFactsTest, TakingOverGoesOnWhereItEnded) {
  constexpr int kSeries = 25'000;
  std::vector<catalog::ValueChange> changes;
  for (int i = 0; i < kSeries; ++i) {
    changes.push_back({.name = "series/" + ToHex(IdOf(static_cast<uint64_t>(i)).view()),
                       .value = R"({"version":1,"collection":"a","tags":{"name":")" +
                                std::to_string(i) +
                                R"("},"annotations":{},"property_version":1})"});
  }
  ASSERT_TRUE(catalog_->ChangeValues(changes).ok());
  // It ends in the middle, for want of room at first.
  int writes = 0;
  files_.SetFaultHook([&](const char* operation, const std::string&) {
    const bool full = std::string_view(operation) == "write" && ++writes > 2'500;
    return full ? Error(Code::kResourceExhausted, Reason::kDiskFull, "full") : Status::OK();
  });
  facts_ = std::make_unique<SeriesFacts>(catalog_.get());
  EXPECT_EQ(ReasonOf(facts_->Open()), Reason::kDiskFull);
  files_.SetFaultHook(nullptr);
  const size_t left = catalog_->ListValues("series/").ValueOrDie().size();
  EXPECT_GT(left, 0U);
  EXPECT_LT(left, static_cast<size_t>(kSeries));
  catalog_.reset();
  catalog_ = catalog::Catalog::Open({.files = &files_, .clock = &clock_}).ValueOrDie();
  facts_ = std::make_unique<SeriesFacts>(catalog_.get());
  ASSERT_TRUE(facts_->Open().ok());
  EXPECT_EQ(Visited(Path{{"a"}}).size(), static_cast<size_t>(kSeries));
  EXPECT_EQ(catalog_->ListValues("series").ValueOrDie().size(), 0U);
}

TEST_F(SeriesFactsTest, LessIsReadWhereLessIsAskedFor) {
  auto made = std::make_shared<SeriesInfo>(*Make(1, Path{{"a"}}, {{"name", "n"}, {"unit", "u"}}));
  made->annotations["k"] = "v";
  made->property_version = 4;
  ASSERT_TRUE(facts_->Put(made, nullptr).ok());
  ASSERT_TRUE(facts_->Put(Make(2, Path{{"b"}}, {{"name", "n"}, {"unit", "u"}}), nullptr).ok());
  const auto seen = [&](SeriesParts parts) {
    std::vector<SeriesPtr> all;
    EXPECT_TRUE(facts_
                    ->VisitCollection(
                        Path{{"a"}},
                        [&](const SeriesPtr& series) -> Result<bool> {
                          all.push_back(series);
                          return true;
                        },
                        parts)
                    .ok());
    EXPECT_EQ(all.size(), 1U);
    return all.at(0);
  };
  EXPECT_EQ(seen(SeriesParts::kAll)->annotations, made->annotations);
  EXPECT_EQ(seen(SeriesParts::kAll)->property_version, 4U);
  EXPECT_EQ(seen(SeriesParts::kTags)->tags, made->tags);
  EXPECT_EQ(seen(SeriesParts::kTags)->id, made->id);
  EXPECT_EQ(seen(SeriesParts::kTags)->collection, made->collection);
  EXPECT_TRUE(seen(SeriesParts::kTags)->annotations.empty());
  EXPECT_TRUE(seen(SeriesParts::kCount)->tags.empty());
}

TEST_F(SeriesFactsTest, DamagedFactsAreNamed) {
  catalog::Facts* const things = catalog::FactsOf(catalog_.get());
  const auto any = [](const SeriesPtr&) -> Result<bool> { return true; };
  uint64_t number = 0;
  const auto add = [&](const std::string& place, const std::string& facts) {
    ++number;
    ASSERT_TRUE(
        things->Add({{.id = std::string(IdOf(number).view()), .place = place, .facts = facts}}, {})
            .ok());
  };
  const std::string good("\x01\x01", 2);
  add("a\x01n\x01\x01u\x01\x01", good);
  EXPECT_TRUE(facts_->Find(IdOf(1)).ok());
  // Places that are none, and facts of another version, cut short, or with a flag that is none.
  for (const std::string place : {"", "b", "b\x01", "b\x01n\x01\x01u\x01",
                                  "b\x01n\x01\x01u\x01\x03", "b\x01n\x01\x01\x01\x01t\x01\x01"}) {
    add(place, good);
    EXPECT_EQ(CodeOf(facts_->Find(IdOf(number)).status()), Code::kDataLoss) << ToHex(place);
  }
  EXPECT_EQ(CodeOf(facts_->VisitCollection(Path{{"b"}}, any)), Code::kDataLoss);
  for (const std::string facts :
       {"", "\x02\x01", "\x01", "\x01\x01\x05k", "\x01\x01\x01k\x02", "\x01\x01\x01k\x01\x09v"}) {
    add("c" + std::to_string(number) + "\x01n\x01\x01u\x01\x01", facts);
    EXPECT_EQ(CodeOf(facts_->Find(IdOf(number)).status()), Code::kDataLoss) << ToHex(facts);
  }
  ASSERT_TRUE(catalog_->PutValue("series/" + ToHex(IdOf(99).view()), "{").ok());
  EXPECT_EQ(CodeOf(facts_->Open()), Code::kDataLoss);
}

}  // namespace
}  // namespace firth::table
