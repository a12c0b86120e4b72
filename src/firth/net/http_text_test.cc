// Goal: the small texts of HTTP are read exactly, and bad ones are refused.
#include <gtest/gtest.h>

#include "firth/net/http_server.h"

namespace firth::net {
namespace {

TEST(PercentDecode, Decodes) {
  EXPECT_EQ(*PercentDecode("a%20b%2Fc%c3%A9"), "a b/c\xc3\xa9");
  EXPECT_EQ(PercentDecode("%00")->size(), 1);
  EXPECT_EQ(*PercentDecode("a+b"), "a+b");
  EXPECT_EQ(*PercentDecode("a+b", true), "a b");
  EXPECT_EQ(*PercentDecode("%2B", true), "+");
  EXPECT_EQ(*PercentDecode(""), "");
}

TEST(PercentDecode, RefusesABadEscape) {
  for (const auto* text : {"%", "a%", "%4", "%zz", "%4g", "%-1", "% 1", "%%41"}) {
    EXPECT_EQ(CodeOf(PercentDecode(text).status()), Code::kInvalidArgument) << text;
  }
}

TEST(ParseQuery, SplitsInOrder) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(*ParseQuery("b=1&a=x+y%26&b=2"), (Pairs{{"b", "1"}, {"a", "x y&"}, {"b", "2"}}));
  EXPECT_EQ(*ParseQuery("flag&=v&x=a=b&&"), (Pairs{{"flag", ""}, {"", "v"}, {"x", "a=b"}}));
  EXPECT_EQ(*ParseQuery(""), Pairs{});
  EXPECT_FALSE(ParseQuery("a=%").ok());
  EXPECT_FALSE(ParseQuery("%g=1").ok());
}

TEST(HttpRequest, FindsHeadersByNameInAnyCase) {
  const HttpRequest request{.headers = {{"X-A", "1"}, {"x-a", "2"}, {"Empty", ""}}};
  EXPECT_EQ(request.Header("x-A"), "1");
  EXPECT_EQ(request.Header("empty"), "");
  EXPECT_EQ(request.Header("x"), "");
}

}  // namespace
}  // namespace firth::net
