#include "firth/common/json_depth.h"

#include <gtest/gtest.h>

#include <string>

namespace firth {
namespace {

TEST(JsonDepthTest, CountsBracketsOutsideOfTexts) {
  EXPECT_EQ(JsonDepth(""), 0);
  EXPECT_EQ(JsonDepth("1"), 0);
  EXPECT_EQ(JsonDepth(R"({"a": [1, {"b": 2}], "c": []})"), 3);
  EXPECT_EQ(JsonDepth(R"({"a": "[[[\"[["})"), 1);
  EXPECT_EQ(JsonDepth(R"(["\\", [[]]])"), 3);
}

TEST(JsonDepthTest, TakesAnyBytes) {
  EXPECT_EQ(JsonDepth("]]][["), 0);
  EXPECT_EQ(JsonDepth("\"\\"), 0);
  EXPECT_EQ(JsonDepth(std::string(1000, '[')), 1000);
}

}  // namespace
}  // namespace firth
