// Namespaces and tables by their paths: what exists, what is listed where, which names collide.
// Method: small catalogs over files in memory; every answer is compared as text.
#include <gtest/gtest.h>

#include "firth/catalog/testing_catalog.h"

namespace firth::catalog {
namespace {

class NamesTest : public CatalogTest {
 protected:
  Status CreateNamespace(const std::string& path, const Attributes& attributes = {}) {
    return Apply([&](Changes* c) { return c->CreateNamespace(P(path), attributes).status(); });
  }
  Status DropNamespace(const std::string& path) {
    return Apply([&](Changes* c) { return c->DropNamespace(P(path)); });
  }
  Status DropTable(TableId id) {
    return Apply([&](Changes* c) { return c->DropTable(id); });
  }
  Texts Children(const std::string& parent, CommitId at = kNow) {
    return Names(catalog->ListNamespaces(P(parent), at).ValueOrDie());
  }
  Texts Tables(const std::string& prefix, CommitId at = kNow) {
    return Names(catalog->ListTables(P(prefix), at).ValueOrDie());
  }
};

TEST_F(NamesTest, AnEmptyCatalogHasOnlyTheRoot) {
  EXPECT_OK(catalog->GetNamespace(Path()).status());
  EXPECT_EQ(Children(""), Texts{});
  EXPECT_EQ(Tables(""), Texts{});
  EXPECT_EQ(catalog->CountTables(), 0);
  EXPECT_REASON(catalog->GetNamespace(P("a")).status(), Code::kNotFound,
                Reason::kNamespaceNotFound);
  EXPECT_REASON(catalog->GetTable(P("a")).status(), Code::kNotFound, Reason::kTableNotFound);
  EXPECT_REASON(catalog->GetTable(TableId(1)).status(), Code::kNotFound, Reason::kTableNotFound);
}

TEST_F(NamesTest, ACreatedNamespaceKeepsWhatItWasGiven) {
  ASSERT_OK(CreateNamespace("d", {{"fluss.comment", "sea — мы"}, {"k", ""}}));
  const NamespaceInfo info = catalog->GetNamespace(P("d")).ValueOrDie();
  EXPECT_GT(info.id, 0);
  EXPECT_EQ(info.path, P("d"));
  EXPECT_EQ(info.attributes, (Attributes{{"fluss.comment", "sea — мы"}, {"k", ""}}));
  EXPECT_EQ(info.created_ns, 1000);
  EXPECT_EQ(info.modified_ns, 1000);
  EXPECT_EQ(Children(""), Texts{"d"});

  ASSERT_OK(Apply([](Changes* c) { return c->AlterNamespace(P("d"), {{"x", "y"}}); }));
  const NamespaceInfo altered = catalog->GetNamespace(P("d")).ValueOrDie();
  EXPECT_EQ(altered.id, info.id);
  EXPECT_EQ(altered.attributes, (Attributes{{"x", "y"}}));
  EXPECT_EQ(altered.created_ns, 1000);
  EXPECT_EQ(altered.modified_ns, 2000);
}

TEST_F(NamesTest, ANamespaceExistsWhileSomethingIsBelowIt) {
  const TableId table = CreateTable("a/b/c").ValueOrDie();
  EXPECT_EQ(catalog->GetNamespace(P("a")).ValueOrDie().id, 0);
  EXPECT_OK(catalog->GetNamespace(P("a/b")).status());
  EXPECT_FALSE(catalog->GetNamespace(P("a/b/c")).ok());  // a table, with nothing below it
  EXPECT_EQ(Children(""), Texts{"a"});
  EXPECT_EQ(Children("a"), Texts{"a/b"});
  EXPECT_EQ(Children("a/b"), Texts{});
  EXPECT_REASON(CreateNamespace("a"), Code::kAlreadyExists, Reason::kNamespaceExists);
  EXPECT_REASON(DropNamespace("a"), Code::kFailedPrecondition, Reason::kNamespaceNotEmpty);

  ASSERT_OK(DropTable(table));
  EXPECT_FALSE(catalog->GetNamespace(P("a")).ok());
  EXPECT_EQ(Children(""), Texts{});
  EXPECT_REASON(DropNamespace("a"), Code::kNotFound, Reason::kNamespaceNotFound);
}

TEST_F(NamesTest, AlteringAnImpliedNamespaceCreatesIt) {
  const TableId table = CreateTable("a/b").ValueOrDie();
  ASSERT_OK(Apply([](Changes* c) { return c->AlterNamespace(P("a"), {{"k", "v"}}); }));
  ASSERT_OK(DropTable(table));
  EXPECT_EQ(catalog->GetNamespace(P("a")).ValueOrDie().attributes, (Attributes{{"k", "v"}}));
  EXPECT_REASON(Apply([](Changes* c) { return c->AlterNamespace(P("b"), {}); }), Code::kNotFound,
                Reason::kNamespaceNotFound);
}

TEST_F(NamesTest, ANamespaceWithACreatedOneBelowIsNotEmpty) {
  ASSERT_OK(CreateNamespace("a"));
  ASSERT_OK(CreateNamespace("a/b"));
  EXPECT_REASON(DropNamespace("a"), Code::kFailedPrecondition, Reason::kNamespaceNotEmpty);
  ASSERT_OK(DropNamespace("a/b"));
  EXPECT_REASON(DropNamespace("a/b"), Code::kNotFound, Reason::kNamespaceNotFound);
  ASSERT_OK(DropNamespace("a"));
}

TEST_F(NamesTest, APathMayBeBothANamespaceAndATable) {
  ASSERT_OK(CreateNamespace("a"));
  ASSERT_OK(CreateTable("a").status());
  ASSERT_OK(CreateTable("a/b").status());
  ASSERT_OK(CreateTable("a/b/c").status());
  EXPECT_EQ(Children(""), Texts{"a"});
  EXPECT_EQ(Children("a"), Texts{"a/b"});
  EXPECT_EQ(Tables("a"), (Texts{"a", "a/b", "a/b/c"}));
  EXPECT_EQ(Tables("a/b"), (Texts{"a/b", "a/b/c"}));
}

// Each pair of names could be mistaken for the other by a query that only compares beginnings.
TEST_F(NamesTest, NeighboursInTextAreNotBelow) {
  const Texts paths = {"a",     "a!", "a-b/t", "a.b", "a/b",  "a/b-c",
                       "a/b/c", "a0", "a_/x",  "ab",  "ab/c", "b/a/b/c"};
  for (const std::string& path : paths) {
    ASSERT_OK(CreateTable(path).status());
  }
  EXPECT_EQ(Tables("").size(), paths.size());
  EXPECT_EQ(Tables("a"), (Texts{"a", "a/b", "a/b/c", "a/b-c"}));
  EXPECT_EQ(Tables("a/b"), (Texts{"a/b", "a/b/c"}));
  EXPECT_EQ(Tables("ab"), (Texts{"ab", "ab/c"}));
  EXPECT_EQ(Tables("a_"), Texts{"a_/x"});
  EXPECT_EQ(Tables("A"), Texts{});
  EXPECT_EQ(Children(""), (Texts{"a", "a-b", "a_", "ab", "b"}));
  EXPECT_EQ(Children("a"), Texts{"a/b"});
  EXPECT_EQ(Children("b"), Texts{"b/a"});
}

TEST_F(NamesTest, SegmentsOfAnyTextAreKept) {
  const std::vector<Path> paths = {
      Path{{"x/y"}},        Path{{"x", "y"}},    Path{{"_x2F_"}},
      Path{{"_"}},          Path{{"a\nb", "t"}}, Path{{"日本", "表"}},
      Path{{"%", "'; --"}}, Path{{"a\x7f"}},     Path{{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"}},
      Path{{" ", " "}},     Path{{"..", "."}},   Path{{std::string("nul\0nul", 7)}}};
  for (const Path& path : paths) {
    ASSERT_OK(Apply([&](Changes* c) { return c->CreateTable(path, {}).status(); }));
  }
  ASSERT_OK(Reopen());
  for (const Path& path : paths) {
    const auto table = catalog->GetTable(path);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ((*table)->path, path);
    const auto listed = catalog->ListTables(path).ValueOrDie();
    ASSERT_EQ(listed.size(), 1u) << path.ToString();
    EXPECT_EQ(listed[0]->path, path);
  }
  const auto children = catalog->ListNamespaces(Path()).ValueOrDie();
  std::vector<Path> found;
  for (const NamespaceInfo& child : children) found.push_back(child.path);
  EXPECT_EQ(found, (std::vector<Path>{Path{{" "}}, Path{{"%"}}, Path{{".."}}, Path{{"a\nb"}},
                                      Path{{"x"}}, Path{{"日本"}}, Path{{"\xf4\x8f\xbf\xbf"}}}));
}

TEST_F(NamesTest, BadNamesAreRefused) {
  const std::vector<Path> paths = {Path(), Path{{"a", ""}}, Path{{"\xff"}},
                                   Path{{std::string(2049, 'a')}},
                                   Path{std::vector<std::string>(257, "a")}};
  for (const Path& path : paths) {
    for (const World::Run& run : std::vector<World::Run>{
             [&](Changes* c) { return c->CreateTable(path, {}).status(); },
             [&](Changes* c) { return c->CreateNamespace(path, {}).status(); }}) {
      EXPECT_REASON(Apply(run), Code::kInvalidArgument, Reason::kInvalidName);
    }
  }
  const Attributes not_utf8 = {{"k", "\xff"}};
  EXPECT_REASON(CreateTable("t", not_utf8).status(), Code::kInvalidArgument,
                Reason::kInvalidProperty);
  EXPECT_REASON(CreateNamespace("t", not_utf8), Code::kInvalidArgument, Reason::kInvalidProperty);
}

TEST_F(NamesTest, ATableIsFoundByPathAndById) {
  const TableId id = CreateTable("d/t", {{"a", "b"}}).ValueOrDie();
  const TablePtr by_path = catalog->GetTable(P("d/t")).ValueOrDie();
  EXPECT_EQ(by_path->id, id);
  EXPECT_EQ(by_path->path, P("d/t"));
  EXPECT_EQ(by_path->attributes, (Attributes{{"a", "b"}}));
  EXPECT_EQ(by_path->created_ns, 1000);
  EXPECT_FALSE(by_path->current.has_value());
  EXPECT_EQ(catalog->GetTable(id).ValueOrDie(), by_path);
  EXPECT_EQ(catalog->CountTables(), 1);
  EXPECT_REASON(CreateTable("d/t").status(), Code::kAlreadyExists, Reason::kTableExists);
}

TEST_F(NamesTest, RenameMovesTheTableAndFreesItsName) {
  const TableId a = CreateTable("d/a").ValueOrDie();
  const TableId b = CreateTable("d/b").ValueOrDie();
  const auto rename = [&](TableId id, const std::string& to) {
    return Apply([&](Changes* c) { return c->RenameTable(id, P(to)); });
  };
  EXPECT_REASON(rename(a, "d/b"), Code::kAlreadyExists, Reason::kTableExists);
  EXPECT_REASON(rename(a, "d/a"), Code::kAlreadyExists, Reason::kTableExists);
  EXPECT_REASON(rename(TableId(99), "x"), Code::kNotFound, Reason::kTableNotFound);
  ASSERT_OK(rename(a, "e/c"));
  EXPECT_FALSE(catalog->GetTable(P("d/a")).ok());
  EXPECT_EQ(catalog->GetTable(P("e/c")).ValueOrDie()->id, a);
  EXPECT_EQ(catalog->GetTable(a).ValueOrDie()->path, P("e/c"));
  ASSERT_OK(rename(b, "d/a"));  // the freed name
  EXPECT_EQ(catalog->GetTable(P("d/a")).ValueOrDie()->id, b);
  EXPECT_EQ(Children(""), (Texts{"d", "e"}));
}

TEST_F(NamesTest, ADroppedTableIsGoneAndItsIdIsNotGivenAgain) {
  const TableId first = CreateWholeTable("t").ValueOrDie();
  const EditionId edition = catalog->GetTable(first).ValueOrDie()->current->id;
  const PartitionInfo partition = catalog->ListPartitions(edition).ValueOrDie()[0];
  ASSERT_OK(DropTable(first));
  EXPECT_REASON(DropTable(first), Code::kNotFound, Reason::kTableNotFound);
  EXPECT_FALSE(catalog->GetTable(P("t")).ok());
  EXPECT_FALSE(catalog->GetTable(first).ok());
  EXPECT_REASON(catalog->GetEdition(edition).status(), Code::kNotFound, Reason::kEditionNotFound);
  EXPECT_FALSE(catalog->ListPartitions(edition).ok());
  EXPECT_FALSE(catalog->GetPartition(partition.id).ok());
  EXPECT_FALSE(catalog->PartitionOfLog(partition.first_log).ok());
  EXPECT_EQ(catalog->CountTables(), 0);

  const TableId second = CreateWholeTable("t").ValueOrDie();
  EXPECT_GT(second, first);
  const EditionInfo now = *catalog->GetTable(second).ValueOrDie()->current;
  EXPECT_GT(now.id, edition);
  EXPECT_GT(catalog->ListPartitions(now.id).ValueOrDie()[0].first_log, partition.first_log);
}

TEST_F(NamesTest, EveryStateCanBeReadAsOfItsCommit) {
  ASSERT_OK(CreateNamespace("d", {{"v", "1"}}));                                          // 1
  const TableId table = CreateWholeTable("d/t").ValueOrDie();                             // 2
  ASSERT_OK(Apply([&](Changes* c) { return c->AlterTable(table, {{"v", "2"}}); }));       // 3
  ASSERT_OK(Apply([&](Changes* c) { return c->RenameTable(table, P("e/u")); }));          // 4
  ASSERT_OK(Apply([&](Changes* c) { return c->AlterNamespace(P("d"), {{"v", "5"}}); }));  // 5
  ASSERT_OK(DropNamespace("d"));                                                          // 6
  ASSERT_OK(DropTable(table));                                                            // 7
  ASSERT_OK(CreateTable("d/t").status());                                                 // 8

  for (const bool reopened : {false, true}) {
    if (reopened) {
      ASSERT_OK(Reopen());
    }
    EXPECT_FALSE(catalog->GetNamespace(P("d"), CommitId(0)).ok());
    EXPECT_EQ(Children("", CommitId(0)), Texts{});
    EXPECT_EQ(catalog->GetNamespace(P("d"), CommitId(1)).ValueOrDie().attributes.at("v"), "1");
    EXPECT_EQ(Tables("", CommitId(1)), Texts{});
    EXPECT_EQ(catalog->GetTable(P("d/t"), CommitId(2)).ValueOrDie()->id, table);
    EXPECT_TRUE(catalog->GetTable(table, CommitId(2)).ValueOrDie()->attributes.empty());
    EXPECT_TRUE(catalog->GetTable(table, CommitId(2)).ValueOrDie()->current.has_value());
    EXPECT_EQ(catalog->GetTable(table, CommitId(3)).ValueOrDie()->attributes.at("v"), "2");
    EXPECT_FALSE(catalog->GetTable(P("d/t"), CommitId(4)).ok());
    EXPECT_EQ(Tables("", CommitId(4)), Texts{"e/u"});
    EXPECT_EQ(Children("", CommitId(4)), (Texts{"d", "e"}));
    EXPECT_EQ(catalog->GetNamespace(P("d"), CommitId(4)).ValueOrDie().attributes.at("v"), "1");
    EXPECT_EQ(catalog->GetNamespace(P("d"), CommitId(5)).ValueOrDie().attributes.at("v"), "5");
    EXPECT_EQ(Children("", CommitId(6)), Texts{"e"});
    EXPECT_EQ(Tables("", CommitId(7)), Texts{});
    EXPECT_EQ(Tables("", CommitId(8)), Texts{"d/t"});
    EXPECT_EQ(Tables(""), Texts{"d/t"});
    EXPECT_NE(catalog->GetTable(P("d/t")).ValueOrDie()->id, table);
  }
}

TEST_F(NamesTest, WhatBeginsAndEndsInOneCommitLeavesNoTrace) {
  ASSERT_OK(Apply([](Changes* c) -> Status {
    ARROW_RETURN_NOT_OK(c->CreateNamespace(P("n"), {}).status());
    ARROW_RETURN_NOT_OK(c->AlterNamespace(P("n"), {{"k", "v"}}));
    ARROW_RETURN_NOT_OK(c->DropNamespace(P("n")));
    TableId table;
    ARROW_RETURN_NOT_OK(World::CreateWholeTable(c, "t", 2, &table));
    ARROW_RETURN_NOT_OK(c->RenameTable(table, P("u")));
    ARROW_RETURN_NOT_OK(c->DropTable(table));
    ARROW_RETURN_NOT_OK(World::CreateWholeTable(c, "t", 2, &table));
    return c->RenameTable(table, P("v"));
  }));
  EXPECT_EQ(Tables("", last), Texts{"v"});
  EXPECT_EQ(Tables("", CommitId(last.value - 1)), Texts{});
  EXPECT_EQ(Children("", last), Texts{});
  EXPECT_EQ(catalog->CountTables(), 1);
}

TEST_F(NamesTest, AChangeReadsItsOwnGroupAndKeepsNothingOfItWhenItFails) {
  ASSERT_OK(CreateTable("seen").status());
  EXPECT_OK(catalog->GetTable(P("seen")).status());
  const Status refused = Apply([&](Changes* c) -> Status {
    ARROW_ASSIGN_OR_RAISE(const TablePtr seen, catalog->GetTable(P("seen")));
    ARROW_RETURN_NOT_OK(c->DropTable(seen->id));
    EXPECT_FALSE(catalog->GetTable(P("seen")).ok());
    ARROW_RETURN_NOT_OK(c->CreateTable(P("new"), {}).status());
    EXPECT_EQ(Tables(""), Texts{"new"});
    EXPECT_OK(catalog->TakeIds("number", 5).status());
    return Error(Code::kAborted, Reason::kConflict, "changed my mind");
  });
  EXPECT_REASON(refused, Code::kAborted, Reason::kConflict);
  EXPECT_EQ(Tables(""), Texts{"seen"});
  EXPECT_FALSE(catalog->GetTable(P("new")).ok());
  EXPECT_EQ(catalog->TakeIds("number", 1).ValueOrDie(), 1);
}

}  // namespace
}  // namespace firth::catalog
