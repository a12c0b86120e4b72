// Goal: every layout that a client may send becomes one that tables have, with the same values, and
// rows that are not valid are refused.
#include "firth/doors/flight/plain_rows.h"

#include <arrow/compute/cast.h>
#include <arrow/compute/initialize.h>
#include <arrow/json/from_string.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace firth::doors::flight {
namespace {

TEST(PlainRows, MakesTypesPlain) {
  ASSERT_TRUE(arrow::compute::Initialize().ok());
  const auto texts =
      arrow::json::ArrayFromJSONString(arrow::utf8(), R"(["a", null, "a"])").ValueOrDie();
  const auto lists =
      arrow::json::ArrayFromJSONString(arrow::list(arrow::utf8()), R"([["x"], [], null])")
          .ValueOrDie();
  const std::vector<std::pair<std::shared_ptr<arrow::DataType>, std::shared_ptr<arrow::Array>>>
      cases = {{arrow::large_utf8(), texts},
               {arrow::utf8_view(), texts},
               {arrow::dictionary(arrow::int8(), arrow::utf8()), texts},
               {arrow::large_list(arrow::large_utf8()), lists}};
  for (const auto& [type, plain] : cases) {
    const auto column = arrow::compute::Cast(*plain, type);
    ASSERT_TRUE(column.ok()) << column.status();
    const auto metadata = arrow::key_value_metadata({"firth.id"}, {"7"});
    const auto rows = arrow::RecordBatch::Make(
        arrow::schema({arrow::field("c", type, true, metadata)}, metadata), 3, {*column});
    const auto schema = PlainSchema(*rows->schema());
    EXPECT_TRUE(schema->field(0)->type()->Equals(*plain->type())) << type->ToString();
    EXPECT_FALSE(schema->HasMetadata() || schema->field(0)->HasMetadata());
    const auto made = PlainRows(rows, schema);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE((*made)->column(0)->Equals(*plain)) << type->ToString();
  }
}

TEST(PlainRows, RefusesInvalidRows) {
  const std::vector<int32_t> offsets = {0, 100, 3};
  const auto column = std::make_shared<arrow::StringArray>(2, arrow::Buffer::Wrap(offsets),
                                                           arrow::Buffer::FromString("abc"));
  const auto schema = arrow::schema({arrow::field("c", arrow::utf8())});
  const auto made = PlainRows(arrow::RecordBatch::Make(schema, 2, {column}), schema);
  EXPECT_EQ(ReasonOf(made.status()), Reason::kBadValue);
}

}  // namespace
}  // namespace firth::doors::flight
