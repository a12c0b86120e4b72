#include "firth/catalog/testing_catalog.h"

namespace firth::catalog {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

class ValuesTest : public CatalogTest {
 protected:
  std::optional<std::string> Get(const std::string& name) {
    return catalog->GetValue(name).ValueOrDie();
  }
};

TEST_F(ValuesTest, AChangeIsAllOrNothing) {
  ASSERT_OK(catalog->ChangeValues({{.name = "a", .value = "1"}, {.name = "b", .value = "2"}}));
  const Status refused =
      catalog->ChangeValues({{.name = "a", .value = "3"},
                             {.name = "b", .value = "4", .compare = true, .expected = "not this"}});
  EXPECT_EQ(ReasonOf(refused), Reason::kConflict);
  EXPECT_EQ(Get("a"), "1");
  EXPECT_EQ(Get("b"), "2");
  ASSERT_OK(Reopen());
  EXPECT_EQ(Get("a"), "1");
}

TEST_F(ValuesTest, AComparisonMaySayThatThereIsNone) {
  const std::vector<ValueChange> make{{.name = "a", .value = "1", .compare = true}};
  ASSERT_OK(catalog->ChangeValues(make));
  EXPECT_EQ(ReasonOf(catalog->ChangeValues(make)), Reason::kConflict);
  ASSERT_OK(catalog->ChangeValues({{.name = "a", .compare = true, .expected = "1"}}));
  EXPECT_EQ(Get("a"), std::nullopt);
  // An empty value is not the absence of one.
  ASSERT_OK(catalog->ChangeValues({{.name = "a", .value = ""}}));
  EXPECT_EQ(ReasonOf(catalog->ChangeValues(make)), Reason::kConflict);
}

TEST_F(ValuesTest, AScanGivesNamesInTheOrderOfTheirBytes) {
  for (const char* name : {"b", "a/2", "a/10", "a\xff", "a", "a/"}) {
    ASSERT_OK(catalog->PutValue(name, name));
  }
  EXPECT_EQ(catalog->ScanValues("a/", "a0", 10).ValueOrDie(),
            (Pairs{{"a/", "a/"}, {"a/10", "a/10"}, {"a/2", "a/2"}}));
  EXPECT_EQ(catalog->ScanValues("a", "b", 2).ValueOrDie(), (Pairs{{"a", "a"}, {"a/", "a/"}}));
  EXPECT_EQ(catalog->ScanValues("a", "b", 0).ValueOrDie(), Pairs{});
  EXPECT_EQ(catalog->ScanValues("a", "b", 100).ValueOrDie().back().first, "a\xff");
}

TEST_F(ValuesTest, AnyBytesComeBack) {
  const std::string bytes("\0\xff\x80 \n", 5);
  ASSERT_OK(catalog->PutValue("a", bytes));
  EXPECT_EQ(Get("a"), bytes);
}

TEST_F(ValuesTest, ACommitThatIsRefusedLeavesItsValuesAlone) {
  std::vector<Change> group;
  group.push_back(MakeChange([](Changes* changes) -> Status {
    ARROW_RETURN_NOT_OK(changes->ChangeValues({{.name = "a", .value = "1"}}));
    return Error(Code::kAborted, Reason::kConflict, "no");
  }));
  group.push_back(MakeChange([](Changes* changes) {
    return changes->ChangeValues({{.name = "b", .value = "2", .compare = true}});
  }));
  group.push_back(MakeChange([](Changes* changes) {
    return changes->ChangeValues({{.name = "b", .value = "3", .compare = true}});
  }));
  ASSERT_OK(catalog->ApplyGroup(&group));
  EXPECT_EQ(ReasonOf(group[0].result), Reason::kConflict);
  EXPECT_OK(group[1].result);
  EXPECT_EQ(ReasonOf(group[2].result), Reason::kConflict);
  EXPECT_EQ(Get("a"), std::nullopt);
  EXPECT_EQ(Get("b"), "2");
}

}  // namespace
}  // namespace firth::catalog
