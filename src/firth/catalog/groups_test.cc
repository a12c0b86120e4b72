// Groups of commits, and the plain transactions beside them: what holds after each, and what a
// failure leaves. Method: a catalog over files in memory whose operations are made to fail, one at
// a time.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "firth/catalog/testing_catalog.h"

namespace firth::catalog {
namespace {

class GroupsTest : public CatalogTest {
 protected:
  Change CreateTableChange(const std::string& path) {
    return MakeChange([path](Changes* c) { return c->CreateTable(P(path), {}).status(); });
  }
  Texts Tables() { return Names(catalog->ListTables(Path()).ValueOrDie()); }
  /// Let operations of this kind fail with `status`, from now on.
  void Fail(const std::string& failing, const Status& status) {
    files->SetFaultHook([failing, status](const char* operation, const std::string&) {
      return operation == failing ? status : Status::OK();
    });
  }
};

const Status kBadDisk = Error(Code::kUnavailable, Reason::kIo, "the disk is on fire");

TEST_F(GroupsTest, AFailedChangeTakesNoOtherWithIt) {
  std::vector<Change> group;
  group.push_back(CreateTableChange("a"));
  group.push_back(MakeChange([](Changes* c) -> Status {
    ARROW_RETURN_NOT_OK(c->CreateTable(P("b"), {}).status());
    ARROW_RETURN_NOT_OK(c->CreateNamespace(P("n"), {}).status());
    return c->CreateTable(P("a"), {}).status();  // taken by the change before
  }));
  group.push_back(CreateTableChange("c"));
  group.push_back(MakeChange(nullptr));  // names its id, and that is all
  ASSERT_OK(catalog->ApplyGroup(&group));
  EXPECT_OK(group[0].result);
  EXPECT_REASON(group[1].result, Code::kAlreadyExists, Reason::kTableExists);
  EXPECT_OK(group[2].result);
  EXPECT_OK(group[3].result);
  for (const bool reopened : {false, true}) {
    if (reopened) {
      ASSERT_OK(Reopen());
    }
    EXPECT_EQ(Tables(), (Texts{"a", "c"}));
    EXPECT_FALSE(catalog->GetNamespace(P("n")).ok());
    EXPECT_EQ(catalog->CountTables(), 2);
    EXPECT_TRUE(catalog->IsNamed(CommitId(1)).ValueOrDie());
    EXPECT_FALSE(catalog->IsNamed(CommitId(2)).ValueOrDie());
    EXPECT_TRUE(catalog->IsNamed(CommitId(4)).ValueOrDie());
    EXPECT_EQ(catalog->LastCommit().ValueOrDie(), CommitId(4));
    EXPECT_EQ(catalog->LastCommitTimeNs().ValueOrDie(), 4000);
  }
}

TEST_F(GroupsTest, AnEmptyGroupIsNothing) {
  std::vector<Change> group;
  ASSERT_OK(catalog->ApplyGroup(&group));
  EXPECT_EQ(catalog->LastCommit().ValueOrDie(), CommitId(0));
}

TEST_F(GroupsTest, AChangeKnowsItsCommit) {
  std::vector<Change> group{MakeChange([](Changes* c) {
    EXPECT_EQ(c->commit(), CommitId(1));
    EXPECT_EQ(c->time_ns(), 1000);
    return Status::OK();
  })};
  ASSERT_OK(catalog->ApplyGroup(&group));
}

TEST_F(GroupsTest, NamesAreForgottenByJournalFile) {
  for (uint64_t file = 1; file <= 3; ++file) {
    std::vector<Change> group{MakeChange(nullptr)};
    group[0].journal_file = file;
    ASSERT_OK(catalog->ApplyGroup(&group));
  }
  ASSERT_OK(catalog->ForgetNames(3));
  EXPECT_FALSE(catalog->IsNamed(CommitId(1)).ValueOrDie());
  EXPECT_FALSE(catalog->IsNamed(CommitId(2)).ValueOrDie());
  EXPECT_TRUE(catalog->IsNamed(CommitId(3)).ValueOrDie());
  ASSERT_OK(catalog->ForgetNames(99));
  EXPECT_EQ(catalog->LastCommit().ValueOrDie(), CommitId(3));  // that is remembered
}

TEST_F(GroupsTest, AGroupWhoseSyncFailsIsNotThereAndNothingMoreIsTaken) {
  const TableId table = CreateTable("t", {{"v", "1"}}).ValueOrDie();
  EXPECT_OK(catalog->GetTable(table).status());  // remembered
  Fail("sync", kBadDisk);
  std::vector<Change> group{CreateTableChange("u"), MakeChange([&](Changes* c) {
                              return c->AlterTable(table, {{"v", "2"}});
                            })};
  EXPECT_REASON(catalog->ApplyGroup(&group), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(group[0].result, Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(group[1].result, Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(Tables(), Texts{"t"});
  EXPECT_EQ(catalog->GetTable(table).ValueOrDie()->attributes.at("v"), "1");
  EXPECT_EQ(catalog->CountTables(), 1);

  files->SetFaultHook(nullptr);  // nobody knows what is on disk: only a new start can tell
  EXPECT_REASON(catalog->TakeIds("n", 1).status(), Code::kUnavailable, Reason::kIo);
  EXPECT_REASON(CreateTable("v").status(), Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(Tables(), Texts{"t"});
  ASSERT_OK(Reopen());
  const bool applied = catalog->IsNamed(CommitId(2)).ValueOrDie();
  EXPECT_EQ(Tables(), applied ? (Texts{"t", "u"}) : Texts{"t"});
  EXPECT_OK(CreateTable("w").status());
}

TEST_F(GroupsTest, AFullDiskRefusesTheGroupAndTakesTheNextWhenThereIsRoom) {
  ASSERT_OK(CreateTable("t").status());
  const uint64_t used = UINT64_MAX - files->FreeBytes().ValueOrDie();
  for (uint64_t room = 0; room < 40'000; room += 1'111) {  // whichever write it is that fails
    files->SetCapacity(used + room);
    std::vector<Change> group{CreateTableChange("u"), CreateTableChange("v")};
    const Status status = catalog->ApplyGroup(&group);
    if (status.ok()) {
      EXPECT_GT(room, 0u);
      EXPECT_EQ(Tables(), (Texts{"t", "u", "v"}));
      return;
    }
    EXPECT_REASON(status, Code::kResourceExhausted, Reason::kDiskFull);
    EXPECT_EQ(Tables(), Texts{"t"});
    // Neither a kill nor a power cut brings back what was refused.
    SeededRandom random(room);
    for (auto& left : {files->Copy(), files->PowerCut(&random)}) {
      left->SetCapacity(UINT64_MAX);
      const auto again = Catalog::Open({.files = left.get(), .clock = &clock});
      ASSERT_TRUE(again.ok()) << again.status();
      EXPECT_EQ(Names((*again)->ListTables(Path()).ValueOrDie()), Texts{"t"});
    }
  }
  FAIL() << "the group never had enough room";
}

TEST_F(GroupsTest, AnErrorOfStorageThatACallbackSwallowsFailsItsCommit) {
  ASSERT_OK(CreateTable("t").status());
  ASSERT_OK(Reopen());  // nothing is in memory
  std::vector<Change> group{MakeChange([&](Changes* c) {
    Fail("read", kBadDisk);
    EXPECT_FALSE(c->CreateTable(P("u"), {}).ok());
    files->SetFaultHook(nullptr);
    return Status::OK();
  })};
  const Status status = catalog->ApplyGroup(&group);
  EXPECT_REASON(status.ok() ? group[0].result : status, Code::kUnavailable, Reason::kIo);
  EXPECT_EQ(Tables(), Texts{"t"});
  EXPECT_OK(CreateTable("u").status());  // a read that fails harms nothing
}

TEST_F(GroupsTest, TheCacheForgetsWhatAGroupTouched) {
  const TableId table = CreateWholeTable("a", 2).ValueOrDie();
  const TableId other = CreateWholeTable("b").ValueOrDie();
  const auto edition = [&] { return catalog->GetTable(table).ValueOrDie()->current->id; };
  const EditionId id = edition();
  const auto before = catalog->GetTable(P("a")).ValueOrDie();
  const auto untouched = catalog->GetTable(other).ValueOrDie();
  ASSERT_EQ(catalog->ListPartitions(id).ValueOrDie().size(), 1u);
  const PartitionInfo partition = catalog->ListPartitions(id).ValueOrDie()[0];
  ASSERT_OK(catalog->GetPartition(partition.id).status());
  ASSERT_OK(catalog->PartitionOfLog(partition.LogOf(1)).status());
  EXPECT_EQ(catalog->GetTable(P("a")).ValueOrDie(), before);  // the very same object

  ASSERT_OK(Apply([&](Changes* c) -> Status {
    ARROW_RETURN_NOT_OK(c->RenameTable(table, P("c")));
    ARROW_RETURN_NOT_OK(c->DropPartition(partition.id));
    ARROW_RETURN_NOT_OK(c->CreatePartition(id, {"new"}, 1).status());
    return c->SealEdition(id);
  }));
  EXPECT_EQ(before->path, P("a"));  // whoever holds it keeps it
  EXPECT_FALSE(catalog->GetTable(P("a")).ok());
  EXPECT_EQ(catalog->GetTable(P("c")).ValueOrDie()->id, table);
  EXPECT_TRUE(catalog->GetTable(table).ValueOrDie()->current->sealed);
  EXPECT_TRUE(catalog->GetEdition(id).ValueOrDie().sealed);
  EXPECT_EQ(catalog->ListPartitions(id).ValueOrDie()[0].values, Texts{"new"});
  EXPECT_FALSE(catalog->GetPartition(partition.id).ok());
  EXPECT_FALSE(catalog->PartitionOfLog(partition.LogOf(1)).ok());
  EXPECT_EQ(catalog->GetTable(other).ValueOrDie(), untouched);
}

TEST_F(GroupsTest, AChangeReadsFromMemoryUntilItsGroupChangesSomething) {
  const TableId table = CreateWholeTable("a").ValueOrDie();
  const TableId other = CreateWholeTable("b").ValueOrDie();
  const auto before = catalog->GetTable(table).ValueOrDie();
  ASSERT_OK(catalog->GetTable(other).status());
  ASSERT_OK(Apply([&](Changes* c) -> Status {
    EXPECT_EQ(catalog->GetTable(table).ValueOrDie(), before);  // the very same object
    ARROW_RETURN_NOT_OK(c->RenameTable(other, P("c")));
    EXPECT_EQ(catalog->GetTable(other).ValueOrDie()->path, P("c"));
    EXPECT_FALSE(catalog->GetTable(P("b")).ok());
    ARROW_RETURN_NOT_OK(c->RenameTable(other, P("d")));
    EXPECT_EQ(catalog->GetTable(P("d")).ValueOrDie()->id, other);
    return Status::OK();
  }));
  EXPECT_EQ(catalog->GetTable(other).ValueOrDie()->path, P("d"));
}

TEST_F(GroupsTest, WhatIsRememberedIsReadWhileACommitRuns) {
  const TableId table = CreateWholeTable("a").ValueOrDie();
  const EditionId edition = catalog->GetTable(table).ValueOrDie()->current->id;
  const PartitionInfo partition = catalog->FindPartition(edition, {}).ValueOrDie();
  ASSERT_OK(catalog->GetTable(P("a")).status());
  ASSERT_OK(catalog->GetEdition(edition).status());
  ASSERT_OK(catalog->GetPartition(partition.id).status());
  ASSERT_OK(catalog->PartitionOfLog(partition.first_log).status());
  const Status applied = Apply([&](Changes* c) -> Status {
    ARROW_RETURN_NOT_OK(c->DropTable(table));
    // Another thread, which must not wait for this commit, and sees nothing of it.
    auto reader = std::async(std::launch::async, [&] {
      EXPECT_OK(catalog->GetTable(P("a")).status());
      EXPECT_OK(catalog->GetTable(table).status());
      EXPECT_OK(catalog->GetEdition(edition).status());
      EXPECT_OK(catalog->ListPartitions(edition).status());
      EXPECT_OK(catalog->FindPartition(edition, {}).status());
      EXPECT_OK(catalog->GetPartition(partition.id).status());
      EXPECT_OK(catalog->PartitionOfLog(partition.first_log).status());
      EXPECT_EQ(catalog->CountTables(), 1);
    });
    FIRTH_CHECK(reader.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    return Status::OK();
  });
  ASSERT_OK(applied);
  EXPECT_FALSE(catalog->GetTable(P("a")).ok());
  EXPECT_FALSE(catalog->GetTable(table).ok());
  EXPECT_FALSE(catalog->GetEdition(edition).ok());
  EXPECT_EQ(catalog->CountTables(), 0);
}

TEST_F(GroupsTest, ReadersAndOneWriterAgree) {
  const TableId table = CreateWholeTable("t0").ValueOrDie();
  std::atomic<bool> done{false};
  std::vector<std::future<void>> readers;
  for (int i = 0; i < 2; ++i) {
    readers.push_back(std::async(std::launch::async, [&] {
      int64_t newest = 0;
      while (!done) {
        const TablePtr found = catalog->GetTable(table).ValueOrDie();
        EXPECT_GE(found->modified_ns, newest);  // never back in time
        newest = found->modified_ns;
        EXPECT_EQ(found->path, P("t" + std::to_string(found->modified_ns / 1000 - 1)));
        const auto listed = catalog->ListTables(Path()).ValueOrDie();
        EXPECT_EQ(listed.size(), 1u);
      }
    }));
  }
  for (int i = 1; i <= 50; ++i) {
    ASSERT_OK(Apply([&](Changes* c) { return c->RenameTable(table, P("t" + std::to_string(i))); }));
  }
  done = true;
  for (auto& reader : readers) reader.get();
}

// --- Plain transactions

TEST_F(GroupsTest, SequencesGiveEachNumberOnce) {
  EXPECT_EQ(catalog->TakeIds("writer", 3).ValueOrDie(), 1);
  EXPECT_EQ(catalog->TakeIds("writer", 1).ValueOrDie(), 4);
  EXPECT_EQ(catalog->TakeIds("other", 1).ValueOrDie(), 1);
  ASSERT_OK(Reopen());
  EXPECT_EQ(catalog->TakeIds("writer", 1).ValueOrDie(), 5);
  EXPECT_EQ(CodeOf(catalog->TakeIds("writer", 0).status()), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf(catalog->TakeIds("writer", -5).status()), Code::kInvalidArgument);
  EXPECT_EQ(catalog->TakeIds("big", INT64_MAX - 1).ValueOrDie(), 1);
  EXPECT_REASON(catalog->TakeIds("big", 1).status(), Code::kResourceExhausted, Reason::kOverBudget);
}

TEST_F(GroupsTest, NamedValuesAreKeptAndListedByPrefix) {
  const std::string bytes("\0\xff", 2);
  ASSERT_OK(catalog->PutValue("view.base.7", bytes));
  ASSERT_OK(catalog->PutValue("view.base.70", ""));
  ASSERT_OK(catalog->PutValue("view.base", "x"));
  ASSERT_OK(catalog->PutValue("view.basf", "y"));
  ASSERT_OK(catalog->PutValue("\xff\xff", "z"));
  ASSERT_OK(catalog->PutValue("view.base", "w"));
  ASSERT_OK(Reopen());
  EXPECT_EQ(catalog->GetValue("view.base.7").ValueOrDie(), bytes);
  EXPECT_EQ(catalog->GetValue("view.base.70").ValueOrDie(), "");
  EXPECT_EQ(catalog->GetValue("view.base").ValueOrDie(), "w");
  EXPECT_EQ(catalog->GetValue("view").ValueOrDie(), std::nullopt);
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(catalog->ListValues("view.base").ValueOrDie(),
            (Pairs{{"view.base", "w"}, {"view.base.7", bytes}, {"view.base.70", ""}}));
  EXPECT_EQ(catalog->ListValues("").ValueOrDie().size(), 5u);
  EXPECT_EQ(catalog->ListValues("\xff").ValueOrDie(), (Pairs{{"\xff\xff", "z"}}));
  ASSERT_OK(catalog->RemoveValue("view.base"));
  ASSERT_OK(catalog->RemoveValue("view.base"));
  EXPECT_EQ(catalog->GetValue("view.base").ValueOrDie(), std::nullopt);
}

TEST_F(GroupsTest, PrincipalsSecretsAndGrants) {
  const PrincipalId ada = catalog->PutPrincipal({.name = "ada", .role = "admin"}).ValueOrDie();
  const PrincipalId bob =
      catalog->PutPrincipal({.name = "bob", .kind = "service", .attributes = {{"k", "v"}}})
          .ValueOrDie();
  EXPECT_NE(ada, bob);
  EXPECT_EQ(catalog->PutPrincipal({.name = "ada", .role = "reader"}).ValueOrDie(), ada);

  const std::string digest("\0digest\xff", 8);
  const int64_t secret = catalog
                             ->AddSecret({.principal = ada,
                                          .digest = digest,
                                          .encrypted = std::string("\0e", 2),
                                          .description = "d",
                                          .prefix = "p",
                                          .created_ns = 9})
                             .ValueOrDie();
  EXPECT_REASON(catalog->AddSecret({.principal = bob, .digest = digest}).status(),
                Code::kAlreadyExists, Reason::kBadValue);
  EXPECT_REASON(catalog->AddSecret({.principal = PrincipalId(99), .digest = "x"}).status(),
                Code::kNotFound, Reason::kBadValue);
  ASSERT_OK(catalog->AddSecret({.principal = bob, .digest = "other"}).status());
  ASSERT_OK(catalog->PutGrant({ada, P("a/b"), EditionId(0), 3, "reader"}));
  ASSERT_OK(catalog->PutGrant({ada, P("a/b"), EditionId(0), 7, "reader"}));  // replaces
  ASSERT_OK(catalog->PutGrant({ada, P("a/b"), EditionId(0), 1, ""}));
  ASSERT_OK(catalog->PutGrant({bob, Path(), EditionId(4), 31, ""}));
  EXPECT_REASON(catalog->PutGrant({PrincipalId(99), P("a"), EditionId(0), 1, ""}), Code::kNotFound,
                Reason::kBadValue);

  ASSERT_OK(Reopen());
  const auto principals = catalog->ListPrincipals().ValueOrDie();
  ASSERT_EQ(principals.size(), 2u);
  EXPECT_EQ(principals[0].role, "reader");
  EXPECT_EQ(principals[1].kind, "service");
  EXPECT_EQ(principals[1].attributes, (Attributes{{"k", "v"}}));
  const auto secrets = catalog->ListSecrets().ValueOrDie();
  ASSERT_EQ(secrets.size(), 2u);
  EXPECT_EQ(secrets[0].id, secret);
  EXPECT_EQ(secrets[0].digest, digest);
  EXPECT_EQ(secrets[0].encrypted, std::string("\0e", 2));
  EXPECT_EQ(secrets[0].created_ns, 9);
  const auto grants = catalog->ListGrants().ValueOrDie();
  ASSERT_EQ(grants.size(), 3u);
  EXPECT_EQ(grants[1].rights, 7u);
  EXPECT_EQ(grants[1].role, "reader");
  EXPECT_EQ(grants[2].path, Path());
  EXPECT_EQ(grants[2].edition, EditionId(4));

  ASSERT_OK(catalog->PutGrant({ada, P("a/b"), EditionId(0), 0, "reader"}));  // removes
  EXPECT_EQ(catalog->ListGrants().ValueOrDie().size(), 2u);
  ASSERT_OK(catalog->RemoveSecret(secret));
  EXPECT_REASON(catalog->RemoveSecret(secret), Code::kNotFound, Reason::kUnknownSecret);
  ASSERT_OK(catalog->RemovePrincipal(bob));  // with all that it has
  EXPECT_EQ(catalog->ListSecrets().ValueOrDie().size(), 0u);
  EXPECT_EQ(catalog->ListGrants().ValueOrDie().size(), 1u);
  EXPECT_REASON(catalog->RemovePrincipal(bob), Code::kNotFound, Reason::kBadValue);
  EXPECT_GT(catalog->PutPrincipal({.name = "bob"}).ValueOrDie(), bob);
}

}  // namespace
}  // namespace firth::catalog
