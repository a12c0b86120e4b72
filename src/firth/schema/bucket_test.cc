// Goal: rows go to the bucket that Fluss's clients choose. Method: the table of the protocol's
// contract.
#include <gtest/gtest.h>

#include "firth/common/text.h"
#include "firth/schema/row.h"

namespace firth::schema {
namespace {

TEST(BucketTest, AgreesWithTheContract) {
  struct Line {
    const char* key;
    int32_t of_2, of_3, of_4, of_16;
  };
  const Line lines[] = {
      {"01", 0, 0, 0, 12},         {"02", 0, 0, 2, 10},
      {"8001", 1, 0, 3, 7},        {"ac02", 1, 1, 3, 11},
      {"ffffffff0f", 0, 0, 2, 10}, {"0161", 1, 1, 3, 11},
      {"026162", 1, 2, 3, 15},     {"ffffffffffffffffff01", 0, 1, 0, 4},
  };
  for (const Line& line : lines) {
    const std::string key = FromHex(line.key).ValueOrDie();
    EXPECT_EQ(BucketOf(key, 2), line.of_2) << line.key;
    EXPECT_EQ(BucketOf(key, 3), line.of_3) << line.key;
    EXPECT_EQ(BucketOf(key, 4), line.of_4) << line.key;
    EXPECT_EQ(BucketOf(key, 16), line.of_16) << line.key;
    EXPECT_EQ(BucketOf(key, 1), 0) << line.key;
  }
  EXPECT_EQ(BucketOf(FromHex("000a").ValueOrDie(), 7), 1);
  EXPECT_EQ(BucketOf(FromHex("000a0a0a").ValueOrDie(), 12), 0);
}

TEST(BucketTest, StaysInRange) {
  for (int i = 0; i < 1000; ++i) {
    const std::string key(static_cast<size_t>(i % 13), static_cast<char>(i));
    for (const int32_t buckets : {1, 2, 7, 4096, INT32_MAX}) {
      EXPECT_GE(BucketOf(key, buckets), 0);
      EXPECT_LT(BucketOf(key, buckets), buckets);
    }
  }
}

}  // namespace
}  // namespace firth::schema
