// Goal: what readers of files have in common. Method: text in memory, read to its end.
#include "firth/format/reader.h"

#include <arrow/buffer.h>
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

/// Read to its end; the number of rows, or the first error.
Result<int64_t> CountRows(const std::string& name, const std::string& text) {
  const auto input = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(text));
  ARROW_ASSIGN_OR_RAISE(const auto reader, OpenInput(input, name, {}));
  int64_t rows = 0;
  for (;;) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, reader->Next());
    if (batch == nullptr) return rows;
    rows += batch->num_rows();
  }
}

TEST(ReaderTest, AQuoteThatIsNeverClosedIsNoValue) {
  for (const std::string text :
       {"a,b\n1,x\n2,\"y\n3,z\n4,w\n", "a,b\n1,\"y\n3,z", "a,b\r\n1,\"y\r\n3,z\r\n",
        "a,b\n1,\"he said \"\"no\n2,\"\"\n", "a\n\"b\n"}) {
    const auto rows = CountRows("rows.csv", text);
    ASSERT_FALSE(rows.ok()) << text << ": " << *rows;
    EXPECT_EQ(CodeOf(rows.status()), Code::kInvalidArgument);
    EXPECT_NE(MessageOf(rows.status()).find("closed nowhere"), std::string::npos) << rows.status();
  }
}

TEST(ReaderTest, ValuesOfManyLinesAreTaken) {
  for (const std::string text :
       {"a,b\n1,x\n2,\"y\n3,z\"\n", "a,b\n1,x\n2,\"y\nz\"", "a,b\n\"1\n2\",x\n2,y\n",
        "a,b\n1,x\n2,\"y\n\"\"z\"\"\"\r\n", "a,b\n1,x\n2,\"y\n\"  \n", "a,b\n1,\"\n\"\n2,\n"}) {
    const auto rows = CountRows("rows.csv", text);
    ASSERT_TRUE(rows.ok()) << text << ": " << rows.status();
    EXPECT_EQ(*rows, 2) << text;
  }
}

}  // namespace
}  // namespace firth::format
