// Goal: columns line up for people, whatever is in them.
#include "firth/cli/text_table.h"

#include <gtest/gtest.h>

#include "firth/cli/progress.h"

namespace firth::cli {
namespace {

TEST(Progress, SaysWhatPeopleAsk) {
  EXPECT_EQ(ProgressText(1'000'000, 0.5, 10), "1,000,000 rows, 50%, 100,000 rows/s, 10 s left");
  EXPECT_EQ(ProgressText(1, -1, 2), "1 row, 0 rows/s");
  EXPECT_EQ(ProgressText(36'000, 0.1, 60), "36,000 rows, 10%, 600 rows/s, 9 min left");
  EXPECT_EQ(ProgressText(0, 0, 0), "0 rows, 0%");
}

}  // namespace
}  // namespace firth::cli
