// Goal: columns line up for people, whatever is in them.
#include "firth/cli/text_table.h"

#include <gtest/gtest.h>

#include "firth/cli/progress.h"

namespace firth::cli {
namespace {

TEST(TextTable, LinesUp) {
  TextTable table({{"NAME"}, {"ROWS", TextTable::Align::kRight}, {"NOTE"}});
  table.Add({"größe", "7", ""});
  table.Add({"日本", "12,345", "two\nlines\tand"});
  EXPECT_EQ(table.Take(true),
            "NAME     ROWS  NOTE\n"
            "-----  ------  -------------\n"
            "größe       7\n"
            "日本   12,345  two⏎lines and\n");
  table.Add({"a", "1", "b"});
  EXPECT_EQ(table.Take(false), "a           1  b\n");
}

TEST(TextTable, MeasuresWhatATerminalShows) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("größer"), 6u);
  EXPECT_EQ(DisplayWidth("日本"), 4u);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1u);
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2u);
  EXPECT_EQ(DisplayWidth("\xe6\x97"), 2u);  // cut off in the middle
}

TEST(Progress, SaysWhatPeopleAsk) {
  EXPECT_EQ(ProgressText(1'000'000, 0.5, 10), "1,000,000 rows, 50%, 100,000 rows/s, 10 s left");
  EXPECT_EQ(ProgressText(1, -1, 2), "1 row, 0 rows/s");
  EXPECT_EQ(ProgressText(36'000, 0.1, 60), "36,000 rows, 10%, 600 rows/s, 9 min left");
  EXPECT_EQ(ProgressText(0, 0, 0), "0 rows, 0%");
}

}  // namespace
}  // namespace firth::cli
