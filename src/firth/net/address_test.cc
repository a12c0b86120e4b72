// Goal: addresses are read as people write them, and what cannot be read says what would be right.
#include "firth/net/address.h"

#include <gtest/gtest.h>

namespace firth::net {
namespace {

TEST(Address, ReadsAndWritesBothFamilies) {
  for (const std::string text : {"127.0.0.1:9123", "[::1]:80", "db.example.org:1", "localhost:0"}) {
    const auto address = ParseAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(FormatAddress(*address), text);
  }
  EXPECT_EQ(ParseAddress("[::1]:80")->host, "::1");
}

TEST(Address, RefusesWhatIsNone) {
  for (const std::string text :
       {"", "9123", "localhost", ":9123", "localhost:", "localhost:x", "localhost:65536",
        "localhost:-1", "::1:80", "[::1:80", "[]:80", "a:b:1", "localhost:80 "}) {
    const auto address = ParseAddress(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_EQ(CodeOf(address.status()), Code::kInvalidArgument);
    EXPECT_NE(MessageOf(address.status()).find("expected host:port"), std::string::npos);
  }
}

TEST(Address, KnowsWildcardsAndLoopback) {
  EXPECT_TRUE(IsWildcard({"0.0.0.0", 1}));
  EXPECT_TRUE(IsWildcard({"::", 1}));
  EXPECT_TRUE(IsWildcard({"0:0::0", 1}));
  EXPECT_FALSE(IsWildcard({"127.0.0.1", 1}));
  EXPECT_FALSE(IsWildcard({"localhost", 1}));
  EXPECT_TRUE(IsLoopback({"127.0.0.5", 1}));
  EXPECT_TRUE(IsLoopback({"::1", 1}));
  EXPECT_TRUE(IsLoopback({"localhost", 1}));
  EXPECT_FALSE(IsLoopback({"0.0.0.0", 1}));
  EXPECT_FALSE(IsLoopback({"db.example.org", 1}));
}

}  // namespace
}  // namespace firth::net
