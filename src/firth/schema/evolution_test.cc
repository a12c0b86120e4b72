// Goal: a schema changes only so that older rows can still be shown. Method: one case a rule, then
// the law: where a random change is allowed, random older rows are shown under it, column by
// column.
#include <arrow/api.h>
#include <arrow/compute/initialize.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "firth/schema/schema.h"
#include "firth/schema/testing_data.h"

namespace firth::schema {
namespace {

std::shared_ptr<arrow::Field> Column(int32_t id, const std::string& name,
                                     std::shared_ptr<arrow::DataType> type, bool nullable = true) {
  return WithFieldId(arrow::field(name, std::move(type), nullable), id);
}

Status Change(std::shared_ptr<arrow::Field> from, std::shared_ptr<arrow::Field> to) {
  return CheckEvolution(*arrow::schema({std::move(from)}), *arrow::schema({std::move(to)}));
}

TEST(EvolutionTest, AllowsWhatOlderRowsBear) {
  const auto a = Column(1, "a", arrow::int32(), false);
  const auto b = Column(2, "b", arrow::utf8());
  const auto from = arrow::schema({a, b});
  EXPECT_TRUE(CheckEvolution(*from, *from).ok());
  EXPECT_TRUE(CheckEvolution(*from, *arrow::schema({b, a})).ok()) << "moved";
  EXPECT_TRUE(CheckEvolution(*from, *arrow::schema({a})).ok()) << "dropped";
  EXPECT_TRUE(Change(a, Column(1, "z", arrow::int32(), false)).ok()) << "renamed";
  EXPECT_TRUE(Change(a, Column(1, "a", arrow::int32())).ok()) << "widened to nulls";
  EXPECT_TRUE(CheckEvolution(*from, *arrow::schema({a, b, Column(3, "c", arrow::int64())})).ok());
}

TEST(EvolutionTest, RefusesTheRest) {
  const auto a = Column(1, "a", arrow::int32());
  for (const auto& to :
       {Column(1, "a", arrow::int64()), Column(1, "a", arrow::utf8()),
        Column(1, "a", arrow::int32(), false), Column(2, "a", arrow::int32(), false),
        arrow::field("a", arrow::int32())}) {
    const Status status = Change(a, to);
    EXPECT_EQ(ReasonOf(status), Reason::kSchemaMismatch) << to->ToString(true);
    EXPECT_NE(MessageOf(status).find("'a'"), std::string::npos);
  }
  const auto stamp = [](const char* zone) {
    return Column(1, "t", arrow::timestamp(arrow::TimeUnit::MICRO, zone));
  };
  EXPECT_FALSE(Change(stamp(""), stamp("UTC")).ok());
  EXPECT_FALSE(Change(Column(1, "l", arrow::fixed_size_list(arrow::int8(), 2)),
                      Column(1, "l", arrow::fixed_size_list(arrow::int8(), 3)))
                   .ok());
}

TEST(EvolutionTest, GoesIntoNestedTypes) {
  const auto x = Column(2, "x", arrow::int32());
  const auto nested = [](const arrow::FieldVector& fields) {
    return Column(1, "n", arrow::list(arrow::struct_(fields)));
  };
  EXPECT_TRUE(Change(nested({x}), nested({x, Column(3, "y", arrow::utf8())})).ok());
  EXPECT_TRUE(Change(nested({x}), nested({Column(2, "renamed", arrow::int32())})).ok());
  EXPECT_TRUE(Change(nested({x}), nested({Column(3, "y", arrow::utf8())})).ok());
  EXPECT_FALSE(Change(nested({x}), nested({x, Column(3, "y", arrow::utf8(), false)})).ok());
  const Status status = Change(nested({x}), nested({Column(2, "x", arrow::int64())}));
  EXPECT_NE(MessageOf(status).find("'n.item.x'"), std::string::npos) << status.ToString();
  EXPECT_FALSE(Change(Column(1, "m", arrow::map(arrow::utf8(), arrow::int32())),
                      Column(1, "m", arrow::map(arrow::utf8(), arrow::int64())))
                   .ok());
  EXPECT_FALSE(
      Change(Column(1, "l", arrow::list(arrow::field("item", arrow::int8()))),
             Column(1, "l", arrow::list(arrow::field("item", arrow::int8(), /*nullable=*/false))))
          .ok());
}

class ProjectTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(arrow::compute::Initialize().ok()); }
};

TEST_F(ProjectTest, MatchesColumnsById) {
  DataMaker maker(1);
  const auto batch = maker.Batch(
      arrow::schema({Column(1, "a", arrow::int32()), Column(2, "b", arrow::utf8())}), 10);
  const auto to = arrow::schema({Column(2, "a", arrow::utf8()), Column(3, "new", arrow::int64()),
                                 Column(1, "b", arrow::int32())});
  const auto shown = Project(*batch, to).ValueOrDie();
  ASSERT_TRUE(shown->ValidateFull().ok());
  EXPECT_TRUE(shown->schema()->Equals(*to, true));
  EXPECT_EQ(shown->column_data(0)->buffers[2], batch->column_data(1)->buffers[2]) << "no copy";
  EXPECT_TRUE(shown->column(2)->Equals(batch->column(0)));
  EXPECT_EQ(shown->column(1)->null_count(), 10);
}

TEST_F(ProjectTest, ADroppedFieldDoesNotComeBackUnderItsName) {
  const auto before = arrow::struct_({Column(2, "x", arrow::int32())});
  const auto after = arrow::struct_({Column(3, "x", arrow::int32())});
  ASSERT_TRUE(before->Equals(*after)) << "names alone cannot tell them apart";
  DataMaker maker(2);
  const auto batch = maker.Batch(arrow::schema({Column(1, "s", before, false)}), 10)->Slice(3);
  const auto shown = Project(*batch, arrow::schema({Column(1, "s", after, false)})).ValueOrDie();
  ASSERT_TRUE(shown->ValidateFull().ok());
  const auto& rows = static_cast<const arrow::StructArray&>(*shown->column(0));
  EXPECT_EQ(rows.field(0)->null_count(), 7);
}

TEST_F(ProjectTest, WidensIntegersAndNothingElse) {
  DataMaker maker(3);
  const auto batch = maker.Batch(arrow::schema({Column(1, "a", arrow::uint8())}), 20);
  const auto as = [&](const std::shared_ptr<arrow::DataType>& type) {
    return Project(*batch, arrow::schema({Column(1, "a", type)})).status();
  };
  EXPECT_TRUE(as(arrow::int16()).ok());
  EXPECT_TRUE(as(arrow::uint64()).ok());
  for (const auto& type : {arrow::int8(), arrow::float64(), arrow::utf8()}) {
    EXPECT_EQ(ReasonOf(as(type)), Reason::kSchemaMismatch);
  }
}

TEST_F(ProjectTest, RefusesNullsThatHaveNoRoom) {
  arrow::Int32Builder builder;
  ASSERT_TRUE(builder.AppendNull().ok());
  const auto batch = arrow::RecordBatch::Make(arrow::schema({Column(1, "a", arrow::int32())}), 1,
                                              arrow::ArrayVector{builder.Finish().ValueOrDie()});
  for (const int32_t id : {1, 2}) {
    const auto to = arrow::schema({Column(id, "a", arrow::int32(), false)});
    EXPECT_EQ(ReasonOf(Project(*batch, to).status()), Reason::kSchemaMismatch);
  }
}

/// Change `fields` in ways that are allowed: drop, add, rename, move, widen; at any depth.
arrow::FieldVector Evolve(DataMaker* maker, const arrow::FieldVector& fields, int32_t* next_id) {
  arrow::FieldVector out;
  for (const auto& field : fields) {
    if (maker->OneIn(6) && fields.size() > 1) continue;
    auto to = field;
    if (to->type()->id() == arrow::Type::STRUCT) {
      to = to->WithType(arrow::struct_(Evolve(maker, to->type()->fields(), next_id)));
    }
    if (maker->OneIn(3)) to = to->WithName(to->name() + "x");
    if (maker->OneIn(3)) to = to->WithNullable(true);
    out.push_back(to);
  }
  if (out.empty() || maker->OneIn(2)) {
    const int32_t id = (*next_id)++;
    out.push_back(WithFieldId(arrow::field("new" + std::to_string(id), maker->FlatType()), id));
  }
  if (maker->OneIn(2)) std::reverse(out.begin(), out.end());
  return out;
}

RC_GTEST_PROP(EvolutionPropertyTest, WhatIsAllowedCanBeShown, (uint64_t seed)) {
  RC_ASSERT(arrow::compute::Initialize().ok());
  DataMaker maker(seed);
  int32_t next = 1;
  const auto first = AssignFieldIds(maker.Schema(*rc::gen::inRange(1, 8), 3), &next);
  const auto rows = maker.Batch(first, 12);
  const auto evolve = [&](const arrow::Schema& from) {
    auto evolved = arrow::schema(Evolve(&maker, from.fields(), &next));
    return AssignFieldIds(evolved, &next);
  };
  const auto second = evolve(*first);
  const auto third = evolve(*second);
  for (const auto& [from, to] : {std::pair(first, second), std::pair(second, third)}) {
    const Status status = CheckEvolution(*from, *to);
    if (!status.ok()) RC_FAIL(status.ToString());
  }
  const auto by_step = Project(*Project(*rows, second).ValueOrDie(), third);
  const auto at_once = Project(*rows, third);
  if (!by_step.ok()) RC_FAIL(by_step.status().ToString());
  if (!at_once.ok()) RC_FAIL(at_once.status().ToString());
  RC_ASSERT((*at_once)->ValidateFull().ok());
  RC_ASSERT(SameColumns(**at_once, **by_step));
  for (int i = 0; i < third->num_fields(); ++i) {
    for (int k = 0; k < first->num_fields(); ++k) {
      if (FieldId(*third->field(i)) != FieldId(*first->field(k))) continue;
      if (arrow::is_nested(first->field(k)->type()->id())) continue;
      const auto exactly = arrow::EqualOptions::Defaults().nans_equal(true);
      RC_ASSERT((*at_once)->column(i)->Equals(rows->column(k), exactly));
    }
  }
}

}  // namespace
}  // namespace firth::schema
