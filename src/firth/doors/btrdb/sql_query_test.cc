// Goal: a statement's answer does not depend on the memory that it has, it holds no more of the
// streams than that, and it looks at no more streams than it must.
// Method: many random streams, given one after another and let go; each statement is run with
// plenty of memory and with almost none, and simple ones are compared with plain code.
#include "firth/doors/btrdb/sql_query.h"

#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "firth/common/text.h"
#include "firth/store/memory_file_system.h"

namespace firth::doors::btrdb {
namespace {

constexpr size_t kStreams = 6'000;
constexpr uint64_t kPlenty = uint64_t{1} << 30;

/// As a catalog has it: no more than was asked for.
table::SeriesPtr StreamOf(size_t number, table::SeriesParts parts = table::SeriesParts::kAll) {
  std::mt19937_64 random(number + 1);
  auto info = std::make_shared<table::SeriesInfo>();
  if (parts == table::SeriesParts::kCount) return info;
  for (char& byte : info->id.bytes) byte = static_cast<char>(random());
  info->collection = Path{{"site", "pmu" + std::to_string(number / 50)}};
  info->tags = {{"name", "C" + std::to_string(random() % 3000)},
                {"unit", number % 3 == 0 ? "amps" : "volts"},
                {"ingress", ""},
                {"distiller", std::to_string(number)}};
  if (parts == table::SeriesParts::kTags) return info;
  info->property_version = 1 + random() % 5;
  if (number % 2 == 0) info->annotations["bay"] = std::to_string(random() % 2000);
  if (number % 5 == 0) info->annotations["key" + std::to_string(number)] = std::nullopt;
  return info;
}

class SqlQueryTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(arrow::compute::Initialize().ok()); }

  /// Streams as a catalog gives them: nobody else holds them.
  VisitStreams Streams() {
    return [this](const SqlScope& scope, const VisitStream& visit) -> Status {
      scope_ = scope;
      for (size_t i = 0; i < kStreams; ++i) {
        table::SeriesPtr stream = StreamOf(i, scope.parts);
        const std::weak_ptr<const table::SeriesInfo> watched = stream;
        ++visited_;
        ARROW_ASSIGN_OR_RAISE(const bool more, visit(stream));
        stream.reset();
        held_ += watched.expired() ? 0 : 1;
        if (!more) break;
      }
      return Status::OK();
    };
  }

  Result<std::vector<std::string>> Run(const std::string& text, uint64_t memory_bytes,
                                       std::vector<std::string> parameters = {}) {
    ARROW_ASSIGN_OR_RAISE(const auto query, CompileSql(text, std::move(parameters)));
    SqlMemory memory(memory_bytes);
    SqlSpace space{.memory = &memory,
                   .files = &files_,
                   .folder = "spill",
                   .disk_bytes_max = uint64_t{1} << 30};
    visited_ = held_ = 0;
    std::vector<std::string> rows;
    ARROW_RETURN_NOT_OK(query->Run(Streams(), &space, [&](std::string row) {
      rows.push_back(std::move(row));
      return true;
    }));
    disk_bytes_ = space.disk_bytes;
    EXPECT_TRUE(memory.Take(memory_bytes)) << "memory was not given back: " << text;
    return rows;
  }

  store::MemoryFileSystem files_;
  SqlScope scope_;
  size_t visited_ = 0;
  size_t held_ = 0;  // streams that the statement kept
  uint64_t disk_bytes_ = 0;
};

TEST_F(SqlQueryTest, MemoryDoesNotChangeTheAnswer) {
  struct Case {
    const char* text;
    bool ordered;  // wholly
    bool spills;
  };
  for (const Case& one : std::vector<Case>{
           {"select * from streams", true, false},
           {"select name from streams where unit = 'amps' offset 7 limit 1000", true, false},
           {"select distinct unit from streams", true, false},
           {"select distinct name from streams", false, true},
           {"select distinct annotations from streams", false, true},
           {"select distinct skeys(annotations) k from streams", false, true},
           {"select distinct name, unit from streams order by unit desc, name", true, true},
           {"select distinct name from streams order by name limit 20 offset 10", true, true},
           {"select name, uuid from streams order by name, uuid", true, true},
           {"select name, uuid from streams order by name desc, uuid limit 15 offset 5", true,
            false},
           {"select name, uuid from streams order by name limit 3000", true, true},
           {"select uuid from streams order by annotations -> 'bay' nulls first, uuid", true, true},
           {"select unit, count(*) from streams group by unit", true, false},
           {"select name, count(*), max(property_version) from streams group by name", false, true},
           {"select name, min(distiller) from streams group by name order by 2, 1", true, true},
           {"select annotations, count(*) from streams group by annotations", false, true},
           {"select count(distinct name), count(distinct annotations) n from streams", true, true},
           {"select unit, count(distinct name), count(distinct distiller) d from streams "
            "group by unit",
            true, true},
           {"select name, count(distinct annotations -> 'bay') from streams group by name", false,
            true},
           {"select distinct count(*) from streams group by name order by 1", true, true},
           {"select count(*) from streams where false", true, false},
       }) {
    SCOPED_TRACE(one.text);
    auto plenty = Run(one.text, kPlenty);
    ASSERT_TRUE(plenty.ok()) << plenty.status().ToString();
    EXPECT_EQ(disk_bytes_, 0u);
    auto little = Run(one.text, 0);
    ASSERT_TRUE(little.ok()) << little.status().ToString();
    EXPECT_EQ(disk_bytes_ > 0, one.spills);
    EXPECT_LE(held_, 50u) << "streams are held";
    if (!one.ordered) {
      std::sort(plenty->begin(), plenty->end());
      std::sort(little->begin(), little->end());
    }
    EXPECT_TRUE(*plenty == *little);
  }
}

TEST_F(SqlQueryTest, AsPlainCodeHasIt) {
  std::map<std::string, std::set<std::string>> bays;  // by name
  std::map<std::string, int64_t> counts;
  for (size_t i = 0; i < kStreams; ++i) {
    const auto stream = StreamOf(i);
    const std::string& name = stream->tags.at("name");
    ++counts[name];
    bays[name];
    const auto bay = stream->annotations.find("bay");
    if (bay != stream->annotations.end()) bays[name].insert(*bay->second);
  }
  std::vector<std::string> expected;
  for (const auto& [name, count] : counts) {
    expected.push_back(
        nlohmann::json{{"bays", bays[name].size()}, {"count", count}, {"name", name}}.dump());
  }
  for (const uint64_t bytes : {kPlenty, uint64_t{200'000}, uint64_t{0}}) {
    const auto rows =
        Run("select name, count(*), count(distinct annotations -> 'bay') bays from streams "
            "group by name order by name",
            bytes);
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    EXPECT_TRUE(*rows == expected) << bytes;
  }
}

TEST_F(SqlQueryTest, ALimitEndsIt) {
  EXPECT_EQ(Run("select name from streams limit 10", 0)->size(), 10u);
  EXPECT_EQ(visited_, 10u);
  EXPECT_EQ(Run("select distinct unit from streams limit 2", 0)->size(), 2u);
  EXPECT_LE(visited_, 3u);
  EXPECT_EQ(Run("select name from streams limit 0", 0)->size(), 0u);
  EXPECT_EQ(visited_, 1u);
}

TEST_F(SqlQueryTest, ItEndsWhenNobodyReads) {
  const auto query = CompileSql("select name from streams order by 1", {}).ValueOrDie();
  SqlMemory memory(0);
  SqlSpace space{
      .memory = &memory, .files = &files_, .folder = "spill", .disk_bytes_max = uint64_t{1} << 30};
  int given = 0;
  EXPECT_TRUE(query->Run(Streams(), &space, [&](const std::string&) { return ++given < 3; }).ok());
  EXPECT_EQ(given, 3);
  visited_ = 0;
  space.is_cancelled = [this] { return visited_ > 100; };
  const Status ended = query->Run(Streams(), &space, [](const std::string&) { return true; });
  EXPECT_EQ(CodeOf(ended), Code::kCancelled);
  EXPECT_LE(visited_, 200u);
}

TEST_F(SqlQueryTest, ItAsksForNoMoreStreamsThanItMust) {
  const auto scope = [this](const std::string& condition, std::vector<std::string> parameters) {
    const auto rows = Run("select 1 from streams s where " + condition, 0, std::move(parameters));
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return scope_;
  };
  EXPECT_EQ(scope("collection like $1", {"site/a_b%"}).prefix, "site/a");
  EXPECT_EQ(scope("collection like 'si\\%te'", {}).prefix, "si");
  EXPECT_EQ(scope("s.collection = $1::text and name <> ''", {"site/x"}).collection, "site/x");
  EXPECT_EQ(scope("not collection = 'a'", {}).collection, std::nullopt);
  EXPECT_EQ(scope("collection = 'a' or name = 'b'", {}).collection, std::nullopt);
  EXPECT_EQ(scope("collection ilike 'a%'", {}).prefix, "");
  EXPECT_EQ(scope("collection not like 'a%'", {}).prefix, "");
  EXPECT_EQ(scope("collection <> 'a'", {}).collection, std::nullopt);
  const auto stream = StreamOf(3);
  const std::string id = UuidToText(stream->id.view());
  EXPECT_EQ(scope("uuid = $1", {id}).ids, std::vector{stream->id});
  EXPECT_EQ(scope("(uuid in ($1, $2)) and name like 'C%'", {id, id}).ids->size(), 2u);
  EXPECT_EQ(scope("uuid not in ($1)", {id}).ids, std::nullopt);
  EXPECT_EQ(scope("uuid <> $1", {id}).ids, std::nullopt);
  EXPECT_EQ(Run("select name from streams where uuid = $1::text", kPlenty, {id})->size(), 1u);
  EXPECT_FALSE(Run("select name from streams where uuid = 'no'::text", kPlenty).ok());
}

TEST_F(SqlQueryTest, ItAsksForNoMoreOfAStreamThanItMust) {
  using table::SeriesParts;
  const auto parts = [this](const std::string& text, size_t rows) {
    EXPECT_EQ(Run(text, kPlenty)->size(), rows) << text;
    return scope_.parts;
  };
  EXPECT_EQ(parts("select count(*) from streams", 1), SeriesParts::kCount);
  EXPECT_EQ(Run("select count(*) from streams", 0).ValueOrDie(),
            std::vector<std::string>{R"({"count":6000})"});
  EXPECT_EQ(parts("select 7 from streams limit 5", 5), SeriesParts::kCount);
  EXPECT_EQ(parts("select count(uuid) from streams", 1), SeriesParts::kTags);
  EXPECT_EQ(parts("select count(*) from streams where unit = 'amps'", 1), SeriesParts::kTags);
  EXPECT_EQ(parts("select unit, count(*) from streams group by unit", 2), SeriesParts::kTags);
  EXPECT_EQ(parts("select count(*) from streams order by max(property_version)", 1),
            SeriesParts::kAll);
  EXPECT_EQ(parts("select name from streams order by annotations -> 'bay' limit 3", 3),
            SeriesParts::kAll);
  EXPECT_EQ(parts("select * from streams limit 3", 3), SeriesParts::kAll);
  EXPECT_EQ(parts("select count(*) from streams where annotations ? 'bay'", 1), SeriesParts::kAll);
}

TEST_F(SqlQueryTest, WithoutDiskItSaysThatItNeedsMore) {
  const auto query = CompileSql("select distinct name from streams", {}).ValueOrDie();
  SqlMemory memory(0);
  SqlSpace space{.memory = &memory};
  const Status refused = query->Run(Streams(), &space, [](const std::string&) { return true; });
  EXPECT_EQ(ReasonOf(refused), Reason::kOverBudget);
}

}  // namespace
}  // namespace firth::doors::btrdb
