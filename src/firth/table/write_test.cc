// Goal: editions are bodies of data of their own under one name, and a commit over several tables
// is one. Method: a Database in a simulated world, restarted.
#include "firth/schema/schema.h"
#include "firth/table/edition_changes.h"
#include "firth/table/table_testing.h"

namespace firth::table {
namespace {

using Texts = std::vector<std::string>;
const Path kPath{{"d", "t"}};

class EditionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.Open().ok());
    table_ = Create(kPath, {});
  }
  TablePtr Create(const Path& path, EditionSpec spec) {
    auto made = world_.db->CreateTable(world_.caller, path,
                                       {.schema = PairSchema(), .edition = std::move(spec)});
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made.ok() ? *made : nullptr;
  }
  TablePtr CreateEdition(int32_t number, bool make_current, EditionSpec spec = {}) {
    auto made = EditionChanges(world_.db.get())
                    .Create(world_.caller, table_->id, number,
                            {.schema = PairSchema(), .edition = std::move(spec)}, make_current);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made.ok() ? *made : nullptr;
  }
  Status Append(const TablePtr& table, int32_t k) {
    return world_.db->AppendRows(world_.caller, table, {Pairs({{k, "x"}})}, {}).status();
  }
  TablePtr Current() { return *world_.db->GetTable(world_.caller, kPath); }

  TableWorld world_;
  TablePtr table_;
};

TEST_F(EditionsTest, EachHasRowsOfItsOwn) {
  const TablePtr second = CreateEdition(-1, /*make_current=*/false);
  EXPECT_EQ(second->current->number, 1);
  ASSERT_TRUE(Append(table_, 1).ok());
  ASSERT_TRUE(Append(second, 2).ok());
  EXPECT_EQ(world_.Rows(Current()), Texts{"1 x"});
  ASSERT_TRUE(EditionChanges(world_.db.get())
                  .MakeCurrent(world_.caller, table_->id, second->current->id)
                  .ok());
  ASSERT_TRUE(world_.Restart().ok());
  EXPECT_EQ(world_.Rows(Current()), Texts{"2 x"});
  const auto first = EditionChanges(world_.db.get()).Get(world_.caller, table_->current->id);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(world_.Rows(*first), Texts{"1 x"});
  EXPECT_EQ(EditionChanges(world_.db.get()).List(world_.caller, table_->id)->size(), 2);
}

TEST_F(EditionsTest, ANumberIsGivenOnce) {
  const TablePtr five = CreateEdition(5, false);
  ASSERT_TRUE(EditionChanges(world_.db.get()).Drop(world_.caller, five->current->id).ok());
  const auto again = EditionChanges(world_.db.get())
                         .Create(world_.caller, table_->id, 5, {.schema = PairSchema()}, false);
  EXPECT_EQ(ReasonOf(again.status()), Reason::kEditionExists);
  EXPECT_EQ(
      ReasonOf(EditionChanges(world_.db.get()).Get(world_.caller, five->current->id).status()),
      Reason::kEditionNotFound);
  EXPECT_FALSE(Append(five, 1).ok());
}

TEST_F(EditionsTest, ASealedOneRefusesWrites) {
  const TablePtr keyed = CreateEdition(-1, false, {.key = {"k"}});
  ASSERT_TRUE(EditionChanges(world_.db.get()).Seal(world_.caller, keyed->current->id).ok());
  ASSERT_TRUE(EditionChanges(world_.db.get()).Seal(world_.caller, table_->current->id).ok());
  EXPECT_EQ(ReasonOf(Append(Current(), 1)), Reason::kEditionSealed);
  const auto sealed = EditionChanges(world_.db.get()).Get(world_.caller, keyed->current->id);
  EXPECT_EQ(ReasonOf(world_.db->UpsertRows(world_.caller, *sealed, {Pairs({{1, "a"}})}).status()),
            Reason::kEditionSealed);
}

TEST_F(EditionsTest, AWriterWithAnOldDescriptionOfASealedOneIsRefused) {
  const TablePtr keyed = Create(Path{{"d", "keyed"}}, {.key = {"k"}});
  ASSERT_TRUE(Append(table_, 1).ok());
  ASSERT_TRUE(EditionChanges(world_.db.get()).Seal(world_.caller, keyed->current->id).ok());
  ASSERT_TRUE(EditionChanges(world_.db.get()).Seal(world_.caller, table_->current->id).ok());
  ASSERT_FALSE(table_->current->sealed);  // what these writers know
  EXPECT_EQ(ReasonOf(Append(table_, 2)), Reason::kEditionSealed);
  EXPECT_EQ(ReasonOf(world_.db->UpsertRows(world_.caller, keyed, {Pairs({{1, "a"}})}).status()),
            Reason::kEditionSealed);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world_.Rows(table_), Texts{"1 x"});
    EXPECT_EQ(world_.Rows(keyed), Texts{});
    ASSERT_TRUE(world_.Restart().ok());
  }
}

TEST_F(EditionsTest, AWriteThatMeetsASealIsBeforeItOrRefused) {
  // Both wait for the committer at once. Rows alone are committed before the seal.
  world_.meanwhile = [&] { EXPECT_TRUE(Append(table_, 1).ok()); };
  ASSERT_TRUE(EditionChanges(world_.db.get()).Seal(world_.caller, table_->current->id).ok());
  EXPECT_EQ(world_.Rows(table_), Texts{"1 x"});
  // Rows that change the catalog with them come after it, in its own group.
  const TablePtr other = Create(Path{{"d", "other"}}, {});
  const auto write = [&] {
    return world_.db
        ->Write(world_.caller, {{.table = other, .rows = {Pairs({{1, "x"}})}}},
                {.values = {{.name = "v", .value = "1"}}})
        .status();
  };
  Status refused;
  world_.meanwhile = [&] { refused = write(); };
  ASSERT_TRUE(EditionChanges(world_.db.get()).Seal(world_.caller, other->current->id).ok());
  EXPECT_EQ(ReasonOf(refused), Reason::kEditionSealed) << refused.ToString();
  EXPECT_EQ(ReasonOf(write()), Reason::kEditionSealed);
  EXPECT_EQ(*world_.db->catalog()->GetValue("v"), std::nullopt);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world_.Rows(other), Texts{});
    ASSERT_TRUE(world_.Restart().ok());
  }
}

TEST_F(EditionsTest, AWriteThatMeetsADropIsRefused) {
  const TablePtr other = Create(Path{{"d", "other"}}, {});
  Status refused;
  world_.meanwhile = [&] {
    refused = world_.db
                  ->Write(world_.caller, {{.table = other, .rows = {Pairs({{1, "x"}})}}},
                          {.values = {{.name = "v", .value = "1"}}})
                  .status();
  };
  ASSERT_TRUE(world_.db->DropTable(world_.caller, other->path).ok());
  EXPECT_EQ(ReasonOf(refused), Reason::kBucketNotFound) << refused.ToString();
  EXPECT_EQ(CodeOf(Append(other, 1)), Code::kNotFound);
}

TEST_F(EditionsTest, OneCommitWritesToManyTables) {
  const TablePtr keyed = Create(Path{{"d", "keyed"}}, {.key = {"k"}});
  const TablePtr other = Create(Path{{"d", "other"}}, {.key = {"k"}});
  const auto made = world_.db->Write(
      world_.caller,
      {{.table = keyed, .kind = TableWrite::Kind::kUpsert, .rows = {Pairs({{1, "a"}})}},
       {.table = other, .kind = TableWrite::Kind::kUpsert, .rows = {Pairs({{2, "b"}})}},
       {.table = table_, .rows = {Pairs({{3, "c"}})}},
       {.table = table_, .rows = {Pairs({{4, "d"}})}}},
      {});
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(world_.Rows(keyed), Texts{"+I 1 a"});
    EXPECT_EQ(world_.Rows(other), Texts{"+I 2 b"});
    EXPECT_EQ(world_.Rows(table_), (Texts{"3 c", "4 d"}));
    const auto scanner = world_.db->Scan(world_.caller, {.table = other});
    EXPECT_EQ((*(*scanner)->Next())->commit, made->commit);
    ASSERT_TRUE(world_.Restart().ok());
  }
}

TEST_F(EditionsTest, ACommitOfManyTablesIsAllOrNothing) {
  const TablePtr keyed = Create(Path{{"d", "keyed"}}, {.key = {"k"}});
  // The last of it is refused in the commit itself.
  const auto refused = world_.db->Write(
      world_.caller,
      {{.table = keyed, .kind = TableWrite::Kind::kUpsert, .rows = {Pairs({{1, "a"}})}},
       {.table = table_, .rows = {Pairs({{3, "c"}})}}},
      {.values = {{.name = "v", .value = "1", .compare = true, .expected = "0"}}});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kConflict);
  EXPECT_EQ(world_.Rows(keyed), Texts{});
  EXPECT_EQ(world_.Rows(table_), Texts{});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, keyed, {Pairs({{1, "b"}})}).ok());
  EXPECT_EQ(world_.Rows(keyed), Texts{"+I 1 b"});
  const auto twice = world_.db->Write(
      world_.caller,
      {{.table = keyed, .kind = TableWrite::Kind::kUpsert, .rows = {Pairs({{1, "a"}})}},
       {.table = keyed, .kind = TableWrite::Kind::kDelete, .rows = {Pairs({{1, "a"}})}}},
      {});
  EXPECT_EQ(CodeOf(twice.status()), Code::kInvalidArgument);
}

TEST_F(EditionsTest, ARepeatedOperationGetsTheFirstAnswer) {
  const auto write = [&](const std::string& payload, int32_t k) {
    return world_.db->Write(world_.caller, {{.table = table_, .rows = {Pairs({{k, "x"}})}}},
                            {.operation = Operation{.scope = "test",
                                                    .id = "a/b",
                                                    .payload_hash = payload,
                                                    .result = std::string("r\0\xff", 3)}});
  };
  const auto first = write("p", 1);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_FALSE(first->repeated);
  ASSERT_TRUE(world_.Restart().ok());
  const auto again = write("p", 1);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->commit, first->commit);
  EXPECT_EQ(again->result, std::string("r\0\xff", 3));
  EXPECT_EQ(ReasonOf(write("q", 2).status()), Reason::kOperationMismatch);
  EXPECT_EQ(world_.Rows(Current()), Texts{"1 x"});
  // After its time it is forgotten.
  world_.clock.Advance(kOperationsKeptNs + 1'000'000'000);
  ASSERT_TRUE(world_.Restart().ok());
  const auto fresh = write("q", 2);
  ASSERT_TRUE(fresh.ok()) << fresh.status().ToString();
  EXPECT_FALSE(fresh->repeated);
}

TEST_F(EditionsTest, AnAlteredTableFollowsItsColumns) {
  const auto field = [](const char* name, std::shared_ptr<arrow::DataType> type, int32_t id) {
    return schema::WithFieldId(arrow::field(name, std::move(type)), id);
  };
  const TablePtr keyed = Create(Path{{"d", "keyed"}}, {.key = {"k"}});
  ASSERT_TRUE(world_.db->UpsertRows(world_.caller, keyed, {Pairs({{1, "a"}})}).ok());
  auto key = schema::WithFieldId(arrow::field("key", arrow::int32(), /*nullable=*/false), 0);
  const auto renamed = world_.db->AlterTable(
      world_.caller, keyed->path, {.schema = arrow::schema({key, field("v", arrow::utf8(), 1)})});
  ASSERT_TRUE(renamed.ok()) << renamed.status().ToString();
  EXPECT_EQ((*renamed)->current->spec.key, Texts{"key"});
  const auto without =
      world_.db->AlterTable(world_.caller, keyed->path, {.schema = arrow::schema({key})});
  ASSERT_TRUE(without.ok()) << without.status().ToString();
  // The id of a column that is gone still names its old values.
  const auto reused = world_.db->AlterTable(
      world_.caller, keyed->path, {.schema = arrow::schema({key, field("w", arrow::utf8(), 1)})});
  EXPECT_EQ(ReasonOf(reused.status()), Reason::kInvalidSchema);
}

}  // namespace
}  // namespace firth::table
