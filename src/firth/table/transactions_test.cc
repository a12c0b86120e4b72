// Goal: a transaction's steps are seen by its owner at once and by all others at its commit, wholly
// or not at all, whatever others do and wherever the process ends. Method: a Database in memory; a
// table of what meets what; errors and power cuts at every operation of a commit.
#include "firth/table/transactions.h"

#include <gtest/gtest.h>

#include "firth/table/files_testing.h"

namespace firth::table {
namespace {

const Path kPath{{"d", "t"}};
const Path kOther{{"d", "other"}};

struct World : TableWorld {
  World() {
    EXPECT_TRUE(Open().ok());
    EXPECT_TRUE(db->CreateTable(caller, kPath, {.schema = PairSchema()}).ok());
  }
  Step Add(bool ordered = false, const Path& path = kPath) {
    const std::string upload = "u" + std::to_string(uploads++);
    const auto source =
        Upload(this, upload, FileBytesOf(format::FileFormat::kParquet, {Pairs({{uploads, "a"}})}));
    auto step = AddStep(this, path, upload, source, ordered);
    EXPECT_TRUE(step.ok()) << step.status().ToString();
    return *step;
  }
  Step Replace() {
    Step step = Add();
    step.kind = Step::Kind::kReplace;
    return step;
  }
  Status Apply(const std::vector<Step>& steps) {
    return db->ApplySteps(caller, steps, {}).status();
  }
  size_t Count(const Path& path = kPath) {
    const auto table = db->GetTable(caller, path);
    return table.ok() ? Rows(*table).size() : 999;
  }
  Transaction Begin() { return *db->transactions()->Begin(caller, std::nullopt, {}); }
  int uploads = 0;
};

Step CreateOther() {
  return {.kind = Step::Kind::kCreateTable, .path = kOther, .schema = PairSchema()};
}

TEST(StepsTest, AllOrNothing) {
  World world;
  EXPECT_TRUE(world.Apply({CreateOther(), world.Add(false, kOther), world.Add(true)}).ok());
  EXPECT_EQ(world.Count(), 1U);
  EXPECT_EQ(world.Count(kOther), 1U);
  // The last step cannot be: none is.
  const Status refused = world.Apply({world.Add(), CreateOther()});
  EXPECT_EQ(ReasonOf(refused), Reason::kTableExists);
  EXPECT_EQ(world.Count(), 1U);
  ASSERT_TRUE(world.Restart().ok());
  EXPECT_EQ(world.Count(), 1U);
  EXPECT_EQ(world.Count(kOther), 1U);
}

TEST(StepsTest, ReplaceBeginsAnew) {
  World world;
  ASSERT_TRUE(world.Apply({world.Add()}).ok());
  const CommitId before = world.db->LastCommit();
  const auto old = *world.db->GetTable(world.caller, kPath);
  ASSERT_TRUE(world.Apply({world.Replace(), world.Add(true)}).ok());
  EXPECT_EQ(world.Count(), 2U);
  // What stood before is there for who knows its edition.
  EXPECT_EQ(world.Rows(old, {.as_of = before}).size(), 1U);
  EXPECT_TRUE(world.db
                  ->AppendRows(world.caller, *world.db->GetTable(world.caller, kPath),
                               {Pairs({{1, "x"}})}, {})
                  .ok());
  EXPECT_EQ(world.Count(), 3U);
}

TEST(StepsTest, AValueThatIsNotAsExpectedRefusesTheCommit) {
  World world;
  const ApplyOptions options{
      .values = {{.name = "x", .value = "new", .compare = true, .expected = "old"}}};
  const auto made = world.db->ApplySteps(world.caller, {world.Add()}, options);
  EXPECT_EQ(ReasonOf(made.status()), Reason::kConflict);
  EXPECT_EQ(world.Count(), 0U);
}

TEST(StepsTest, AsTextAndBack) {
  World world;
  Step alter{
      .kind = Step::Kind::kAlterTable, .path = kPath, .attributes = Attributes{{"a.b", "ä"}}};
  alter.schema = PairSchema();
  const std::vector<Step> steps{
      CreateOther(),
      world.Add(true),
      alter,
      {.kind = Step::Kind::kRenameTable, .path = kPath, .to = Path{{"d", "x"}}},
      {.kind = Step::Kind::kDropTable, .path = kOther, .release_files = true}};
  const std::string text = *EncodeSteps(steps);
  const auto decoded = DecodeSteps(text);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*EncodeSteps(*decoded), text);
  for (const char* bad : {"", "{}", "{\"v\":1}", "{\"v\":1,\"steps\":[{}]}", "[1]"}) {
    EXPECT_FALSE(DecodeSteps(bad).ok()) << bad;
  }
}

TEST(TransactionsTest, SeenByItsOwnerOnly) {
  World world;
  Transaction running = world.Begin();
  running = *world.db->transactions()->Add(world.caller, running.id, 1,
                                           {CreateOther(), world.Add(false, kOther)}, {});
  EXPECT_EQ(running.version, 2);
  auto view = world.db->transactions()->View(running);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ((*view->Find(kOther))->added.size(), 1U);
  EXPECT_EQ(view->List(Path{{"d"}})->size(), 2U);
  EXPECT_EQ(world.Count(kOther), 999U);
  ASSERT_TRUE(world.Restart().ok());
  EXPECT_EQ(world.Count(kOther), 999U);
  ASSERT_TRUE(world.db->transactions()->Commit(world.caller, running.id, 2, {}).ok());
  EXPECT_EQ(world.Count(kOther), 1U);
  // The same again is answered, another version is not.
  EXPECT_TRUE(world.db->transactions()->Commit(world.caller, running.id, 2, {}).ok());
  EXPECT_EQ(ReasonOf(world.db->transactions()->Commit(world.caller, running.id, 3, {}).status()),
            Reason::kTransactionEnded);
  EXPECT_EQ(world.Count(kOther), 1U);
}

TEST(TransactionsTest, VersionsOwnersAndDeadlines) {
  World world;
  auto* transactions = world.db->transactions();
  const Transaction one = world.Begin();
  EXPECT_EQ(ReasonOf(transactions->Heartbeat(world.caller, one.id, 2).status()),
            Reason::kVersionMismatch);
  EXPECT_EQ(ReasonOf(transactions->Get(world.caller, std::string(32, 'a')).status()),
            Reason::kTransactionNotFound);
  EXPECT_EQ(ReasonOf(transactions->Get(world.caller, "x").status()), Reason::kTransactionNotFound);
  const access::Caller stranger{.principal = PrincipalId(9), .name = "stranger"};
  EXPECT_EQ(ReasonOf(transactions->Get(stranger, one.id).status()), Reason::kNotAllowed);
  world.clock.Advance(Transactions::kLifetimeNs - 1);
  EXPECT_TRUE(transactions->Heartbeat(world.caller, one.id, 1).ok());
  world.clock.Advance(Transactions::kLifetimeNs - 1);
  EXPECT_EQ(transactions->Get(world.caller, one.id)->state, TransactionState::kRunning);
  ASSERT_TRUE(world.Restart().ok());
  transactions = world.db->transactions();
  world.clock.Advance(2);
  EXPECT_EQ(transactions->Get(world.caller, one.id)->state, TransactionState::kExpired);
  EXPECT_EQ(ReasonOf(transactions->Commit(world.caller, one.id, 1, {}).status()),
            Reason::kTransactionEnded);
  const Transaction two = world.Begin();
  ASSERT_TRUE(transactions->Abort(world.caller, two.id, 1, {}).ok());
  EXPECT_EQ(transactions->Get(world.caller, two.id)->state, TransactionState::kAborted);
  world.clock.Advance(Transactions::kKeptNs + 1);
  ASSERT_TRUE(transactions->Collect().ok());
  EXPECT_EQ(ReasonOf(transactions->Get(world.caller, two.id).status()),
            Reason::kTransactionNotFound);
  const Transaction past = *transactions->Begin(world.caller, CommitId(0), {});
  EXPECT_EQ(ReasonOf(transactions->Add(world.caller, past.id, 1, {world.Add()}, {}).status()),
            Reason::kNotAllowed);
}

TEST(TransactionsTest, WhatMeetsWhat) {
  enum What { kFree, kOrdered, kReplaced, kSchema, kProperties, kDropped, kNothing };
  const auto step = [](World* world, What what) -> std::vector<Step> {
    Step alter{.kind = Step::Kind::kAlterTable, .path = kPath};
    switch (what) {
      case kFree:
        return {world->Add()};
      case kOrdered:
        return {world->Add(true)};
      case kReplaced:
        return {world->Replace()};
      case kSchema: {
        auto fields =
            (*world->db->GetTable(world->caller, kPath))->current->newest().schema->fields();
        fields.push_back(arrow::field("more", arrow::int64()));
        alter.schema = arrow::schema(fields);
        return {alter};
      }
      case kProperties:
        alter.attributes = Attributes{{"d.x", std::to_string(world->uploads++)}};
        return {alter};
      case kDropped:
        return {{.kind = Step::Kind::kDropTable, .path = kPath}};
      case kNothing:
        return {};
    }
    return {};
  };
  // Which of these done by others makes a transaction of that kind lose.
  const std::vector<std::pair<What, std::vector<What>>> loses = {
      {kFree, {kReplaced, kSchema, kDropped}},
      {kOrdered, {kOrdered, kReplaced, kSchema, kProperties, kDropped}},
      {kReplaced, {kFree, kOrdered, kReplaced, kSchema, kProperties, kDropped}},
      {kDropped, {kFree, kOrdered, kReplaced, kSchema, kProperties, kDropped}},
      {kProperties, {kOrdered, kReplaced, kSchema, kProperties, kDropped}},
  };
  for (const auto& [mine, others] : loses) {
    for (const What theirs :
         {kFree, kOrdered, kReplaced, kSchema, kProperties, kDropped, kNothing}) {
      SCOPED_TRACE(std::to_string(mine) + " meets " + std::to_string(theirs));
      World world;
      ASSERT_TRUE(world.Apply({world.Add()}).ok());
      Transaction running = world.Begin();
      ASSERT_TRUE(
          world.db->transactions()->Add(world.caller, running.id, 1, step(&world, mine), {}).ok());
      if (theirs != kNothing) {
        ASSERT_TRUE(world.Apply(step(&world, theirs)).ok());
      }
      const size_t before = world.Count();
      const auto made = world.db->transactions()->Commit(world.caller, running.id, 2, {});
      const bool lost = std::find(others.begin(), others.end(), theirs) != others.end();
      EXPECT_EQ(ReasonOf(made.status()) == Reason::kConflict, lost) << made.status().ToString();
      EXPECT_EQ(made.ok(), !lost) << made.status().ToString();
      if (lost) {
        EXPECT_EQ(world.Count(), before);
        EXPECT_EQ(world.db->transactions()->Get(world.caller, running.id)->state,
                  TransactionState::kFailed);
      }
    }
  }
}

TEST(TransactionsTest, APowerCutAtAnyStepOfACommit) {
  uint64_t steps = 1;
  for (uint64_t cut_at = 0; cut_at <= steps; ++cut_at) {
    SCOPED_TRACE(cut_at);
    World world;
    Transaction running = world.Begin();
    ASSERT_TRUE(world.db->transactions()
                    ->Add(world.caller, running.id, 1,
                          {world.Add(), CreateOther(), world.Add(true, kOther)}, {})
                    .ok());
    SeededRandom random(cut_at + 1);
    uint64_t step = 0;
    std::unique_ptr<store::MemoryFileSystem> left;
    world.files->SetFaultHook([&](const char*, const std::string&) {
      if (step++ == cut_at) left = world.files->PowerCut(&random);
      return Status::OK();
    });
    ASSERT_TRUE(world.db->transactions()->Commit(world.caller, running.id, 2, {}).ok());
    world.files->SetFaultHook(nullptr);
    steps = std::max(steps, step);
    const bool acknowledged = left == nullptr;
    if (acknowledged) left = world.files->PowerCut(&random);
    world.db.reset();
    world.executor.RunUntilIdle();
    world.files = std::move(left);
    ASSERT_TRUE(world.Open().ok());
    // All of it or nothing; and the client that asks again gets it exactly once.
    const bool made = world.Count() == 1;
    EXPECT_TRUE(made || !acknowledged);
    EXPECT_EQ(world.Count(kOther), made ? 1U : 999U);
    ASSERT_TRUE(world.db->transactions()->Commit(world.caller, running.id, 2, {}).ok());
    EXPECT_EQ(world.Count(), 1U);
    EXPECT_EQ(world.Count(kOther), 1U);
    if (HasFailure()) return;
  }
  EXPECT_GT(steps, 5U);
}

}  // namespace
}  // namespace firth::table
