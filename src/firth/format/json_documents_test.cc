// Texts are cut out of a stream whole, wherever its reads end. Method: documents of lengths around
// what is read at once, in each layout, and what comes back is what was put in.
#include "firth/format/json_documents.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace firth::format {
namespace {

/// A text of `bytes` bytes.
std::string Document(size_t bytes, char filling) {
  return "{\"a\":\"" + std::string(bytes - 8, filling) + "\"}";
}

void ExpectBack(const std::string& input, const std::vector<std::string>& expected) {
  JsonDocuments documents(
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(input)));
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto document = documents.Next();
    ASSERT_TRUE(document.ok()) << document.status();
    ASSERT_EQ(document->size(), expected[i].size()) << i;
    ASSERT_TRUE(*document == expected[i]) << i;
    // What stands behind it can be read: sanitizers would tell.
    const std::string behind(document->data() + document->size(), kJsonPadding);
    EXPECT_EQ(behind.size(), kJsonPadding);
  }
  const auto end = documents.Next();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_TRUE(end->empty());
  EXPECT_EQ(documents.bytes(), static_cast<int64_t>(input.size()));
}

TEST(JsonDocuments, CutsTextsOfEveryLengthInEveryLayout) {
  constexpr size_t kFirst = size_t{16} << 10;
  for (const size_t bytes : {size_t{8}, kFirst - 1, kFirst, kFirst + 1, 3 * kFirst, 3 * kFirst - 2,
                             size_t{1} << 20, (size_t{3} << 20) + 5}) {
    std::vector<std::string> documents;
    std::string lines, items = "[";
    for (char filling : {'x', 'y', 'z'}) {
      documents.push_back(Document(bytes, filling));
      documents.push_back(Document(9, filling));
    }
    for (size_t i = 0; i < documents.size(); ++i) {
      lines += documents[i] + "\n";
      items += (i == 0 ? "" : ",") + documents[i];
    }
    ExpectBack(lines, documents);
    ExpectBack(items + "]", documents);
    std::string without_end = lines;
    without_end.pop_back();
    ExpectBack(without_end, documents);
  }
}

TEST(JsonDocuments, AnInputThatEndsWhereAReadDoesIsWhole) {
  for (const size_t bytes : {size_t{16} << 10, size_t{48} << 10}) {
    ExpectBack(Document(bytes, 'x'), {Document(bytes, 'x')});
    ExpectBack(Document(bytes - 1, 'x') + "\n", {Document(bytes - 1, 'x')});
  }
  ExpectBack("", {});
  ExpectBack(std::string(size_t{16} << 10, ' '), {});
}

}  // namespace
}  // namespace firth::format
