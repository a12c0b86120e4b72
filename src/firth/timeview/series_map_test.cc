// Goal: a map of series says what was last put into it. Method: random calls against a map of the
// standard library, with few series, so that slots are given up and taken again.

#include "firth/timeview/series_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace firth::timeview {
namespace {

SeriesId Id(uint64_t number) {
  SeriesId id;
  std::memcpy(id.bytes.data(), &number, sizeof number);
  return id;
}

TEST(SeriesMapTest, AgreesWithAMap) {
  for (const uint64_t ids : {4, 40, 4000}) {
    std::mt19937_64 random(ids);
    SeriesMap<int> map;
    std::map<SeriesId, int> model;
    for (int step = 0; step < 40'000; ++step) {
      const SeriesId id = Id(random() % ids);
      const uint64_t kind = random() % 16;
      if (kind < 7) {
        ASSERT_EQ(map.Put(id, step), model.count(id) == 0);
        model[id] = step;
      } else if (kind < 13) {
        ASSERT_EQ(map.Erase(id), model.erase(id) == 1);
      } else if (random() % 5000 == 0) {
        map.Clear();
        model.clear();
      }
      const SeriesId other = Id(random() % ids);
      const auto found = model.find(other);
      const int* const got = map.Find(other);
      ASSERT_EQ(got != nullptr, found != model.end());
      if (got != nullptr) {
        ASSERT_EQ(*got, found->second);
      }
      ASSERT_EQ(map.size(), model.size());
    }
    std::map<SeriesId, int> all;
    map.VisitAll([&](const SeriesId& id, int value) { all[id] = value; });
    ASSERT_EQ(all, model);
  }
}

TEST(SeriesMapTest, HoldsManyAndForgetsThem) {
  SeriesMap<uint64_t> map;
  EXPECT_EQ(map.Find(Id(1)), nullptr);
  EXPECT_FALSE(map.Erase(Id(1)));
  for (uint64_t i = 0; i < 200'000; ++i) ASSERT_TRUE(map.Put(Id(i), i));
  for (uint64_t i = 0; i < 200'000; ++i) ASSERT_EQ(*map.Find(Id(i)), i);
  for (int round = 0; round < 2; ++round) {
    map.Clear();
    EXPECT_EQ(map.size(), 0u);
    EXPECT_EQ(map.Find(Id(7)), nullptr);
    EXPECT_TRUE(map.Put(Id(7), 8));
    EXPECT_EQ(*map.Find(Id(7)), 8u);
  }
}

}  // namespace
}  // namespace firth::timeview
