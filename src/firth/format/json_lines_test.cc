// Lines that only look like JSON, and the last value of each kind.
#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>

#include "firth/format/reader.h"

namespace firth::format {
namespace {

Result<std::shared_ptr<arrow::RecordBatch>> Read(const std::string& text,
                                                 std::shared_ptr<arrow::Schema> schema) {
  const auto input = std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(text));
  ARROW_ASSIGN_OR_RAISE(const auto reader,
                        OpenInput(input, "a.jsonl", {.schema = std::move(schema)}));
  return reader->Next();
}

std::shared_ptr<arrow::Schema> Numbers() {
  return arrow::schema({arrow::field("a", arrow::int64())});
}

TEST(JsonLines, ReadsNullAndAbsentAlike) {
  const auto rows = Read("{\"a\":null}\n{}\n{\"a\":1}\n", Numbers());
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ((*rows)->num_rows(), 3);
  EXPECT_EQ((*rows)->column(0)->null_count(), 2);
}

TEST(JsonLines, RefusesWhatOnlyBeginsLikeAValue) {
  for (const char* value :
       {"n\"o\":1", "nul", "nullx", "t", "tru", "truex", "fals", "-", "1e", "\"x", "[", "{"}) {
    const auto rows = Read(std::string("{\"a\":") + value + "}\n", Numbers());
    ASSERT_FALSE(rows.ok()) << value;
    EXPECT_EQ(CodeOf(rows.status()), Code::kInvalidArgument) << value << ": " << rows.status();
    EXPECT_NE(rows.status().message().find("line 1"), std::string::npos) << rows.status();
  }
}

TEST(JsonLines, InfersNothingFromWhatIsNoJson) {
  for (const char* line :
       {"{\"a\":n\"o\":1}", "{\"a\":nul}", "{\"a\":truth}", "[1]", "1", "{\"a\" 1}"}) {
    EXPECT_FALSE(Read(std::string(line) + "\n", nullptr).ok()) << line;
  }
}

}  // namespace
}  // namespace firth::format
