// The JSON columns: round trips, refusals, and texts that this program did not write.
#include "firth/catalog/text_form.h"

#include <gtest/gtest.h>

#include "firth/store/testing_files.h"

namespace firth::catalog {
namespace {

TEST(TextFormTest, EveryEnumeratorOfADefinitionComesBack) {
  for (int merge = 0; merge <= static_cast<int>(MergeRule::kAggregate); ++merge) {
    for (int image = 0; image <= static_cast<int>(LogImage::kInput); ++image) {
      for (int by = 0; by <= static_cast<int>(LifetimeBy::kColumn); ++by) {
        for (uint32_t views = 0; views <= (kKeyView | kTimeView | kLakeView); ++views) {
          EditionSpec spec;
          spec.merge = static_cast<MergeRule>(merge);
          spec.image = static_cast<LogImage>(image);
          spec.lake_lifetime.by = static_cast<LifetimeBy>(by);
          spec.views = views;
          EXPECT_EQ(DecodeSpec(EncodeSpec(spec).ValueOrDie()).ValueOrDie(), spec);
        }
      }
    }
  }
}

// A change of this text is a change of the format: a new version, and a reader for the old one.
TEST(TextFormTest, TheDefinitionInVersion1) {
  EditionSpec spec;
  spec.key = {"k"};
  spec.log_lifetime.duration_ns = 7;
  spec.views = kKeyView | kLakeView;
  EXPECT_EQ(
      EncodeSpec(spec).ValueOrDie(),
      R"({"aggregates":{},"bucket_by":[],"bucket_count":1,"compression":"zstd",)"
      R"("ignore_deletes":false,"image":"full","key":["k"],"key_lifetime":{"by":"commit_time"},)"
      R"("lake_lifetime":{"by":"commit_time"},)"
      R"("log_lifetime":{"by":"commit_time","duration_ns":7},"merge":"none",)"
      R"("merge_columns":[],"order":[],"partition_by":[],"refuse_deletes":false,)"
      R"("series_by":[],"time_column":"","values":[],"version":1,"views":["key","lake"]})");
}

TEST(TextFormTest, ANewerDefinitionIsRefusedByName) {
  EXPECT_REASON(DecodeSpec(R"({"version":2,"key":"another shape"})").status(),
                Code::kFailedPrecondition, Reason::kFormatTooNew);
}

TEST(TextFormTest, DamagedTextIsDataLoss) {
  const std::string good = EncodeSpec(EditionSpec{}).ValueOrDie();
  std::string bad_word = good;
  bad_word.replace(bad_word.find("full"), 4, "fill");
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"({"version":"1"})"),
        std::string(R"({"version":1})"), good.substr(0, good.size() - 1), bad_word}) {
    EXPECT_EQ(CodeOf(DecodeSpec(text).status()), Code::kDataLoss) << text;
  }
  EXPECT_EQ(CodeOf(DecodeAttributes("[1]").status()), Code::kDataLoss);
  EXPECT_EQ(CodeOf(DecodeValues("{\"a\":1}").status()), Code::kDataLoss);
}

TEST(TextFormTest, TextsThatAreNotUtf8AreRefused) {
  EditionSpec spec;
  spec.aggregates["a"] = "\xc3";
  EXPECT_REASON(EncodeSpec(spec).status(), Code::kInvalidArgument, Reason::kInvalidProperty);
  EXPECT_REASON(EncodeAttributes({{"\xff", ""}}).status(), Code::kInvalidArgument,
                Reason::kInvalidProperty);
  EXPECT_REASON(EncodeValues({"\x80"}).status(), Code::kInvalidArgument, Reason::kInvalidPartition);
}

TEST(TextFormTest, AnyUtf8ComesBack) {
  const Attributes attributes = {
      {"", ""}, {"a\"\\\n", std::string("\0x", 2)}, {"π", "\xf4\x8f\xbf\xbf"}};
  EXPECT_EQ(DecodeAttributes(EncodeAttributes(attributes).ValueOrDie()).ValueOrDie(), attributes);
  const std::vector<std::string> values = {"", "null", "a\tb", "\x7f"};
  EXPECT_EQ(DecodeValues(EncodeValues(values).ValueOrDie()).ValueOrDie(), values);
}

}  // namespace
}  // namespace firth::catalog
