// Goal: durations read back as they were written; what is none is refused.
#include "firth/doors/flight/duration_text.h"

#include <gtest/gtest.h>

namespace firth::doors::flight {
namespace {

TEST(DurationText, RoundTrips) {
  for (const char* text : {"1d", "7d", "36h", "90m", "1s", "250ms", "10us", "7ns"}) {
    const auto ns = ParseDuration(text);
    ASSERT_TRUE(ns.ok()) << text;
    EXPECT_EQ(DurationToText(*ns), text);
  }
  EXPECT_EQ(*ParseDuration("24h"), *ParseDuration("1d"));
  EXPECT_EQ(DurationToText(0), "0s");
}

TEST(DurationText, RefusesTheRest) {
  for (const char* text : {"", "d", "7", "7 d", "-7d", "1.5h", "7w", "7dd", "99999999999999d"}) {
    EXPECT_EQ(CodeOf(ParseDuration(text).status()), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace firth::doors::flight
