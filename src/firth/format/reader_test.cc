// Goal: what readers of files have in common. Method: text in memory, read to its end.
#include "firth/format/reader.h"

#include <arrow/io/memory.h>
#include <gtest/gtest.h>

#include <string>

namespace firth::format {
namespace {

/// The progress after each batch is the share of rows that had come by then, or `off` it at most.
void ExpectProgress(const std::string& name, std::string text, int64_t rows, double off) {
  const auto buffer = arrow::Buffer::FromString(std::move(text));
  const auto reader =
      OpenInput(std::make_shared<arrow::io::BufferReader>(buffer), name, {.batch_rows = 500})
          .ValueOrDie();
  double before = 0;
  int64_t seen = 0;
  for (;;) {
    const auto batch = reader->Next().ValueOrDie();
    if (batch == nullptr) break;
    seen += batch->num_rows();
    const double progress = reader->Progress();
    EXPECT_GE(progress, before);
    EXPECT_NEAR(progress, static_cast<double>(seen) / static_cast<double>(rows), off)
        << name << " at row " << seen;
    before = progress;
  }
  EXPECT_EQ(seen, rows);
  EXPECT_EQ(reader->Progress(), 1.0);
}

TEST(ReaderTest, ProgressIsTheShareOfRowsThatCame) {
  constexpr int64_t kRows = 5000;  // 10 MB, several blocks
  const std::string value(2000, 'x');
  std::string csv = "n,text\n";
  std::string lines;
  for (int64_t i = 0; i < kRows; ++i) {
    csv += std::to_string(i) + "," + value + "\n";
    lines += "{\"n\":" + std::to_string(i) + ",\"text\":\"" + value + "\"}\n";
  }
  ExpectProgress("rows.csv", std::move(csv), kRows, 0.02);
  ExpectProgress("rows.jsonl", std::move(lines), kRows, 0.42);  // a block
}

}  // namespace
}  // namespace firth::format
