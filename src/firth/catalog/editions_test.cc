// Editions, schemas and partitions. Method: as in names_test.
#include <gtest/gtest.h>

#include "firth/catalog/testing_catalog.h"

namespace firth::catalog {
namespace {

class EditionsTest : public CatalogTest {
 protected:
  std::vector<int32_t> Numbers(TableId table, CommitId at = kNow) {
    std::vector<int32_t> numbers;
    for (const EditionInfo& edition : catalog->ListEditions(table, at).ValueOrDie()) {
      numbers.push_back(edition.number);
    }
    return numbers;
  }
  std::vector<Texts> Values(EditionId edition, CommitId at = kNow) {
    std::vector<Texts> values;
    for (const auto& p : catalog->ListPartitions(edition, at).ValueOrDie()) {
      values.push_back(p.values);
    }
    return values;
  }
};

/// A definition in which nothing has its default.
EditionSpec FullSpec() {
  EditionSpec spec;
  spec.key = {"a", "b"};
  spec.order = {"c"};
  spec.time_column = "at";
  spec.partition_by = {"day"};
  spec.bucket_by = {"a"};
  spec.bucket_count = 12;
  spec.merge = MergeRule::kAggregate;
  spec.merge_columns = {"d"};
  spec.aggregates = {{"d", "sum"}};
  spec.image = LogImage::kInput;
  spec.ignore_deletes = true;
  spec.refuse_deletes = true;
  spec.log_lifetime = {.duration_ns = 5, .bytes = 6};
  spec.key_lifetime = {.duration_ns = INT64_MAX, .by = LifetimeBy::kRecordTime};
  spec.lake_lifetime = {.by = LifetimeBy::kColumn, .column = "c"};
  spec.views = kKeyView | kLakeView;
  spec.compression = "lz4";
  spec.series_by = {"s"};
  spec.values = {"v", "w"};
  return spec;
}

TEST_F(EditionsTest, AnEditionIsKeptAsItWasGiven) {
  const TableId table = CreateTable("t").ValueOrDie();
  EditionId id;
  const auto schema = MakeSchema({"a", "b", "c"});
  ASSERT_OK(Apply([&](Changes* c) -> Status {
    ARROW_ASSIGN_OR_RAISE(id, c->CreateEdition(table, 5, FullSpec(), schema, 4, true));
    return Status::OK();
  }));
  for (const bool reopened : {false, true}) {
    if (reopened) {
      ASSERT_OK(Reopen());
    }
    const EditionInfo edition = catalog->GetEdition(id).ValueOrDie();
    EXPECT_EQ(edition.id, id);
    EXPECT_EQ(edition.table, table);
    EXPECT_EQ(edition.number, 5);
    EXPECT_EQ(edition.spec, FullSpec());
    EXPECT_EQ(edition.next_field_id, 4);
    EXPECT_FALSE(edition.sealed);
    EXPECT_EQ(edition.created, CommitId(2));
    EXPECT_EQ(edition.created_ns, 2000);
    ASSERT_EQ(edition.schemas.size(), 1u);
    EXPECT_EQ(edition.newest().id, SchemaId(1));
    EXPECT_EQ(edition.newest().created, CommitId(2));
    EXPECT_TRUE(edition.newest().schema->Equals(*schema, /*check_metadata=*/true));
    EXPECT_EQ(edition.FindSchema(SchemaId(1)), &edition.newest());
    EXPECT_EQ(edition.FindSchema(SchemaId(2)), nullptr);
    const TablePtr info = catalog->GetTable(table).ValueOrDie();
    EXPECT_EQ(info->current->id, id);
    EXPECT_EQ(info->current->spec, FullSpec());
    EXPECT_EQ(info->modified_ns, 2000);
  }
}

TEST_F(EditionsTest, NumbersAreGivenOnce) {
  const TableId table = CreateTable("t").ValueOrDie();
  const EditionId zero = CreateEdition(table).ValueOrDie();
  ASSERT_OK(CreateEdition(table, 7).status());
  ASSERT_OK(CreateEdition(table, 3).status());
  const EditionId eight = CreateEdition(table).ValueOrDie();
  EXPECT_EQ(Numbers(table), (std::vector<int32_t>{0, 3, 7, 8}));
  EXPECT_REASON(CreateEdition(table, 3).status(), Code::kAlreadyExists, Reason::kEditionExists);
  ASSERT_OK(Apply([&](Changes* c) { return c->DropEdition(eight); }));
  EXPECT_REASON(CreateEdition(table, 8).status(), Code::kAlreadyExists, Reason::kEditionExists);
  ASSERT_OK(CreateEdition(table).status());
  EXPECT_EQ(Numbers(table), (std::vector<int32_t>{0, 3, 7, 9}));
  EXPECT_EQ(catalog->GetEdition(zero).ValueOrDie().number, 0);
  EXPECT_FALSE(catalog->GetEdition(eight).ok());
  EXPECT_REASON(catalog->ListEditions(TableId(99)).status(), Code::kNotFound,
                Reason::kTableNotFound);
  EXPECT_REASON(CreateEdition(TableId(99)).status(), Code::kNotFound, Reason::kTableNotFound);
}

TEST_F(EditionsTest, OneEditionIsCurrentAtTheMost) {
  const TableId table = CreateTable("t").ValueOrDie();
  const TableId other = CreateTable("u").ValueOrDie();
  const EditionId first = CreateEdition(table).ValueOrDie();
  const EditionId second = CreateEdition(table, -1, /*make_current=*/false).ValueOrDie();
  const auto current = [&] { return catalog->GetTable(table).ValueOrDie()->current; };
  const auto make_current = [&](TableId of, std::optional<EditionId> id) {
    return Apply([&](Changes* c) { return c->MakeCurrent(of, id); });
  };
  EXPECT_EQ(current()->id, first);
  ASSERT_OK(make_current(table, second));
  EXPECT_EQ(current()->id, second);
  EXPECT_REASON(make_current(other, second), Code::kNotFound, Reason::kEditionNotFound);
  EXPECT_REASON(make_current(table, EditionId(99)), Code::kNotFound, Reason::kEditionNotFound);
  ASSERT_OK(make_current(table, std::nullopt));
  EXPECT_FALSE(current().has_value());
  ASSERT_OK(make_current(table, second));
  ASSERT_OK(Apply([&](Changes* c) { return c->DropEdition(second); }));
  EXPECT_FALSE(current().has_value());  // it went with its edition
  EXPECT_REASON(Apply([&](Changes* c) { return c->DropEdition(second); }), Code::kNotFound,
                Reason::kEditionNotFound);
}

TEST_F(EditionsTest, SealAndAlterAreSeenAsOfTheirCommits) {
  const TableId table = CreateTable("t").ValueOrDie();                            // 1
  const EditionId id = CreateEdition(table).ValueOrDie();                         // 2
  ASSERT_OK(Apply([&](Changes* c) { return c->AlterEdition(id, FullSpec()); }));  // 3
  ASSERT_OK(Apply([&](Changes* c) { return c->SealEdition(id); }));               // 4
  ASSERT_OK(Apply([&](Changes* c) { return c->SealEdition(id); }));               // 5: nothing new
  const auto at = [&](int64_t commit) {
    return *catalog->GetTable(table, CommitId(commit)).ValueOrDie()->current;
  };
  EXPECT_EQ(at(2).spec, EditionSpec());
  EXPECT_EQ(at(3).spec, FullSpec());
  EXPECT_FALSE(at(3).sealed);
  EXPECT_TRUE(at(4).sealed);
  EXPECT_TRUE(catalog->GetTable(table).ValueOrDie()->current->sealed);
  EXPECT_TRUE(catalog->GetEdition(id).ValueOrDie().sealed);
  EXPECT_EQ(catalog->GetTable(table).ValueOrDie()->modified_ns, 4000);
  EXPECT_REASON(catalog->GetEdition(id, CommitId(1)).status(), Code::kNotFound,
                Reason::kEditionNotFound);
  EditionSpec bad;
  bad.time_column = "\xff";
  EXPECT_REASON(Apply([&](Changes* c) { return c->AlterEdition(id, bad); }), Code::kInvalidArgument,
                Reason::kInvalidProperty);
}

TEST_F(EditionsTest, SchemasAreNumberedFromOneAndKept) {
  const TableId table = CreateTable("t").ValueOrDie();     // 1
  const EditionId id = CreateEdition(table).ValueOrDie();  // 2, with one column
  SchemaId second;
  ASSERT_OK(Apply([&](Changes* c) -> Status {  // 3
    ARROW_ASSIGN_OR_RAISE(second, c->AddSchema(id, MakeSchema({"a", "b"}), 2));
    return Status::OK();
  }));
  EXPECT_EQ(second, SchemaId(2));
  const EditionInfo now = catalog->GetEdition(id).ValueOrDie();
  ASSERT_EQ(now.schemas.size(), 2u);
  EXPECT_EQ(now.newest().schema->num_fields(), 2);
  EXPECT_EQ(now.newest().created, CommitId(3));
  EXPECT_EQ(now.FindSchema(SchemaId(1))->schema->num_fields(), 1);
  EXPECT_EQ(now.next_field_id, 2);
  const EditionInfo then = catalog->GetEdition(id, CommitId(2)).ValueOrDie();
  EXPECT_EQ(then.schemas.size(), 1u);
  EXPECT_EQ(then.next_field_id, 1);

  const auto add = [&](EditionId to, const std::shared_ptr<arrow::Schema>& schema, int32_t next) {
    return Apply([&](Changes* c) { return c->AddSchema(to, schema, next).status(); });
  };
  EXPECT_REASON(add(id, MakeSchema({"a", "b", "c"}), 2), Code::kInvalidArgument,
                Reason::kInvalidSchema);  // an id that is not below the next one
  EXPECT_REASON(add(id, MakeSchema({"a"}), 1), Code::kInvalidArgument,
                Reason::kInvalidSchema);  // ids that were given would be given again
  EXPECT_REASON(add(id, arrow::schema({arrow::field("a", arrow::int64())}), 2),
                Code::kInvalidArgument, Reason::kInvalidSchema);  // a column without an id
  EXPECT_REASON(add(EditionId(99), MakeSchema({"a"}), 2), Code::kNotFound,
                Reason::kEditionNotFound);
  const auto nested = arrow::schema({schema::WithFieldId(
      arrow::field("s", arrow::struct_({arrow::field("in", arrow::int64())})), 0)});
  EXPECT_REASON(add(id, nested, 2), Code::kInvalidArgument, Reason::kInvalidSchema);
}

TEST_F(EditionsTest, PartitionsHaveConsecutiveLogs) {
  const TableId table = CreateTable("t").ValueOrDie();
  const EditionId edition = CreateEdition(table).ValueOrDie();
  const PartitionId first = CreatePartition(edition, {"2024", "a/b"}, 3).ValueOrDie();
  const PartitionId second = CreatePartition(edition, {"2024", "é"}, 2).ValueOrDie();
  EXPECT_GT(second, first);
  const PartitionInfo a = catalog->GetPartition(first).ValueOrDie();
  const PartitionInfo b = catalog->GetPartition(second).ValueOrDie();
  EXPECT_EQ(a.values, (Texts{"2024", "a/b"}));
  EXPECT_EQ(a.edition, edition);
  EXPECT_EQ(a.bucket_count, 3);
  EXPECT_EQ(a.created, CommitId(3));
  EXPECT_EQ(a.created_ns, 3000);
  EXPECT_EQ(b.first_log.value, a.first_log.value + 3);
  for (const bool reopened : {false, true}) {
    if (reopened) {
      ASSERT_OK(Reopen());
    }
    for (int32_t bucket = 0; bucket < 3; ++bucket) {
      EXPECT_EQ(catalog->PartitionOfLog(a.LogOf(bucket)).ValueOrDie().id, first);
    }
    EXPECT_EQ(catalog->PartitionOfLog(b.LogOf(0)).ValueOrDie().id, second);
    EXPECT_EQ(catalog->PartitionOfLog(b.LogOf(1)).ValueOrDie().id, second);
    for (const LogId absent : {LogId(0), LogId(-1), LogId(b.first_log.value + 2)}) {
      EXPECT_REASON(catalog->PartitionOfLog(absent).status(), Code::kNotFound,
                    Reason::kBucketNotFound);
    }
  }
}

TEST_F(EditionsTest, PartitionsAreFoundByTheirValues) {
  const TableId table = CreateTable("t").ValueOrDie();          // 1
  const EditionId edition = CreateEdition(table).ValueOrDie();  // 2
  const std::vector<Texts> all = {{"a", "b"}, {"ab", ""}, {"", "ab"}, {"a\"b", ","}, {"A", "b"}};
  for (const Texts& values : all) ASSERT_OK(CreatePartition(edition, values).status());  // 3…7
  EXPECT_EQ(Values(edition), all);
  for (const Texts& values : all) {
    EXPECT_EQ(catalog->FindPartition(edition, values).ValueOrDie().values, values);
    EXPECT_REASON(CreatePartition(edition, values).status(), Code::kAlreadyExists,
                  Reason::kPartitionExists);
  }
  for (const Texts& values : {Texts{}, Texts{"a"}, Texts{"a", "b", ""}}) {
    EXPECT_REASON(catalog->FindPartition(edition, values).status(), Code::kNotFound,
                  Reason::kPartitionNotFound);
  }
  EXPECT_REASON(CreatePartition(edition, {"\xff"}).status(), Code::kInvalidArgument,
                Reason::kInvalidPartition);
  EXPECT_REASON(CreatePartition(edition, {"x"}, 0).status(), Code::kInvalidArgument,
                Reason::kInvalidPartition);
  EXPECT_REASON(CreatePartition(EditionId(99), {}).status(), Code::kNotFound,
                Reason::kEditionNotFound);
  EXPECT_REASON(catalog->ListPartitions(EditionId(99)).status(), Code::kNotFound,
                Reason::kEditionNotFound);
}

TEST_F(EditionsTest, ADroppedPartitionIsSeenOnlyBeforeItsDrop) {
  const TableId table = CreateTable("t").ValueOrDie();                     // 1
  const EditionId edition = CreateEdition(table).ValueOrDie();             // 2
  const PartitionId first = CreatePartition(edition, {"x"}).ValueOrDie();  // 3
  const LogId log = catalog->GetPartition(first).ValueOrDie().first_log;
  EXPECT_OK(catalog->PartitionOfLog(log).status());
  const auto drop = [&] { return Apply([&](Changes* c) { return c->DropPartition(first); }); };
  ASSERT_OK(drop());                                                   // 4
  EXPECT_REASON(drop(), Code::kNotFound, Reason::kPartitionNotFound);  // 5
  EXPECT_EQ(Values(edition), std::vector<Texts>{});
  EXPECT_FALSE(catalog->GetPartition(first).ok());
  EXPECT_FALSE(catalog->PartitionOfLog(log).ok());
  const PartitionId again = CreatePartition(edition, {"x"}).ValueOrDie();  // 6
  EXPECT_NE(again, first);
  EXPECT_EQ(Values(edition, CommitId(3)), (std::vector<Texts>{{"x"}}));
  EXPECT_EQ(catalog->FindPartition(edition, {"x"}, CommitId(3)).ValueOrDie().id, first);
  EXPECT_EQ(catalog->GetPartition(first, CommitId(3)).ValueOrDie().first_log, log);
  EXPECT_EQ(Values(edition, CommitId(4)), std::vector<Texts>{});
  EXPECT_FALSE(catalog->FindPartition(edition, {"x"}, CommitId(5)).ok());
  EXPECT_EQ(catalog->FindPartition(edition, {"x"}).ValueOrDie().id, again);
}

TEST_F(EditionsTest, ADroppedEditionIsReadAsOfBeforeWithAllThatItHad) {
  const TableId table = CreateWholeTable("t", 4).ValueOrDie();  // 1
  const EditionId edition = catalog->GetTable(table).ValueOrDie()->current->id;
  ASSERT_OK(Apply([&](Changes* c) { return c->DropTable(table); }));  // 2
  const EditionInfo then = catalog->GetEdition(edition, CommitId(1)).ValueOrDie();
  EXPECT_EQ(then.newest().schema->num_fields(), 2);
  EXPECT_EQ(Values(edition, CommitId(1)), (std::vector<Texts>{{}}));
  EXPECT_EQ(Numbers(table, CommitId(1)), std::vector<int32_t>{0});
  EXPECT_FALSE(catalog->GetEdition(edition, CommitId(2)).ok());
}

}  // namespace
}  // namespace firth::catalog
