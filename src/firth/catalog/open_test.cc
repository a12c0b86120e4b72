// Opening: a new store, an old one, a large one, one of another version; and how queries find their
// rows.
#include <gtest/gtest.h>

#include "firth/catalog/database_file.h"
#include "firth/catalog/migrations.h"
#include "firth/catalog/rows.h"
#include "firth/catalog/testing_catalog.h"

namespace firth::catalog {
namespace {

class OpenTest : public CatalogTest {
 protected:
  /// Change the closed catalog's file by SQL.
  void Edit(const char* script) {
    catalog.reset();
    DatabaseFile database = OpenDatabase(files.get(), "catalog.db").ValueOrDie();
    ASSERT_OK(database.sql->RunScript(script));
  }
  std::string FilesThere() { return store::Names(files.get(), "").ValueOrDie(); }
};

TEST_F(OpenTest, TheFilesAreWhatTheManualSays) {
  EXPECT_EQ(FilesThere(), "catalog.db catalog.db-mark catalog.db-wal");
  ASSERT_OK(CreateTable("t").status());
  catalog.reset();
  EXPECT_EQ(FilesThere(), "catalog.db catalog.db-mark");
  ASSERT_OK(Open());
  EXPECT_OK(catalog->GetTable(P("t")).status());
}

TEST_F(OpenTest, ACatalogMayLieInAFolder) {
  ASSERT_OK(files->MakeFolder("a/b"));
  {
    auto other = Catalog::Open({.files = files.get(), .clock = &clock, .path = "a/b/c.db"});
    ASSERT_TRUE(other.ok()) << other.status();
    ASSERT_OK((*other)->PutValue("x", "y"));
  }
  auto other = Catalog::Open({.files = files.get(), .clock = &clock, .path = "a/b/c.db"});
  EXPECT_EQ((*other)->GetValue("x").ValueOrDie(), "y");
  EXPECT_EQ(catalog->GetValue("x").ValueOrDie(), std::nullopt);
}

TEST_F(OpenTest, ANewerFormatIsRefusedInOneLine) {
  Edit("PRAGMA user_version = 3");
  const Status status = Open();
  EXPECT_REASON(status, Code::kFailedPrecondition, Reason::kFormatTooNew);
  EXPECT_EQ(MessageOf(status),
            "the catalog has format version 3, but this program knows versions up to 2: open this "
            "store with the newer program that wrote it");
}

TEST_F(OpenTest, VersionsThatDisagreeAreDataLoss) {
  Edit("UPDATE meta SET value = 9 WHERE name = 'format_version'");
  EXPECT_EQ(CodeOf(Open()), Code::kDataLoss);
  Edit("UPDATE meta SET value = 1 WHERE name = 'format_version'; PRAGMA user_version = -3");
  EXPECT_EQ(CodeOf(Open()), Code::kDataLoss);
}

TEST_F(OpenTest, AnInterruptedMigrationBeginsAgain) {
  // Every operation of a first start fails in turn; a second start then finishes.
  for (int failing = 1; failing < 1000; ++failing) {
    store::MemoryFileSystem fresh;
    int count = 0;
    fresh.SetFaultHook([&](const char*, const std::string&) {
      return ++count == failing ? Error(Code::kUnavailable, Reason::kIo, "broken") : Status::OK();
    });
    const bool succeeded = Catalog::Open({.files = &fresh, .clock = &clock}).ok();
    fresh.SetFaultHook(nullptr);
    const auto second = Catalog::Open({.files = &fresh, .clock = &clock});
    ASSERT_TRUE(second.ok()) << failing << ": " << second.status();
    ASSERT_OK((*second)->PutValue("a", "b"));
    if (succeeded && count < failing) return;
  }
  FAIL() << "opening takes too many operations";
}

TEST_F(OpenTest, TenThousandTablesAreNotReadAtStart) {
  constexpr int kTables = 10'000;
  std::vector<Change> group{MakeChange([](Changes* c) -> Status {
    for (int i = 0; i < kTables; ++i) {
      TableId id;
      ARROW_RETURN_NOT_OK(
          World::CreateWholeTable(c, "d/t" + std::to_string(i), /*buckets=*/10, &id));
    }
    return Status::OK();
  })};
  ASSERT_OK(catalog->ApplyGroup(&group));
  ASSERT_OK(group[0].result);
  catalog.reset();

  const uint64_t before = files->operations();
  ASSERT_OK(Open());
  EXPECT_EQ(catalog->CountTables(), kTables);
  const TablePtr table = catalog->GetTable(P("d/t7777")).ValueOrDie();
  EXPECT_EQ(catalog->ListPartitions(table->current->id).ValueOrDie()[0].bucket_count, 10);
  EXPECT_EQ(Names(catalog->ListNamespaces(Path()).ValueOrDie()), Texts{"d"});
  EXPECT_EQ(Names(catalog->ListNamespaces(P("d")).ValueOrDie()), Texts{});
  EXPECT_LT(files->operations() - before, 100u);
  EXPECT_EQ(catalog->ListTables(P("d")).ValueOrDie().size(), static_cast<size_t>(kTables));
}

// Each query, as of now and as of a commit, on a catalog with a history.
TEST_F(OpenTest, QueriesStepOverNoRowsThatTheyDoNotWant) {
  for (int i = 0; i < 20; ++i) {
    const std::string path = "n" + std::to_string(i % 5) + "/t" + std::to_string(i);
    const TableId table = CreateWholeTable(path, 2).ValueOrDie();
    if (i % 3 == 0) {
      ASSERT_OK(Apply([&](Changes* c) { return c->DropTable(table); }));
    }
  }
  ASSERT_OK(Apply([](Changes* c) { return c->CreateNamespace(P("m"), {}).status(); }));
  catalog.reset();
  DatabaseFile database = OpenDatabase(files.get(), "catalog.db").ValueOrDie();
  Connection* const sql = database.sql.get();
  for (const CommitId at : {kNow, CommitId(9)}) {
    EXPECT_OK(FindNamespace(sql, P("m"), at).status());
    EXPECT_TRUE(HasBelow(sql, P("n1"), at).ValueOrDie());
    EXPECT_EQ(ChildNamespaces(sql, Path(), at).ValueOrDie().size(), at == kNow ? 6u : 4u);
    EXPECT_OK(FindTable(sql, P("n1/t1"), at).status());
    EXPECT_OK(FindTable(sql, TableId(2), at).status());
    EXPECT_FALSE(TablesBelow(sql, Path(), at).ValueOrDie().empty());
    EXPECT_FALSE(TablesBelow(sql, P("n1"), at).ValueOrDie().empty());
    EditionRow edition = FindEdition(sql, EditionId(2), at).ValueOrDie().value();
    EXPECT_OK(ReadSchemas(sql, at, &edition.info));
    EXPECT_EQ(EditionsOf(sql, TableId(2), at).ValueOrDie().size(), 1u);
    EXPECT_EQ(PartitionsOf(sql, EditionId(2), at).ValueOrDie().size(), 1u);
    EXPECT_OK(FindPartition(sql, PartitionId(2), at).status());
    EXPECT_OK(FindPartition(sql, EditionId(2), {}, at).status());
  }
  EXPECT_TRUE(NumberWasGiven(sql, TableId(2), 0).ValueOrDie());
  EXPECT_EQ(NextNumber(sql, TableId(2)).ValueOrDie(), 1);
  EXPECT_TRUE(FindPartitionOfLog(sql, LogId(4)).ValueOrDie().has_value());
  EXPECT_EQ(sql->RowsScannedWithoutIndex(), 0);
}

}  // namespace
}  // namespace firth::catalog
