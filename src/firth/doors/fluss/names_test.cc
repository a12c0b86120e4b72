// Goal: every path has one name and every name that clients may make is kept as it is.
#include "firth/doors/fluss/names.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace firth::doors::fluss {
namespace {

Path P(std::vector<std::string> segments) {
  return Path{std::move(segments)};
}

TEST(NamesTest, CommonNamesStayAsTheyAre) {
  for (const std::string name : {"orders", "max_x", "user_xp", "a_x4_b", "x", "_x", "a-B_9", "_a",
                                 "a_x41", "_x_x", "x_xGG_"}) {
    const auto path = PathOfTable({"db", name});
    ASSERT_TRUE(path.ok()) << name << ": " << path.status().ToString();
    EXPECT_EQ(*path, P({"db", name}));
    EXPECT_EQ(NamesOf(*path).table, name);
    EXPECT_EQ(NamesOf(*path).database, "db");
    const auto database = PathOfDatabase(name);
    ASSERT_TRUE(database.ok()) << name;
    EXPECT_EQ(DatabaseOf(*database), name);
  }
}

TEST(NamesTest, OtherDoorsPathsAreShown) {
  EXPECT_EQ(NamesOf(P({"t"})).ToString(), "_.t");
  EXPECT_EQ(NamesOf(P({"org", "project", "table"})).ToString(), "org_x2F_project.table");
  EXPECT_EQ(NamesOf(P({"d", "my table"})).ToString(), "d.my_x20_table");
  EXPECT_EQ(NamesOf(P({"_", "t"})).ToString(), "_x5F_.t");
  EXPECT_EQ(NamesOf(P({"d", "_x41_"})).ToString(), "d._x5F_x41_");
}

TEST(NamesTest, EscapesThatStandForNothingAreRefused) {
  EXPECT_FALSE(PathOfTable({"d", "_x41_"}).ok());
  EXPECT_FALSE(PathOfTable({"d", "a_x5F_b"}).ok());
}

TEST(NamesTest, EveryPathComesBack) {
  std::mt19937 random(3);
  const std::vector<std::string> letters = {"_", "x", "5", "F", "2", "A",
                                            " ", ".", "a", "x", "_", "\xc3\xa9"};
  std::set<std::string> names;
  std::set<Path> paths;
  for (int round = 0; round < 50'000; ++round) {
    Path path;
    const size_t segments = 1 + random() % 3;
    for (size_t i = 0; i < segments; ++i) {
      std::string segment;
      const size_t length = 1 + random() % 8;
      for (size_t k = 0; k < length; ++k) segment += letters[random() % letters.size()];
      path.segments.push_back(segment);
    }
    const TableNames shown = NamesOf(path);
    const auto read = PathOfTable(shown);
    ASSERT_TRUE(read.ok()) << path.ToString() << " " << shown.ToString();
    ASSERT_EQ(*read, path) << shown.ToString();
    paths.insert(path);
    names.insert(shown.ToString());
  }
  EXPECT_EQ(paths.size(), names.size());
}

TEST(NamesTest, FaultsOfNewNames) {
  EXPECT_EQ(NameFault("orders_2024-x"), "");
  EXPECT_EQ(NameFault(std::string(200, 'a')), "");
  for (const std::string& name :
       {std::string(), std::string(201, 'a'), std::string("__a"), std::string("a b"),
        std::string("a.b"), std::string("a/b"), std::string("\xc3\xa9")}) {
    EXPECT_NE(NameFault(name), "") << name;
  }
}

TEST(NamesTest, PartitionNames) {
  EXPECT_EQ(PartitionName({"2024", "eu-west"}), "2024$eu-west");
  EXPECT_EQ(PartitionName({"a b"}), "a_x20_b");
}

}  // namespace
}  // namespace firth::doors::fluss
