// Goal: only schemas that a table can have pass, ids are stable, and schemas survive as bytes.
// Method: one case a rule; damaged bytes for the reader.
#include "firth/schema/schema.h"

#include <arrow/api.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "firth/schema/testing_data.h"

namespace firth::schema {
namespace {

std::shared_ptr<arrow::Schema> One(std::shared_ptr<arrow::DataType> type) {
  return arrow::schema({arrow::field("c", std::move(type))});
}

Reason Check(const std::shared_ptr<arrow::Schema>& schema) {
  return ReasonOf(CheckSchema(*schema));
}

TEST(SchemaTest, RefusesWhatNoTableMayHave) {
  const auto number = arrow::int32();
  EXPECT_TRUE(CheckSchema(*One(number)).ok());
  EXPECT_EQ(Check(arrow::schema({})), Reason::kInvalidSchema);
  EXPECT_EQ(Check(arrow::schema({arrow::field("", number)})), Reason::kInvalidSchema);
  EXPECT_EQ(Check(arrow::schema({arrow::field("\xff", number)})), Reason::kInvalidSchema);
  EXPECT_EQ(Check(arrow::schema({arrow::field("a", number), arrow::field("a", number)})),
            Reason::kInvalidSchema);
  EXPECT_EQ(Check(One(arrow::struct_({arrow::field("a", number), arrow::field("a", number)}))),
            Reason::kInvalidSchema);
  EXPECT_EQ(Check(arrow::schema({WithFieldId(arrow::field("a", number), 1),
                                 WithFieldId(arrow::field("b", number), 1)})),
            Reason::kInvalidSchema);
  EXPECT_EQ(Check(arrow::schema({WithFieldId(arrow::field("a", number), kFieldIdMax + 1)})),
            Reason::kInvalidSchema);
  for (const auto& type :
       {arrow::dictionary(arrow::int8(), arrow::utf8()), arrow::float16(), arrow::utf8_view(),
        arrow::binary_view(), arrow::month_interval(), arrow::list_view(number),
        arrow::run_end_encoded(arrow::int32(), arrow::utf8()),
        arrow::dense_union({arrow::field("a", number)}), arrow::list(arrow::float16()),
        arrow::map(arrow::utf8(), arrow::float16())}) {
    EXPECT_EQ(Check(One(type)), Reason::kInvalidSchema) << type->ToString();
  }
}

TEST(SchemaTest, HasLimits) {
  arrow::FieldVector fields;
  for (int i = 0; i <= kColumnsMax; ++i) {
    fields.push_back(arrow::field("c" + std::to_string(i), arrow::int8()));
  }
  EXPECT_EQ(Check(arrow::schema(fields)), Reason::kInvalidSchema);
  fields.pop_back();
  EXPECT_TRUE(CheckSchema(*arrow::schema(fields)).ok());
  const auto wide = arrow::struct_(fields);
  arrow::FieldVector many;
  for (int i = 0; i < 5; ++i) many.push_back(arrow::field("s" + std::to_string(i), wide));
  EXPECT_EQ(Check(arrow::schema(many)), Reason::kInvalidSchema);

  auto deep = arrow::int32();
  for (int i = 1; i < kNestingMax; ++i) deep = arrow::list(deep);
  EXPECT_TRUE(CheckSchema(*One(deep)).ok());
  EXPECT_EQ(Check(One(arrow::list(deep))), Reason::kInvalidSchema);

  EXPECT_TRUE(CheckSchema(*One(arrow::fixed_size_binary(kFixedBytesMax))).ok());
  EXPECT_EQ(Check(One(arrow::fixed_size_binary(kFixedBytesMax + 1))), Reason::kInvalidSchema);
  EXPECT_EQ(Check(One(arrow::fixed_size_binary(INT32_MAX))), Reason::kInvalidSchema);
  auto product = arrow::int64();
  for (int i = 0; i < 4; ++i) product = arrow::fixed_size_list(product, INT32_MAX);
  EXPECT_EQ(Check(One(product)), Reason::kInvalidSchema);
}

TEST(SchemaTest, GivesIdsDepthFirst) {
  const auto inner = arrow::struct_(
      {arrow::field("x", arrow::int32()),
       arrow::field("y", arrow::list(arrow::struct_({arrow::field("z", arrow::int32())})))});
  const auto schema = arrow::schema(
      {arrow::field("a", arrow::int32()), arrow::field("s", inner),
       WithFieldId(arrow::field("kept", arrow::int32()), 7),
       arrow::field(
           "m", arrow::map(arrow::utf8(), arrow::struct_({arrow::field("v", arrow::int32())})))});
  int32_t next = 0;
  const auto with_ids = AssignFieldIds(schema, &next);
  EXPECT_EQ(FieldId(*with_ids->field(0)), 8) << "above all that are there";
  EXPECT_EQ(FieldId(*with_ids->field(1)), 9);
  const auto& s = *with_ids->field(1)->type();
  EXPECT_EQ(FieldId(*s.field(0)), 10);
  EXPECT_EQ(FieldId(*s.field(1)), 11);
  const auto& item = *s.field(1)->type()->field(0);
  EXPECT_EQ(FieldId(item), -1) << "items have none";
  EXPECT_EQ(FieldId(*item.type()->field(0)), 12);
  EXPECT_EQ(FieldId(*with_ids->field(2)), 7);
  EXPECT_EQ(FieldId(*with_ids->field(3)), 13);
  const auto& map = static_cast<const arrow::MapType&>(*with_ids->field(3)->type());
  EXPECT_EQ(FieldId(*map.key_field()), -1);
  EXPECT_EQ(FieldId(*map.item_field()), -1);
  EXPECT_EQ(FieldId(*map.item_type()->field(0)), 14);
  EXPECT_EQ(next, 15);
  EXPECT_TRUE(with_ids->Equals(*AssignFieldIds(with_ids, &next), /*check_metadata=*/true));
  EXPECT_EQ(next, 15);
}

TEST(SchemaTest, ReadsOnlyDecimalIds) {
  const auto id_of = [](const std::string& text) {
    return FieldId(
        *arrow::field("a", arrow::int32(), true, arrow::key_value_metadata({kFieldIdKey}, {text})));
  };
  EXPECT_EQ(id_of("12"), 12);
  for (const char* bad : {"", "-1", "x", "1x", " 1", "99999999999"}) EXPECT_EQ(id_of(bad), -1);
  EXPECT_EQ(id_of("2147483647"), kFieldIdMax + 1);
  const auto other =
      arrow::field("a", arrow::int32(), true, arrow::key_value_metadata({"k"}, {"v"}));
  EXPECT_EQ(WithFieldId(other, 3)->metadata()->Get("k").ValueOrDie(), "v");
}

TEST(SchemaTest, FindsColumns) {
  const auto schema =
      arrow::schema({arrow::field("a", arrow::int32()), arrow::field("b", arrow::int32())});
  EXPECT_EQ(ColumnIndices(*schema, {"b", "a"}).ValueOrDie(), (std::vector<int>{1, 0}));
  const Status status = ColumnIndices(*schema, {"a", "z"}).status();
  EXPECT_EQ(ReasonOf(status), Reason::kColumnNotFound);
  EXPECT_NE(MessageOf(status).find("'z'"), std::string::npos);
}

RC_GTEST_PROP(SchemaPropertyTest, SchemasSurviveAsBytes, (uint64_t seed)) {
  DataMaker maker(seed);
  int32_t next = 1;
  const auto schema =
      AssignFieldIds(maker.Schema(*rc::gen::inRange(1, 12), *rc::gen::inRange(0, 4)), &next);
  RC_ASSERT(CheckSchema(*schema).ok());
  const std::string bytes = SerializeSchema(*schema).ValueOrDie();
  RC_ASSERT(ParseSchema(bytes).ValueOrDie()->Equals(*schema, /*check_metadata=*/true));
  for (int i = 0; i < 50; ++i) {
    std::string damaged = bytes;
    damaged[maker.Below(damaged.size())] = static_cast<char>(maker.Below(256));
    if (maker.OneIn(4)) damaged.resize(maker.Below(damaged.size()));
    const auto parsed = ParseSchema(damaged);
    RC_ASSERT(parsed.ok() || ReasonOf(parsed.status()) == Reason::kInvalidSchema);
    if (parsed.ok()) (void)CheckSchema(**parsed);
  }
}

}  // namespace
}  // namespace firth::schema
